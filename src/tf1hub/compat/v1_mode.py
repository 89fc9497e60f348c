"""`import tensorflow` answered, for a program, by TensorFlow's v1 compatibility API."""

from __future__ import annotations

import builtins
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from tf1hub.compat.alias import AliasModule
from tf1hub.compat.contrib import install_contrib
from tf1hub.compat.contrib_imports import import_contrib

_LEGACY_KERAS = "TF_USE_LEGACY_KERAS"

_OF_TODAY = frozenset(
    {
        "keras",
        "keras_core",
        "tensorboard",
        "tensorflow",
        "tensorflow_datasets",
        "tensorflow_estimator",
        "tensorflow_io_gcs_filesystem",
        "tensorflow_probability",
        "tensorflow_text",
        "tf1hub",
        "tf_keras",
        "tf_slim",
    }
)
"""Packages whose own `import tensorflow` keeps its meaning."""

_REAL = frozenset({"core", "compiler", "distribute", "dtensor", "include", "lite", "python", "tools", "tsl"})
"""Packages below `tensorflow` that are files, not names of the API."""


def enter_v1_mode() -> None:
    """Makes this process one for a TensorFlow 1.x program.

    v2 behaviour is switched off, and `import tensorflow` (and `import keras`) means the v1 API for
    every importer but TensorFlow and its own relatives: two meanings at once, which only the
    function behind the import statement can tell apart, by who asks.
    """
    choose_legacy_keras()
    import tensorflow as tf

    _disable_v2_behavior(tf)
    install_contrib()
    if not isinstance(builtins.__import__, _Import):
        builtins.__import__ = _Import(builtins.__import__, v1_module())


def _disable_v2_behavior(tf: Any) -> None:
    # It logs that it is deprecated, which is nothing that the program could change.
    level = tf.compat.v1.logging.get_verbosity()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    try:
        tf.compat.v1.disable_v2_behavior()
    finally:
        tf.compat.v1.logging.set_verbosity(level)


def choose_legacy_keras() -> None:
    """Asks TensorFlow for tf_keras in place of Keras 3, where both are installed.

    `tf.layers` and the cells of `tf.nn.rnn_cell` live in Keras 2 only. TensorFlow reads the switch
    when it is imported; one that the user has set stays.
    """
    if _keras_is_3() and importlib.util.find_spec("tf_keras") is not None:
        os.environ.setdefault(_LEGACY_KERAS, "1")


def v1_module() -> ModuleType:
    """The module that a program gets for `import tensorflow`."""
    import tensorflow as tf

    v1 = tf.compat.v1
    attributes: dict[str, Any] = {"__version__": tf.__version__}
    facade = AliasModule(
        "tensorflow", lambda name: _attribute(v1, name), lambda: _public_names(v1), attributes
    )
    facade.compat = _overlay(v1.compat, "tensorflow.compat", {"v1": facade, "v2": tf})  # type: ignore[attr-defined]  # a module takes any attribute
    if _lacks_legacy_keras():
        facade.layers = _KerasGuard("tf.layers", tf.__version__)  # type: ignore[attr-defined]  # as above
        guard = _KerasGuard("tf.nn.rnn_cell", tf.__version__)
        facade.nn = _overlay(v1.nn, "tensorflow.nn", {"rnn_cell": guard})  # type: ignore[attr-defined]  # as above
    return facade


class _Import:
    """The function behind the import statement, for as long as a TensorFlow 1.x program runs."""

    def __init__(self, original: Callable[..., ModuleType], facade: ModuleType) -> None:
        self._original = original
        self._facade = facade

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  # the names that the language gives it
        locals: Mapping[str, Any] | None = None,  # noqa: A002  # as above
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top, _, rest = name.partition(".")
        if level or top not in ("tensorflow", "keras") or _importer(globals) in _OF_TODAY:
            return self._original(name, globals, locals, fromlist, level)
        if top == "keras":
            keras = self._facade.keras
            found: ModuleType = _walk(keras, rest, name) if fromlist else keras
            return found
        first = rest.partition(".")[0]
        if first in _REAL:
            module = self._original(name, globals, locals, fromlist, 0)
            return module if fromlist else self._facade
        if first == "contrib":
            module = import_contrib(name, fromlist or (), sys._getframe(1))
        else:
            module = _walk(self._facade, rest, name)
        return module if fromlist else self._facade


def _importer(namespace: Mapping[str, Any] | None) -> str:
    return str((namespace or {}).get("__name__") or "").partition(".")[0]


def _walk(module: Any, path: str, name: str) -> Any:
    for part in path.split(".") if path else ():
        try:
            module = getattr(module, part)
        except AttributeError as error:
            raise ModuleNotFoundError(f"No module named {name!r} ({error})", name=name) from error
    return module


def _attribute(v1: ModuleType, name: str) -> Any:
    if name == "contrib":
        return importlib.import_module("tensorflow.contrib")
    if name in _REAL and not hasattr(v1, name):
        return importlib.import_module(f"tensorflow.{name}")
    try:
        return getattr(v1, name)
    except AttributeError as error:
        if name == "estimator":
            raise AttributeError(
                f"TensorFlow {v1.__version__} has no tf.estimator: Estimators ended with TensorFlow 2.15. "
                "Run this program on that: pip install 'tensorflow<2.16'"
            ) from error
        raise AttributeError(
            f"module 'tensorflow' has no attribute {name!r}: tf1hub run --tf1 answers with "
            f"tensorflow.compat.v1 of TensorFlow {v1.__version__}, which lacks it"
        ) from error


def _overlay(module: ModuleType, name: str, attributes: dict[str, Any]) -> AliasModule:
    return AliasModule(
        name, lambda attribute: getattr(module, attribute), lambda: _public_names(module), attributes
    )


def _public_names(module: ModuleType) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_")]


def _keras_is_3() -> bool:
    try:
        return int(importlib.metadata.version("keras").partition(".")[0]) >= 3
    except importlib.metadata.PackageNotFoundError:
        return False


def _lacks_legacy_keras() -> bool:
    return _keras_is_3() and os.environ.get(_LEGACY_KERAS, "").lower() not in ("1", "true")


class _KerasGuard(ModuleType):
    """Stands where the v1 API has layers of Keras 2, and says how to get them."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name)
        self._release = ".".join(version.split(".")[:2])

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{self.__name__}.{name} is made of Keras 2, and TensorFlow {self._release} comes with Keras 3. "
            "Install Keras 2 beside it, and run the program again: "
            f"pip install 'tf_keras=={self._release}.*' (or tf1hub[legacy])"
        )
