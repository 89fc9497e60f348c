"""The network: three convolutions and a dense layer, each with batch normalization.

Written with plain `tf.compat.v1` ops and variables, which work on every
TensorFlow; `tf.layers` is gone from TensorFlow 2.16 and later.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

tf1 = tf.compat.v1

FEATURES = 64
# Small enough that fine-tuning on a few dozen images still moves the averages.
MOMENTUM = 0.9


def feature_vector(images: tf.Tensor, is_training: bool) -> tf.Tensor:
    """Turns images [N, 8, 8, 3] into features [N, 64]."""
    x = images
    for i, (depth, stride) in enumerate([(32, 1), (64, 2), (64, 2)]):
        with tf1.variable_scope(f"conv{i}"):
            kernel = weights([3, 3, x.shape[-1], depth])
            x = tf.nn.conv2d(x, kernel, strides=stride, padding="SAME")
            x = tf.nn.relu(batch_norm(x, is_training))
    with tf1.variable_scope("features"):
        x = tf.reshape(x, [-1, 2 * 2 * 64])
        x = tf.matmul(x, weights([2 * 2 * 64, FEATURES]))
        return tf.nn.relu(batch_norm(x, is_training))


def logits_of(features: tf.Tensor, num_classes: int) -> tf.Tensor:
    """A linear classifier: features [N, F] to logits [N, num_classes]."""
    with tf1.variable_scope("logits"):
        bias = tf1.get_variable("bias", [num_classes], initializer=tf1.zeros_initializer())
        return tf.matmul(features, weights([features.shape[-1], num_classes])) + bias


def weights(shape: Sequence[int]) -> tf.Variable:
    """A variable with L2 regularization, which a module hands to whoever fine-tunes it."""
    return tf1.get_variable(
        "weights",
        shape,
        initializer=tf1.variance_scaling_initializer(2.0),
        regularizer=lambda w: 1e-4 * tf.nn.l2_loss(w),
    )


def batch_norm(x: tf.Tensor, is_training: bool) -> tf.Tensor:
    """Normalizes over all axes but the last; in training, the averages move through UPDATE_OPS."""
    depth = x.shape[-1]
    gamma = tf1.get_variable("gamma", [depth], initializer=tf1.ones_initializer())
    beta = tf1.get_variable("beta", [depth], initializer=tf1.zeros_initializer())
    moving_mean = tf1.get_variable(
        "moving_mean", [depth], initializer=tf1.zeros_initializer(), trainable=False
    )
    moving_variance = tf1.get_variable(
        "moving_variance", [depth], initializer=tf1.ones_initializer(), trainable=False
    )
    if is_training:
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        for average, now in ((moving_mean, mean), (moving_variance, variance)):
            update = average.assign_sub((average - now) * (1 - MOMENTUM))
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
    else:
        mean, variance = tf.identity(moving_mean), tf.identity(moving_variance)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
