"""Ops on strings and tables that core operators have, for models that take text themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.graphdef import op_types
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.traced_values import TableReference, Value


@lowers(*op_types.TABLES)
def table(call: LoweringCall, *_: Any) -> TableReference:
    """What holds a table."""
    return TableReference(call.op.node.name)


def _contents(call: LoweringCall, reference: Any) -> tuple[Any, Any]:
    if not isinstance(reference, TableReference) or call.scope.lowering.table is None:
        raise CannotLower("asks a table that cannot be followed")
    found = call.scope.lowering.table(reference.node)
    keys, values = found.contents()
    if found.changes or values.ndim != 1:
        raise CannotLower("asks a table that changes, or whose values are no scalars")
    return keys, values


@lowers("LookupTableSize", "LookupTableSizeV2")
@by_reference
def table_size(call: LoweringCall, reference: Any) -> Value:
    """How many keys a table has."""
    keys, _ = _contents(call, reference)
    return call.graph.const(len(keys), np.int64)


@lowers("LookupTableFind", "LookupTableFindV2")
@by_reference
def find(call: LoweringCall, reference: Any, *_: Any) -> Value:
    """The values of keys: a table is a LabelEncoder."""
    keys, values = _contents(call, reference)
    given, default = (call.scope.value(tensor) for tensor in call.op.inputs[1:3])
    fallback = call.require(default, "the value for keys that are not there").reshape(-1)[0]
    graph, wanted = call.graph, values.dtype
    attributes: dict[str, Any] = {}
    for side, array in (("keys", keys), ("values", values)):
        kind = "strings" if array.dtype.kind == "O" else "floats" if array.dtype.kind == "f" else "int64s"
        attributes[f"{side}_{kind}"] = [_plain(each) for each in array.tolist()]
    name = {"O": "default_string", "f": "default_float"}.get(wanted.kind, "default_int64")
    attributes[name] = _plain(fallback.item() if hasattr(fallback, "item") else fallback)
    source = given if given.dtype.kind in "Of" else graph.int64(given)
    dtype = wanted if wanted.kind in "Of" else np.dtype(np.int64)
    result = graph.op("LabelEncoder", source, domain="ai.onnx.ml", dtype=dtype, **attributes)
    result.shape = given.shape
    return graph.cast(result, wanted) if wanted.kind != "O" else result


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@lowers("StringLower", "StringUpper")
def change_case(call: LoweringCall, x: Value) -> Value:
    """ASCII letters in lower or upper case."""
    if call.get("encoding") or x.rank is None:
        raise CannotLower("changes the case of more than ASCII letters")
    graph = call.graph
    flat = graph.reshape(x, [-1])
    kind = "LOWER" if call.kind == "StringLower" else "UPPER"
    changed = graph.op("StringNormalizer", flat, case_change_action=kind, locale="C", dtype=object)
    result = graph.reshape(changed, graph.shape_of(x))
    result.shape = x.shape
    return result


@lowers("StringJoin")
def join(call: LoweringCall, *values: Value) -> Value:
    """Strings behind one another."""
    graph = call.graph
    separator = graph.const(np.array(call["separator"].encode(), object))
    result = values[0]
    for value in values[1:]:
        if call["separator"]:
            result = graph.op("StringConcat", result, separator)
        result = graph.op("StringConcat", result, value)
    return result


@lowers("StaticRegexFullMatch")
def match(call: LoweringCall, x: Value) -> Value:
    """Whether all of a string is what a regular expression says."""
    return call.graph.op("RegexFullMatch", x, pattern=call["pattern"])


@lowers("StringSplit", "StringSplitV2")
def split(call: LoweringCall, x: Value, delimiter: Value) -> list[Value]:
    """The parts of each string, as a sparse matrix: those of a padded one that are there."""
    graph = call.graph
    text = call.require(delimiter, "what it splits at").reshape(-1)[0]
    text = text.decode() if isinstance(text, bytes) else str(text)
    if call.kind == "StringSplit" and (len(text) > 1 or not call["skip_empty"]):
        raise CannotLower("splits at any of several letters, or keeps what is empty")
    if call.kind == "StringSplitV2" and (text or call["maxsplit"] not in (-1, 0)):
        raise CannotLower("splits at more than spaces, or only so often")
    if text not in ("", " "):
        raise CannotLower("splits at other letters than spaces")
    # Without a delimiter ONNX splits at runs of spaces and drops what is empty.
    parts, counts = graph.ops("StringSplit", 2, x, dtypes=[object, np.int64])
    parts.shape, counts.shape = (None, None), (None,)
    width = graph.squeeze(graph.size_of(parts, 1), 0)
    places = graph.op("Range", graph.const(0, np.int64), width, graph.const(1, np.int64))
    there = graph.op("Less", graph.unsqueeze(places, 0), graph.unsqueeze(counts, 1))
    indices = graph.transpose(graph.op("NonZero", there), [1, 0])
    indices.shape = (None, 2)
    values = graph.op("Compress", graph.reshape(parts, [-1]), graph.reshape(there, [-1]))
    values.shape = (None,)
    shape = graph.op("Shape", there)
    shape.shape = (2,)
    return [indices, values, shape]
