"""The tensors of a variant's graph, those inside it too, without TensorFlow."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tf1hub.errors import ArgumentError, UnknownNameError, UnsupportedGraphError
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import NodeDef, TensorInfo, TensorShapeProto
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef.control_flow import depths
from tf1hub.graphdef.op_definitions import output_types
from tf1hub.graphdef.op_types import EXITS, MERGES, PLACEHOLDERS, READS, REF_WRITES
from tf1hub.graphdef.walk import consumers_of, dependents
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

_HANDLES = frozenset({dtypes.RESOURCE, dtypes.VARIANT})
_SHOWN = 5

_INSIDE = (
    "The tensor {name!r} of {where} lies inside a loop or a branch of a cond, where it has a value for each iteration, or "
    "none. What comes out of there can be an output{outside}."
)
_IN_FUNCTION = (
    "No tensor {name!r} in the graph of {where}: a node of that name lies in its function {function!r}, and has a value for "
    "each call, or none. What the calls return can be an output{outside}."
)
_UNKNOWN = (
    "No tensor {name!r} in the graph of {where}.{near} To find names: tf1hub show {module} --tensors PATTERN"
)


class GraphTensor(NamedTuple):
    """One tensor of a graph.

    Attributes:
        name: its name, such as `"dense/Relu:0"`.
        op: the type of op that computes it.
        dtype: the element type's name; `"?"` where the module does not say.
        shape: the static shape as its publisher's TensorFlow knew it; None for an unknown dimension, and for an
            unknown rank.
        signatures: the names of the signatures whose inputs suffice to compute it.
    """

    name: str
    op: str
    dtype: str
    shape: tuple[int | None, ...] | None
    signatures: tuple[str, ...]


class GraphTensors:
    """The tensors of a variant that have a value: no handles of variables and tables, and none inside of loops and conds.

    Results of ops that write a variable are left out too.

    Args:
        variant: whose they are.
    """

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        graph = variant.meta_graph.graph_def
        stripped = variant.meta_graph.meta_info_def.stripped_op_list
        self._op_defs = {definition.name: definition for definition in stripped.op}
        self._op_defs.update(
            {function.signature.name: function.signature for function in graph.library.function}
        )
        self._depths = depths(variant.nodes)

    def find(self, pattern: str) -> Iterator[GraphTensor]:
        """Yields the tensors whose name has a part like the pattern, in the order of the graph.

        Args:
            pattern: a part of a name; or, with `*`, `?` or `[`, a pattern as shells have it for all of it, with or
                without the output's number.
        """
        expression = re.compile(
            fnmatch.translate(pattern) if set(pattern) & set("*?[") else f".*{re.escape(pattern)}"
        )
        blocked = {name: self._unfed_nodes(name) for name in self._variant.signature_names}
        for node in self._variant.nodes.values():
            if self._depths[node.name] or node.op in REF_WRITES:
                continue
            for index, number in enumerate(self._types(node)):
                name = f"{node.name}:{index}"
                if number not in _HANDLES and any(map(expression.match, (name, node.name))):
                    info = ParsedTensorInfo(_info(node, index, number))
                    yield GraphTensor(
                        name,
                        node.op,
                        info.dtype_name if number else "?",
                        info.shape,
                        tuple(name for name in blocked if node.name not in blocked[name]),
                    )

    def info(self, name: str) -> TensorInfo:
        """A tensor as a signature declares it.

        Args:
            name: its name; without the number of the output, the first one is meant.

        Raises:
            UnknownNameError: the graph has no such tensor.
            ArgumentError: it is the handle of a variable or a table, or the result of an op that writes a variable.
            UnsupportedGraphError: it lies in a loop or a branch of a cond; or the module does not tell its type.
        """
        node = self._node(name)
        types, index = self._types(node), split_tensor_name(name)[1]
        if index >= len(types):
            raise UnknownNameError(
                f"No tensor {name!r} in the graph of {self._variant.where}: the node {node.name!r} ({node.op}) has "
                f"{_count_outputs(len(types))}."
            )
        if types[index] in _HANDLES:
            raise ArgumentError(
                f"The tensor {name!r} of {self._variant.where} is the handle of a variable or a table ({node.op}), not a value. "
                f"Its values come from the ops that read it{self._consumers(node)}."
            )
        if node.op in REF_WRITES:
            raise ArgumentError(
                f"The tensor {name!r} of {self._variant.where} comes from an op that writes a variable ({node.op}), and would "
                "write it with each call."
            )
        if self._depths[node.name]:
            raise UnsupportedGraphError(
                _INSIDE.format(name=name, where=self._variant.where, outside=self._outside([node.name]))
            )
        if not types[index]:
            raise UnsupportedGraphError(
                f"The tensor {name!r} of {self._variant.where} cannot be an output: the module does not tell of which type "
                f"the results of the op {node.op} are."
            )
        return _info(node, index, types[index])

    def _node(self, name: str) -> NodeDef:
        nodes, node = self._variant.nodes, node_of(name)
        if node in nodes and not name.startswith("^"):
            return nodes[node]
        for function in self._variant.meta_graph.graph_def.library.function:
            if any(inner.name == node for inner in function.node_def):
                called = function.signature.name
                callers = [each.name for each in nodes.values() if called in _functions_of(each)]
                raise UnknownNameError(
                    _IN_FUNCTION.format(
                        name=name, where=self._variant.where, function=called, outside=_such_as(callers)
                    )
                )
        near = _near_names(node, list(nodes))
        raise UnknownNameError(
            _UNKNOWN.format(
                name=name,
                where=self._variant.where,
                near=f" Names like it: {', '.join(map(repr, near))}." if near else "",
                module=self._variant.module,
            )
        )

    def _types(self, node: NodeDef) -> list[int]:
        definition = self._op_defs.get(node.op)
        if definition is not None:
            return output_types(node, definition)
        # The module does not say; what it says of shapes tells how many there are.
        return [0] * max(
            1, len(node.attr["_output_shapes"].list.shape) if "_output_shapes" in node.attr else 1
        )

    def _unfed_nodes(self, signature: str) -> set[str]:
        """The nodes for which the inputs of a signature do not suffice."""
        nodes = self._variant.nodes
        fed = {
            tensor_name(name)
            for info in self._variant.inputs(signature).values()
            for name in info.tensor_names
        }
        given = {node_of(name) for name in fed}
        others = {node.name for node in nodes.values() if node.op in PLACEHOLDERS} - given
        return dependents(nodes.values(), others, fed) - given if others else set()

    def _outside(self, inner: Sequence[str]) -> str:
        """The nearest results of the conds and loops around a node, in words."""
        nodes = self._variant.nodes
        consumers = consumers_of(nodes.values())
        found: list[str] = []
        seen, waiting = set(inner), list(inner)
        while waiting:
            name = waiting.pop(0)
            if not self._depths[name]:
                if nodes[name].op in MERGES | EXITS:
                    found.append(name)
                continue
            following = [user for user in consumers.get(name, ()) if user not in seen]
            seen.update(following)
            waiting.extend(following)
        return _such_as(found)

    def _consumers(self, node: NodeDef) -> str:
        consumers = consumers_of(self._variant.nodes.values()).get(node.name, ())
        reads = [name for name in consumers if self._variant.nodes[name].op in READS]
        return _such_as(reads)


def _such_as(names: Sequence[str]) -> str:
    return f": {', '.join(repr(f'{name}:0') for name in names[:_SHOWN])}" if names else ""


def _count_outputs(count: int) -> str:
    return (
        "no outputs"
        if not count
        else "1 output, :0"
        if count == 1
        else f"{count} outputs, :0 to :{count - 1}"
    )


def _functions_of(node: NodeDef) -> set[str]:
    return (
        {attr.func.name for attr in node.attr.values() if attr.func.name}
        | {function.name for attr in node.attr.values() for function in attr.list.func}
        | {node.op}
    )


def _near_names(name: str, known: Sequence[str]) -> list[str]:
    """Names like one that is not there: what ends it, as names of another graph do; what has it; what is spelled like it."""
    ends = [each for each in known if name.endswith(f"/{each}")]
    if ends:
        return [max(ends, key=len)]
    holds = [each for each in known if name.lower() in each.lower()]
    return sorted(holds, key=len)[:_SHOWN] or difflib.get_close_matches(name, known, _SHOWN, 0.6)


def _info(node: NodeDef, index: int, number: int) -> TensorInfo:
    shape = TensorShapeProto(unknown_rank=True)
    if "_output_shapes" in node.attr and index < len(node.attr["_output_shapes"].list.shape):
        shape = node.attr["_output_shapes"].list.shape[index]
    return TensorInfo(name=f"{node.name}:{index}", dtype=dtypes.base(number), tensor_shape=shape)
