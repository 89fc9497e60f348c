"""What is in the cache: listing, verifying, removing, cleaning up."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tf1hub.errors import CacheError, HandleError
from tf1hub.handles import cache, cache_files, cache_fill, manifest
from tf1hub.handles.cache import CacheEntry, EntryState, Health
from tf1hub.handles.handle import parse
from tf1hub.handles.plan import keys

_ORIGINAL_LOCK_SECONDS = 24 * 3600


@dataclass(frozen=True)
class ListedEntry:
    """An entry as a list shows it.

    Attributes:
        handle: its handle as far as it is known, else `""`.
        key: its directory's name.
        path: its directory.
        bytes: the sum of its files' sizes.
        files: how many files it has.
        time: when it was downloaded, ISO 8601; `""` where that is not known.
        digest: its content's digest; None for an entry of the original library.
    """

    handle: str
    key: str
    path: str
    bytes: int
    files: int
    time: str
    digest: str | None


def items(root: str) -> list[ListedEntry]:
    """Returns what a cache directory holds, sorted by handle."""
    return sorted((_item(entry) for entry in cache.entries(root)), key=lambda item: (item.handle, item.key))


def verify(root: str, *, full: bool = True, names: tuple[str, ...] = ()) -> list[tuple[CacheEntry, Health]]:
    """Checks entries and returns each with its health.

    Args:
        root: the cache directory.
        full: whether to read every byte.
        names: handles or keys; all entries by default.
    """
    chosen = find(root, names) if names else cache.entries(root)
    return [(entry, entry.check(full=full)) for entry in chosen]


def find(root: str, names: tuple[str, ...]) -> list[CacheEntry]:
    """Returns the entries of handles or keys.

    Raises:
        HandleError: one of them is not in the cache.
    """
    found = []
    for name in names:
        entry = cache.entry_of(root, name)
        if entry is None or len(name) != len(entry.key):
            candidates = [CacheEntry(root, key) for key in keys(parse(name))]
            entry = next((one for one in candidates if _exists(one)), None)
        if entry is None or not _exists(entry):
            raise HandleError(f"{name} is not in the cache {root}. 'tf1hub cache ls' lists what is.")
        found.append(entry)
    return found


def remove(entry: CacheEntry, *, forget: bool = False) -> int:
    """Removes an entry and returns the bytes that this freed.

    Args:
        entry: the entry.
        forget: whether to forget the digest that was first seen behind its
            versioned URL too, so that other content is accepted.
    """
    freed = _bytes_below(entry.path)
    cache_fill.discard(entry)
    cache_files.remove_file(entry.manifest_path)
    cache_files.remove_file(entry.descriptor_path)
    if forget:
        cache_files.remove_file(entry.first_seen_path)
    return freed


@dataclass(frozen=True)
class Pruned:
    """What cleaning up removed, or would remove.

    Attributes:
        what: the path.
        why: the reason, in words.
        bytes: how much it held.
    """

    what: str
    why: str
    bytes: int


def prune(root: str, *, older_than_days: float | None = None, dry_run: bool = False) -> list[Pruned]:
    """Removes damaged entries, leftovers of dead processes, and stale locks of the original library.

    Args:
        root: the cache directory.
        older_than_days: whole entries downloaded longer ago are removed too.
        dry_run: whether to only tell.
    """
    found = []
    for entry in cache.entries(root):
        why = _why_prunable(entry, older_than_days)
        if why is not None:
            freed = _bytes_below(entry.path) if dry_run else remove(entry)
            found.append(Pruned(entry.path, why, freed))
    for path, why in _strays(root):
        found.append(Pruned(path, why, _bytes_below(path)))
        if not dry_run:
            cache_files.remove_tree(path)
            cache_files.remove_file(path)
    return found


def _why_prunable(entry: CacheEntry, older_than_days: float | None) -> str | None:
    health = entry.check()
    if health.state is EntryState.DAMAGED:
        return f"damaged: {'; '.join(health.faults)}"
    if older_than_days is not None:
        age = (time.time() - os.stat(entry.path).st_mtime) / 86400
        if age > older_than_days:
            return f"{age:.0f} days old"
    return None


def _strays(root: str) -> list[tuple[str, str]]:
    found = [(path, "left by a process that died") for path in cache_fill.leftovers(root)]
    try:
        names = os.listdir(root)
    except OSError:
        return found
    for name in sorted(names):
        path = os.path.join(root, name)
        entry = cache.entry_of(root, name)
        if entry is None or os.path.isdir(entry.path):
            continue
        if name.endswith((".manifest.json", ".descriptor.txt")):
            found.append((path, "its module is gone"))
        elif name.endswith(".lock") and time.time() - os.stat(path).st_mtime > _ORIGINAL_LOCK_SECONDS:
            found.append((path, "a lock of the original library, older than a day"))
    return found


def _item(entry: CacheEntry) -> ListedEntry:
    try:
        record = entry.manifest()
    except CacheError:
        record = None
    if record is not None:
        count, size = len(record.files), record.total_bytes
        return ListedEntry(record.handle, entry.key, entry.path, size, count, record.time, record.digest)
    sizes = [os.path.getsize(path) for _, path in manifest.walk_files(entry.path)]
    return ListedEntry(entry.handle(), entry.key, entry.path, sum(sizes), len(sizes), "", None)


def _exists(entry: CacheEntry) -> bool:
    return os.path.isdir(entry.path) or os.path.exists(entry.manifest_path)


def _bytes_below(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(file) for _, file in manifest.walk_files(path))
