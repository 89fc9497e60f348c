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
    from tf1hub.checks.check import check as check
    from tf1hub.graph import Module as Module
    from tf1hub.graph import eval_function_for_module as eval_function_for_module
    from tf1hub.publish import add_signature as add_signature
    from tf1hub.publish import create_module_spec as create_module_spec
    from tf1hub.spec.difference import diff as diff
    from tf1hub.spec.inspection import inspect as inspect
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
    "check": "tf1hub.checks.check",
    "create_module_spec": "tf1hub.publish",
    "diff": "tf1hub.spec.difference",
    "download": "tf1hub.resolve",
    "eval_function_for_module": "tf1hub.graph",
    "inspect": "tf1hub.spec.inspection",
    "load_module_spec": "tf1hub.spec.module_spec",
    "read_variables": "tf1hub.spec.weights",
    "resolve": "tf1hub.resolve",
}
_MODULES = ("errors",)

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tf1hub.{name}")
    else:
        raise AttributeError(f"module 'tf1hub' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
