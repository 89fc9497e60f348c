"""A place: a directory with files below it, or one file, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from tf1hub.errors import Error, ExportError, FormatError, MissingDependencyError
from tf1hub.storage.address import is_remote, local_path, redacted, scheme_of

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

    def remove(self, name: str) -> None:
        """Removes a file, or a directory with all that is below it, if it is there."""
        ...


def place_at(path: str | os.PathLike[str], faults: Faults | None = None) -> Place:
    """Opens a place.

    Example:
        >>> import pathlib
        >>> _ = pathlib.Path("tfhub_module.pb").write_bytes(b"\\x08\\x03")
        >>> place_at(".").read("tfhub_module.pb")
        b'\\x08\\x03'

    Args:
        path: a path of this machine, or a URL whose scheme fsspec knows here, or else TensorFlow's file layer.
        faults: the errors that its methods raise.

    Raises:
        MissingDependencyError: neither knows the scheme.
    """
    text = os.fspath(path)
    faults = faults or Faults()
    if not is_remote(text):
        from tf1hub.storage.local import LocalPlace

        return LocalPlace(local_path(text), faults)
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme_of(text))
    except (ImportError, ValueError) as error:
        return _by_tensorflow(text, faults, error)
    from tf1hub.storage.with_fsspec import FsspecPlace

    return FsspecPlace(text, faults)


def _by_tensorflow(url: str, faults: Faults, cause: Exception) -> Place:
    from tf1hub.storage import with_tensorflow

    place = with_tensorflow.place_at(url, faults)
    if place is not None:
        return place
    scheme = scheme_of(url)
    raise MissingDependencyError(
        f"Nothing here can reach {redacted(url)}: fsspec says {str(cause)!r}, and TensorFlow's file layer does not know "
        f"{scheme}:// or is not installed. pip install 'tf1hub[remote]' and fsspec's package for {scheme}."
    ) from cause
