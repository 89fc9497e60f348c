"""What handles and paths may be, in the same words at every door."""

from __future__ import annotations

import os

from tf1hub.errors import ArgumentError


def handle_text(handle: object, also: str = "") -> str:
    """A handle as a string.

    Args:
        handle: what was given.
        also: what else would be right there, a sentence.

    Raises:
        ArgumentError: it is of another type.
    """
    text = os.fspath(handle) if isinstance(handle, os.PathLike) else handle
    if isinstance(text, str):
        return text
    # By its name: handles stand below the room that has the class, and a spec that is no handle is seen here only.
    if type(handle).__name__ == "ModuleSpec":
        raise ArgumentError(
            f"{getattr(handle, 'name', '')} is a ModuleSpec, a definition in memory that has no directory of its own. "
            "Give its handle, or write it as a module: spec.export(path)"
        )
    given = repr(handle) if isinstance(handle, bool | int | float | bytes | None) else type(handle).__name__
    message = f"A module is named by a handle (a string) or a ModuleSpec, not by {given}."
    raise ArgumentError(f"{message} {also}" if also else message)


def path_text(path: object, what: str = "path") -> str:
    """A path as a string.

    Args:
        path: what was given.
        what: the argument in words.

    Raises:
        ArgumentError: it is of another type.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if isinstance(text, str):
        return text
    raise ArgumentError(f"A {what} is a string or an os.PathLike, not {path!r}.")
