"""Which tensors of a graph surely get a gradient from others, whatever their values are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import split_tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.gradient_names import ATTRIBUTE

_ALL = None
_FIRST = (0,)
_BETWEEN: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(op_types.IDENTITIES, _FIRST),
    **dict.fromkeys(("Add", "AddN", "AddV2", "BiasAdd", "Mul", "RealDiv", "Sub"), _ALL),
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "Conv2D", "DepthwiseConv2dNative", "MatMul"), _ALL),
    **dict.fromkeys(("Elu", "Relu", "Relu6", "Selu", "Sigmoid", "Softplus", "Tanh"), _FIRST),
    **dict.fromkeys(("LogSoftmax", "Softmax"), _FIRST),
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _FIRST),
    **dict.fromkeys(("AvgPool", "LRN", "MaxPool", "Mean", "Sum"), _FIRST),
    **dict.fromkeys(("ExpandDims", "Pad", "PadV2", "Reshape", "Squeeze", "Transpose"), _FIRST),
}
"""Ops between floating-point numbers, and which of their inputs get a gradient from that of the first output; None for
all of them."""


def tensors_with_gradient(nodes: Mapping[str, NodeDef], outputs: Iterable[str]) -> set[tuple[str, int]]:
    """The tensors that get a gradient if these outputs have one: these, and what they are surely computed from.

    Only ops count that every network of layers has. A tensor that is not found may get a gradient nevertheless.

    Args:
        nodes: the graph, by node name.
        outputs: names of tensors of floating-point numbers.
    """
    found: set[tuple[str, int]] = set()
    waiting = [split_tensor_name(name) for name in outputs]
    while waiting:
        tensor = waiting.pop()
        if tensor in found:
            continue
        found.add(tensor)
        node = nodes[tensor[0]]
        if tensor[1] == 0 and ATTRIBUTE not in node.attr:
            waiting.extend(map(split_tensor_name, _inputs_with_gradient(node)))
    return found


def _inputs_with_gradient(node: NodeDef) -> list[str]:
    data = [name for name in node.input if not name.startswith("^")]
    if node.op == "Concat":
        return data[1:]
    if node.op == "ConcatV2":
        return data[:-1]
    which = _BETWEEN.get(node.op, ())
    # In a damaged graph a node may lack its inputs, which TensorFlow says when it is built.
    return data if which is _ALL else [data[index] for index in which if index < len(data)]
