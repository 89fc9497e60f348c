"""Keeps what is written readable by TensorFlow 1.15, which refuses attributes that it does not know.

Most newer attributes are at their default, which is not written. Three never are, or mostly are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tf1hub.format.dtypes import INT32, INT64
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.graphdef.contexts import contexts_of, nodes_inside
from tf1hub.graphdef.op_types import RESOURCE_VARIABLES
from tf1hub.spec.variant import Variant

# All sparse segment ops have the segments' ids as their third input, whose type has been free since 2.2.
_SEGMENT_IDS = 2
_SEGMENT_TYPE = "Tsegmentids"
_SPARSE_GRADIENT = "sparse_gradient"


def suit_old_readers(meta_graph: MetaGraphDef, where: str) -> None:
    """Rewrites a variant, without a change to what it computes, so that TensorFlow 1.15 reads it.

    Args:
        meta_graph: the variant; changed in place.
        where: the variant in words, for messages.
    """
    graph = meta_graph.graph_def
    # A node that joins an old cond or loop would have to join the description of its context too.
    apart = nodes_inside(contexts_of(Variant(meta_graph, where)))
    for nodes, output in ((graph.node, ""), *((f.node_def, ":y:0") for f in graph.library.function)):
        for node in nodes:
            # It names the variable in messages about devices, and nothing else.
            if node.op in RESOURCE_VARIABLES:
                node.attr.pop("debug_name", None)
        nodes.extend(list(_narrow_segment_ids(nodes, output, apart)))
        nodes.extend(list(_gather_first(nodes, output, apart)))


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


def _gather_first(nodes: Iterable[NodeDef], output: str, apart: Collection[str]) -> Iterator[NodeDef]:
    """Yields ops that gather the rows of sparse segment ops, so that their gradient is sparse by itself.

    `embedding_lookup_sparse` asks for a sparse gradient where it looks rows of a tensor or of a ref variable up.
    """
    for node in nodes:
        if _SPARSE_GRADIENT not in node.attr or node.name in apart:
            continue
        sparse = node.attr.pop(_SPARSE_GRADIENT).b
        if not sparse:
            continue
        # In a function, an edge says which output it comes from.
        end = ":output:0" if output else ""
        parts = {
            part: f"{node.name}/rows/{part}" for part in ("gather", "axis", "count", "start", "step", "range")
        }
        data, ids = node.input[:2]
        gather = NodeDef(name=parts["gather"], op="GatherV2", device=node.device)
        gather.input.extend([data, ids, parts["axis"] + end])
        gather.attr["Tparams"].CopyFrom(node.attr["T"])
        gather.attr["Tindices"].CopyFrom(node.attr["Tidx"])
        gather.attr["Taxis"].type = INT32
        count = NodeDef(name=parts["count"], op="Size", device=node.device, input=[ids])
        count.attr["T"].CopyFrom(node.attr["Tidx"])
        count.attr["out_type"].type = INT32
        numbers = NodeDef(name=parts["range"], op="Range", device=node.device)
        numbers.input.extend(parts[part] + end for part in ("start", "count", "step"))
        numbers.attr["Tidx"].type = INT32
        yield gather
        yield count
        yield numbers
        for part, value in (("axis", 0), ("start", 0), ("step", 1)):
            constant = NodeDef(name=parts[part], op="Const", device=node.device)
            constant.attr["dtype"].type = constant.attr["value"].tensor.dtype = INT32
            constant.attr["value"].tensor.tensor_shape.SetInParent()
            constant.attr["value"].tensor.int_val.append(value)
            yield constant
        node.input[0] = parts["gather"] + end
        node.input[1] = parts["range"] + end
        node.attr["Tidx"].type = INT32
