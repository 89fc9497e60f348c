"""Modules that are variants over one state: what they share, and whether they can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tf1hub.errors import UnsupportedGraphError, WrongModeError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graph.state_cut import state_nodes
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.variant import Variant

_DESCRIBED_BY = ("dtype", "shape", "key_dtype", "value_dtype", "value_shape", "value")
_APART = (
    "{where} cannot share the state of {first}: {what} is not the same in both. Make a module with its own state: "
    "tf1hub.Module(module.spec, tags={tags!r})"
)
_FROZEN = (
    "{where} cannot be trained over the state of a module that was made with trainable=False. Make that one with "
    "trainable=True too: module = tf1hub.Module(handle, trainable=True, ...)"
)


@dataclass
class Family:
    """The state that modules of one definition share in a graph.

    Attributes:
        trainable: whether the first of them is trained.
        tensors: the tensor of every handle and asset constant, by node.
        variables: by node, each with what the module stores.
        losses: the names of the regularization losses that are there.
        variants: the one that made each node.
    """

    trainable: bool
    tensors: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, tuple[StoredVariable, Any]] = field(default_factory=dict)
    losses: set[str] = field(default_factory=set)
    variants: dict[str, Variant] = field(default_factory=dict)

    def find_shared(self, variant: Variant, trainable: bool) -> set[str]:
        """The nodes of a variant's state that are here already.

        Raises:
            UnsupportedGraphError: one of them is something else here.
            WrongModeError: it is to be trained, and the others are not.
        """
        if trainable and not self.trainable:
            raise WrongModeError(_FROZEN.format(where=variant.where))
        shared = state_nodes(variant) & self.variants.keys()
        stored = {variable.node: variable for variable in variant.variables}
        for node in sorted(shared):
            first = self.variants[node]
            here = self.variables[node][0] if node in self.variables else None
            there = stored.get(node)
            same_values = (here and (here.name, here.slice)) == (there and (there.name, there.slice))
            if not same_values or _describe(first, node) != _describe(variant, node):
                tags = set(variant.tags)
                raise UnsupportedGraphError(
                    _APART.format(where=variant.where, first=first.where, what=repr(node), tags=tags)
                )
        return shared


def _describe(variant: Variant, node: str) -> Any:
    """All that makes a state what it is: its op, its file, and what fills it."""
    definition = variant.nodes[node]
    targets = variant.collection("table_initializer") if definition.op != "Const" else []
    fillers = [found for target in targets if node in (found := ancestors(variant.nodes, [target]))]
    filled_by = {name: _attributes(variant.nodes, variant, name) for filler in fillers for name in filler}
    return _attributes(variant.nodes, variant, node), filled_by


def _attributes(nodes: Mapping[str, NodeDef], variant: Variant, name: str) -> Any:
    node = nodes[name]
    file = variant.asset_files.get(f"{name}:0")
    described = {
        key: node.attr[key].SerializeToString(deterministic=True)
        for key in _DESCRIBED_BY
        if key in node.attr and (file is None or key != "value")
    }
    return node.op, file, described, [node_of(edge) for edge in node.input]
