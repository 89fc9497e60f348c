"""The archive of a module: the same bytes for the same content, whoever packs it and when."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import tarfile
from collections.abc import Iterable
from typing import IO, cast

from tf1hub.errors import RepositoryError
from tf1hub.handles.manifest import FileRecord
from tf1hub.storage import Place

# Weights hardly get smaller, and the first level is several times as fast as the usual one.
_LEVEL = 1
_BLOCK = 512


def pack(place: Place, files: Iterable[FileRecord], target: str) -> None:
    """Writes the archive of a module, whole or not at all; one that is there already is left as it is.

    Names are sorted; there is no time, no owner and no mode in it that the content does not decide.

    Args:
        place: the module's directory.
        files: its files.
        target: the path of the `.tar.gz`.

    Raises:
        RepositoryError: a file is not what its record says, or the archive cannot be written.
    """
    beside = f"{target}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(beside, "xb") as raw:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as packed:
                _write(place, files, cast("IO[bytes]", packed))
            raw.flush()
            os.fsync(raw.fileno())
        # A link fails where the name is taken: what somebody may be reading by now stays.
        with contextlib.suppress(FileExistsError):
            os.link(beside, target)
    except OSError as error:
        if isinstance(error, RepositoryError):
            raise
        raise RepositoryError(
            f"The archive {target} cannot be written: {error.strerror or error}."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _write(place: Place, files: Iterable[FileRecord], packed: IO[bytes]) -> None:
    done = 0
    folders: set[str] = set()
    for file in sorted(files, key=lambda file: file.name.encode()):
        folder = file.name.rpartition("/")[0]
        for depth in range(folder.count("/") + 1 if folder else 0):
            name = "/".join(folder.split("/")[: depth + 1])
            if name not in folders:
                folders.add(name)
                # The original library makes only those directories that the archive has.
                done += packed.write(_header(name, tarfile.DIRTYPE, 0o755))
        header = _header(file.name, tarfile.REGTYPE, 0o644, file.size)
        packed.write(header)
        digest, count = hashlib.sha256(), 0
        for piece in place.chunks(file.name):
            digest.update(piece)
            count += len(piece)
            packed.write(piece)
        if (count, digest.hexdigest()) != (file.size, file.sha256):
            raise RepositoryError(
                f"{place.path(file.name)} is not what it was when it was first looked at. Versions never change; "
                "give what is new a new number."
            )
        padding = -count % _BLOCK
        packed.write(b"\0" * padding)
        done += len(header) + count + padding
    packed.write(b"\0" * (2 * _BLOCK + -(done + 2 * _BLOCK) % tarfile.RECORDSIZE))


def _header(name: str, kind: bytes, mode: int, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size, member.mtime = kind, mode, size, 0
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
