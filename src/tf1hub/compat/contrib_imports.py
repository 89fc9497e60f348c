"""Import statements that name `tf.contrib`: a missing part stops a program where it is used, not where it is imported.

Programs import more than they use, often at the top of a file with their name for it.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import Any, NoReturn

from tf1hub.compat import contrib
from tf1hub.compat.alias import AliasModule
from tf1hub.errors import MissingDependencyError

_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Absent(AliasModule):
    """Stands for a missing package, function or class of contrib, and raises an error when it is used.

    Args:
        name: its full name.
        reason: why it is not there, where it is not that nothing answers it.
    """

    def __init__(self, name: str, reason: MissingDependencyError | None = None) -> None:
        super().__init__(name, self._refuse, lambda: ())
        self._reason = reason

    def _refuse(self, attribute: str) -> NoReturn:
        if self._reason is not None:
            raise self._reason
        raise AttributeError(contrib.missing(f"{self.__name__}.{attribute}"))

    def _refuse_use(self) -> NoReturn:
        if self._reason is not None:
            raise self._reason
        raise AttributeError(contrib.missing(self.__name__))

    def import_error(self) -> ImportError:
        """The error for an import statement that expects to fail."""
        return self._reason or ModuleNotFoundError(contrib.missing(self.__name__), name=self.__name__)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse_use()

    def __mro_entries__(self, _: tuple[Any, ...]) -> NoReturn:
        self._refuse_use()

    def __instancecheck__(self, _: Any) -> bool:
        return False


def import_contrib(name: str, wanted: Iterable[str], statement: FrameType) -> ModuleType:
    """The module that an import statement of a program gets.

    Args:
        name: of the module, `tensorflow.contrib` or below.
        wanted: what the statement takes from it; nothing for `import name`.
        statement: where the statement stands.

    Raises:
        ImportError: something is not there, and the statement stands in a `try` that catches that.
    """
    module = _module(name)
    values = {attribute: _attribute(module, attribute) for attribute in wanted if attribute != "*"}
    errors = [error for value in (values.values() or [module]) if (error := _import_error(value)) is not None]
    if errors and _is_caught(statement):
        raise errors[0]
    if not errors or not values:
        return module
    return AliasModule(name, values.__getitem__, lambda: values)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(contrib.PACKAGE):
            raise
        found = Absent(name)
    except MissingDependencyError as error:
        found = Absent(name, error)
    # Where `import a.b.c as d` looks for it.
    parent, _, child = name.rpartition(".")
    setattr(_module(parent), child, found)
    sys.modules[name] = found
    return found


def _attribute(module: ModuleType, name: str) -> Any:
    full = f"{module.__name__}.{name}"
    if isinstance(module, Absent):
        return Absent(full, module._reason)
    try:
        return getattr(module, name)
    except AttributeError:
        return Absent(full)
    except MissingDependencyError as error:
        return Absent(full, error)


def _import_error(value: Any) -> ImportError | None:
    if isinstance(value, Absent):
        return value.import_error()
    return contrib.lacks(value.__name__) if isinstance(value, AliasModule) else None


def _is_caught(statement: FrameType) -> bool:
    """Whether an import statement stands in a `try` that goes on where the import fails."""
    code = statement.f_code
    source = "".join(linecache.getlines(code.co_filename, statement.f_globals))
    try:
        tree = ast.parse(source)
    except SyntaxError:  # not the source of what runs
        return False
    return any(
        isinstance(node, ast.Try)
        and any(map(_catches, node.handlers))
        and node.body[0].lineno <= statement.f_lineno <= (node.body[-1].end_lineno or 0)
        for node in ast.walk(tree)
    )


def _catches(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(
        isinstance(node, ast.Name) and node.id in _CAUGHT for node in ast.walk(handler.type)
    )
