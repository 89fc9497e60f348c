"""The same user, in Keras: the module as a layer. Of graphs and sessions there is nothing here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tf1hub as hub

from .consume import CLASSES, FINE_TUNED
from .data import Digits
from .training import BATCH_SIZE, accuracy

keras = tf.keras


def fine_tune(module_path: Path, few: Digits, test: Digits, steps: int, seed: int) -> tuple[Any, float]:
    """Fine-tunes the module as Keras users do: first what is new, then all of it with a small rate.

    Returns:
        The model, and its accuracy on `test`.
    """
    tf.random.set_seed(seed)
    features = hub.KerasLayer(str(module_path), signature="image_feature_vector")
    height, width = hub.get_expected_image_size(hub.load_module_spec(module_path))
    model = keras.Sequential(
        [
            keras.Input([*few.images.shape[1:]]),
            keras.layers.Resizing(height, width),
            features,
            keras.layers.Dense(CLASSES, kernel_initializer=keras.initializers.GlorotUniform(seed)),
        ]
    )
    fit(model, few, FINE_TUNED.rates.of_others, steps)
    features.trainable = True
    fit(model, few, FINE_TUNED.rates.of_module, steps)
    return model, accuracy(model.predict(test.images, verbose=0), test.labels)


def fit(model: Any, digits: Digits, rate: float, steps: int) -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    batches = tf.data.Dataset.from_tensor_slices((digits.images, digits.labels))
    batches = batches.shuffle(len(digits)).repeat().batch(min(BATCH_SIZE, len(digits)))
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)  # the batches are shuffled already


def save_and_restore(model: Any, path: Path, test: Digits) -> float:
    """Saves a model and loads it again.

    Returns:
        The greatest difference between what the two say of `test`.
    """
    model.save(path)
    restored = keras.models.load_model(path)
    before, after = (which.predict(test.images, verbose=0) for which in (model, restored))
    return float(np.max(np.abs(before - after)))
