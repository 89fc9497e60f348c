"""Small modules for the tests of columns."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1

VOCABULARY = ("<unk>", "good", "bad", "film")
EMBEDDINGS = np.array([[9.0, 9.0, 9.0], [1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [2.0, 2.0, 2.0]], np.float32)


def words_spec(directory: pathlib.Path) -> hub.ModuleSpec:
    """Looks each text up as one word, in a table with a file and in a variable."""
    vocabulary = directory / "words.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n")

    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=0,
        )
        embeddings = tf1.get_variable("embeddings", initializer=EMBEDDINGS)
        hub.add_signature(inputs=texts, outputs=tf.gather(embeddings, table.lookup(texts)))

    return hub.create_module_spec(module_fn)


def exported(spec: hub.ModuleSpec, path: pathlib.Path) -> str:
    """The module on disk, with its own initial values."""
    with tf.Graph().as_default():
        module = hub.Module(spec)
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            module.export(path, session)
    return str(path)


def words_module(directory: pathlib.Path) -> str:
    """The path of a module of `words_spec`."""
    return exported(words_spec(directory), directory / "words")


def image_spec(signature: str = "default", key: str = "images") -> hub.ModuleSpec:
    """Gives the mean of each channel of images of 2 x 3 pixels."""

    def module_fn() -> None:
        images = tf1.placeholder(tf.float32, [None, 2, 3, 3])
        if signature != "default":
            hub.add_signature(inputs={"a": images, "b": tf.identity(images)}, outputs=images)
        hub.add_signature(signature, {key: images}, tf.reduce_mean(images, [1, 2]))

    return hub.create_module_spec(module_fn)


def run(fetches: object) -> object:
    """The values of a graph in a fresh session, all initialized."""
    with tf1.Session() as session:
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        return session.run(fetches)
