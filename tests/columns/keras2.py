"""The Keras that has DenseFeatures: TensorFlow's own up to 2.15, tf_keras since."""

from __future__ import annotations

import importlib.util
from typing import Any

import tensorflow as tf


def keras() -> Any | None:
    """Keras 2, or None where only Keras 3 is installed."""
    if hasattr(tf.keras.layers, "DenseFeatures"):
        return tf.keras
    return importlib.import_module("tf_keras") if importlib.util.find_spec("tf_keras") else None


def first_generation(keras: Any) -> Any:
    """The DenseFeatures of TensorFlow 1."""
    if keras is tf.keras:
        return tf.compat.v1.keras.layers.DenseFeatures
    return importlib.import_module("tf_keras.api._v1.keras.layers").DenseFeatures
