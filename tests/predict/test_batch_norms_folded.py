"""Sessions of constants: a batch normalization becomes part of the convolution before it, where that gives the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import building
import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


def _norm(x: Any, name: str, *, is_training: bool = False) -> Any:
    depth = x.shape[1 if name.startswith("nchw") else -1]
    with tf1.variable_scope(name):
        numbers = [
            tf1.get_variable(each, [depth], initializer=tf1.random_uniform_initializer(0.5, 2.0, seed=seed))
            for seed, each in enumerate(("gamma", "beta", "mean", "variance"))
        ]
    given = {} if is_training else {"mean": numbers[2], "variance": numbers[3]}
    return tf1.nn.fused_batch_norm(x, *numbers[:2], **given, epsilon=0.01, is_training=is_training)[0]


def _convolve(x: Any, name: str, depth: int, op: Any = tf.nn.conv2d) -> Any:
    kernel = tf1.get_variable(
        name, [3, 3, x.shape[-1], depth], initializer=tf1.random_normal_initializer(seed=len(name))
    )
    return op(x, kernel, [1, 1, 1, 1], "SAME")


def _module() -> None:
    images = tf1.placeholder(tf.float32, [None, 8, 8, 4], name="images")
    block = tf.nn.relu(_norm(_convolve(images, "plain", 4), "a") + images)
    deep = tf.nn.relu6(_norm(_convolve(block, "depthwise", 3, tf.nn.depthwise_conv2d), "b"))
    used_twice = _convolve(deep, "used_twice", 5)
    twice = _norm(used_twice, "c") * tf.reduce_mean(used_twice)
    shared = tf1.get_variable("shared", [1, 1, 5, 5], initializer=tf1.random_normal_initializer(seed=1))
    for name in ("d", "e"):
        twice = tf.identity(_norm(tf.nn.conv2d(twice, shared, 1, "SAME"), name), name=f"normed_{name}")
    counted = _norm(_convolve(twice, "counted", 2), "f", is_training=True)
    hub.add_signature(inputs=images, outputs=tf.reduce_mean(counted * [1.0, 2.0] + counted, [1, 2]))
    hub.add_signature("inner", images, {"convolved": block, "normed": deep, "images": images})


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    return building.export(_module, tmp_path_factory.mktemp("norms") / "module")


IMAGES = np.random.default_rng(0).random((3, 8, 8, 4), np.float32)


def _norms(predictor: hub.Predictor) -> list[str]:
    nodes = predictor._signature.compute.session.graph.as_graph_def().node  # type: ignore[attr-defined]
    return [node.name for node in nodes if node.op.startswith("FusedBatchNorm")]


@pytest.mark.parametrize("signature", ["default", "inner"])
def test_folded_networks_give_what_the_graph_gives(module: str, signature: str) -> None:
    ours = hub.Predictor(module, signature, engine="tensorflow")
    # What takes statistics of its batch, and what is not all that uses a convolution, stays.
    assert len(_norms(ours)) == (2 if signature == "default" else 0)
    with tf.Graph().as_default():
        wanted = building.run(hub.Module(module)(IMAGES, signature=signature, as_dict=True))
    found = ours(IMAGES)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, 1e-4, 1e-4 * np.abs(value).max())


def test_a_convolution_that_is_asked_for_keeps_its_numbers(module: str) -> None:
    outputs = {"both": "Conv2D:0", "normed": "Relu:0"}
    ours = hub.Predictor(module, "inner", engine="tensorflow", outputs=outputs)
    assert _norms(ours)
    plain = hub.Predictor(module, "inner", engine="numpy", outputs=outputs)
    for name, value in plain(IMAGES).items():
        np.testing.assert_allclose(ours(IMAGES)[name], value, 1e-4, 1e-4)


def test_numbers_that_leave_the_range_of_floats_are_not_folded(tmp_path: Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2, 2, 1])
        kernel = tf1.get_variable("kernel", initializer=np.full([1, 1, 1, 1], 1e30, np.float32))
        gamma = tf1.get_variable("gamma", initializer=np.full([1], 1e30, np.float32))
        zero, one = (tf1.get_variable(f"n{n}", initializer=np.full([1], n, np.float32)) for n in (0, 1))
        normed = tf1.nn.fused_batch_norm(
            tf.nn.conv2d(x, kernel, 1, "SAME"), gamma, zero, zero, one, is_training=False
        )
        hub.add_signature(inputs=x, outputs=normed[0])

    ours = hub.Predictor(building.export(module_fn, tmp_path / "m"), engine="tensorflow")
    assert len(_norms(ours)) == 1
    np.testing.assert_allclose(ours(np.full([1, 2, 2, 1], 1e-30, np.float32))["default"], 1e30, 1e-3)
