"""Errors of the operating system, of stores and of TensorFlow, turned into ours."""

from __future__ import annotations

from tf1hub.errors import Error
from tf1hub.storage.address import redact


class mapped:  # noqa: N801 - it reads as a verb where it is used
    """Turns what a place raises into an error of ours; a store may raise anything that its SDK has.

    Args:
        path: what is used.
        done: what happens to it, as a participle.
        kind: the error.
    """

    # A class, because a generator would cost every look at a local file some microseconds more.

    def __init__(self, path: str, done: str, kind: type[Error]) -> None:
        self._path, self._done, self._kind = path, done, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, Error):
            raise self._kind(f"{redact(self._path)} cannot be {self._done}: {words_of(error)}.") from error


def words_of(error: BaseException) -> str:
    """What an error says, without its number and without the path, which the message has already."""
    words = getattr(error, "message", None) or getattr(error, "strerror", None)
    return (str(words or error) or type(error).__name__).rstrip(".")
