"""Arrays as the cases keep them. It runs on Python 3.6 and TensorFlow 1.7."""

from typing import Any

import numpy as np
import tensorflow as tf

tf1 = getattr(tf.compat, "v1", tf)


class Stored:
    """Arrays under keys, as the .npz file of a case has them."""

    def __init__(self) -> None:
        self.arrays: dict = {}

    def all(self, prefix: str, values: dict) -> dict:
        return {name: self.keep(f"{prefix}.{name}", value) for name, value in values.items()}

    def keep(self, key: str, value: Any) -> Any:
        parts = parts_of(value)
        if isinstance(parts, dict):
            return self.all(key, parts)
        array = np.asarray(parts)
        # An object array could only be stored pickled.
        self.arrays[key] = array.astype(np.bytes_) if array.dtype == object else array
        return key


def parts_of(value: Any) -> Any:
    """The arrays of a sparse or ragged tensor; anything else as it is."""
    if isinstance(value, tf1.SparseTensorValue):
        return {"indices": value.indices, "values": value.values, "dense_shape": value.dense_shape}
    if hasattr(tf1, "ragged") and isinstance(value, tf1.ragged.RaggedTensorValue):
        return {"values": value.values, "row_splits": value.row_splits}
    return value
