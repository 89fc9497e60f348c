"""Bodies of functions: graphs whose edges name an output of a node by its op's name for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import FunctionDef, NodeDef
from tf1hub.graphdef.op_definitions import OpDefinitions, first_outputs

FirstOutputs = Callable[[str], Mapping[str, int]]
"""Gives, for a node of a body, the number of the first tensor of each of its named outputs."""


def number_edge(edge: str, outputs: FirstOutputs) -> tuple[str, int]:
    """The node and the number of the output that a body's edge names: `node:output:index`, or an argument's name."""
    parts = edge.split(":")
    if len(parts) == 1:
        return parts[0], 0
    index = int(parts[2]) if len(parts) > 2 else 0
    return parts[0], outputs(parts[0])[parts[1]] + index


def outputs_of(
    node: NodeDef, functions: Mapping[str, FunctionDef], definition_of: OpDefinitions
) -> dict[str, int]:
    """The number of the first tensor of each named output of a node.

    Args:
        node: of a body.
        functions: of the library, by name. Old graphs call one by using its name as the op.
        definition_of: the definitions of ops.

    Raises:
        UnsupportedGraphError: the op type is not known.
    """
    definition: Any = functions[node.op].signature if node.op in functions else definition_of(node.op)
    if definition is None:
        raise UnsupportedGraphError(f"The op type {node.op!r} of the node {node.name!r} is not known here.")
    return first_outputs(node, definition)
