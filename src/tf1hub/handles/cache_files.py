"""Files of this machine: read piece by piece, written whole or not at all, removed while others may use them."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import socket
from collections.abc import Iterator

from tf1hub.errors import CacheError, DownloadError, NotAModuleError
from tf1hub.storage import Faults, is_remote, local_path, place_at

FAULTS = Faults(DownloadError, CacheError)
"""The errors for remote storage that fails while a module is resolved."""

_CHUNK = 1 << 20


def chunks(path: str) -> Iterator[bytes]:
    """Yields a file's content.

    Raises:
        NotAModuleError: there is no such file.
        CacheError: it cannot be read.
    """
    if is_remote(path):
        yield from place_at(path, FAULTS).chunks("")
        return
    path = local_path(path)
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise NotAModuleError(f"There is nothing at {path}.") from error
    except OSError as error:
        raise CacheError(f"{path} cannot be read: {error.strerror}.") from error


def make_directories(path: str) -> None:
    """Makes a directory and its parents, with the permissions that the umask leaves.

    Raises:
        CacheError: it cannot be made.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CacheError(
            f"The cache directory {path} cannot be made: {error.strerror}. Set TFHUB_CACHE_DIR to a "
            f"place that can "
            f"be written."
        ) from error


def write_text(path: str, text: str) -> None:
    """Writes a file so that readers see the old text or the new, never a part.

    Raises:
        CacheError: it cannot be written.
    """
    temporary = f"{path}.{unique_suffix()}"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise CacheError(f"{path} cannot be written: {error.strerror}.") from error


def write_all(descriptor: int, piece: memoryview, directory: str) -> None:
    """Writes a piece to an open file of the cache.

    Raises:
        CacheError: the disk is full, or `directory` cannot be written.
    """
    while piece:
        try:
            piece = piece[os.write(descriptor, piece) :]
        except OSError as error:
            raise unwritable(directory, error) from error


def unwritable(directory: str, error: Exception) -> CacheError:
    """Returns the error for a directory of the cache that cannot be written."""
    place = os.path.dirname(directory)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CacheError(
            f"There is no room left in {place} ({error.strerror}). Free some ('tf1hub cache prune'), "
            f"or set TFHUB_CACHE_DIR to a place with more."
        )
    return CacheError(f"{place} cannot be written: {error}. Set TFHUB_CACHE_DIR to a place that can.")


def unique_suffix() -> str:
    """Returns a part of a name that no other process or thread uses, and that tells which one uses it."""
    host = "".join(c if c.isalnum() else "_" for c in socket.gethostname())[:40]
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


def remove_tree(path: str) -> None:
    """Removes a directory tree; what is gone already does not matter."""
    shutil.rmtree(path, ignore_errors=True)


def remove_file(path: str) -> None:
    """Removes a file; one that is gone already does not matter."""
    with contextlib.suppress(OSError):
        os.unlink(path)
