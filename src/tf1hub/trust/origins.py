"""Where a value of a graph comes from: a constant, the module's own assets, what the caller gives, or elsewhere."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_definitions import argument_length
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.spec.permission import READS
from tf1hub.trust.abilities import rules_of
from tf1hub.trust.units import Unit

CONSTANT, ASSET, INPUT, ELSEWHERE = "constant", "asset", "input", "elsewhere"

MAX_TEXTS = 64
"""How many strings of one constant are looked at; what has more is told from elsewhere."""
MAX_TEXT_BYTES = 4096
_MAX_JOINS = 8


class Origin(NamedTuple):
    """Where a value comes from.

    Attributes:
        kind: `"constant"`, `"asset"`, `"input"` or `"elsewhere"`.
        text: the constant; the asset's file name; the input's name; or what computes the value.
    """

    kind: str
    text: str


_FIRST = (0,)
_CARRIES: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        (
            *op_types.IDENTITIES, *op_types.ENTERS, *op_types.EXITS, *op_types.NEXT_ITERATIONS, *op_types.SWITCHES,
            "BroadcastTo", "Copy", "CopyHost", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DeepCopy",
            "EnsureShape", "ExpandDims", "Gather", "GatherNd", "GatherV2", "GuaranteeConst", "PlaceholderWithDefault",
            "PreventGradient", "RandomShuffle", "Reshape", "Reverse", "ReverseV2", "Slice", "Snapshot", "Squeeze",
            "StopGradient", "StridedSlice", "TensorListFromTensor", "TensorListGather", "TensorListGetItem",
            "TensorListStack", "TensorListConcat", "TensorListConcatV2", "TensorListPopBack", "Tile", "Transpose", "Unique",
            "ShardedFilename", "UniqueV2", "Unpack", "SplitV", "StringStrip", "DatasetToSingleElement", "OptionalFromValue",
            "OptionalGetValue",
        ),
        _FIRST,
    ),
    **dict.fromkeys((*op_types.MERGES, "Concat", "ConcatV2", "IdentityN", "Pack", "DynamicStitch", "Where"), None),
    "Fill": (1,),
    "Select": (1, 2),
    "SelectV2": (1, 2),
    "Split": (1,),
    "TensorListPushBack": (0, 1),
    "TensorListSetItem": (0, 2),
    "TensorListReserve": (),
    "EmptyTensorList": (),
}  # fmt: skip
"""Ops that hand values on as they are: which inputs they come from; None for all."""

_ARRAY_READS = frozenset({"Read", "Gather", "Concat"})
_ARRAY_VALUES = {"Write": 2, "Scatter": 2, "Split": 1}
_DATASET = re.compile(r"\w*Dataset(V\d+)?")
_ITERATOR = re.compile(r"(Anonymous)?Iterator(V\d+)?")
_FIRST_ARGUMENT = {
    **dict.fromkeys(
        (*op_types.CALLS, *op_types.FUNCTIONAL_LOOPS, "MapDefun", "BatchFunction", "XlaLaunch"), 0
    ),
    **dict.fromkeys((*op_types.FUNCTIONAL_CONDS, *op_types.FUNCTIONAL_CASES, "RemoteCall"), 1),
}
"""Which input of a call is the function's first argument."""

_Edge = tuple[Unit, str]


