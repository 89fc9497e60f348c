"""Which Keras: the one that TensorFlow uses, and what is needed of any."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf1hub.errors import MissingDependencyError, WrongModeError

_NOT_IMPORTED = (
    "tf1hub.KerasLayer is a layer of the Keras that TensorFlow uses, which cannot be imported: {error}\n"
)
_LEGACY = (
    "TF_USE_LEGACY_KERAS=1 is set, so that this is tf_keras. Install it with: pip install tf-keras\n"
    "Or unset TF_USE_LEGACY_KERAS before TensorFlow is imported, for Keras 3."
)
_BACKEND = (
    "KERAS_BACKEND={backend} is set. Only the backend 'tensorflow' runs TensorFlow graphs; choose it before Keras "
    'is imported: os.environ["KERAS_BACKEND"] = "tensorflow"'
)
_INSTALL = "Install it with: pip install keras\nWithout Keras there is m = tf1hub.load(handle); y = m(x)"
_WRONG_BACKEND = (
    "tf1hub.KerasLayer runs TensorFlow graphs, and this Keras runs on the backend {backend!r}. Choose the backend "
    "'tensorflow' before Keras is imported:\n"
    '    os.environ["KERAS_BACKEND"] = "tensorflow"      # or "backend": "tensorflow" in ~/.keras/keras.json\n'
    "Without Keras there is m = tf1hub.load(handle); y = m(x)"
)


def keras_of_tensorflow() -> Any:
    """The Keras behind `tf.keras`: Keras 3, or Keras 2 with TensorFlow 2.15 and where tf_keras is asked for.

    Raises:
        MissingDependencyError: it cannot be imported; the message says why and what would help.
    """
    try:
        # Where this fails, TensorFlow itself would ask itself for `tf.keras` until the stack is full.
        importlib.import_module("tf_keras" if _is_legacy() else "keras")
    except ImportError as error:
        raise MissingDependencyError(_NOT_IMPORTED.format(error=error) + _remedy()) from error
    return tf.keras


def _is_legacy() -> bool:
    return os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true")


def _remedy() -> str:
    if _is_legacy():
        return _LEGACY
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return _INSTALL if backend == "tensorflow" else _BACKEND.format(backend=backend)


def check_backend(keras: Any) -> None:
    """Checks that a Keras can run TensorFlow graphs.

    Raises:
        WrongModeError: its backend is another one.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise WrongModeError(_WRONG_BACKEND.format(backend=backend))


def is_keras_3(keras: Any) -> bool:
    """Whether this is Keras 3, as opposed to Keras 2 or tf_keras."""
    return hasattr(keras, "KerasTensor")


def exports_all_tables(keras: Any) -> bool:
    """Whether `model.export` takes along every table that it finds, as Keras 3.9 and later do."""
    return is_keras_3(keras) and tuple(map(int, keras.version().split(".")[:2])) >= (3, 9)


def in_graph_mode() -> bool:
    """Whether layers are made in a graph of TensorFlow 1: inside of a `tf.Graph`, or because eager execution is off."""
    return not tf.compat.v1.executing_eagerly_outside_functions()


def training_of_graph(keras: Any) -> Any:
    """Whether a model in a graph is being trained, as a tensor: what it is built into runs either way. None elsewhere."""
    return None if is_keras_3(keras) or not in_graph_mode() else keras.backend.learning_phase()


def track_in_graph(keras: Any, variables: Iterable[tf.Variable]) -> None:
    """Lets the session of a Keras in a graph initialize variables that no layer has made."""
    if in_graph_mode():
        backend = importlib.import_module(f"{_package(keras)}.src.backend")
        for variable in variables:
            backend.track_variable(variable)


def in_safe_mode(keras: Any) -> bool:
    """Whether Keras is loading a model that it was not told to trust; it tells nobody in public."""
    serialization = importlib.import_module(f"{_package(keras)}.src.saving.serialization_lib")
    return bool(serialization.in_safe_mode())


def _package(keras: Any) -> str:
    package: str = keras.layers.Layer.__module__.partition(".")[0]
    return package
