"""A place that TensorFlow's file layer knows: `gs://`, `hdfs://`, `ram://` and what its plugins bring.

The one door through which this room, and those that stand on it, may import TensorFlow. It is asked only for a scheme that
fsspec does not know here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from tf1hub.storage.address import join_path, scheme_of
from tf1hub.storage.faults import mapped
from tf1hub.storage.place import CHUNK_BYTES, Faults


def place_at(url: str, faults: Faults) -> TensorFlowPlace | None:
    """Opens a place, or returns None where TensorFlow is missing or does not know the scheme."""
    try:
        import tensorflow as tf
    except ImportError:
        return None
    # Asking whether something is there would cost a round trip.
    if scheme_of(url) not in tf.io.gfile.get_registered_schemes():
        return None
    return TensorFlowPlace(url, faults, tf)


class TensorFlowPlace:
    """A place behind a scheme of `tf.io.gfile`; see `Place`.

    Args:
        root: the URL.
        faults: the errors that are raised.
        tf: the module `tensorflow`.
    """

    is_local = False

    def __init__(self, root: str, faults: Faults, tf: Any) -> None:
        self.root = root.rstrip("/")
        self._faults = faults
        self._files = tf.io.gfile
        self._not_found = tf.errors.NotFoundError

    def path(self, name: str) -> str:
        return join_path(self.root, name)

    def exists(self, name: str) -> bool:
        path = self.path(name)
        with mapped(path, "looked at", self._faults.read):
            return bool(self._files.exists(path))

    def is_directory(self, name: str) -> bool:
        path = self.path(name)
        with mapped(path, "looked at", self._faults.read):
            return bool(self._files.isdir(path))

    def size(self, name: str) -> int | None:
        path = self.path(name)
        with mapped(path, "looked at", self._faults.read):
            return None if self._files.isdir(path) else self._size(path)

    def _size(self, path: str) -> int | None:
        try:
            return int(self._files.stat(path).length)
        except self._not_found:
            return None

    def list(self, name: str) -> list[str]:
        if not self.is_directory(name):
            return []
        path = self.path(name)
        with mapped(path, "listed", self._faults.read):
            return sorted(entry.rstrip("/") for entry in self._files.listdir(path))

    def files(self, name: str) -> dict[str, int]:
        found: dict[str, int] = {}
        root = self.path(name)
        with mapped(root, "listed", self._faults.read):
            if not self._files.isdir(root):
                return {}
            for folder, _, below in self._files.walk(root):
                for base in below:
                    path = f"{folder.rstrip('/')}/{base}"
                    size = self._size(path)
                    # ram:// lists the files beside a directory whose names begin like its own.
                    if size is not None:
                        found[path[len(root) + 1 :]] = size
        return found

    def files_with_times(self, name: str) -> dict[str, tuple[int, int]]:
        return {found: (size, 0) for found, size in self.files(name).items()}

    def read(self, name: str) -> bytes:
        path = self.path(name)
        with mapped(path, "read", self._faults.read), self._files.GFile(path, "rb") as file:
            return bytes(file.read())

    def chunks(self, name: str) -> Iterator[bytes]:
        path = self.path(name)
        with mapped(path, "read", self._faults.read), self._files.GFile(path, "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def make_directory(self, name: str) -> None:
        path = self.path(name)
        with mapped(path, "made", self._faults.write):
            self._files.makedirs(path)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self.path(name)
        with mapped(path, "written", self._faults.write):
            self._files.makedirs(path.rpartition("/")[0])
            if path.startswith("ram://") and self._files.exists(path):
                # It would append.
                self._files.remove(path)
            try:
                with self._files.GFile(path, "wb") as file:
                    file.write(b"")  # without a write, there would be no file
                    for piece in chunks:
                        file.write(piece)
            except BaseException:
                # Leaving the `with` has written what there was.
                with contextlib.suppress(Exception):
                    self._files.remove(path)
                raise

    def create(self, name: str, data: bytes) -> bool:
        if self.size(name) is not None:
            return False
        self.write(name, [data])
        return True

    def remove(self, name: str) -> None:
        path = self.path(name)
        with mapped(path, "removed", self._faults.write):
            if self._files.isdir(path):
                self._files.rmtree(path)
            elif self._files.exists(path):
                self._files.remove(path)
