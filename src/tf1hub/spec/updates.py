"""The variables that a variant's ops write. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef import op_types
from tf1hub.spec.variant import Variant


def updated_nodes(variants: Sequence[Variant]) -> set[str]:
    """The nodes of the variables that a variant writes, other than to initialize or to restore them."""
    found: set[str] = set()
    for variant in variants:
        initializers = {node_of(variable.definition.initializer_name) for variable in variant.variables}
        for node in variant.meta_graph.graph_def.node:
            if node.op in op_types.WRITES and node.name not in initializers and not _restores(node, variant):
                found.add(node_of(node.input[0]))
    return found


def _restores(node: NodeDef, variant: Variant) -> bool:
    """Whether a node writes what it reads from a checkpoint, as a saver does."""
    value = variant.nodes.get(node_of(node.input[1])) if len(node.input) > 1 else None
    if value is not None and value.op in op_types.IDENTITIES:
        value = variant.nodes.get(node_of(value.input[0]))
    return value is not None and value.op in op_types.RESTORES
