"""A small program to train and to export: two modules in scopes of their own."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


def scale_spec() -> hub.ModuleSpec:
    """Multiplies by a trainable number, which starts at 2."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x * tf1.get_variable("scale", initializer=2.0))

    return hub.create_module_spec(module_fn)


def table_spec(directory: pathlib.Path) -> hub.ModuleSpec:
    """Looks numbers up in a partitioned variable, and words in a file."""
    (directory / "words.txt").write_text("a\nb\n")

    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        initializer = tf.lookup.TextFileInitializer(
            str(directory / "words.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        rows = tf.lookup.StaticHashTable(initializer, 2).lookup(words)
        with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
            parts = tf1.get_variable("rows", initializer=tf.constant([[1.0], [2.0], [3.0]]))
        hub.add_signature(inputs=words, outputs=tf.gather(tf.convert_to_tensor(parts), rows))

    return hub.create_module_spec(module_fn)


def two_networks() -> hub.ModuleSpec:
    """A generator and a discriminator, each a variant of its own; the latter's table is partitioned."""

    def module_fn(network: str) -> None:
        x = tf1.placeholder(tf.float32, [None])
        partitioner = tf1.fixed_size_partitioner(2) if network == "disc" else None
        with tf1.variable_scope(network, partitioner=partitioner):
            factors = tf1.get_variable("factors", [3], initializer=tf1.zeros_initializer())
        y = x * tf.reduce_sum(tf.convert_to_tensor(factors))
        hub.add_signature(inputs=x, outputs=y)

    return hub.create_module_spec(module_fn, [({name}, {"network": name}) for name in ("gen", "disc")])


def model(directory: pathlib.Path) -> Any:
    """The loss of a program that registers both modules."""
    with tf1.variable_scope("model"):
        scale = hub.Module(scale_spec(), trainable=True)
        table = hub.Module(table_spec(directory), trainable=True, name="table")
    hub.register_module_for_export(scale, "scale")
    hub.register_module_for_export(table, "words")
    return tf.reduce_sum(scale([1.0])) + tf.reduce_sum(table(["b"]))


def value(path: object, inputs: object) -> Any:
    """What a module computes."""
    with hub.eval_function_for_module(str(path)) as evaluate:
        return evaluate(inputs)
