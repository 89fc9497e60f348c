"""Deciding what to do about a handle: look only, change nothing.

`plan` answers with one of three actions; `tf1hub.handles.acquire` carries it out.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator
from typing import NamedTuple

from tf1hub.errors import CacheError, NotAModuleError
from tf1hub.handles import cache
from tf1hub.handles.cache import ABSENT, CacheEntry, EntryState, Health
from tf1hub.handles.handle import Handle, Kind
from tf1hub.handles.settings import Settings

# Schemes whose directories TensorFlow reads without a copy, so that parameter
# servers and remote workers read the same files.
IN_PLACE_SCHEMES = ("gs", "hdfs", "viewfs", "ram")


class Action(enum.Enum):
    """What is to be done."""

    USE = "use"
    DOWNLOAD = "download"
    REPAIR = "repair"


class Plan(NamedTuple):
    """What is to be done about a handle, and why.

    Attributes:
        action: what is to be done.
        handle: the handle.
        path: the module's place: already (`USE`), or once the action is done.
        reason: why, in words.
        entry: the cache entry that is used or made; None for a place outside the cache.
        health: the state of that entry.
        pins: digests that the content must have, each with who says so.
    """

    action: Action
    handle: Handle
    path: str
    reason: str
    entry: CacheEntry | None = None
    health: Health = ABSENT
    pins: tuple[tuple[str, str], ...] = ()


def plan(
    handle: Handle,
    settings: Settings,
    *,
    in_place: bool = True,
    full: bool = False,
    force: bool = False,
) -> Plan:
    """Decides what to do about a handle, where the cache is of this machine.

    Args:
        handle: the handle.
        settings: where caches are, and what pins hold.
        in_place: whether remote storage that TensorFlow reads may be used without a copy.
        full: whether to read every byte of a cached entry, not only the sizes.
        force: whether to download even what is there.

    Returns:
        The plan. A local directory, and remote storage in place, are used as they are.

    Raises:
        NotAModuleError: the handle is a local path, and nothing is there.
    """
    pins = pins_of(handle, settings)
    return plan_as_it_is(handle, pins, in_place=in_place) or _plan_cached(
        handle, settings, pins, full=full, force=force
    )


def plan_as_it_is(handle: Handle, pins: tuple[tuple[str, str], ...], *, in_place: bool) -> Plan | None:
    """The plan for a place that is used as it is, whatever the cache; None where a cache is needed."""
    if handle.kind is Kind.DIRECTORY:
        if not os.path.isdir(handle.location):
            raise _nothing_there(handle)
        return Plan(Action.USE, handle, handle.location, "a local directory", pins=pins)
    if handle.kind is Kind.REMOTE_DIRECTORY and in_place and not pins and _scheme(handle) in IN_PLACE_SCHEMES:
        return Plan(Action.USE, handle, handle.location, "remote storage, read in place")
    return None


def _plan_cached(
    handle: Handle, settings: Settings, pins: tuple[tuple[str, str], ...], *, full: bool, force: bool
) -> Plan:
    own: tuple[CacheEntry, Health] | None = None
    for entry in _candidates(handle, settings):
        health = entry.check(full=full)
        if entry.root == settings.cache_dir and (
            own is None or own[1].state is EntryState.ABSENT is not health.state
        ):
            own = entry, health
        if health.state is not EntryState.COMPLETE or (force and entry.root == settings.cache_dir):
            continue
        if _may_be_newer(handle, health, pins):
            continue
        return Plan(Action.USE, handle, entry.path, f"in the cache {entry.root}", entry, health, pins)
    entry, health = own or (CacheEntry(settings.cache_dir, keys(handle)[0]), ABSENT)
    from tf1hub.handles import kaggle_cache  # here and below: what a hit does not need

    if not force and (path := kaggle_cache.find(handle)) is not None:
        return Plan(Action.USE, handle, path, "in the cache of kagglehub", pins=pins)
    if health.state is EntryState.ABSENT:
        return Plan(Action.DOWNLOAD, handle, entry.path, "not in the cache", entry, health, pins)
    if health.state is EntryState.DAMAGED:
        reason = f"damaged in the cache: {'; '.join(health.faults)}"
        return Plan(Action.REPAIR, handle, entry.path, reason, entry, health, pins)
    reason = "asked for anew" if force else "its content is not the pinned one"
    return Plan(Action.REPAIR, handle, entry.path, reason, entry, health, pins)


def keys(handle: Handle) -> tuple[str, ...]:
    """Returns the keys of a handle's entry.

    Raises:
        NotAModuleError: the handle is a local archive that is not there.
    """
    try:
        return cache.keys_of(handle)
    except OSError as error:
        raise _nothing_there(handle) from error


def _candidates(handle: Handle, settings: Settings) -> Iterator[CacheEntry]:
    """Yields where the module may lie, the likeliest first; redirects are only read when all else failed."""
    roots = [*settings.read_cache_dirs, settings.cache_dir]
    seen = keys(handle)
    for root in roots:
        for key in seen:
            yield CacheEntry(root, key)
    if handle.kind is not Kind.HTTP:
        return
    from tf1hub.handles import redirects

    for root in roots:
        for alias in redirects.aliases(redirects.load(root), handle.canonical):
            for where in roots:
                yield CacheEntry(where, cache.key_of(alias))


def _may_be_newer(handle: Handle, health: Health, pins: tuple[tuple[str, str], ...]) -> bool:
    """Returns whether a new download may have the pinned content that the cached entry has not."""
    if handle.is_versioned or handle.kind is Kind.ARCHIVE or health.manifest is None:
        return False
    return any(digest != health.manifest.digest for digest, _ in pins)


def pins_of(handle: Handle, settings: Settings) -> tuple[tuple[str, str], ...]:
    """Digests that a handle's content must have, each with who says so."""
    pins = [(handle.pin, "the handle")] if handle.pin else []
    if settings.lock_file is not None:
        from tf1hub.handles import lockfile

        locked = lockfile.pin_of(settings.lock_file, handle)
        if locked is not None:
            pins.append((locked, settings.lock_file))
    return tuple(pins)


def _scheme(handle: Handle) -> str:
    return handle.location.partition("://")[0]


def _nothing_there(handle: Handle) -> NotAModuleError:
    from tf1hub.handles.compression import KINDS

    path = handle.location
    if os.path.lexists(path):
        what = "is a broken link" if not os.path.exists(path) else "is neither a directory nor an archive"
        return NotAModuleError(f"{path} {what}. A module is a directory, {KINDS} of one, or a URL.")
    parent = os.path.dirname(path)
    beside = ""
    if os.path.isdir(parent):
        try:
            names = sorted(os.listdir(parent))[:8]
        except OSError as error:
            raise CacheError(f"{parent} cannot be listed: {error.strerror}.") from error
        beside = f" {parent} holds: {', '.join(names) or 'nothing'}."
    return NotAModuleError(f"There is nothing at {path}.{beside}")
