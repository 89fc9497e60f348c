"""Conds and loops of TensorFlow 1, which are built of single nodes. A value flows from node to node; that of a branch not taken is dead."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import ENTERS, EXITS, LOOP_CONDITION, MERGES, NEXT_ITERATIONS, SWITCHES
from tf1hub.graphdef.walk import consumers_of


def depths(nodes: Mapping[str, NodeDef]) -> dict[str, int]:
    """In how many loops and branches of conds the outputs of each node lie.

    Those of a Switch and an Enter lie one deeper than their inputs, those of a Merge and an Exit one less.

    Args:
        nodes: the graph, by name. For a node in a cycle that is not a loop, the answer is 0.
    """
    consumers = consumers_of(nodes.values())
    missing = {name: len(_forward_edges(nodes, node)) for name, node in nodes.items()}
    found: dict[str, int] = dict.fromkeys(nodes, 0)
    inputs: dict[str, int] = dict.fromkeys(nodes, 0)
    ready = deque(name for name, count in missing.items() if not count)
    while ready:
        name = ready.popleft()
        node = nodes[name]
        found[name] = max(0, inputs[name] + _step(nodes, node))
        for user in consumers.get(name, ()):
            if _is_back_edge(nodes, name, nodes[user]):
                continue
            inputs[user] = max(inputs[user], found[name])
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    return found


def _step(nodes: Mapping[str, NodeDef], node: NodeDef) -> int:
    if node.op in ENTERS:
        return 1
    if node.op in EXITS:
        return -1
    if node.op in SWITCHES:
        return 0 if any(nodes[node_of(edge)].op == LOOP_CONDITION for edge in node.input[1:2]) else 1
    if node.op in MERGES:
        return 0 if len(_forward_edges(nodes, node)) < len(node.input) else -1
    return 0


def _forward_edges(nodes: Mapping[str, NodeDef], node: NodeDef) -> list[str]:
    return [edge for edge in node.input if not _is_back_edge(nodes, node_of(edge), node)]


def _is_back_edge(nodes: Mapping[str, NodeDef], source: str, target: NodeDef) -> bool:
    return target.op in MERGES and nodes[source].op in NEXT_ITERATIONS
