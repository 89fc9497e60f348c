"""Paths of the publisher's machine are found, and names that only look like paths are not."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.checks.paths import leaked_paths
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec

tf1 = tf.compat.v1


def module_with(*constants: str) -> ModuleSpec:
    def module_fn():
        x = tf1.placeholder(tf.string, [])
        for text in constants:
            x = x + tf.constant(text, name="text")
        hub.add_signature(inputs=x, outputs=x)

    return hub.create_module_spec(module_fn)


@pytest.mark.parametrize(
    "path",
    [
        "/home/ann/model.ckpt-100",
        "/tmp/x/",
        "~/data",
        "C:\\Users\\ann\\vocab.txt",
        "\\\\server\\share\\vocab.txt",
        "gs://bucket/model.ckpt",
        "hdfs://host/x",
    ],
)
def test_absolute_paths_in_constants_are_found(path):
    (finding,) = leaked_paths(module_with(path))
    assert (finding.id, finding.severity, finding.variant) == ("leaked-path", "warning", "{}")
    assert finding.message == f"Paths of the machine that made it: {path!r} is the value of Const 'text'."


@pytest.mark.parametrize(
    "text", ["/", "//", "a/b", "/word", "1 / 2", "https://example.com/x", "</s>", "\n/a/b"]
)
def test_other_texts_are_not(text):
    assert list(leaked_paths(module_with(text))) == []


def test_table_named_after_its_file_is_found():
    def module_fn():
        x = tf1.placeholder(tf.string, [None])
        table = tf.raw_ops.HashTableV2(
            key_dtype=tf.string,
            value_dtype=tf.int64,
            shared_name="hash_table_/home/ann/vocab.txt_-2_-1",
            name="t",
        )
        default = tf.constant(-1, tf.int64)
        hub.add_signature(
            inputs=x,
            outputs=tf.raw_ops.LookupTableFindV2(table_handle=table, keys=x, default_value=default),
        )

    (finding,) = leaked_paths(hub.create_module_spec(module_fn))
    assert "'/home/ann/vocab.txt_-2_-1' is the shared_name of HashTableV2 't'" in finding.message


def test_checkpoint_of_an_initializer_is_found():
    def module_fn():
        x = tf1.placeholder(tf.float32, [])
        start = tf.raw_ops.RestoreV2(
            prefix="/home/ann/model.ckpt",
            tensor_names=["v"],
            shape_and_slices=[""],
            dtypes=[tf.float32],
            name="r",
        )[0]
        v = tf1.get_variable("v", initializer=lambda: tf.reshape(start, []), dtype=tf.float32)
        hub.add_signature(inputs=x, outputs=x + v)

    (finding,) = leaked_paths(hub.create_module_spec(module_fn))
    assert "'/home/ann/model.ckpt' is the checkpoint that 'r' restores from" in finding.message


def test_sources_in_debug_information_are_found():
    spec = module_with("x")
    spec.saved_model.meta_graphs[0].graph_def.debug_info = b"\n\x12/home/ann/train.py\x12\x00"
    (finding,) = leaked_paths(spec)
    assert finding.message.endswith("'/home/ann/train.py' in the debug information.")


def test_long_lists_are_cut():
    (finding,) = leaked_paths(module_with(*(f"/home/ann/{i}" for i in range(7))))
    assert finding.message.endswith("; and 2 more.")


@pytest.mark.parametrize("name", cases.NAMES)
def test_modules_of_the_original_leak_nothing(name):
    assert list(leaked_paths(load_module_spec(cases.load(name).path))) == []
