"""A network as large as the largest that were published, written with plain `tf.compat.v1` ops.

Its sizes are the published ones: of variables, nodes and weights. Images are smaller, so that what is measured is not
the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import tensorflow as tf

tf1 = tf.compat.v1

IMAGE_SIDE = 64


def nasnet(hub: ModuleType, is_training: bool, filters: int = 176, cells: int = 18) -> None:
    """NASNet-A of the size of the large one: 88 million parameters in 1,547 variables, 18,000 and 21,000 nodes."""
    images = tf1.placeholder(tf.float32, [None, IMAGE_SIDE, IMAGE_SIDE, 3], name="images")
    net = _Convolutions(is_training)
    stem = net.batch_norm("stem_norm", net.conv("stem", images, 3, 96, 2))
    before, x = stem, net.cell("stem_cell0", _REDUCTION, stem, stem, filters // 4, 2)
    before, x = x, net.cell("stem_cell1", _REDUCTION, before, x, filters // 2, 2)
    for index in range(cells):
        if index and index % (cells // 3) == 0:
            filters *= 2
            before, x = x, net.cell(f"reduction{index}", _REDUCTION, before, x, filters, 2)
        before, x = x, net.cell(f"cell{index}", _NORMAL, before, x, filters, 1)
    x = tf.nn.relu(x)
    logits = net.dense("logits", tf.reduce_mean(x, [1, 2]), 1001)
    hub.add_signature(inputs=images, outputs=logits)
    hub.add_signature("image_classification", inputs={"images": images}, outputs=logits)


# Of each block of a cell: for its two sides the op, its width, and which of the states before it takes.
_Block = tuple[tuple[str, int, int], tuple[str, int, int]]
_NORMAL: tuple[_Block, ...] = (
    (("separable", 5, 0), ("separable", 3, 1)),
    (("separable", 5, 1), ("separable", 3, 1)),
    (("average", 3, 0), ("same", 0, 1)),
    (("average", 3, 1), ("average", 3, 1)),
    (("separable", 3, 0), ("same", 0, 0)),
)
_REDUCTION: tuple[_Block, ...] = (
    (("separable", 5, 0), ("separable", 7, 1)),
    (("max", 3, 0), ("separable", 7, 1)),
    (("average", 3, 0), ("separable", 5, 1)),
    (("same", 0, 3), ("average", 3, 2)),
    (("separable", 3, 2), ("max", 3, 0)),
)


class _Convolutions:
    """The layers of image networks, as TensorFlow's of the time wrote them."""

    def __init__(self, is_training: bool) -> None:
        self._is_training = is_training

    def conv(self, name: str, x: tf.Tensor, width: int, depth: int, stride: int = 1) -> tf.Tensor:
        kernel = _weight(f"{name}/weights", [width, width, x.shape[-1], depth])
        return tf.nn.conv2d(x, kernel, strides=stride, padding="SAME")

    def separable(self, name: str, x: tf.Tensor, width: int, depth: int, stride: int) -> tf.Tensor:
        for part in ("first", "second"):
            depthwise = _weight(f"{name}/{part}/depthwise_weights", [width, width, x.shape[-1], 1])
            x = tf.nn.depthwise_conv2d(tf.nn.relu(x), depthwise, [1, stride, stride, 1], "SAME")
            x = self.batch_norm(f"{name}/{part}/norm", self.conv(f"{name}/{part}/pointwise", x, 1, depth))
            stride = 1
        return x

    def batch_norm(self, name: str, x: tf.Tensor) -> tf.Tensor:
        depth, ones, zeros = x.shape[-1], tf1.ones_initializer(), tf1.zeros_initializer()
        with tf1.variable_scope(name):
            gamma = tf1.get_variable("gamma", [depth], initializer=ones)
            beta = tf1.get_variable("beta", [depth], initializer=zeros)
            mean = tf1.get_variable("moving_mean", [depth], initializer=zeros, trainable=False)
            variance = tf1.get_variable("moving_variance", [depth], initializer=ones, trainable=False)
            if not self._is_training:
                return tf1.nn.fused_batch_norm(x, gamma, beta, mean, variance, 0.001, is_training=False)[0]
            y, batch_mean, batch_variance = tf1.nn.fused_batch_norm(x, gamma, beta, epsilon=0.001)
            for moving, batch in ((mean, batch_mean), (variance, batch_variance)):
                update = moving.assign_sub((moving - batch) * 0.0003)
                tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
            return y

    def dense(self, name: str, x: tf.Tensor, size: int) -> tf.Tensor:
        bias = tf1.get_variable(f"{name}/biases", [size], initializer=tf1.zeros_initializer())
        return x @ _weight(f"{name}/weights", [x.shape[-1], size]) + bias

    def cell(
        self, name: str, blocks: Sequence[_Block], before: tf.Tensor, x: tf.Tensor, depth: int, stride: int
    ) -> tf.Tensor:
        with tf1.variable_scope(name):
            shrink = before.shape[1] // x.shape[1]
            states = [self._fit("before", before, depth, shrink), self._fit("begin", x, depth, 1)]
            taken: set[int] = set()
            for index, block in enumerate(blocks):
                sides = []
                for side, (kind, width, which) in enumerate(block):
                    taken.add(which)
                    step = stride if which < 2 else 1
                    where = f"block{index}/side{side}"
                    sides.append(self._operation(kind, where, states[which], width, depth, step))
                states.append(sides[0] + sides[1])
            return tf.concat([s for i, s in enumerate(states) if i not in taken], 3)

    def _fit(self, name: str, x: tf.Tensor, depth: int, stride: int) -> tf.Tensor:
        return self.batch_norm(f"{name}/norm", self.conv(name, tf.nn.relu(x), 1, depth, stride))

    def _operation(
        self, kind: str, name: str, x: tf.Tensor, width: int, depth: int, stride: int
    ) -> tf.Tensor:
        if kind == "separable":
            return self.separable(name, x, width, depth, stride)
        if kind == "same":
            return x
        pool = tf.nn.avg_pool2d if kind == "average" else tf.nn.max_pool2d
        return pool(x, width, stride, "SAME")


def _weight(name: str, shape: Sequence[int]) -> tf.Variable:
    """A regularized weight, whose initial values are of a size that keeps deep networks' outputs finite."""
    initializer = tf1.variance_scaling_initializer(distribution="uniform")
    return tf1.get_variable(name, shape, initializer=initializer, regularizer=_regularizer)


def _regularizer(weight: tf.Tensor) -> tf.Tensor:
    return 4e-5 * tf.nn.l2_loss(weight)