class Origins:
    """The origins of values of one run.

    Args:
        reached: what runs: the nodes of each graph.
        assets: file name by asset tensor, of the main graph.
        given: name of the input by the tensor that it feeds, of the main graph.
    """

    def __init__(
        self,
        reached: Mapping[Unit, Collection[str]],
        assets: Mapping[str, str],
        given: Mapping[str, str],
    ) -> None:
        self._reached = reached
        self._main = next(iter(reached))
        self._assets = assets
        self._given = given

    @cached_property
    def _calls(self) -> dict[Unit, list[tuple[Unit, NodeDef]]]:
        """The nodes that call each function."""
        found: dict[Unit, list[tuple[Unit, NodeDef]]] = {}
        for unit, names in self._reached.items():
            for name, linked in unit.links.items():
                if name in names:
                    for other in linked:
                        found.setdefault(other, []).append((unit, unit.nodes[name]))
        return found

    @cached_property
    def _array_writes(self) -> list[tuple[Unit, str, str]]:
        """What is written to TensorArrays: the edge of the handle, and that of the values."""
        return [
            (unit, data[0], data[_ARRAY_VALUES[what]])
            for unit in self._reached
            for op, names in unit.by_op.items()
            if (what := op_types.TENSOR_ARRAYS.get(op)) in _ARRAY_VALUES
            for data in map(_data, map(unit.nodes.__getitem__, names))
            if len(data) > 2
        ]

    @cached_property
    def _iterators(self) -> list[_Edge]:
        """The datasets that iterators are made of."""
        return [
            (unit, data[0])
            for unit in self._reached
            for name in unit.by_op.get("MakeIterator", ())
            if (data := _data(unit.nodes[name]))
        ]

    def of(self, unit: Unit, edge: str, joins: int = 0) -> set[Origin]:
        """The origins of the value on an edge."""
        return {
            origin
            for leaf, name, text in self._leaves(unit, edge)
            for origin in self._origin(leaf, name, text, joins)
        }

    def _leaves(self, unit: Unit, edge: str) -> set[tuple[Unit, str, str]]:
        """What the value on an edge is before it is handed on: a graph with a node's name, or with what there is instead."""
        found: set[tuple[Unit, str, str]] = set()
        seen: set[_Edge] = set()
        waiting: list[_Edge] = [(unit, edge)]
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            further = self._further(*here)
            if isinstance(further, tuple):
                found.add(further)
            else:
                waiting.extend(further)
        return found

    def _further(self, unit: Unit, edge: str) -> list[_Edge] | tuple[Unit, str, str]:
        """The edges that a value is handed on from; or what it is, if it comes from no edge."""
        name = unit.node_of(edge)
        if unit is self._main:
            tensor = edge if ":" in edge else f"{edge}:0"
            if tensor in self._given or tensor in self._assets:
                return unit, tensor, ""
        node = unit.nodes.get(name)
        if node is None:
            return self._argument(unit, name)
        linked = unit.links.get(name, [])
        if _DATASET.fullmatch(node.op):
            if any(rule.can == READS for rule in rules_of(node.op)) and not node.op.startswith("Cache"):
                return unit, name, f"what {node.op} reads"
            results = [(each, result) for each in linked for result in each.returned]
            return [*((unit, input_) for input_ in _data(node)), *results]
        if linked and any(each.function is not None for each in linked):
            return self._results(unit, node, linked, _index(edge))
        if node.op in _CARRIES:
            return self._follow_carried(unit, node, edge)
        if op_types.TENSOR_ARRAYS.get(node.op) in _ARRAY_READS:
            return self._follow_written(unit, node)
        if node.op.startswith("IteratorGetNext"):
            return [(unit, each) for each in _data(node)[:1]]
        if node.op == "ReadVariableOp" and not _gives_numbers(node):
            return self._follow_assigned(unit, node)
        if _ITERATOR.fullmatch(node.op) and self._iterators:
            return list(self._iterators)
        return unit, name, ""

    def _follow_carried(self, unit: Unit, node: NodeDef, edge: str) -> list[_Edge] | tuple[Unit, str, str]:
        data, which = _data(node), _CARRIES[node.op]
        if which is None:
            number = _index(edge)
            if node.op == "IdentityN":
                return [(unit, data[number])] if number < len(data) else []
            return [(unit, each) for each in data]
        if node.op == "PlaceholderWithDefault" and not data:
            return unit, node.name, ""
        return [(unit, data[number]) for number in which if number < len(data)]

    def _results(
        self, unit: Unit, node: NodeDef, linked: Iterable[Unit], number: int
    ) -> list[_Edge] | tuple[Unit, str, str]:
        """The results of a call; of a loop also what it starts with."""
        edges: list[_Edge] = []
        for other in linked:
            returned = other.returned
            if node.op in _FIRST_ARGUMENT or node.op == other.name:
                edges += [(other, returned[number])] if number < len(returned) else []
            else:
                edges += [(other, each) for each in returned]
        if node.op in op_types.FUNCTIONAL_LOOPS:
            data = _data(node)
            edges += [(unit, data[number])] if number < len(data) else []
        return edges

    def _argument(self, unit: Unit, name: str) -> list[_Edge] | tuple[Unit, str, str]:
        """What the callers of a function give it."""
        number = unit.arguments.get(name)
        if number is None:
            return unit, name, "what is not in the graph"
        edges: list[_Edge] = []
        for caller, node in self._calls.get(unit, []):
            data = _data(node)
            first = 0 if node.op == unit.name else _FIRST_ARGUMENT.get(node.op)
            if first is None or node.op == "For":
                edges += [(caller, each) for each in data]
            elif number + first < len(data):
                edges.append((caller, data[number + first]))
            if node.op in op_types.FUNCTIONAL_LOOPS:
                # Each turn gives its results to the next.
                edges += [
                    (other, other.returned[number])
                    for other in caller.links[node.name]
                    if number < len(other.returned)
                ]
        return edges if unit in self._calls else (unit, name, "an argument")

    def _follow_written(self, unit: Unit, node: NodeDef) -> list[_Edge] | tuple[Unit, str, str]:
        """What is written to the TensorArray that a node reads."""
        data = _data(node)
        handles = self._leaves(unit, data[0]) if data else set()
        edges = [
            (writer, value)
            for writer, handle, value in self._array_writes
            if handles & self._leaves(writer, handle)
        ]
        return edges or (unit, node.name, "")

    def _follow_assigned(self, unit: Unit, node: NodeDef) -> list[_Edge] | tuple[Unit, str, str]:
        """What is assigned to the variable that a node reads: SavedModels keep the path of a file in one."""
        data, library = _data(node), self._main.library
        handles = self._leaves(unit, data[0]) if data else set()
        if not handles or any(name in library.restored for _, name, _ in handles):
            return unit, node.name, ""
        edges = [
            (writer, values[1])
            for writer in (library.graph, *library.functions.values())
            for each in writer.nodes.values()
            if each.op == "AssignVariableOp" and len(values := _data(each)) > 1
            if handles & self._leaves(writer, values[0])
        ]
        return edges or (unit, node.name, "")

    def _origin(self, unit: Unit, name: str, text: str, joins: int) -> Iterator[Origin]:
        """What a leaf is."""
        if unit is self._main and name in self._given:
            yield Origin(INPUT, self._given[name])
        elif unit is self._main and name in self._assets:
            yield Origin(ASSET, self._assets[name])
        elif text == "an argument":
            # Of a function that only the object graph of a SavedModel calls.
            yield Origin(INPUT, f"the argument {name!r} of {unit.where}")
        elif name not in unit.nodes:
            yield Origin(ELSEWHERE, text)
        else:
            yield from self._origin_of_node(unit, unit.nodes[name], text, joins)

    def _origin_of_node(self, unit: Unit, node: NodeDef, text: str, joins: int) -> Iterator[Origin]:
        if node.op in op_types.INPUTS:
            yield Origin(INPUT, node.name)
        elif node.op in ("Const", "HostConst"):
            tensor = node.attr["value"].tensor if "value" in node.attr else None
            if tensor is None or tensor.dtype != dtypes.STRING:
                return
            values = tensor.string_val
            if len(values) > MAX_TEXTS:
                yield Origin(ELSEWHERE, f"the {len(values)} strings of {node.name!r}")
            # An empty list stands for empty strings.
            for value in itertools.islice(values or [b""], MAX_TEXTS):
                yield Origin(CONSTANT, value[:MAX_TEXT_BYTES].decode("utf-8", "backslashreplace"))
        elif node.op == "StringJoin" and joins < _MAX_JOINS:
            yield from self._follow_joined(unit, node, joins)
        elif text or not _gives_numbers(node):
            yield Origin(ELSEWHERE, text or f"{node.op} {node.name!r}")

    def _follow_joined(self, unit: Unit, node: NodeDef, joins: int) -> Iterator[Origin]:
        separator = node.attr["separator"].s.decode("utf-8", "replace") if "separator" in node.attr else ""
        parts = [sorted(self.of(unit, edge, joins + 1)) for edge in _data(node)]
        count = 1
        for part in parts:
            count *= max(1, len(part))
        known = all(origin.kind == CONSTANT for part in parts for origin in part)
        if count > MAX_TEXTS:
            yield Origin(ELSEWHERE, f"StringJoin {node.name!r}")
            return
        for each in itertools.product(*parts):
            if each and each[0].kind == INPUT and _stays_beside(list(each[1:]), separator):
                yield each[0]
                continue
            texts = [origin.text if origin.kind == CONSTANT else f"<{origin.text}>" for origin in each]
            yield Origin(CONSTANT if known else ELSEWHERE, separator.join(texts)[:MAX_TEXT_BYTES])


