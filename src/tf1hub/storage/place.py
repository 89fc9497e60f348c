"""A place: a directory with files below it, or one file, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from tf1hub.errors import Error, ExportError, FormatError

CHUNK_BYTES = 1 << 20


class Faults(NamedTuple):
    """Which errors of ours stand for a place that fails: they depend on what it is asked for.

    Attributes:
        read: for what cannot be read.
        write: for what cannot be written.
    """

    read: type[Error] = FormatError
    write: type[Error] = ExportError


class Place(Protocol):
    """A directory, or a file, which then is the name `""`. Names are relative to it, with `/`.

    Attributes:
        root: the path or URL, as TensorFlow and the user know it.
        is_local: whether it is of this machine, so that `path` can be opened.
    """

    root: str

    @property
    def is_local(self) -> bool: ...

    def path(self, name: str) -> str:
        """The path or URL of `name`."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is a file or directory `name`; `""` is the place itself."""
        ...

    def is_directory(self, name: str) -> bool:
        """Whether `name` is a directory."""
        ...

    def size(self, name: str) -> int | None:
        """The bytes of the file `name`, or None where there is none."""
        ...

    def list(self, name: str) -> list[str]:
        """The sorted names directly below the directory `name`; empty where there is none."""
        ...

    def files(self, name: str) -> dict[str, int]:
        """The names of all files below the directory `name`, with their bytes; empty where there is none."""
        ...

    def files_with_times(self, name: str) -> dict[str, tuple[int, int]]:
        """As `files`, with the time of the last change beside the bytes, in nanoseconds; 0 where that is not known."""
        ...

    def read(self, name: str) -> bytes:
        """The whole content of the file `name`."""
        ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yields the content of the file `name`."""
        ...

    def make_directory(self, name: str) -> None:
        """Makes a directory, its parents too, if it is not there."""
        ...

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Writes the file `name` anew, its directory too; a failure leaves nothing."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Writes a small file that must not be there yet; whether it was not.

        Of several who do it at once, one succeeds, where the place can be asked for that.
        """
        ...

    def remove(self, name: str) -> None:
        """Removes a file, or a directory with all that is below it, if it is there."""
        ...
