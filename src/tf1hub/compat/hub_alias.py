"""`import tensorflow_hub` answered by tf1hub."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import tf1hub
from tf1hub.compat.alias import AliasFinder, AliasModule, serve
from tf1hub.compat.flags import define_flags
from tf1hub.errors import Error

ALIAS = "tensorflow_hub"
ORIGINAL_VERSION = "0.15.0"
"""The last release of the original library with the API that is answered here: `hub.__version__`."""

_SUBMODULES = (
    "estimator",
    "feature_column",
    "feature_column_v2",
    "image_module_info_pb2",
    "image_util",
    "keras_layer",
    "module",
    "module_impl",
    "module_spec",
    "module_v2",
    "native_module",
    "saved_model_module",
    "version",
)
"""Where programs import public names from, instead of from the package. Each has all of them."""


def install_as_tensorflow_hub() -> None:
    """Lets `import tensorflow_hub` give tf1hub, in this process, from now on.

    Programs and libraries that import the original library by name then use this one, whether or
    not the original is installed. Nothing is imported now; calling it again changes nothing.

    Example:
        >>> import tf1hub
        >>> tf1hub.install_as_tensorflow_hub()
        >>> import tensorflow_hub as hub
        >>> hub.create_module_spec is tf1hub.create_module_spec
        True

    Raises:
        Error: the original library has been imported already; what was taken from it would stay.
    """
    loaded = sys.modules.get(ALIAS)
    if loaded is not None and not isinstance(loaded, AliasModule):
        raise Error(
            f"{ALIAS} was imported already, from {getattr(loaded, '__file__', 'elsewhere')}. "
            "Call tf1hub.install_as_tensorflow_hub() before whatever imports it."
        )
    serve(AliasFinder(ALIAS, _make))


def _make(fullname: str) -> AliasModule:
    _, _, rest = fullname.partition(".")
    if rest and rest not in _SUBMODULES:
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: tf1hub answers for {ALIAS}, with the modules "
            f"{', '.join(_SUBMODULES)}. All public names are in {ALIAS} itself.",
            name=fullname,
        )
    if not rest:
        define_flags()
    lookup = (lambda name: _public(fullname, name)) if rest else _public_or_submodule
    attributes = {"__version__": ORIGINAL_VERSION} if rest in ("", "version") else {}
    return AliasModule(fullname, lookup, lambda: tf1hub.__all__, attributes)


def _public_or_submodule(name: str) -> Any:
    return importlib.import_module(f"{ALIAS}.{name}") if name in _SUBMODULES else _public(ALIAS, name)


def _public(module: str, name: str) -> Any:
    if name not in tf1hub.__all__:
        raise AttributeError(
            f"module {module!r} has no attribute {name!r}: tf1hub answers for {ALIAS}. "
            f"It has: {', '.join(tf1hub.__all__)}."
        )
    return getattr(tf1hub, name)
