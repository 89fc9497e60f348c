"""The op that initializes a SavedModel after its variables are restored."""

from __future__ import annotations

from tf1hub.format.messages_pb2 import MetaGraphDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import ASSIGNS

MAIN_OP_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_MAIN_OP_SIGNATURE = "__saved_model_init_op"
_TRAIN_OP_SIGNATURE = "__saved_model_train_op"


def take_main_op(meta_graph: MetaGraphDef) -> str | None:
    """The node that initializes what a program has loaded; signatures that name it are removed, in place."""
    found = None
    for collection in MAIN_OP_COLLECTIONS:
        if collection in meta_graph.collection_def:
            names = meta_graph.collection_def[collection].node_list.value
            found = node_of(names[0]) if names else found
    if _MAIN_OP_SIGNATURE in meta_graph.signature_def:
        outputs = meta_graph.signature_def[_MAIN_OP_SIGNATURE].outputs
        found = next((node_of(info.name) for info in outputs.values()), found)
    for name in (_MAIN_OP_SIGNATURE, _TRAIN_OP_SIGNATURE):
        if name in meta_graph.signature_def:
            del meta_graph.signature_def[name]
    return found


def main_op_parts(meta_graph: MetaGraphDef, main_op: str | None) -> list[str]:
    """The ops that a main op groups, assignments of variables left out: those start from a checkpoint."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    parts: list[str] = []
    waiting = [main_op] if main_op in nodes else []
    seen: set[str] = set()
    while waiting:
        node = nodes[waiting.pop()]
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op == "NoOp":
            waiting += [node_of(edge) for edge in reversed(node.input)]
        elif node.op not in ASSIGNS:
            parts.append(node.name)
    return parts
