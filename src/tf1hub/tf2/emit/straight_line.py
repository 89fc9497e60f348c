"""Straight-line code: runs of ordinary ops, handed to TensorFlow's own importer together.

That takes a fraction of the time of making them one by one from Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import in_current_graph, op_def
from tf1hub.format.messages_pb2 import FunctionDefLibrary, GraphDef, NodeDef, VersionDef
from tf1hub.graph.custom_gradients import mark_lost_gradients
from tf1hub.graphdef.walk import functions_used
from tf1hub.program.nodes import Node, Tensor
from tf1hub.tf2.emit.seeds import follow_seed

_DROPPED_ATTRIBUTES = ("_class", "_output_shapes")
"""Colocations name ops that are not here; shapes are inferred anew."""


_SMALL = 1 << 10
"""Bytes below which constants are looked through for such that are the same."""


class StraightLine:
    """Ops that wait to be imported into the graph being traced.

    Args:
        library: the functions that ops may name.
        versions: of the graph that the ops come from; ops may have changed since.
        seeded: whether random ops without a seed follow `tf.random.set_seed`.
    """

    def __init__(self, library: FunctionDefLibrary, versions: VersionDef, seeded: bool = False) -> None:
        self._library = library
        self._versions = versions
        self._seeded = seeded
        self._waiting: dict[str, tuple[Node, Sequence[Tensor]]] = {}
        self._imported: dict[str, Any] = {}

    def add(self, node: Node, inputs: Sequence[Tensor]) -> None:
        """Puts an op behind those that wait."""
        self._waiting[node.name] = (node, inputs)

    def __contains__(self, tensor: Tensor) -> bool:
        return tensor[0] in self._waiting or tensor[0] in self._imported

    def waits(self, tensor: Tensor) -> bool:
        """Whether the op behind a tensor has yet to be imported."""
        return tensor[0] in self._waiting

    def output(self, tensor: Tensor) -> Any:
        """The output of an op that was imported."""
        return self._imported[tensor[0]].outputs[tensor[1]]

    def flush(self, value_of: Callable[[Tensor], Any]) -> None:
        """Imports what waits.

        Args:
            value_of: gives the tensor behind an input that no waiting op computes.
        """
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        definition = GraphDef(versions=self._versions_for({node.op for node, _ in waiting.values()}))
        given: dict[str, Any] = {}
        constants: dict[bytes, str] = {}
        same: dict[str, str] = {}
        for node, inputs in waiting.values():
            copy = definition.node.add()
            copy.CopyFrom(node.definition)
            for attribute in _DROPPED_ATTRIBUTES:
                if attribute in copy.attr:
                    del copy.attr[attribute]
            copy.device = ""
            if self._seeded:
                follow_seed(copy)
            if node.op == "Const" and copy.ByteSize() < _SMALL:
                first = constants.setdefault(_without_name(copy), node.name)
                if first != node.name:
                    same[node.name] = first
                    del definition.node[-1]
                    continue
            copy.input[:] = [f"{name}:{index}" for name, index in inputs]
            for name, index in inputs:
                key = f"{name}:{index}"
                if name not in waiting and key not in given:
                    given[key] = in_current_graph(value_of((name, index)))
        # An old graph has a constant for each place where it is used, and each op takes time in all that a program goes
        # through.
        for copy in definition.node if same else ():
            copy.input[:] = [_with_node(given_to, same) for given_to in copy.input]
        mark_lost_gradients(definition)
        self._add_functions(definition)
        message = tf.compat.v1.GraphDef.FromString(definition.SerializeToString())
        names = [name for name in waiting if name not in same]
        operations = tf.graph_util.import_graph_def(message, given, names, name=_free_scope())
        self._imported.update(zip(names, operations, strict=True))
        self._imported.update({name: self._imported[first] for name, first in same.items()})

    def _versions_for(self, ops: Iterable[str]) -> VersionDef:
        """The versions to import under: the graph's own only where an op has been withdrawn since.

        TensorFlow warns, on every import, of versions older than its own.
        """
        definitions = (op_def(op) for op in ops)
        if any(definition is not None and definition.deprecation.version for definition in definitions):
            return self._versions
        return VersionDef(producer=tf.version.GRAPH_DEF_VERSION)

    def _add_functions(self, definition: GraphDef) -> None:
        if self._library.function:
            used = functions_used(definition.node, self._library)
            definition.library.function.extend(
                function for function in self._library.function if function.signature.name in used
            )


def _without_name(constant: NodeDef) -> bytes:
    """All that a constant is but its name."""
    name, constant.name = constant.name, ""
    found = constant.SerializeToString(deterministic=True)
    constant.name = name
    return found


def _with_node(tensor: str, others: Mapping[str, str]) -> str:
    """A tensor's name with the node that stands for its own."""
    name, _, index = tensor.rpartition(":")
    return f"{others.get(name, name)}:{index}"


def _free_scope() -> str:
    """A name scope in the default graph that holds nothing yet.

    The stand-in for a tensor from outside a function is called as that is, in the scope that is current; so it
    may lie where TensorFlow takes a scope to be free. Its importer then gives two ops one name.
    """
    graph = tf.compat.v1.get_default_graph()
    taken = [tensor.op.name for tensor in getattr(graph, "inputs", ())]
    while True:
        with tf.name_scope("module") as scope:
            if not any(name.startswith(scope) for name in taken):
                return str(scope)
