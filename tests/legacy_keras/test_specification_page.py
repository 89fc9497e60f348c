"""The example of the TF1 Hub format's own page, as it stands there: with `tf.layers`."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _layers_may_be_deprecated() -> object:
    with warnings.catch_warnings():
        # TensorFlow's word on tf.layers, not on anything of ours.
        warnings.filterwarnings("ignore", message=r".*`tf\.layers", category=UserWarning)
        yield


def module_fn() -> None:
    inputs = tf1.placeholder(dtype=tf.float32, shape=[None, 50])
    layer1 = tf1.layers.dense(inputs, 200)
    layer2 = tf1.layers.dense(layer1, 100)
    outputs = {"default": layer2, "hidden_activations": layer1}
    # Add default signature.
    hub.add_signature(inputs=inputs, outputs=outputs)


def regularized_module_fn(is_training: bool) -> None:
    inputs = tf1.placeholder(tf.float32, [None, 50])
    hidden = tf1.layers.dense(inputs, 20, kernel_regularizer=lambda w: 0.5 * tf.nn.l2_loss(w))
    normalized = tf1.layers.batch_normalization(hidden, training=is_training, momentum=0.9)
    hub.add_signature(inputs=inputs, outputs=normalized)


def test_the_pages_module_computes_two_dense_layers(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((3, 50), dtype=np.float32)
    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            module.export(str(tmp_path / "module"), session)
    weights = hub.read_variables(tmp_path / "module")
    assert sorted(weights) == ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"]
    hidden = x @ weights["dense/kernel"] + weights["dense/bias"]
    with tf.Graph().as_default():
        outputs = hub.Module(str(tmp_path / "module"))(x, as_dict=True)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            values = session.run(outputs)
    np.testing.assert_allclose(values["hidden_activations"], hidden, rtol=1e-5, atol=1e-5)
    expected = hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"]
    np.testing.assert_allclose(values["default"], expected, rtol=1e-5, atol=1e-5)


def test_regularizers_and_batch_norm_of_tf_layers_arrive_for_fine_tuning() -> None:
    variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    spec = hub.create_module_spec(regularized_module_fn, variants)
    x = np.random.default_rng(0).random((8, 50), dtype=np.float32)
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True, tags={"train"})
        module(x)
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        (loss,) = tf1.losses.get_regularization_losses()
        variables = module.variable_map
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            kernel = session.run(variables["dense/kernel"])
            np.testing.assert_allclose(session.run(loss), 0.25 * np.sum(kernel**2), rtol=1e-5)
            assert len(updates) == 2
            session.run(updates)
            mean = session.run(variables["batch_normalization/moving_mean"])
    np.testing.assert_allclose(mean, 0.1 * (x @ kernel).mean(axis=0), rtol=1e-4, atol=1e-6)
