"""The ops on strings beside a text module's ONNX model, written down for the browser that runs them (`static/text.js`)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.op_attributes import Attributes, attributes_of, text_bytes
from tf1hub.arrays.regular_expressions import compile_expression, parts_of_rewrite
from tf1hub.errors import UnsupportedGraphError
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.onnx.host_file import SUFFIX, read_host
from tf1hub.onnx.model_ports import ModelPorts, name_of
from tf1hub.program.code import Op
from tf1hub.program.nodes import Tensor

OPS = frozenset(
    {
        *(
            "Add",
            "AddV2",
            "Cast",
            "ConcatV2",
            "Equal",
            "ExpandDims",
            "Fill",
            "FloorMod",
            "Gather",
            "GatherNd",
            "GatherV2",
        ),
        *(
            "Greater",
            "GreaterEqual",
            "Identity",
            "Less",
            "LessEqual",
            "LogicalAnd",
            "LogicalNot",
            "LogicalOr",
        ),
        *(
            "LookupTableFind",
            "LookupTableFindV2",
            "LookupTableSizeV2",
            "Max",
            "Maximum",
            "Min",
            "Minimum",
            "Mul",
        ),
        *(
            "NotEqual",
            "OnesLike",
            "Pack",
            "Prod",
            "Range",
            "RegexReplace",
            "Reshape",
            "Select",
            "SelectV2",
            "Shape",
            "Size",
            "Slice",
        ),
        *("SparseFillEmptyRows", "SparseReshape", "SparseToDense", "Squeeze", "StaticRegexFullMatch"),
        *("StaticRegexReplace", "StridedSlice", "StringJoin", "StringLength", "StringLower", "StringSplit"),
        *(
            "StringSplitV2",
            "StringStrip",
            "StringToHashBucketFast",
            "StringToHashBucketStrong",
            "StringUpper",
        ),
        *("Sub", "Substr", "Sum", "Tile", "Where", "ZerosLike"),
    }
)
"""What `static/text.js` computes."""

_ATTRIBUTES = frozenset(
    {
        *("axis", "batch_dims", "begin_mask", "ellipsis_mask", "encoding", "end_mask", "keep_dims", "key"),
        *("maxsplit", "new_axis_mask", "num_buckets", "replace_global", "separator", "shrink_axis_mask"),
        *("skip_empty", "squeeze_dims", "unit"),
    }
)
_EXACT = 1 << 53
"""Larger numbers are not all numbers of JavaScript."""


def text_program(path: str) -> dict[str, Any]:
    """What a browser runs before a model that has a host part.

    Args:
        path: of the model, which `hub.convert` wrote.

    Returns:
        `fed`: the tensors behind the inputs, by name; `constants`; `tables`; `steps`, in order; `gives`: the tensors
        behind the inputs of the model. Strings are bytes, each a letter.

    Raises:
        UnsupportedGraphError: it does something that `static/text.js` does not.
    """
    ports = ports_of(path)
    if ports.after or ports.state:
        raise UnsupportedGraphError("It gives strings, or keeps a state: no browser runs that.")
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as assets:
        return _Writer(read_host(path + SUFFIX, assets), ports).write()


def ports_of(path: str) -> ModelPorts:
    """What goes into a model that `hub.convert` wrote, and comes out."""
    told = {prop.key: prop.value for prop in onnx.load(path, load_external_data=False).metadata_props}
    return ModelPorts.from_text(told["tf1hub.ports"])


class _Writer:
    def __init__(self, module: ModuleCode, ports: ModelPorts) -> None:
        self._module = module
        self._ports = ports
        fetches = [name_of(tensor) for tensor in ports.before]
        fed = [name_of(port.tensor) for port in ports.fed]
        self._code = module.code(fetches, [], fed)
        self._constants: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}

    def write(self) -> dict[str, Any]:
        steps = []
        # Of the program itself: what is prepared to be run has steps that are several ops at once.
        for item in self._code.program.region.items:
            if not isinstance(item, Op):
                raise UnsupportedGraphError("It has a loop or a choice over strings: no browser runs that.")
            if item.node.op in ("Assert", "Const", "NoOp") or item.node.op in op_types.TABLES:
                continue
            steps.append(self._step(item))
        for tensor, value in self._code.constants.items():
            self._constants[name_of(tensor)] = array_for_browsers(value)
        given = {port.tensor for port in self._ports.fed}
        # What is a known number is one in the model.
        fetched = dict(zip(self._ports.before, self._code.program.fetches, strict=True))
        gives = {
            port.name: name_of(fetched.get(port.tensor, port.tensor))
            for port in self._ports.inputs
            if port.tensor in fetched or port.tensor in given
        }
        return {
            "fed": {port.part: name_of(port.tensor) for port in self._ports.fed},
            "constants": self._constants,
            "tables": self._tables,
            "steps": steps,
            "gives": gives,
        }

    def _step(self, op: Op) -> dict[str, Any]:
        kind = "Identity" if op.node.op in op_types.IDENTITIES else op.node.op
        attributes = attributes_of(op.node.definition, recorded_definition(op.node.op))
        if kind not in OPS:
            raise UnsupportedGraphError(f"It uses {kind}, which has no counterpart in a browser.")
        inputs = list(op.inputs)
        if kind == "RegexReplace":
            pattern, rewrite = (self._find_known(tensor) for tensor in inputs[1:])
            attributes = {**attributes, "pattern": pattern, "rewrite": rewrite}
            inputs = inputs[:1]
        entry: dict[str, Any] = {"op": kind, "attributes": attributes_for_browsers(kind, attributes)}
        if kind.startswith("LookupTable"):
            entry["table"] = self._table(inputs.pop(0))
        entry["inputs"] = [name_of(tensor) for tensor in inputs]
        entry["outputs"] = [f"{op.node.name}:{index}" for index in range(4)]
        return entry

    def _find_known(self, tensor: Tensor) -> str:
        value = self._code.constants.get(self._code.program.origin(tensor))
        if value is None or value.size != 1:
            raise UnsupportedGraphError("It computes a regular expression: no browser runs that.")
        found: str = value.reshape(-1)[0].decode("utf-8", "surrogateescape")
        return found

    def _table(self, tensor: Tensor) -> str:
        name, _ = self._code.program.origin(tensor)
        if name not in self._tables:
            table = self._module.table(name)
            keys, values = table.contents()
            if table.changes or values.ndim != 1:
                raise UnsupportedGraphError("It has a table that changes, or whose values are no scalars.")
            counted = values.dtype.kind in "iu" and np.array_equal(values, np.arange(len(values)))
            self._tables[name] = {
                "keys": _flat(keys),
                "values": None if counted else _flat(values),
            }
        return name


def attributes_for_browsers(kind: str, attributes: Attributes) -> dict[str, Any]:
    """The attributes of an op as `static/text.js` takes them.

    Args:
        kind: one of `OPS`.
        attributes: its own; those of an op on regular expressions have `pattern`, and `rewrite` where it replaces.

    Raises:
        UnsupportedGraphError: a regular expression has no counterpart in a browser.
    """
    found = {name: _plain(value) for name, value in attributes.items() if name in _ATTRIBUTES}
    if "pattern" in attributes:
        found |= pattern_for_browsers(attributes["pattern"], attributes.get("rewrite"))
    if kind == "Cast":
        family = np.dtype(attributes["DstT"])
        found["to"] = "int" if family.kind in "iu" else family.name
    return found


def array_for_browsers(value: Any) -> dict[str, Any]:
    """An array as `static/text.js` has it: shape, and elements in order.

    Raises:
        UnsupportedGraphError: it has numbers that JavaScript does not have.
    """
    array = np.asarray(value)
    return {"shape": list(array.shape), "data": _flat(array)}


def _flat(array: Any) -> list[Any]:
    found = [_plain(value) for value in array.reshape(-1).tolist()]
    if array.dtype.kind == "c" or any(isinstance(each, int) and abs(each) >= _EXACT for each in found):
        raise UnsupportedGraphError("It has numbers that JavaScript does not have.")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return text_bytes(value).decode("latin-1")
    if isinstance(value, list | tuple):
        # Keys of hashes have 64 bits.
        return [
            str(each) if isinstance(each, int) and abs(each) >= _EXACT else _plain(each) for each in value
        ]
    return value


# What stands before a brace that is no repetition, and flags that mean the same in both.
_REPEATED = re.compile(r"\{\d+(,\d*)?\}")
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_SAME = frozenset("dDwWbBtnvfr")
_FLAGS = frozenset("is")


def pattern_for_browsers(pattern: str, rewrite: str | None = None) -> dict[str, Any]:
    """A regular expression of RE2 as JavaScript's with the flag `u`, and what stands for a match in pieces.

    Args:
        pattern: in RE2's syntax.
        rewrite: what stands for a match; None where nothing does.

    Raises:
        UnsupportedGraphError: it has what JavaScript does not have.

    Example:
        >>> pattern_for_browsers(r"[^\\w\\s']+$", r"<\\0>")
        {'pattern': "[^\\\\w\\\\t\\\\n\\\\f\\\\r ']+(?![^])", 'flags': 'u', 'rewrite': ['<', 0, '>']}
    """
    expression = compile_expression(pattern)
    if expression.of_bytes:
        raise UnsupportedGraphError(f"The regular expression {pattern!r} has no counterpart in a browser.")
    text, flags = expression.pattern.pattern, ""
    if (found := re.match(r"\(\?([a-z]+)\)", text)) is not None:
        flags, text = found[1], text[found.end() :]
    if set(flags) - _FLAGS or (not text.isprintable() and any(0xD800 <= ord(each) < 0xE000 for each in text)):
        raise UnsupportedGraphError(f"The regular expression {pattern!r} has no counterpart in a browser.")
    pieces = {
        "pattern": "".join(_translate(text, pattern, "s" in flags)),
        "flags": "u" + "".join(sorted(set(flags))),
    }
    if rewrite is None:
        return pieces
    return {**pieces, "rewrite": parts_of_rewrite(pattern, text_bytes(rewrite))}


def _translate(text: str, pattern: str, dot_is_all: bool) -> Iterable[str]:
    """Python's expression, which is RE2's but for what was translated, as JavaScript's."""
    at, in_class = 0, False
    while at < len(text):
        letter, rest = text[at], text[at:]
        size = 1
        if letter == "\\":
            long = re.match(r"\\U([0-9a-f]{8})|\\x([0-9A-Fa-f]{2})", rest)
            second = rest[1:2]
            size = long.end() if long else 2
            if long:
                yield f"\\u{{{int(long[1] or long[2], 16):x}}}"
            elif rest.startswith((r"\Z", r"\A")) and not in_class:
                yield "(?![^])" if second == "Z" else "(?<![^])"
            elif second in _SAME or second in _SYNTAX or (second == "-" and in_class):
                yield rest[:2]
            elif second and not second.isalnum():
                yield second
            else:
                raise UnsupportedGraphError(
                    f"The regular expression {pattern!r} has no counterpart in a browser."
                )
        elif in_class:
            in_class = letter != "]"
            yield letter
        elif letter == "[":
            in_class = True
            # A bracket that comes first is one of the class.
            size = 2 if rest.startswith("[^") else 1
            yield rest[:size]
            if text[at + size : at + size + 1] == "]":
                yield r"\]"
                size += 1
        elif rest.startswith("(?P<"):
            yield "(?<"
            size = 4
        elif rest.startswith("(?") and not rest.startswith("(?:"):
            raise UnsupportedGraphError(
                f"The regular expression {pattern!r} has no counterpart in a browser."
            )
        elif letter == "." and not dot_is_all:
            yield r"[^\n]"
        elif letter == "{" and (repeated := _REPEATED.match(rest)) is not None:
            yield repeated[0]
            size = repeated.end()
        elif letter in "{}]":
            yield "\\" + letter
        else:
            yield letter
        at += size
