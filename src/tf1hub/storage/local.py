"""A directory of this machine."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

from tf1hub.storage.address import join_path
from tf1hub.storage.faults import mapped
from tf1hub.storage.place import CHUNK_BYTES, Faults


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
        found = {}
        root = self.path(name)
        with mapped(root, "listed", self._faults.read):
            for folder, _, below in os.walk(root, followlinks=True):
                for base in below:
                    path = os.path.join(folder, base)
                    found[os.path.relpath(path, root).replace(os.sep, "/")] = os.path.getsize(path)
        return found

    def read(self, name: str) -> bytes:
        path = self.path(name)
        with mapped(path, "read", self._faults.read), open(path, "rb") as file:
            return file.read()

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
