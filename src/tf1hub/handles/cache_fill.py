"""Bringing a module into the cache: unpack beside, verify, then give it its name."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from tf1hub.errors import CacheError, PinError
from tf1hub.handles import cache_files
from tf1hub.handles.cache import PRIVATE_DIRECTORY, CacheEntry, EntryState
from tf1hub.handles.handle import Handle
from tf1hub.handles.manifest import FileRecord, Manifest, make

_OLD_SECONDS = 24 * 3600
_SWAPS = 10


@contextlib.contextmanager
def workspace(entry: CacheEntry) -> Iterator[str]:
    """Makes an empty directory on the cache's file system, and removes what is left of it."""
    parent = os.path.join(entry.root, PRIVATE_DIRECTORY, "tmp")
    cache_files.make_directories(parent)
    path = os.path.join(parent, f"{entry.key}.{cache_files.unique_suffix()}")
    try:
        os.mkdir(path)
    except OSError as error:
        raise CacheError(f"{parent} cannot be written: {error.strerror}.") from error
    try:
        yield path
    finally:
        cache_files.remove_tree(path)


def manifest_for(
    handle: Handle, records: tuple[FileRecord, ...], source: str, etag: str | None = None
) -> Manifest:
    """Returns the manifest of a module that was just unpacked."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return make(handle.shown, records, source, now, etag)


def check_pins(shown: str, digest: str, pins: tuple[tuple[str, str], ...], source: str) -> None:
    """Refuses content that is not the pinned one.

    Raises:
        PinError: the message has both digests.
    """
    for pinned, who in pins:
        if digest != pinned:
            raise PinError(
                f"The content of {shown} is not the one that was pinned.\n"
                f"  pinned by {who}: {pinned}\n"
                f"  found at {source}: {digest}"
            )


def check_first_seen(entry: CacheEntry, handle: Handle, digest: str) -> None:
    """Refuses other content behind a versioned URL than was first seen there.

    Raises:
        PinError: the message has both digests and says how to accept the new content.
    """
    seen = first_seen(entry)
    if handle.is_versioned and seen is not None and seen != digest:
        raise PinError(
            f"The content of {handle.shown} has changed since it was first seen, which behind a "
            f"versioned URL "
            f"must not happen.\n"
            f"  first seen: {seen}\n"
            f"  found now:  {digest}\n"
            f"If you know why, accept it: tf1hub cache rm --forget {handle.shown}"
        )


def first_seen(entry: CacheEntry) -> str | None:
    """Returns the digest that was first seen under an entry's key, or None."""
    try:
        with open(entry.first_seen_path, encoding="utf-8") as file:
            return str(json.load(file)["digest"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(
            f"{entry.first_seen_path} is damaged: {error!r}. Remove it to trust what is downloaded next."
        ) from error


def store(
    entry: CacheEntry, directory: str, manifest: Manifest, handle: Handle, *, replace: bool = False
) -> None:
    """Gives a verified directory the entry's name.

    Readers see the old entry, none, or the whole new one. The manifest comes
    before the directory: after a crash between the two the entry counts as
    absent or damaged, never as whole.

    Args:
        entry: the entry.
        directory: a directory on the cache's file system; it is moved.
        manifest: what the directory holds.
        handle: whose entry it is.
        replace: whether what lies there is known to be bad or old.

    Raises:
        CacheError: the cache cannot be written.
    """
    remember_first_seen(entry, handle, manifest.digest)
    if replace:
        discard(entry)
    for _ in range(_SWAPS):
        cache_files.write_text(entry.manifest_path, manifest.to_json())
        try:
            os.rename(directory, entry.path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES):
                raise CacheError(f"{entry.path} cannot be written: {error.strerror}.") from error
            # Somebody without the lock was faster.
            health = entry.check()
            if (
                health.state is EntryState.COMPLETE
                and health.manifest
                and health.manifest.digest == manifest.digest
            ):
                break
            discard(entry)
        else:
            break
    else:
        raise CacheError(f"{entry.path} cannot be replaced: something makes it anew each time.")
    cache_files.write_text(entry.descriptor_path, _descriptor(handle))


def remember_first_seen(entry: CacheEntry, handle: Handle, digest: str) -> None:
    """Writes down the first digest of a versioned URL."""
    if handle.is_versioned and first_seen(entry) is None:
        cache_files.make_directories(os.path.dirname(entry.first_seen_path))
        cache_files.write_text(
            entry.first_seen_path,
            json.dumps({"handle": handle.shown, "digest": digest}, ensure_ascii=False) + "\n",
        )


def discard(entry: CacheEntry) -> None:
    """Takes an entry's directory away in one step, then removes it at leisure."""
    parent = os.path.join(entry.root, PRIVATE_DIRECTORY, "tmp")
    cache_files.make_directories(parent)
    aside = os.path.join(parent, f"{entry.key}.{cache_files.unique_suffix()}.old")
    try:
        os.rename(entry.path, aside)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CacheError(f"The old {entry.path} cannot be moved away: {error.strerror}.") from error
    if os.path.isdir(aside):
        cache_files.remove_tree(aside)
    else:
        cache_files.remove_file(aside)


def remove_leftovers(root: str, key: str = "") -> list[str]:
    """Removes what dead processes left unfinished; returns their paths.

    Args:
        root: the cache directory.
        key: the entry whose leftovers are removed; all by default.
    """
    removed = leftovers(root, key)
    for path in removed:
        cache_files.remove_tree(path)
        cache_files.remove_file(path)
    return removed


def leftovers(root: str, key: str = "") -> list[str]:
    """Returns the paths of what dead processes left unfinished."""
    parent = os.path.join(root, PRIVATE_DIRECTORY, "tmp")
    try:
        names = sorted(name for name in os.listdir(parent) if name.startswith(key))
    except OSError:
        return []
    return [os.path.join(parent, name) for name in names if _is_dead(parent, name)]


def _is_dead(parent: str, name: str) -> bool:
    try:
        age = time.time() - os.stat(os.path.join(parent, name)).st_mtime
    except OSError:
        return False
    if age > _OLD_SECONDS:
        return True
    host, pid, _ = (*name[41:].rsplit("-", 2), "", "")[:3]
    if not pid.isdecimal() or not cache_files.unique_suffix().startswith(f"{host}-") or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _descriptor(handle: Handle) -> str:
    return (
        f"Module: {handle.shown}\n"
        f"Download Time: {datetime.now()}\n"
        f"Downloader Hostname: {socket.gethostname()} (PID:{os.getpid()})"
    )
