"""Where the files of a module lie: a local directory, or one that TensorFlow's file layer reads."""

from __future__ import annotations

import os
import posixpath
from typing import Protocol


class Storage(Protocol):
    """Reads the files below one directory; names are relative, with `/`."""

    root: str

    def path(self, name: str) -> str:
        """The path of the file `name`, as TensorFlow and the user know it."""

    def exists(self, name: str) -> bool:
        """Whether there is a file or directory `name`; `""` is the root itself."""

    def is_directory(self, name: str) -> bool:
        """Whether `name` is a directory."""

    def read(self, name: str) -> bytes:
        """The whole content of the file `name`; raises OSError."""

    def list(self, name: str) -> list[str]:
        """The sorted names directly below the directory `name`; empty where there is none."""


class LocalStorage:
    """A directory of this machine.

    Example:
        >>> import pathlib, tempfile
        >>> directory = tempfile.TemporaryDirectory()
        >>> _ = pathlib.Path(directory.name, "tfhub_module.pb").write_bytes(b"\\x08\\x03")
        >>> LocalStorage(directory.name).read("tfhub_module.pb")
        b'\\x08\\x03'
        >>> directory.cleanup()
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, name: str) -> str:
        return os.path.join(self.root, *name.split("/")) if name else self.root

    def exists(self, name: str) -> bool:
        return os.path.exists(self.path(name))

    def is_directory(self, name: str) -> bool:
        return os.path.isdir(self.path(name))

    def read(self, name: str) -> bytes:
        with open(self.path(name), "rb") as file:
            return file.read()

    def list(self, name: str) -> list[str]:
        try:
            return sorted(os.listdir(self.path(name)))
        except (FileNotFoundError, NotADirectoryError):
            return []


class RemoteStorage:
    """A directory behind a scheme (`gs://`, `ram://`, ...) that TensorFlow's file layer reads."""

    def __init__(self, root: str) -> None:
        from tf1hub._tensorflow import file_layer

        self.root = root.rstrip("/")
        self._files = file_layer()

    def path(self, name: str) -> str:
        return posixpath.join(self.root, name) if name else self.root

    def exists(self, name: str) -> bool:
        return bool(self._files.exists(self.path(name)))

    def is_directory(self, name: str) -> bool:
        return bool(self._files.isdir(self.path(name)))

    def read(self, name: str) -> bytes:
        return self._files.read(self.path(name))

    def list(self, name: str) -> list[str]:
        if not self.is_directory(name):
            return []
        return sorted(entry.rstrip("/") for entry in self._files.listdir(self.path(name)))


def is_remote(path: str) -> bool:
    """Whether `path` has a scheme, `file://` excepted.

    Example:
        >>> is_remote("gs://bucket/module"), is_remote("/data/module"), is_remote("C:/module")
        (True, False, False)
    """
    return "://" in path and not path.startswith("file://")


def storage_at(path: str | os.PathLike[str]) -> Storage:
    """The storage of a path: local, or TensorFlow's where it has a scheme."""
    text = os.fspath(path)
    if is_remote(text):
        return RemoteStorage(text)
    return LocalStorage(text.removeprefix("file://"))
