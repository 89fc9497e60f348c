"""The record of ops: what each supported TensorFlow calls its ops' inputs, outputs and attributes.

`op_record.json` is written by `scripts/op_record.py` from installed TensorFlows, one of each supported
minor version. It is what a graph can be read with where no TensorFlow is. An op is one line:

- `in` and `out`: `name:T` for a tensor of the dtype that the attribute T names, `name:float32` for one of
  that dtype, `name:N*T` for N of them, `name:*Ts` for one of each dtype that the list Ts names; `&`
  before the dtype for a reference.
- `attr`: name to type, or to type and default. Writers leave out attributes that have their default.
- `stateful`: whether running it does more than computing, or depends on more than its inputs.
- `deprecated`: the graph version since which it is.

What changed from one version to another is told by version; null where the op is gone.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import ArgDef, AttrValue, OpDef

Entry: TypeAlias = Mapping[str, Any]
"""What the record says of an op in one version."""

FILE_NAME = "op_record.json"


def recorded_definition(op: str) -> OpDef | None:
    """The definition of an op in the newest recorded TensorFlow that has it; None where none has.

    Example:
        >>> [output.name for output in recorded_definition("Unique").output_arg]
        ['y', 'idx']
    """
    entry = _newest().get(op)
    return None if entry is None else _decode_newest(op)


@cache
def recorded_ops() -> dict[str, dict[str, Entry]]:
    """For each recorded version, its ops by name; nobody may change it."""
    return tables_of(_load_record())


def graph_versions() -> dict[str, int]:
    """For each recorded version, the version of the graphs that it writes."""
    return {version: int(number) for version, number in _load_record()["graph_versions"].items()}


def tables_of(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Entry]]:
    """For each version of a record, its ops by name.

    Example:
        >>> old, new = {"in": "x:T"}, {"in": "x:U"}
        >>> recorded = {"graph_versions": {"2.15": 1, "2.16": 2}, "ops": {"A": old, "B": {"2.16": new}}}
        >>> tables_of(recorded)
        {'2.15': {'A': {'in': 'x:T'}}, '2.16': {'A': {'in': 'x:T'}, 'B': {'in': 'x:U'}}}
    """
    versions = list(recorded["graph_versions"])
    tables: dict[str, dict[str, Entry]] = {version: {} for version in versions}
    for name, entry in recorded["ops"].items():
        by_version = entry.keys() <= set(versions) and bool(entry)
        now = None if by_version else entry
        for version, table in tables.items():
            if by_version:
                now = entry.get(version, now)
            if now is not None:
                table[name] = now
    return tables


def encode(definition: Any) -> dict[str, Any]:
    """What the record says of an op.

    Args:
        definition: its OpDef, TensorFlow's message or ours.
    """
    entry: dict[str, Any] = {}
    for key, arguments in (("in", definition.input_arg), ("out", definition.output_arg)):
        if arguments:
            entry[key] = " ".join(f"{argument.name}:{_type_of(argument)}" for argument in arguments)
    if definition.attr:
        entry["attr"] = {attr.name: _encode_attribute(attr) for attr in definition.attr}
    if definition.is_stateful:
        entry["stateful"] = True
    if definition.HasField("deprecation"):
        entry["deprecated"] = definition.deprecation.version
    return entry


def decode(op: str, entry: Entry) -> OpDef:
    """The definition that an entry of the record stands for.

    Args:
        op: the op type.
        entry: as `encode` makes it.
    """
    definition = OpDef(name=op, is_stateful=entry.get("stateful", False))
    attributes: Mapping[str, Any] = entry.get("attr", {})
    definition.input_arg.extend(_arguments(entry.get("in", ""), attributes))
    definition.output_arg.extend(_arguments(entry.get("out", ""), attributes))
    for name, said in attributes.items():
        kind, *default = said if isinstance(said, list) else [said]
        attr = definition.attr.add(name=name, type=kind)
        if default:
            _set_value(attr.default_value, kind, default[0])
    if "deprecated" in entry:
        definition.deprecation.version = entry["deprecated"]
    return definition


def _type_of(argument: Any) -> str:
    if argument.type_list_attr:
        kind = f"*{argument.type_list_attr}"
    else:
        kind = argument.type_attr or dtypes.name_of(argument.type)
    reference = "&" if argument.is_ref else ""
    return f"{argument.number_attr}*{reference}{kind}" if argument.number_attr else f"{reference}{kind}"


def _arguments(text: str, attributes: Mapping[str, Any]) -> Iterable[ArgDef]:
    for word in text.split():
        name, _, kind = word.partition(":")
        argument = ArgDef(name=name)
        count, star, rest = kind.rpartition("*")
        argument.is_ref = "&" in kind
        rest = rest.removeprefix("&")
        if star and not count.strip("&"):
            argument.type_list_attr = rest
        else:
            argument.number_attr = count
            if rest in attributes:
                argument.type_attr = rest
            else:
                argument.type = dtypes.number_of(rest)
        yield argument


def _encode_attribute(attr: Any) -> Any:
    if not attr.HasField("default_value"):
        return attr.type
    return [attr.type, _plain(attr.default_value, attr.type)]


def _plain(value: Any, kind: str) -> Any:
    """A default as JSON has it."""
    if kind.startswith("list("):
        inner = kind[5:-1]
        return [_plain_scalar(item, inner) for item in getattr(value.list, _FIELDS[inner])]
    return _plain_scalar(getattr(value, _FIELDS[kind]), kind)


def _plain_scalar(value: Any, kind: str) -> Any:
    if kind == "type":
        return dtypes.name_of(value)
    if kind == "shape":
        return None if value.unknown_rank else [dimension.size for dimension in value.dim]
    if kind == "tensor":
        return value.SerializeToString().hex()
    if kind == "float":
        return float(f"{value:.9g}")
    return value.decode("latin-1") if isinstance(value, bytes) else value


_FIELDS = {
    "string": "s",
    "int": "i",
    "float": "f",
    "bool": "b",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}


def _set_value(value: AttrValue, kind: str, plain: Any) -> None:
    if kind.startswith("list("):
        value.list.SetInParent()
        for item in plain:
            one = AttrValue()
            _set_value(one, kind[5:-1], item)
            field = _FIELDS[kind[5:-1]]
            getattr(value.list, field).append(getattr(one, field))
    elif kind == "type":
        value.type = dtypes.number_of(plain)
    elif kind == "shape":
        value.shape.unknown_rank = plain is None
        for size in plain or ():
            value.shape.dim.add(size=size)
    elif kind == "tensor":
        value.tensor.ParseFromString(bytes.fromhex(plain))
    elif kind == "string":
        value.s = plain.encode("latin-1")
    elif kind == "func":
        value.func.name = plain
    else:
        setattr(value, _FIELDS[kind], plain)


@cache
def _load_record() -> dict[str, dict[str, Any]]:
    # The newer importlib.resources takes three times as long to import.
    recorded: dict[str, dict[str, Any]] = json.loads(pkgutil.get_data("tf1hub.graphdef", FILE_NAME) or "")
    return recorded


@cache
def _newest() -> dict[str, Entry]:
    newest: dict[str, Entry] = {}
    for table in recorded_ops().values():
        newest.update(table)
    return newest


@cache
def _decode_newest(op: str) -> OpDef:
    return decode(op, _newest()[op])
