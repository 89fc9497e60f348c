"""Makes the modules that the benchmarks measure.

    python -m benchmarks.make_module residual PATH --library tf1hub

The graphs are written with plain `tf.compat.v1` ops, so that every TensorFlow
from 2.15 on makes them, with either library.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from types import ModuleType

import tensorflow as tf

from benchmarks.harness import WEIGHTS
from benchmarks.language_model import elmo
from benchmarks.networks import nasnet
from benchmarks.published_networks import bert_base, resnet50, sentences

tf1 = tf.compat.v1

LAYERS = 80
VARIABLES = 400  # a kernel and the four variables of a batch norm, per layer


def batch_norm(x: tf.Tensor, is_training: bool) -> tf.Tensor:
    depth = x.shape[-1]
    gamma = tf1.get_variable("gamma", [depth], initializer=tf1.ones_initializer())
    beta = tf1.get_variable("beta", [depth], initializer=tf1.zeros_initializer())
    mean = tf1.get_variable("moving_mean", [depth], initializer=tf1.zeros_initializer(), trainable=False)
    variance = tf1.get_variable(
        "moving_variance", [depth], initializer=tf1.ones_initializer(), trainable=False
    )
    if not is_training:
        y, _, _ = tf1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)
        return y
    y, batch_mean, batch_variance = tf1.nn.fused_batch_norm(x, gamma, beta)
    for moving, batch in ((mean, batch_mean), (variance, batch_variance)):
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, moving.assign_sub((moving - batch) * 0.1))
    return y


def conv_layer(x: tf.Tensor, depth: int, stride: int, is_training: bool) -> tf.Tensor:
    kernel = tf1.get_variable(
        "kernel",
        [3, 3, x.shape[-1], depth],
        initializer=tf1.variance_scaling_initializer(),
        regularizer=lambda w: 1e-4 * tf.nn.l2_loss(w),
    )
    return batch_norm(tf.nn.conv2d(x, kernel, strides=stride, padding="SAME"), is_training)


def residual_module_fn(hub: ModuleType, is_training: bool) -> None:
    """A residual network of 80 convolutions, each with a batch norm: 400 variables."""
    images = tf1.placeholder(tf.float32, [None, 32, 32, 3], name="images")
    x = images
    for block in range(LAYERS // 2):
        depth, stride = 8 * 2 ** (block // 14), 2 if block in (0, 14, 28) else 1
        with tf1.variable_scope(f"block{block}"):
            shortcut = x
            with tf1.variable_scope("conv1"):
                x = tf.nn.relu(conv_layer(x, depth, stride, is_training))
            with tf1.variable_scope("conv2"):
                x = conv_layer(x, depth, 1, is_training)
            x = tf.nn.relu(x + shortcut if shortcut.shape.as_list() == x.shape.as_list() else x)
    features = tf.reduce_mean(x, [1, 2])
    hub.add_signature(inputs=images, outputs=features)
    hub.add_signature("image_feature_vector", inputs={"images": images}, outputs=features)


def big_module_fn(hub: ModuleType) -> None:
    """500 MB of weights behind a lookup, whose run itself takes next to no memory."""
    ids = tf1.placeholder(tf.int32, [None], name="ids")
    rows, columns, tables = 25_000, 1_000, 5
    looked_up = []
    for i in range(tables):
        table = tf1.get_variable(
            f"table{i}", [rows, columns], initializer=tf1.random_uniform_initializer(-1.0, 1.0, seed=i)
        )
        looked_up.append(tf.gather(table, ids))
    assert rows * columns * tables * 4 == WEIGHTS
    hub.add_signature(inputs=ids, outputs=tf.add_n(looked_up))


_INFERENCE = {
    "big": big_module_fn,
    "resnet50": resnet50,
    "bert_base": bert_base,
    "elmo": elmo,
    "sentences": sentences,
}
"""Modules of one variant."""


def make_module(kind: str, path: Path, hub: ModuleType) -> None:
    """Exports a module with values as after training: nothing is still zero or one."""
    if kind in ("residual", "nasnet"):
        network = residual_module_fn if kind == "residual" else nasnet
        variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
        spec = hub.create_module_spec(lambda is_training: network(hub, is_training), variants)
        tags = {"train"}
    else:
        spec, tags = hub.create_module_spec(lambda: _INFERENCE[kind](hub)), None
    with tf.Graph().as_default():
        module = hub.Module(spec, tags=tags)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            if kind == "residual":
                assert len(module.variable_map) == VARIABLES, len(module.variable_map)
                noise = {
                    v.ref(): tf.random.uniform(v.shape, -0.1, 0.1, seed=7) for v in tf1.global_variables()
                }
                session.run([v.assign_add(noise[v.ref()]) for v in tf1.global_variables()])
            module.export(str(path), session)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=["residual", "nasnet", *_INFERENCE])
    parser.add_argument("path", type=Path)
    parser.add_argument("--library", default="tf1hub", help="tf1hub or tensorflow_hub")
    args = parser.parse_args()
    make_module(args.kind, args.path, importlib.import_module(args.library))
