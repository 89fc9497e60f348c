"""Small modules for the tests of `KerasLayer`."""

from __future__ import annotations

import pathlib
from typing import Any

import building
import numpy as np
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1
MOMENTUM = 0.5


def _normalized(is_training: bool) -> None:
    """A dense layer with L2 loss, then batch normalization without scale."""
    x = tf1.placeholder(tf.float32, [None, 3])
    kernel = tf1.get_variable(
        "dense/kernel",
        initializer=np.ones((3, 2), np.float32),
        regularizer=lambda w: 0.5 * tf.reduce_sum(w * w),
    )
    hidden = tf.matmul(x, kernel)
    mean = tf1.get_variable("norm/moving_mean", initializer=np.zeros(2, np.float32), trainable=False)
    shift = tf1.get_variable("norm/shift", initializer=np.zeros(2, np.float32))
    if is_training:
        now = tf.reduce_mean(hidden, 0)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, mean.assign_sub((mean - now) * (1 - MOMENTUM)))
        normalized = hidden - now
    else:
        normalized = hidden - mean
    hub.add_signature(inputs=x, outputs={"default": normalized + shift, "hidden": hidden})
    hub.add_signature("named", inputs={"features": x}, outputs={"one": normalized + shift, "two": hidden})


def normalized() -> hub.ModuleSpec:
    """Variants for inference and for training."""
    return hub.create_module_spec(
        _normalized, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )


def _scaled() -> None:
    x = tf1.placeholder(tf.float32, [None, 2])
    scale = tf1.placeholder(tf.float32, [])
    hub.add_signature(inputs={"x": x, "scale": scale}, outputs=x * scale)


def scaled() -> hub.ModuleSpec:
    """Two inputs, one of them without a batch size."""
    return hub.create_module_spec(_scaled)


def text(path: pathlib.Path) -> hub.ModuleSpec:
    """Words to embeddings [?, 2] through a table that reads a vocabulary."""
    path.mkdir(exist_ok=True)
    vocabulary = path / "words.txt"
    vocabulary.write_text("cat\ndog\nbird\n")

    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        lines = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
        )
        table = tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)
        embeddings = tf1.get_variable("embeddings", initializer=np.arange(8, dtype=np.float32).reshape(4, 2))
        hub.add_signature(inputs=words, outputs=tf.gather(embeddings, table.lookup(words)))

    return hub.create_module_spec(module_fn)


def export(spec: hub.ModuleSpec, path: pathlib.Path) -> str:
    """Writes a module; returns its path."""
    return building.export(spec, path)


class Spelling(tf.Module):
    """A table two objects down, beside a variable, and a variable with the name of an attribute."""

    def __init__(self, vocabulary: pathlib.Path) -> None:
        super().__init__()
        vocabulary.write_text("cat\ndog\nbird\n")
        lines = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
        )
        self.inner = tf.Module()
        self.inner.table = tf.lookup.StaticVocabularyTable(initializer, 1)
        self.inner.embeddings = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))
        self._children = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, words: Any) -> Any:
        return self._children * tf.gather(self.inner.embeddings, self.inner.table.lookup(words))


KINDS = ["module", "text", "converted", "converted text", "SavedModel"]


def of_kind(kind: str, path: str, text_path: str, tmp_path: pathlib.Path) -> str:
    """The handle of such a module."""
    if kind == "SavedModel":
        tf.saved_model.save(Spelling(tmp_path / "words.txt"), str(tmp_path / "saved_model"))
        (tmp_path / "words.txt").unlink()
        return str(tmp_path / "saved_model")
    handle = text_path if "text" in kind else path
    if "converted" in kind:
        hub.convert(handle, tmp_path / "converted")
        return str(tmp_path / "converted")
    return handle
