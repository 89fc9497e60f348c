"""ResNet-50 in ONNX as a person would write it: what the best conversion could reach.

Channels first throughout, batch normalization folded into the convolutions, no transposes, no reshapes. ONNX Runtime
fuses each convolution with its addition and activation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """The nodes and weights of a network, one layer after the other."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def weight(self, array: npt.NDArray[Any]) -> str:
        """A weight, and its name."""
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def apply(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node, and the name of its output."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolve(self, x: str, depth_in: int, depth: int, width: int, stride: int) -> str:
        """A convolution with what was a batch normalization as its bias."""
        scale = np.sqrt(2 / (width * width * depth_in))
        kernel = self._random.normal(0, scale, (depth, depth_in, width, width))
        return self.apply(
            "Conv",
            x,
            self.weight(kernel),
            self.weight(self._random.normal(0, 0.01, depth)),
            kernel_shape=[width, width],
            strides=[stride, stride],
            pads=_same(width, stride),
        )


def _same(width: int, stride: int) -> list[int]:
    """TensorFlow's "SAME" for sizes that the stride divides."""
    total = width - stride if stride > 1 else width - 1
    before = max(total, 0) // 2
    return [before, before, max(total, 0) - before, max(total, 0) - before]


def resnet50() -> onnx.ModelProto:
    """The model, from `images` `[batch, 3, 224, 224]` to `logits` `[batch, 1001]`."""
    net = Network()
    x = net.apply("Relu", net.convolve("images", 3, 64, 7, 2))
    x = net.apply("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=_same(3, 2))
    before = 64
    for stage, (blocks, depth) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            shortcut = x if block else net.convolve(x, before, 4 * depth, 1, stride)
            y = net.apply("Relu", net.convolve(x, before, depth, 1, 1))
            y = net.apply("Relu", net.convolve(y, depth, depth, 3, stride))
            y = net.convolve(y, depth, 4 * depth, 1, 1)
            x = net.apply("Relu", net.apply("Add", y, shortcut))
            before = 4 * depth
    features = net.apply("Flatten", net.apply("GlobalAveragePool", x))
    dense = net.weight(np.random.default_rng(1).normal(0, 0.02, (before, 1001)))
    net.nodes.append(helper.make_node("Gemm", [features, dense, net.weight(np.zeros(1001))], ["logits"]))
    graph = helper.make_graph(
        net.nodes,
        "resnet50",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1001])],
        net.weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
