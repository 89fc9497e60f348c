"""A place that fsspec knows: `s3://`, `hf://`, `memory://` and many more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from tf1hub.storage.address import join_path
from tf1hub.storage.faults import mapped
from tf1hub.storage.place import CHUNK_BYTES, Faults


class FsspecPlace:
    """A place behind a scheme of fsspec; see `Place`."""

    is_local = False

    def __init__(self, root: str, faults: Faults) -> None:
        import fsspec

        self.root = root.rstrip("/")
        self._faults = faults
        with mapped(root, "opened by fsspec", faults.read):
            self._files: Any = fsspec.core.url_to_fs(root)[0]

    def path(self, name: str) -> str:
        return join_path(self.root, name)

    def _inner(self, name: str) -> str:
        return str(self._files._strip_protocol(self.path(name)))

    def _info(self, name: str) -> dict[str, Any] | None:
        with mapped(self.path(name), "looked at", self._faults.read):
            # Others may have written since it was listed.
            self._files.invalidate_cache()
            try:
                info: dict[str, Any] = self._files.info(self._inner(name))
            except FileNotFoundError:
                return None
        return info

    def exists(self, name: str) -> bool:
        return self._info(name) is not None

    def is_directory(self, name: str) -> bool:
        info = self._info(name)
        return info is not None and info["type"] == "directory"

    def size(self, name: str) -> int | None:
        info = self._info(name)
        return int(info["size"] or 0) if info is not None and info["type"] == "file" else None

    def list(self, name: str) -> list[str]:
        if not self.is_directory(name):
            return []
        inner = self._inner(name).rstrip("/")
        with mapped(self.path(name), "listed", self._faults.read):
            found = self._files.ls(inner, detail=False)
        # Some stores list a directory in itself, as an empty object.
        return sorted(
            {str(path).rstrip("/").rpartition("/")[2] for path in found if path.rstrip("/") != inner}
        )

    def files(self, name: str) -> dict[str, int]:
        if not self.is_directory(name):
            return {}
        inner = self._inner(name).rstrip("/")
        with mapped(self.path(name), "listed", self._faults.read):
            found = self._files.find(inner, detail=True)
        return {path[len(inner) + 1 :]: int(info["size"] or 0) for path, info in found.items()}

    def files_with_times(self, name: str) -> dict[str, tuple[int, int]]:
        return {found: (size, 0) for found, size in self.files(name).items()}

    def read(self, name: str) -> bytes:
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        with (
            mapped(self.path(name), "read", self._faults.read),
            self._files.open(self._inner(name), "rb") as file,
        ):
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def make_directory(self, name: str) -> None:
        with mapped(self.path(name), "made", self._faults.write):
            self._files.makedirs(self._inner(name), exist_ok=True)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        inner = self._inner(name)
        with mapped(self.path(name), "written", self._faults.write):
            self._files.makedirs(inner.rpartition("/")[0], exist_ok=True)
            try:
                with self._files.open(inner, "wb") as file:
                    for piece in chunks:
                        file.write(piece)
            except BaseException:
                # Leaving the `with` has uploaded what there was.
                with contextlib.suppress(Exception):
                    self._files.rm_file(inner)
                raise

    def create(self, name: str, data: bytes) -> bool:
        inner = self._inner(name)
        with mapped(self.path(name), "written", self._faults.write):
            self._files.makedirs(inner.rpartition("/")[0], exist_ok=True)
            try:
                with self._files.open(inner, "xb") as file:
                    file.write(data)
                return True
            except FileExistsError:
                return False
            except (ValueError, NotImplementedError, TypeError, AttributeError):
                pass  # the store, or this version of what speaks to it, cannot be asked for that
        if self.size(name) is not None:
            return False
        self.write(name, [data])
        return True

    def remove(self, name: str) -> None:
        inner = self._inner(name)
        with mapped(self.path(name), "removed", self._faults.write):
            if self._files.exists(inner):
                self._files.rm(inner, recursive=True)
