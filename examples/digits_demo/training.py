"""A model in two graphs, one to train it and one to test it, as TF1 programs have them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .data import Digits

tf1 = tf.compat.v1

BATCH_SIZE = 64
EVERY = 10  # steps from one test to the next


class Rates(NamedTuple):
    """The learning rates of a module's variables, and of all others."""

    of_module: float
    of_others: float


class Model:
    """Trains in one graph and tests in another, which reads the first one's checkpoints.

    Args:
        build: `build(images, is_training)` adds the model to the current graph and
            returns logits [N, classes].
        rates: the learning rates of Adam.
        seed: of the initial values and of the batches.
    """

    def __init__(self, build: Callable[[tf.Tensor, bool], tf.Tensor], rates: Rates, seed: int) -> None:
        self._batches = np.random.default_rng(seed)
        with tf.Graph().as_default() as self.training_graph:
            tf1.set_random_seed(seed)
            self._images, self._labels = placeholders()
            self._step = training_step(build(self._images, True), self._labels, rates)
            self._saver = tf1.train.Saver()
            self.session = tf1.Session()
            self.session.run(tf1.global_variables_initializer())
        with tf.Graph().as_default() as self._test_graph:
            self._test_images, self._test_labels = placeholders()
            self._logits = build(self._test_images, False)
            self._test_saver = tf1.train.Saver()
            self._test_session = tf1.Session()

    def train(self, digits: Digits, test: Digits, steps: int) -> Iterator[tuple[int, float]]:
        """Trains, and yields (step, accuracy on `test`) before the first step and after every tenth."""
        for step in range(steps + 1):
            if step % EVERY == 0:
                yield step, accuracy(self.predict(test.images), test.labels)
            batch = digits.take(self._batches.permutation(len(digits))[:BATCH_SIZE])
            self.session.run(self._step, {self._images: batch.images, self._labels: batch.labels})

    def predict(self, images: np.ndarray, tensor: tf.Tensor | None = None) -> np.ndarray:
        """A tensor of the test graph, with the variables as trained so far; by default the logits."""
        with tempfile.TemporaryDirectory() as directory:
            checkpoint = str(Path(directory, "model"))
            # Savers are of TF1: outside of a graph, TensorFlow 2 would take them for eager ones.
            with self.training_graph.as_default():
                self._saver.save(self.session, checkpoint, write_meta_graph=False, write_state=False)
            with self._test_graph.as_default():
                self._test_saver.restore(self._test_session, checkpoint)
        return self._test_session.run(self._logits if tensor is None else tensor, {self._test_images: images})

    def close(self) -> None:
        self.session.close()
        self._test_session.close()


def placeholders() -> tuple[tf.Tensor, tf.Tensor]:
    return tf1.placeholder(tf.float32, [None, 8, 8, 3]), tf1.placeholder(tf.int32, [None])


def training_step(logits: tf.Tensor, labels: tf.Tensor, rates: Rates) -> tf.Operation:
    """One step of Adam on the cross-entropy and on what regularization the model brings.

    The collections are where a module's variables, its regularization losses and
    its batch norm updates arrive when it is made with `trainable=True`.
    """
    loss = tf1.losses.sparse_softmax_cross_entropy(labels, logits) + tf1.losses.get_regularization_loss()
    of_module = tf1.trainable_variables(scope="module/")
    others = [v for v in tf1.trainable_variables() if not v.name.startswith("module/")]
    with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
        steps = [
            tf1.train.AdamOptimizer(rate).minimize(loss, var_list=variables)
            for rate, variables in [(rates.of_module, of_module), (rates.of_others, others)]
            if variables
        ]
    return tf.group(*steps)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.argmax(logits, axis=-1) == labels))
