"""Remote storage, by fsspec where it knows the scheme, else by TensorFlow's file layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from tf1hub.errors import CacheError, DownloadError, MissingDependencyError
from tf1hub.handles.handle import redacted

_CHUNK = 1 << 20


class Storage(Protocol):
    """What the resolver needs of a store. Places are full URLs such as `gs://bucket/dir`."""

    def files(self, url: str) -> dict[str, int]:
        """Returns name below `url` -> bytes, for all files below it; `{}` where there is nothing."""
        ...

    def chunks(self, url: str) -> Iterator[bytes]:
        """Yields the content of a file."""
        ...

    def size(self, url: str) -> int | None:
        """Returns the bytes of a file, or None where there is none."""
        ...

    def write(self, url: str, chunks: Iterator[bytes]) -> None:
        """Writes a file."""
        ...

    def remove(self, url: str) -> None:
        """Removes a file, or a directory with all that is below it, if it is there."""
        ...


def storage_of(url: str) -> Storage:
    """Returns the store that reads and writes a URL.

    Raises:
      MissingDependencyError: Neither fsspec nor TensorFlow knows the scheme here.
    """
    scheme = url.partition("://")[0]
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        return _by_tensorflow(url, scheme, error)
    return FsspecStorage(url)


def _by_tensorflow(url: str, scheme: str, cause: Exception) -> Storage:
    from tf1hub.handles import gfile

    store = gfile.storage(url)
    if store is not None:
        return store
    raise MissingDependencyError(
        f"Nothing here can read {redacted(url)}: fsspec says {str(cause)!r}, and TensorFlow's file "
        f"layer does not know "
        f"{scheme}:// or is not installed. pip install 'tf1hub[remote]' and fsspec's package for {scheme}."
    ) from cause


class FsspecStorage:
    """A store that fsspec knows."""

    def __init__(self, url: str) -> None:
        import fsspec

        try:
            self._fs: Any = fsspec.core.url_to_fs(url)[0]
        except (ImportError, ValueError, TypeError, OSError) as error:
            raise DownloadError(f"{redacted(url)} cannot be opened by fsspec: {error}.") from error

    def _path(self, url: str) -> str:
        return str(self._fs._strip_protocol(url))

    def files(self, url: str) -> dict[str, int]:
        root = self._path(url).rstrip("/")
        with _mapped(url, "listed"):
            self._fs.invalidate_cache()
            if not self._fs.isdir(root):
                return {}
            found = self._fs.find(root, detail=True)
        return {path[len(root) + 1 :]: int(detail["size"] or 0) for path, detail in found.items()}

    def chunks(self, url: str) -> Iterator[bytes]:
        with _mapped(url, "read"), self._fs.open(self._path(url), "rb") as file:
            while piece := file.read(_CHUNK):
                yield piece

    def size(self, url: str) -> int | None:
        with _mapped(url, "looked at"):
            try:
                detail = self._fs.info(self._path(url))
            except FileNotFoundError:
                return None
        return int(detail["size"] or 0) if detail["type"] == "file" else None

    def write(self, url: str, chunks: Iterator[bytes]) -> None:
        path = self._path(url)
        with _mapped(url, "written", CacheError):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self._fs.open(path, "wb") as file:
                for piece in chunks:
                    file.write(piece)

    def remove(self, url: str) -> None:
        path = self._path(url)
        with _mapped(url, "removed", CacheError):
            if self._fs.exists(path):
                self._fs.rm(path, recursive=True)


class _mapped:  # noqa: N801 - it reads as a verb where it is used
    """Turns the errors of a store into ours; a store may raise anything that its SDK has."""

    def __init__(
        self, url: str, done: str, kind: type[DownloadError] | type[CacheError] = DownloadError
    ) -> None:
        self._url, self._done, self._kind = url, done, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, (DownloadError, CacheError)):
            said = str(error) or type(error).__name__
            raise self._kind(f"{redacted(self._url)} cannot be {self._done}: {said}.") from error
