"""A directory of this machine."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

from tf1hub.storage.address import join_path
from tf1hub.storage.faults import mapped
from tf1hub.storage.place import CHUNK_BYTES, Faults

_READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class LocalPlace:
    """A directory, or a file, of this machine; see `Place`."""

    is_local = True

    def __init__(self, root: str, faults: Faults) -> None:
        self.root = root
        self._faults = faults

    def path(self, name: str) -> str:
        return join_path(self.root, name)

    def exists(self, name: str) -> bool:
        return os.path.exists(self.path(name))

    def is_directory(self, name: str) -> bool:
        return os.path.isdir(self.path(name))

    def size(self, name: str) -> int | None:
        path = self.path(name)
        with mapped(path, "looked at", self._faults.read):
            try:
                status = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return status.st_size if stat.S_ISREG(status.st_mode) else None

    def list(self, name: str) -> list[str]:
        path = self.path(name)
        with mapped(path, "listed", self._faults.read):
            try:
                return sorted(os.listdir(path))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def files(self, name: str) -> dict[str, int]:
        return {found: size for found, (size, _) in self.files_with_times(name).items()}

    def files_with_times(self, name: str) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        root = self.path(name)
        with mapped(root, "listed", self._faults.read):
            folders = [(root, "")]
            for path, prefix in folders:  # which grows
                for entry in _entries(path):
                    if _is_directory(entry):
                        folders.append((entry.path, f"{prefix}{entry.name}/"))
                    else:
                        status = entry.stat()
                        found[prefix + entry.name] = status.st_size, status.st_mtime_ns
        return found

    def read(self, name: str) -> bytes:
        path = self.path(name)
        # With a file object of Python's, a small file takes twice as long.
        with mapped(path, "read", self._faults.read):
            handle = os.open(path, _READING)
            try:
                size = os.fstat(handle).st_size
                data = os.read(handle, size + 1)
                if len(data) != size or not size:
                    pieces = [data]
                    while pieces[-1]:
                        pieces.append(os.read(handle, CHUNK_BYTES))
                    data = b"".join(pieces)
            finally:
                os.close(handle)
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        path = self.path(name)
        with mapped(path, "read", self._faults.read), open(path, "rb", buffering=0) as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def make_directory(self, name: str) -> None:
        path = self.path(name)
        with mapped(path, "made", self._faults.write):
            os.makedirs(path, exist_ok=True)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self.path(name)
        folder, base = os.path.split(path)
        beside = os.path.join(folder, f".{base}.tf1hub-{os.urandom(4).hex()}")
        with mapped(path, "written", self._faults.write):
            os.makedirs(folder or ".", exist_ok=True)
            try:
                with open(beside, "xb") as file:
                    file.writelines(chunks)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(beside)
                raise

    def create(self, name: str, data: bytes) -> bool:
        path = self.path(name)
        folder, base = os.path.split(path)
        beside = os.path.join(folder, f".{base}.tf1hub-{os.urandom(4).hex()}")
        with mapped(path, "written", self._faults.write):
            os.makedirs(folder or ".", exist_ok=True)
            try:
                with open(beside, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                # A link fails where the name is taken.
                os.link(beside, path)
            except FileExistsError:
                return False
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(beside)
        return True

    def remove(self, name: str) -> None:
        import shutil  # with all that it can unpack; only those who remove need wait for that

        path = self.path(name)
        with mapped(path, "removed", self._faults.write):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)


def _entries(path: str) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing where it cannot be listed."""
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
