"""Modules that answer to another name, and the finder through which `import` meets them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class AliasModule(ModuleType):
    """A module whose attributes are looked up when they are first asked for.

    Args:
        name: the name under which programs import it.
        lookup: gives the value of an attribute, or raises AttributeError with a helpful message.
        names: lists the attributes that `dir` and `from module import *` show.
        attributes: values known from the start, such as `__version__`.
    """

    def __init__(
        self,
        name: str,
        lookup: Callable[[str], Any],
        names: Callable[[], Iterable[str]],
        attributes: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name)
        self.__dict__.update(attributes or {})
        self.__path__: list[str] = []
        self.__package__ = name
        self._alias_lookup = lookup
        self._alias_names = names

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return sorted(set(self._alias_names()))
        # Python and inspect probe modules for __wrapped__, __file__, ...: no import for those.
        if name.startswith("__") and name != "__internal__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = self._alias_lookup(name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*self._alias_names(), *self.__dict__})


class AliasFinder(MetaPathFinder, Loader):
    """Serves a package and its submodules from a function.

    Args:
        package: the package's full name.
        make: gives the module of a full name, or raises ModuleNotFoundError.
    """

    def __init__(self, package: str, make: Callable[[str], ModuleType]) -> None:
        self.package = package
        self._make = make

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the package or of what is below it; None for all else."""
        if fullname != self.package and not fullname.startswith(self.package + "."):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._make(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module is whole."""


def serve(finder: AliasFinder) -> None:
    """Puts a finder before all others, so that an installed package of the same name is not met.

    A second finder for the same package is ignored.
    """
    if not any(isinstance(known, AliasFinder) and known.package == finder.package for known in sys.meta_path):
        sys.meta_path.insert(0, finder)


def attribute_or_submodule(module: ModuleType, name: str) -> Any:
    """`module.name`, importing the submodule `name` where that is what is meant.

    Raises:
        AttributeError: the module has neither.
    """
    try:
        return getattr(module, name)
    except AttributeError:
        full = f"{module.__name__}.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
        raise
