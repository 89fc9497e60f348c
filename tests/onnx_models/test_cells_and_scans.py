"""Recurrent networks that are one op, and loops that count, through the forms without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub

pytest.importorskip("onnxruntime")

tf1, raw = tf.compat.v1, tf.raw_ops
X = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)


def variable(name: str, *shape: int) -> Any:
    return tf1.get_variable(
        name, shape, initializer=tf1.random_uniform_initializer(-0.5, 0.5, seed=len(name))
    )


def fused(x: Any, name: str, **attributes: Any) -> Any:
    """As `tf.contrib.rnn.LSTMBlockFusedCell` calls it: time first, as many steps as there are."""
    size, width = 4, x.shape[2]
    zeros = tf.zeros([tf.shape(x)[1], size])
    with tf1.variable_scope(name):
        return raw.BlockLSTM(
            seq_len_max=tf.cast(tf.shape(x)[0], tf.int64),
            x=x,
            cs_prev=zeros,
            h_prev=zeros,
            w=variable("kernel", int(width) + size, 4 * size),
            wci=variable("w_i_diag", size),
            wcf=variable("w_f_diag", size),
            wco=variable("w_o_diag", size),
            b=variable("bias", 4 * size),
            forget_bias=1.0,
            **attributes,
        )


def outputs_alone(x: Any) -> Any:
    """Two directions, as sentence encoders have them."""
    forward = fused(x, "forward", cell_clip=-1.0, use_peephole=True).h
    backward = fused(tf.reverse(x, [0]), "backward", cell_clip=-1.0, use_peephole=False).h
    return tf.concat([forward, tf.reverse(backward, [0])], 2)


def last_state(x: Any) -> Any:
    found = fused(x, "lstm", cell_clip=0.3, use_peephole=True)
    return tf.concat([found.cs[-1], found.h[-1]], 1)


def steps_that_count(x: Any) -> Any:
    """Half of the steps count; what lies behind them is not shown, as TensorFlow says nothing of it."""
    half = tf.shape(x)[0] // 2
    zeros = tf.zeros([tf.shape(x)[1], 2])
    found = raw.BlockLSTMV2(
        seq_len_max=tf.cast(half, tf.int64), x=x, cs_prev=zeros, h_prev=zeros, w=variable("kernel", 5, 8),
        wci=tf.zeros([2]), wcf=tf.zeros([2]), wco=tf.zeros([2]), b=variable("bias", 8), cell_clip=0.0,
    )  # fmt: skip
    return found.h[:half]


def products(x: Any) -> Any:
    """The weights of volume rendering: what light is left behind each point of a ray."""
    light = tf.exp(-tf.nn.relu(x))
    return (1 - light) * tf.math.cumprod(light, 0, exclusive=True) + tf.math.cumulative_logsumexp(x, 2)


def patches(x: Any) -> Any:
    """Similarity of a picture's patches, as attention over contexts in inpainting has it."""
    image = tf.transpose(x, [1, 0, 2])[..., tf.newaxis]
    found = tf.image.extract_patches(image, [1, 3, 3, 1], [1, 2, 1, 1], [1, 1, 1, 1], "SAME")
    pooled, places = tf.nn.max_pool_with_argmax(image, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    where = tf.unravel_index(tf.reshape(places, [-1]), tf.shape(image, out_type=tf.int64)[1:])
    return tf.concat(
        [tf.reshape(found, [-1]), tf.reshape(pooled, [-1]), tf.cast(tf.reshape(where, [-1]), tf.float32)], 0
    )


def saliency(x: Any) -> Any:
    """What a network's answer hangs on: its gradient by the picture, as an output."""
    image = tf.transpose(x, [1, 0, 2])[..., tf.newaxis]
    found = tf1.nn.conv2d(image, variable("kernel", 3, 3, 1, 4), [1, 1, 1, 1], "SAME")
    ones, zeros = tf.ones([4]), tf.zeros([4])
    found, _, _ = tf1.nn.fused_batch_norm(found, ones * 1.2, zeros, zeros + 0.1, ones, is_training=False)
    found = tf1.nn.max_pool(tf.nn.relu(found), [1, 2, 2, 1], [1, 2, 2, 1], "SAME")[:, :2]
    (slope,) = tf.gradients(tf.reduce_sum(tf.nn.sigmoid(found)), [image])
    return slope


def counted(x: Any) -> Any:
    """A loop that counts down, by its function."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None, None, 3])])
    def body(index: Any, value: Any) -> Any:
        return value * 0.5 + tf.cast(index, tf.float32)

    (found,) = raw.For(start=tf.shape(x)[0], limit=-2, delta=-2, input=[x], body=body.get_concrete_function())
    return found


def divided(x: Any) -> Any:
    """Rows of a variable that the call divides."""
    table = tf1.get_variable("table", [3, 2], initializer=tf1.ones_initializer(), use_resource=False)
    return tf.identity(tf1.scatter_div(table, [0, 2], 2 + tf.abs(x[0, :2, :2])))


@pytest.fixture(
    params=[outputs_alone, last_state, steps_that_count, products, patches, saliency, counted, divided]
)
def program(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_every_form_gives_what_the_session_gives(program: Any, tmp_path: Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, None, 3])
        hub.add_signature(inputs=x, outputs=program(x))

    path = str(tmp_path / "module")
    hub.load(hub.create_module_spec(module_fn)).export(path)
    with tf.Graph().as_default():
        given = tf1.placeholder(tf.float32, X.shape)
        output = hub.Module(path)(given)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            expected = session.run(output, {given: X})
    for engine in ("numpy", "jax", "onnx"):
        found = hub.Predictor(path, engine=engine)(X)["default"]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6, err_msg=engine)
