"""Uploads that may be interrupted: what has come stays, and tells where to go on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from tf1hub.errors import AccessError, PublishError, RepositoryError, UnknownModuleError
from tf1hub.repository.layout import FAULTS
from tf1hub.repository.module_names import VersionName, version_name
from tf1hub.repository.private_files import locked, read_json, room_watched, write_json
from tf1hub.storage import place_at

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DAY = 24 * 3600.0
_MOST_AT_ONCE = 50


class Upload(NamedTuple):
    """An upload.

    Attributes:
        id: by which it is asked for.
        name: what is uploaded.
        bytes: how large it will be.
        sha256: of the archive, in hex; empty: not known.
        offset: how many bytes have come.
        by: the name of the token.
    """

    id: str
    name: VersionName
    bytes: int
    sha256: str
    offset: int
    by: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON tells it."""
        return {
            "id": self.id,
            "handle": str(self.name),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "offset": self.offset,
        }


class Uploads:
    """The uploads of a repository.

    Args:
        state: the repository's own directory.
        max_bytes: how large an archive may be.
        keep_seconds: after which time an upload that nothing comes to is thrown away.
    """

    def __init__(self, state: str, max_bytes: int, keep_seconds: float = _DAY) -> None:
        self._state = state
        self._folder = os.path.join(state, "uploads")
        self._max_bytes = max_bytes
        self._keep = keep_seconds

    def begin(self, name: VersionName, size: int, sha256: str, by: str) -> Upload:
        """Begins an upload.

        Raises:
            PublishError: it would be too large, or too many are under way.
        """
        self.remove_old()
        if not 0 < size <= self._max_bytes:
            raise PublishError(
                f"An archive has from 1 to {self._max_bytes} bytes here, not {size}.", "too large"
            )
        if sha256 and not _SHA256.fullmatch(sha256):
            raise PublishError("sha256 is 64 hexadecimal digits in lower case.")
        there = self._find_same(name, size, sha256, by) if sha256 else None
        if there is not None:
            # Whoever was interrupted and begins again goes on.
            return there
        if self.count() >= _MOST_AT_ONCE:
            raise PublishError(
                f"{_MOST_AT_ONCE} uploads are under way. Wait until one of them is done.", "room"
            )
        upload = Upload(secrets.token_hex(16), name, size, sha256, 0, by)
        with room_watched():
            os.makedirs(self._path(upload.id))
            write_json(place_at(self._path(upload.id), FAULTS), "upload.json", {**upload.to_dict(), "by": by})
        return upload

    def _find_same(self, name: VersionName, size: int, sha256: str, by: str) -> Upload | None:
        with contextlib.suppress(OSError):
            for key in os.listdir(self._folder):
                with contextlib.suppress(RepositoryError):
                    there = self.find(key, by)
                    if (there.name, there.bytes, there.sha256) == (name, size, sha256):
                        return there
        return None

    def find(self, key: str, by: str) -> Upload:
        """The upload with this id.

        Raises:
            UnknownModuleError: there is none.
            AccessError: it is somebody else's.
        """
        said = read_json(place_at(self._path(key), FAULTS), "upload.json") if _ID.fullmatch(key) else None
        if said is None:
            raise UnknownModuleError("There is no such upload. It may be done, or too old.")
        if said["by"] != by:
            raise AccessError("This upload was begun with another token.")
        try:
            offset = os.path.getsize(self._data(key))
        except OSError:
            offset = 0
        return Upload(key, version_name(said["handle"]), said["bytes"], said["sha256"], offset, by)

    def add(self, upload: Upload, offset: int, pieces: Iterable[bytes]) -> Upload:
        """Adds bytes at the end.

        Args:
            upload: the upload.
            offset: where the sender goes on.
            pieces: what comes; what came before a failure stays.

        Raises:
            PublishError: it does not go on where the upload ended, or more comes than was announced.
        """
        with locked(self._state, f"upload {upload.id}"):
            there = self.find(upload.id, upload.by)
            if offset != there.offset:
                raise PublishError(f"The upload goes on at byte {there.offset}, not at {offset}.", "offset")
            done = offset
            with room_watched(), open(self._data(upload.id), "ab", buffering=0) as file:
                for piece in pieces:
                    done += len(piece)
                    if done > upload.bytes:
                        words = f"More comes than the {upload.bytes} bytes that were announced."
                        raise PublishError(words, "too large")
                    _write_all(file.fileno(), piece)
        return self.find(upload.id, upload.by)

    def finish(self, upload: Upload) -> str:
        """The path of the archive, once all of it has come.

        Raises:
            PublishError: it has not, or it is not what was announced.
        """
        there = self.find(upload.id, upload.by)
        if there.offset != there.bytes:
            raise PublishError(
                f"{there.offset} of {there.bytes} bytes have come. Send the rest first.", "offset"
            )
        if there.sha256:
            with open(self._data(there.id), "rb") as file:
                digest = (
                    hashlib.file_digest(file, "sha256").hexdigest()
                    if hasattr(hashlib, "file_digest")
                    else _hash(file)
                )
            if digest != there.sha256:
                raise PublishError(f"What came has the SHA-256 {digest}, not {there.sha256}. Begin anew.")
        return self._data(there.id)

    def remove(self, upload: Upload) -> None:
        """Throws an upload away."""
        shutil.rmtree(self._path(upload.id), ignore_errors=True)

    def count(self) -> int:
        """How many are under way."""
        with contextlib.suppress(OSError):
            return len(os.listdir(self._folder))
        return 0

    def remove_old(self) -> None:
        """Throws away what nothing came to for long."""
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                with contextlib.suppress(OSError):
                    newest = max(
                        [entry.stat().st_mtime, *(one.stat().st_mtime for one in os.scandir(entry.path))]
                    )
                    if time.time() - newest > self._keep:
                        shutil.rmtree(entry.path, ignore_errors=True)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key)

    def _data(self, key: str) -> str:
        return os.path.join(self._folder, key, "archive")


def _write_all(handle: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _hash(file: Any) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
