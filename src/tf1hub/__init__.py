"""TF1 Hub format modules (`hub.Module`) on today's TensorFlow.

    import tf1hub as hub

Everything here is loaded when it is first used: the import costs milliseconds, and needs no
TensorFlow where none is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf1hub import errors as errors
    from tf1hub.graph import Module as Module
    from tf1hub.graph import eval_function_for_module as eval_function_for_module
    from tf1hub.publish import add_signature as add_signature
    from tf1hub.publish import create_module_spec as create_module_spec
    from tf1hub.resolve import download as download
    from tf1hub.resolve import resolve as resolve
    from tf1hub.spec.module_spec import ModuleSpec as ModuleSpec
    from tf1hub.spec.module_spec import load_module_spec as load_module_spec
    from tf1hub.spec.weights import read_variables as read_variables

__version__ = "0.1.0"

_HOMES = {
    "Module": "tf1hub.graph",
    "ModuleSpec": "tf1hub.spec.module_spec",
    "add_signature": "tf1hub.publish",
    "create_module_spec": "tf1hub.publish",
    "download": "tf1hub.resolve",
    "eval_function_for_module": "tf1hub.graph",
    "load_module_spec": "tf1hub.spec.module_spec",
    "read_variables": "tf1hub.spec.weights",
    "resolve": "tf1hub.resolve",
}
_MODULES = ("errors",)

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(_imported(name), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tf1hub.{name}")
    else:
        raise AttributeError(f"module 'tf1hub' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        from tf1hub.errors import MissingDependencyError

        raise MissingDependencyError(
            f"tf1hub.{name} needs TensorFlow, which is not installed. It is yours to choose: "
            "`pip install tf1hub[tensorflow]`, or `pip install tf1hub[tensorflow-cpu]` for the smaller one without GPUs."
        ) from error


def __dir__() -> list[str]:
    return __all__
