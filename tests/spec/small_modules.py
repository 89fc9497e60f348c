"""Small modules on disk, for the tests of inspecting, comparing and checking."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import tf1hub as hub
from tf1hub.format.attachments import set_attachments
from tf1hub.spec.module_spec import ModuleSpec

tf1 = tf.compat.v1

BOTH = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


def with_attachments(spec: ModuleSpec, values: Mapping[str, bytes]) -> ModuleSpec:
    for graph in spec.saved_model.meta_graphs:
        set_attachments(graph, values)
    return ModuleSpec(spec.saved_model, spec.name, asset_paths=spec.asset_paths)


def export(spec: ModuleSpec, path: pathlib.Path, tags: set[str] | None = None, seed: int = 0) -> str:
    """Writes a module whose variables have numbers of a seed; returns the path."""
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec, tags=tags)
        session.run(tf1.global_variables_initializer())
        rng = np.random.default_rng(seed)
        for variable in tf1.global_variables():
            variable.load(
                rng.normal(size=variable.shape).astype(variable.dtype.base_dtype.as_numpy_dtype), session
            )
        module.export(str(path), session)
    return str(path)


def dense(width: int = 3, extra_output: bool = False) -> Callable[[], None]:
    """A kernel [4, width] and a bias, the bias not trainable."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        kernel = tf1.get_variable("kernel", [4, width])
        bias = tf1.get_variable("bias", [width], trainable=False)
        y = x @ kernel + bias
        hub.add_signature(inputs=x, outputs={"default": y, "sum": tf.reduce_sum(y, 1)} if extra_output else y)

    return module_fn


def images(
    is_training: bool = False,
    momentum: Any = 0.9,
    use_resource: bool = True,
    size: int | None = None,
    regularized: bool = True,
) -> None:
    """An image feature vector with batch normalization, whose averages the update ops keep."""
    x = tf1.placeholder(tf.float32, [None, size, size, 3])
    with tf1.variable_scope("", use_resource=use_resource):
        kernel = tf1.get_variable(
            "kernel", [1, 1, 3, 2], regularizer=(lambda w: 1e-4 * tf.nn.l2_loss(w)) if regularized else None
        )
        scale = tf1.get_variable("gamma", [2], initializer=tf1.ones_initializer())
        offset = tf1.get_variable("beta", [2], initializer=tf1.zeros_initializer())
        mean = tf1.get_variable("moving_mean", [2], initializer=tf1.zeros_initializer(), trainable=False)
        variance = tf1.get_variable(
            "moving_variance", [2], initializer=tf1.ones_initializer(), trainable=False
        )
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    if is_training:
        y, batch_mean, batch_variance = tf1.nn.fused_batch_norm(y, scale, offset)
        for moving, batch in ((mean, batch_mean), (variance, batch_variance)):
            update = tf1.assign_sub(moving, (moving - batch) * (1.0 - momentum))
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
    else:
        y, _, _ = tf1.nn.fused_batch_norm(y, scale, offset, mean, tf.abs(variance), is_training=False)
    features = tf.reduce_mean(y, [1, 2])
    hub.add_signature(inputs=x, outputs=features)
    hub.add_signature("image_feature_vector", inputs={"images": x}, outputs=features)


def text(vocabulary: str) -> None:
    """A text embedding with an asset."""
    sentences = tf1.placeholder(tf.string, [None])
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            vocabulary,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=1,
    )
    embeddings = tf1.get_variable("embeddings", [4, 5])
    hub.add_signature(inputs=sentences, outputs=tf.gather(embeddings, table.lookup(sentences)))
