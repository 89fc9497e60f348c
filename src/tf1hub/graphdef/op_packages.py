"""Packages that bring ops of their own: which op is whose, and how they are loaded.

`op_packages.json` was read off the packages themselves. TensorFlow knows such an op once the package has been
imported, in Python; a graph does not say where its ops come from.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from tf1hub.arguments import word_list
from tf1hub.errors import MissingDependencyError

VARIABLE = "TF1HUB_IMPORTS"
"""The environment variable that names modules to import together with TensorFlow."""

_HOW = (
    "Install it (pip install {package}), and write before the module is used: import {module}; for the command: "
    "--import {module}, or {variable}={module} in the environment."
)


class OpPackage(NamedTuple):
    """A package with ops.

    Attributes:
        package: its name where packages are installed from.
        module: what is imported.
        ops: the ops that it brings.
        prefix: how the names of its other ops begin; empty for none.
        note: what else there is to know.
    """

    package: str
    module: str
    ops: frozenset[str]
    prefix: str = ""
    note: str = ""

    def has(self, op: str) -> bool:
        """Whether an op is of this package."""
        return op in self.ops or bool(self.prefix and op.startswith(self.prefix))


def package_of(op: str) -> OpPackage | None:
    """The package that brings an op, where it is known.

    Example:
        >>> package_of("TokenizerFromLogits").module
        'tensorflow_text'
        >>> package_of("MatMul") is None
        True
    """
    return next((package for package in _packages() if package.has(op)), None)


def where_from(ops: Iterable[str]) -> str:
    """What to do for ops that are missing, in sentences; empty where no package is known to bring one.

    Example:
        >>> print(where_from(["TokenizerFromLogits"]))
        TokenizerFromLogits comes from the package tensorflow-text. Install it (pip install tensorflow-text), and write before the module is used: import tensorflow_text; for the command: --import tensorflow_text, or TF1HUB_IMPORTS=tensorflow_text in the environment.
    """
    by_package: dict[OpPackage, list[str]] = {}
    for op in ops:
        package = package_of(op)
        if package is not None:
            by_package.setdefault(package, []).append(op)
    return " ".join(_sentences(package, names) for package, names in by_package.items())


def _sentences(package: OpPackage, ops: list[str]) -> str:
    come = "comes" if len(ops) == 1 else "come"
    note = f" ({package.note})" if package.note else ""
    how = _HOW.format(package=package.package, module=package.module, variable=VARIABLE)
    return f"{', '.join(ops)} {come} from the package {package.package}{note}. {how}"


def import_packages(modules: Iterable[str], named_by: str) -> None:
    """Imports what brings ops.

    Args:
        modules: names of modules.
        named_by: who asks for them, in words.

    Raises:
        ArgumentError: they are no strings.
        MissingDependencyError: one cannot be imported.
    """
    for module in word_list(modules, f"The modules that {named_by} names"):
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever the code of a package raises
            installed = next((p.package for p in _packages() if p.module == module), module)
            raise MissingDependencyError(
                f"{module}, which {named_by} names, cannot be imported: {error}. "
                f"To install it: pip install {installed}"
            ) from error


@cache
def _packages() -> tuple[OpPackage, ...]:
    # Everything imports this file, and the import takes longer than asking a module what it is.
    import pkgutil

    entries = json.loads(pkgutil.get_data("tf1hub.graphdef", "op_packages.json") or "")
    return tuple(OpPackage(**{**entry, "ops": frozenset(entry["ops"])}) for entry in entries)
