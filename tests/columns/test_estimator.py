"""Columns in canned Estimators: trained, kept in checkpoints, restored."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from columns import modules

import tf1hub as hub

tf1 = tf.compat.v1

pytestmark = pytest.mark.skipif(not hasattr(tf1, "estimator"), reason="this TensorFlow has no Estimator")

TEXTS = np.array(["good", "bad", "film", "film"])
LABELS = np.array([1, 0, 1, 1])


def input_fn() -> Any:
    return tf.data.Dataset.from_tensors(({"trained": TEXTS, "frozen": TEXTS}, LABELS)).repeat(8)


def classifier(generation: str, columns: list[Any], directory: pathlib.Path) -> Any:
    config = tf1.estimator.RunConfig(model_dir=str(directory), tf_random_seed=3, save_summary_steps=None)
    estimator = tf1.estimator if generation == "v1" else tf.estimator
    optimizer = "SGD" if generation == "v2" else tf1.train.GradientDescentOptimizer(0.5)
    return estimator.DNNClassifier([4], columns, n_classes=2, optimizer=optimizer, config=config)


@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_a_classifier_trains_the_trainable_and_restores_all(tmp_path: pathlib.Path, generation: str) -> None:
    words = modules.words_module(tmp_path)
    columns = [
        hub.text_embedding_column("trained", words, trainable=True),
        hub.text_embedding_column("frozen", words),
    ]
    classifier(generation, columns, tmp_path / "model").train(input_fn)
    again = classifier(generation, columns, tmp_path / "model")
    names = sorted(name for name in again.get_variable_names() if name.endswith("/embeddings"))
    # Columns are created in the order of their names: "frozen" before "trained".
    frozen, trained = (again.get_variable_value(name) for name in names)
    np.testing.assert_array_equal(frozen, modules.EMBEDDINGS)
    # No text is an unknown word.
    moved = np.abs(trained - modules.EMBEDDINGS).max(axis=1) > 0
    np.testing.assert_array_equal(moved, [False, True, True, True])
    assert again.evaluate(input_fn)["global_step"] == 8
