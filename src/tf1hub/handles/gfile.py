"""TensorFlow's file layer as a store: the one place where resolving may import TensorFlow.

It is asked only for a scheme that fsspec cannot serve here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tf1hub.errors import CacheError, DownloadError
from tf1hub.handles.handle import redacted
from tf1hub.handles.storage import Storage

_CHUNK = 1 << 20


def storage(url: str) -> Storage | None:
    """Returns a store for `url`, or None where TensorFlow is missing or does not know the scheme."""
    try:
        import tensorflow as tf
    except ImportError:
        return None
    try:
        tf.io.gfile.exists(url)
    except tf.errors.UnimplementedError:
        return None
    except tf.errors.OpError as error:
        raise DownloadError(f"{redacted(url)} cannot be opened by TensorFlow: {error.message}.") from error
    return GFileStorage(tf)


class GFileStorage:
    """A store that `tf.io.gfile` knows.

    Args:
      tf: The module `tensorflow`.
    """

    def __init__(self, tf: Any) -> None:
        self._gfile = tf.io.gfile
        self._error = tf.errors.OpError
        self._not_found = tf.errors.NotFoundError

    def files(self, url: str) -> dict[str, int]:
        found = {}
        try:
            if not self._gfile.isdir(url):
                return {}
            for directory, _, names in self._gfile.walk(url):
                for name in names:
                    path = f"{directory.rstrip('/')}/{name}"
                    size = self._size(path)
                    if size is not None:
                        found[path[len(url.rstrip("/")) + 1 :]] = size
        except self._error as error:
            raise DownloadError(f"{redacted(url)} cannot be listed: {error.message}.") from error
        return found

    def _size(self, path: str) -> int | None:
        try:
            return int(self._gfile.stat(path).length)
        except self._not_found:
            # ram:// lists the files beside a directory whose names begin like its own.
            return None

    def chunks(self, url: str) -> Iterator[bytes]:
        try:
            with self._gfile.GFile(url, "rb") as file:
                while piece := file.read(_CHUNK):
                    yield piece
        except self._error as error:
            raise DownloadError(f"{redacted(url)} cannot be read: {error.message}.") from error

    def size(self, url: str) -> int | None:
        try:
            if not self._gfile.exists(url) or self._gfile.isdir(url):
                return None
            return int(self._gfile.stat(url).length)
        except self._error as error:
            raise DownloadError(f"{redacted(url)} cannot be looked at: {error.message}.") from error

    def write(self, url: str, chunks: Iterator[bytes]) -> None:
        try:
            self._gfile.makedirs(url.rpartition("/")[0])
            with self._gfile.GFile(url, "wb") as file:
                for piece in chunks:
                    file.write(piece)
        except self._error as error:
            raise CacheError(f"{redacted(url)} cannot be written: {error.message}.") from error

    def remove(self, url: str) -> None:
        try:
            if self._gfile.isdir(url):
                self._gfile.rmtree(url)
            elif self._gfile.exists(url):
                self._gfile.remove(url)
        except self._error as error:
            raise CacheError(f"{redacted(url)} cannot be removed: {error.message}.") from error
