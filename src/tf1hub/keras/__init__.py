"""`tf1hub.KerasLayer`: a module as a Keras layer.

Importing this registers the layer with the Keras that TensorFlow uses, so that a saved model that has
one is loaded without `custom_objects`. For another Keras beside it there is `layer_class`.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tf1hub.errors import MissingDependencyError
from tf1hub.keras.layer import layer_class as layer_class
from tf1hub.keras.which import keras_of_tensorflow

__all__ = ["KerasLayer", "layer_class"]

# Where this Keras cannot be imported, `layer_class` still serves another one; who asks for `KerasLayer`
# gets the error.
with contextlib.suppress(MissingDependencyError):
    KerasLayer = layer_class(keras_of_tensorflow())


def __getattr__(name: str) -> Any:
    if name == "KerasLayer":
        return layer_class(keras_of_tensorflow())
    raise AttributeError(f"module 'tf1hub.keras' has no attribute {name!r}. It has: {', '.join(__all__)}.")