def _stays_beside(rest: list[Origin], separator: str) -> bool:
    """Whether a suffix of a path stays in the same directory: an ending such as `.index`, with no `..` and no `/` at the start."""
    tail = separator + separator.join(origin.text for origin in rest) if rest else ""
    known = all(origin.kind == CONSTANT for origin in rest)
    return known and ".." not in tail and "://" not in tail and not tail.startswith("/")


def input_edges(node: NodeDef, argument: str) -> list[str] | None:
    """The edges of a node's input, by the name that its op has for it; None where the op has no such input."""
    definition = recorded_definition(node.op)
    if definition is None:
        return None
    data, start = _data(node), 0
    for each in definition.input_arg:
        length = argument_length(each, node, definition)
        if each.name == argument:
            return data[start : start + length]
        start += length
    return None


def _data(node: NodeDef) -> list[str]:
    return [edge for edge in node.input if not edge.startswith("^")]


def _index(edge: str) -> int:
    """The number at the end of an edge: of an output, or within a named one."""
    last = edge.rpartition(":")[2]
    return int(last) if ":" in edge and last.isdecimal() else 0


def _gives_numbers(node: NodeDef) -> bool:
    """Whether all outputs of an op are numbers, which name no file."""
    definition = recorded_definition(node.op)
    if definition is None or not definition.output_arg:
        return False
    return all(_is_number(output, node) for output in definition.output_arg)


def _is_number(output: object, node: NodeDef) -> bool:
    kind = output.type  # type: ignore[attr-defined]  # an ArgDef
    attr = output.type_attr  # type: ignore[attr-defined]
    if not kind and attr in node.attr:
        kind = node.attr[attr].type
    return kind not in (0, dtypes.STRING, dtypes.RESOURCE, dtypes.VARIANT)
