"""Words that go on as lists: what follows the op that cuts texts gives what TensorFlow gives, whoever takes the words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import initialize

import tf1hub as hub
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.prepared import PreparedWords
from tf1hub.arrays.string_arrays import string_array

tf1 = tf.compat.v1

_BATCHES = [
    [b"a cat sat", b"on the mat", b"a"],
    [b"a cat sat", b"", b" the  mat ", b"   "],
    [b" a", b"b"],
    [b"a ", b"b"],
    [b"a", b""],
    [b""],
    [],
    [b"cat " * 100, b"mat"],
    [b"mat"],
]


def _table() -> Any:
    keys = tf.constant([b"a", b"cat", b"mat", b"<empty>"])
    numbers = tf.constant([0, 1, 2, 3], tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, numbers), -1)


def _look_up_filled(tokens: Any) -> dict[str, Any]:
    filled, was_empty = tf1.sparse_fill_empty_rows(tokens, "<empty>")
    return {"ids": _table().lookup(filled.values) * 2, "indices": filled.indices, "was_empty": was_empty}


def _fill_looked_up(tokens: Any) -> dict[str, Any]:
    ids = tf.SparseTensor(tokens.indices, _table().lookup(tokens.values) + 1, tokens.dense_shape)
    filled, _ = tf1.sparse_fill_empty_rows(ids, tf.constant(7, tf.int64))
    return {"ids": filled.values, "indices": filled.indices}


def _take_words_too(tokens: Any) -> dict[str, Any]:
    filled, _ = tf1.sparse_fill_empty_rows(tokens, "<empty>")
    return {"ids": _table().lookup(filled.values) * 2, "words": filled.values, "shape": filled.dense_shape}


def _fill_words_alone(tokens: Any) -> dict[str, Any]:
    filled, _ = tf1.sparse_fill_empty_rows(tokens, "<empty>")
    return {"lengths": tf.strings.length(filled.values), "words": tokens.values, "indices": filled.indices}


@pytest.mark.parametrize(
    ("use", "has_chain"),
    [(_look_up_filled, True), (_fill_looked_up, True), (_take_words_too, True), (_fill_words_alone, False)],
)
def test_words_that_go_on_as_lists(use: Callable[[Any], dict[str, Any]], has_chain: bool) -> None:
    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=texts, outputs=use(tf1.string_split(texts, " ")))

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default(), tf1.Session() as session:
        texts = tf1.placeholder(tf.string, [None])
        outputs = hub.Module(spec)(texts, as_dict=True)
        initialize(session)
        wanted = [session.run(outputs, {texts: batch}) for batch in _BATCHES]
    module = ModuleCode(spec, spec.variant())
    code = module.signature().code
    assert any(isinstance(step, PreparedWords) for step in code.block) == has_chain
    for batch, expected in zip(_BATCHES * 2, wanted * 2, strict=True):
        found = dict(zip(outputs, module.run(code, [string_array(batch)]), strict=True))
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)
