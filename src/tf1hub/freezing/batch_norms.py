"""Batch normalizations that become part of the convolutions before them.

TensorFlow fuses a convolution with a bias, an addition and an activation into one op, and one with a batch normalization
only without the addition that ends a block of a residual network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.stored_tensors import array_of
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.freezing.stored_constants import constant
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_definitions import attribute
from tf1hub.graphdef.op_record import recorded_definition

_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_DEPTHWISE = "DepthwiseConv2dNative"
_CONVOLUTIONS = ("Conv2D", _DEPTHWISE)


def fold_batch_norms(graph: GraphDef, given: Collection[str]) -> int:
    """Multiplies kernels by the scales of the batch normalizations that follow, which become additions of a bias.

    A node keeps its name, and the first output of a normalization its value but for rounding. A convolution that something
    else uses too, or that is asked for, stays as it is.

    Args:
        graph: is changed.
        given: the names of tensors that are fed or fetched.

    Returns:
        How many normalizations were folded.
    """
    folding = _Folding(graph, given)
    return sum(folding.fold(node) for node in list(graph.node) if node.op in _NORMS)


class _Folding:
    def __init__(self, graph: GraphDef, given: Collection[str]) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.node}
        self._names = set(self._nodes)
        self._given = {*map(tensor_name, given)}
        taken = (tensor_name(edge) for node in graph.node for edge in node.input if not edge.startswith("^"))
        self._uses = Counter(taken)

    def fold(self, norm: NodeDef) -> bool:
        """Folds a normalization where that gives the same; whether it did."""
        convolution = self._nodes[node_of(norm.input[0])]
        if not self._can_follow(norm, convolution):
            return False
        kernel = self._constant(convolution.input[1])
        found = [self._constant(edge) for edge in norm.input[1:5]]
        if kernel is None or kernel.ndim != 4:
            return False
        # The outputs of a depthwise convolution are some for each of its inputs.
        channels = kernel.shape[2:] if convolution.op == _DEPTHWISE else kernel.shape[3:]
        count = int(np.prod(channels))
        numbers = [
            value.astype(np.float64) for value in found if value is not None and value.shape == (count,)
        ]
        if len(numbers) < len(found):
            return False
        scale, offset, mean, variance = numbers
        with np.errstate(all="ignore"):
            factor = scale / np.sqrt(variance + attribute("epsilon", norm, _definition(norm)).f)
            scaled = (kernel * factor.reshape(channels)).astype(np.float32)
            bias = (offset - mean * factor).astype(np.float32)
        if not (np.isfinite(scaled).all() and np.isfinite(bias).all()):
            return False
        layout = _layout(norm)
        convolution.input[1] = self._put(convolution.input[1], scaled)
        added = self._put(norm.input[2], bias)
        norm.op = "BiasAdd"
        norm.input[1:5] = [added]
        norm.attr.clear()
        norm.attr["T"].type = dtypes.FLOAT
        norm.attr["data_format"].s = layout
        return True

    def _can_follow(self, norm: NodeDef, convolution: NodeDef) -> bool:
        """Whether a normalization of known numbers is all that uses a convolution, and only its first output is used."""
        result = f"{convolution.name}:0"
        others = [f"{norm.name}:{output}" for output in range(1, 6)]
        return (
            convolution.op in _CONVOLUTIONS
            and self._uses[result] == 1
            and result not in self._given
            and not any(self._uses[other] or other in self._given for other in others)
            and not attribute("is_training", norm, _definition(norm)).b
            and convolution.attr["T"].type == norm.attr["T"].type == dtypes.FLOAT
            and _layout(convolution) == _layout(norm)
        )

    def _way_to(self, edge: str) -> list[NodeDef]:
        """The nodes from an edge to where its value comes from, through what only hands it on."""
        way = [self._nodes[node_of(edge)]]
        while way[-1].op == "Identity" and f"{way[-1].name}:0" not in self._given:
            way.append(self._nodes[node_of(way[-1].input[0])])
        return way

    def _constant(self, edge: str) -> npt.NDArray[Any] | None:
        source = self._way_to(edge)[-1]
        if source.op != "Const" or f"{source.name}:0" in self._given:
            return None
        return array_of(source.attr["value"].tensor)

    def _put(self, edge: str, value: npt.NDArray[Any]) -> str:
        """An edge with another value: of the same constant where nothing else uses it, else of a new one."""
        way = self._way_to(edge)
        source = way[-1]
        if all(self._uses[f"{node.name}:0"] == 1 for node in way):
            source.attr["value"].tensor.CopyFrom(constant(value, dtypes.FLOAT))
            return edge
        name = free_name(f"{source.name}/folded", self._names)
        self._names.add(name)
        # In the frame and branch of the other.
        controls = [control for control in source.input if control.startswith("^")]
        added = self._graph.node.add(name=name, op="Const", input=controls)
        added.attr["dtype"].type = dtypes.FLOAT
        added.attr["value"].tensor.CopyFrom(constant(value, dtypes.FLOAT))
        self._uses[tensor_name(edge)] -= 1
        return name


def _definition(node: NodeDef) -> Any:
    return recorded_definition(node.op)


def _layout(node: NodeDef) -> bytes:
    return bytes(attribute("data_format", node, _definition(node)).s)
