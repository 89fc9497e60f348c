"""Ops of early graphs that TensorFlow makes no more, and still runs in graphs that say they are old."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("tensorflow")

import tensorflow as tf
from onnx_models.op_models import run_op

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef.op_record import recorded_definition

NUMBERS = np.random.default_rng(0)


def node_of(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> NodeDef:
    node = NodeDef(name="it", op=kind, input=[f"given{index}" for index in range(len(inputs))])
    node.attr["T"].type = tf.float32.as_datatype_enum
    for name, value in attributes.items():
        setattr(node.attr[name], {bool: "b", int: "i", float: "f"}[type(value)], value)
    return node


def by_old_graph(node: NodeDef, inputs: list[Any]) -> list[Any]:
    """What TensorFlow's kernel gives in a graph of version 5."""
    tf1 = tf.compat.v1
    message = tf1.GraphDef()
    message.versions.producer = 5
    for name in node.input:
        given = message.node.add(name=name, op="Placeholder")
        given.attr["dtype"].type = tf.float32.as_datatype_enum
    message.node.add().ParseFromString(node.SerializeToString())
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        tf.graph_util.import_graph_def(message, name="")
        feeds = {f"{name}:0": value for name, value in zip(node.input, inputs, strict=True)}
        found: list[Any] = session.run(graph.get_operation_by_name("it").outputs, feeds)
        return found


X = NUMBERS.random((2, 3, 3, 4), np.float32)
OF_CHANNELS = [NUMBERS.random(4, np.float32) + 0.5 for _ in range(4)]


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes"),
    [
        ("TopK", [X[0, 0]], {"k": 2, "sorted": True}),
        *(
            (
                "BatchNormWithGlobalNormalization",
                [X, *OF_CHANNELS],
                {"variance_epsilon": 0.001, "scale_after_normalization": scaled},
            )
            for scaled in (False, True)
        ),
    ],
)
def test_numpy_and_onnx_give_what_tensorflow_gives(
    kind: str, inputs: list[Any], attributes: dict[str, Any]
) -> None:
    node = node_of(kind, inputs, attributes)
    # Today's TensorFlow has no kernel of TopK that its own op can find.
    expected = tf.math.top_k(inputs[0], 2) if kind == "TopK" else by_old_graph(node, inputs)
    kernel = kernel_of(kind)
    assert kernel is not None
    found = kernel.function(np, attributes_of(node, recorded_definition(kind)), *inputs)
    in_models = [
        run_op(node, inputs, [False] * len(inputs), open_sizes=open_sizes) for open_sizes in (False, True)
    ]
    for outputs in (found, *in_models):
        for mine, wanted in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-5)
