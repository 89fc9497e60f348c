"""What handles and paths may be, in the same words at every door."""

from __future__ import annotations

import os
from collections.abc import Iterable

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


def check_function(function: object, what: str) -> None:
    """Refuses what cannot be called.

    Args:
        function: what was given.
        what: the argument in words.

    Raises:
        ArgumentError: it cannot be called.
    """
    if not callable(function):
        raise ArgumentError(f"A {what} is a function, not {function!r}.")


def word_list(words: object, what: str) -> list[str]:
    """Several words as a list.

    Args:
        words: what was given.
        what: the words in words, a plural that begins the sentence: `"Tags"`.

    Raises:
        ArgumentError: it is one string, or holds something else than strings.
    """
    if isinstance(words, str):
        # A string is iterable: it would be its letters, and later messages would make no sense.
        raise ArgumentError(f"{what} are a set of strings: write {{{words!r}}} instead of {words!r}.")
    if not isinstance(words, Iterable) or isinstance(words, bytes):
        raise ArgumentError(f"{what} are a set of strings, not {words!r}.")
    found = list(words)
    for word in found:
        if not isinstance(word, str):
            raise ArgumentError(f"{what} are a set of strings, and {word!r} is none.")
    return found
