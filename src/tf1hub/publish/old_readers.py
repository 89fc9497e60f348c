"""Keeps what is written readable by TensorFlow 1.15, which refuses attributes that it does not know.

Most newer attributes are at their default, which is not written. Two never are, or mostly are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tf1hub.format.dtypes import INT32, INT64
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.graphdef.contexts import contexts_of, nodes_inside
from tf1hub.spec.variant import Variant

# All sparse segment ops have the segments' ids as their third input, whose type has been free since 2.2.
_SEGMENT_IDS = 2
_SEGMENT_TYPE = "Tsegmentids"


def suit_old_readers(meta_graph: MetaGraphDef, place: str) -> None:
    """Rewrites a variant, without a change to what it computes, so that TensorFlow 1.15 reads it.

    Args:
        meta_graph: the variant; changed in place.
        place: the variant in words, for messages.
    """
    graph = meta_graph.graph_def
    # A node that joins an old cond or loop would have to join the description of its context too.
    apart = nodes_inside(contexts_of(Variant(meta_graph, place)))
    for nodes, output in ((graph.node, ""), *((f.node_def, ":y:0") for f in graph.library.function)):
        for node in nodes:
            # It names the variable in messages about devices, and nothing else.
            if node.op == "VarHandleOp":
                node.attr.pop("debug_name", None)
        nodes.extend(list(_narrow_segment_ids(nodes, output, apart)))


def _narrow_segment_ids(nodes: Iterable[NodeDef], output: str, apart: Collection[str]) -> Iterator[NodeDef]:
    """Yields casts of 64-bit segment ids to the 32 bits that were all there was, and has them used.

    `embedding_lookup_sparse` wrote such casts itself as long as it had to. The ids count the rows of a batch.
    """
    for node in nodes:
        if _SEGMENT_TYPE not in node.attr or node.attr[_SEGMENT_TYPE].type != INT64 or node.name in apart:
            continue
        cast = NodeDef(
            name=f"{node.name}/segment_ids_int32",
            op="Cast",
            device=node.device,
            input=[node.input[_SEGMENT_IDS]],
        )
        cast.attr["SrcT"].type, cast.attr["DstT"].type = INT64, INT32
        node.input[_SEGMENT_IDS] = cast.name + output
        del node.attr[_SEGMENT_TYPE]
        yield cast
