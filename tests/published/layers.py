"""Layers as TF-Slim and the programs of its time built them: from variables and plain ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

tf1 = tf.compat.v1

WEIGHT_DECAY = 4e-5


def weight_decay(w: Any) -> Any:
    return WEIGHT_DECAY * tf.nn.l2_loss(w)


def variable(name: str, shape: Sequence[int], **options: Any) -> Any:
    return tf1.get_variable(name, shape, tf.float32, **options)


def convolution(
    x: Any,
    filters: int,
    size: Any,
    scope: str,
    stride: int = 1,
    padding: str = "SAME",
    normalize: Callable[[Any], Any] | None = None,
    activation: Callable[[Any], Any] | None = tf.nn.relu,
    rate: int = 1,
) -> Any:
    """`slim.conv2d`: a bias where nothing normalizes."""
    height, width = (size, size) if isinstance(size, int) else size
    with tf1.variable_scope(scope):
        kernel = variable("weights", [height, width, x.shape[3], filters], regularizer=weight_decay)
        x = tf1.nn.conv2d(x, kernel, [1, stride, stride, 1], padding, dilations=[1, rate, rate, 1])
        if normalize is None:
            x = tf.nn.bias_add(x, variable("biases", [filters], initializer=tf1.zeros_initializer()))
        else:
            x = normalize(x)
        return x if activation is None else activation(x)


def depthwise(
    x: Any, size: int, scope: str, stride: int = 1, normalize: Any = None, activation: Any = None
) -> Any:
    """The depthwise half of `slim.separable_conv2d`."""
    with tf1.variable_scope(scope):
        kernel = variable("depthwise_weights", [size, size, x.shape[3], 1])
        x = tf1.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")
        x = x if normalize is None else normalize(x)
        return x if activation is None else activation(x)


def batch_norm(
    is_training: bool, decay: float = 0.9, epsilon: float = 1e-3, scale: bool = True
) -> Callable[[Any], Any]:
    """`slim.batch_norm`: the fused op, and update ops for the moving averages."""

    def normalize(x: Any) -> Any:
        shape = [x.shape[-1]]
        with tf1.variable_scope("BatchNorm"):
            beta = variable("beta", shape, initializer=tf1.zeros_initializer())
            gamma = (
                variable("gamma", shape, initializer=tf1.ones_initializer())
                if scale
                else tf.constant(1.0, shape=shape)
            )
            mean = variable("moving_mean", shape, initializer=tf1.zeros_initializer(), trainable=False)
            variance = variable("moving_variance", shape, initializer=tf1.ones_initializer(), trainable=False)
            if not is_training:
                return tf1.nn.fused_batch_norm(x, gamma, beta, mean, variance, epsilon, is_training=False)[0]
            x, of_batch, spread = tf1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)
            for average, value in ((mean, of_batch), (variance, spread)):
                moved = tf1.assign_sub(average, (average - value) * (1.0 - decay))
                tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, moved)
            return x

    return normalize


def dense(
    x: Any, units: int, scope: str, activation: Any = None, bias: bool = True, inputs: int | None = None
) -> Any:
    """`tf.layers.dense`, of any rank."""
    with tf1.variable_scope(scope):
        kernel = variable("kernel", [inputs or x.shape[-1], units])
        x = tf.matmul(x, kernel) if x.shape.rank == 2 else tf.tensordot(x, kernel, [[x.shape.rank - 1], [0]])
        if bias:
            x = tf.nn.bias_add(x, variable("bias", [units], initializer=tf1.zeros_initializer()))
        return x if activation is None else activation(x)


def dropout(x: Any, keep_prob: float, is_training: bool) -> Any:
    """What `tf.nn.dropout` was up to TensorFlow 1.12. Of 1.0 it keeps everything, and its ops stay in the graph."""
    if not is_training:
        return x
    kept = tf.floor(keep_prob + tf1.random_uniform(tf.shape(x)))
    return tf.math.divide(x, keep_prob) * kept


def layer_norm(x: Any, scope: str = "LayerNorm", epsilon: float = 1e-12) -> Any:
    """`tf.contrib.layers.layer_norm` over the last axis."""
    with tf1.variable_scope(scope):
        beta = variable("beta", [x.shape[-1]], initializer=tf1.zeros_initializer())
        gamma = variable("gamma", [x.shape[-1]], initializer=tf1.ones_initializer())
        mean, variance = tf1.nn.moments(x, [-1], keep_dims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def gelu(x: Any) -> Any:
    """The Gaussian error linear unit, by its tanh."""
    return x * 0.5 * (1.0 + tf.tanh(0.7978845608 * (x + 0.044715 * tf.pow(x, 3))))


class LSTMCell:
    """`tf.nn.rnn_cell.LSTMCell` with a projection and clipping, as ELMo has it."""

    def __init__(self, units: int, projection: int, clip: float = 3.0) -> None:
        self._units = units
        self._projection = projection
        self._clip = clip
        self.state_size = (units, projection)
        self.output_size = projection

    def zero_state(self, batch: Any, dtype: Any) -> Any:
        return tuple(tf.zeros([batch, size], dtype) for size in self.state_size)

    def __call__(self, x: Any, state: Any, scope: str | None = None) -> Any:
        cell, before = state
        with tf1.variable_scope(scope or "lstm_cell"):
            kernel = variable("kernel", [x.shape[-1] + self._projection, 4 * self._units])
            bias = variable("bias", [4 * self._units], initializer=tf1.zeros_initializer())
            gates = tf.nn.bias_add(tf.matmul(tf.concat([x, before], 1), kernel), bias)
            i, j, f, o = tf.split(gates, 4, 1)
            cell = tf.sigmoid(f + 1.0) * cell + tf.sigmoid(i) * tf.tanh(j)
            cell = tf.clip_by_value(cell, -self._clip, self._clip)
            out = tf.matmul(
                tf.sigmoid(o) * tf.tanh(cell), variable("projection/kernel", [self._units, self._projection])
            )
            out = tf.clip_by_value(out, -self._clip, self._clip)
        return out, (cell, out)
