"""Carrying out a plan: one downloader, every source in turn, verified before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tf1hub.errors import ArchiveError, DownloadError, NotAModuleError, OfflineError, PinError
from tf1hub.handles import (
    cache_files,
    cache_fill,
    download_lock,
    manifest,
    plan,
    redirects,
    sources,
)
from tf1hub.handles.cache import CacheEntry, EntryState
from tf1hub.handles.compression import TruncatedArchiveError
from tf1hub.handles.extract import extract
from tf1hub.handles.handle import Handle, Kind
from tf1hub.handles.manifest import FileRecord
from tf1hub.handles.plan import Action, Plan
from tf1hub.handles.settings import OFFLINE_VARIABLE, Settings
from tf1hub.handles.sources import ModuleSource
from tf1hub.progress import Advance, transfer, waiting
from tf1hub.storage import Place, has_secrets, place_at, redact

if TYPE_CHECKING:
    from tf1hub.handles.transfer import Transfer

_WAITING = "Another process is downloading this module; waited {} s for it."


def acquire(decided: Plan, settings: Settings) -> str:
    """Carries out a plan and returns the module's place.

    Args:
        decided: the plan, for a cache of this machine.
        settings: the settings that it was made with.

    Raises:
        OfflineError: the network would be needed and may not be used.
        DownloadError: no source has the module.
        ArchiveError: what a source has is damaged or unsafe.
        PinError: the content is not the one that was pinned.
        CacheError: the cache cannot be written.
    """
    if decided.action is Action.USE:
        verify_pins(decided, settings)
        return decided.path
    entry = decided.entry
    assert entry is not None
    usable = usable_sources(decided, settings)
    before = _stamp(entry)

    def is_done() -> bool:
        # What is to be replaced may look whole to the quick check: only a new manifest tells.
        if decided.action is Action.REPAIR and _stamp(entry) == before:
            return False
        return plan.plan(decided.handle, settings, in_place=False).action is Action.USE

    turn = download_lock.turn(
        entry.lock_path, patience=settings.lock_patience, done=is_done, waiting=waiting(_WAITING)
    )
    with turn as mine:
        # While this one waited, another may have finished the work.
        if not mine or is_done():
            again = plan.plan(decided.handle, settings, in_place=False)
            verify_pins(again, settings)
            return again.path
        cache_fill.remove_leftovers(entry.root, entry.key)
        return _first_that_works(decided, entry, usable, settings)


def _stamp(entry: CacheEntry) -> tuple[int, int] | None:
    """Returns what changes whenever an entry is published."""
    try:
        status = os.stat(entry.manifest_path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def verify_pins(decided: Plan, settings: Settings) -> None:
    """Refuses content that is there but is not the pinned one.

    Raises:
        PinError: the message has both digests.
    """
    if not decided.pins:
        return
    if decided.health.manifest is not None:
        digest = decided.health.manifest.digest
    else:
        records = manifest.of_directory(decided.path)
        digest = manifest.content_digest(records)
        entry = decided.entry
        if entry is not None and entry.root == settings.cache_dir:
            # An entry of the original library: hashed once, it need not be hashed again.
            adopted = cache_fill.manifest_for(decided.handle, records, "adopted from the original library")
            cache_files.write_text(entry.manifest_path, adopted.to_json())
    cache_fill.check_pins(decided.handle.shown, digest, decided.pins, decided.path)


def usable_sources(decided: Plan, settings: Settings) -> list[ModuleSource]:
    """Returns the sources that may be used now.

    Raises:
        OfflineError: all need the network, and it may not be used.
    """
    found = sources.list_sources(decided.handle, settings)
    if not settings.offline:
        return found
    usable = [source for source in found if not source.needs_network]
    if usable:
        return usable
    shown = decided.handle.shown
    state = decided.reason if decided.action is Action.REPAIR else f"not in the cache {settings.cache_dir}"
    raise OfflineError(
        f"{shown} is {state}, and may not be downloaded because {OFFLINE_VARIABLE} is set. On a "
        f"machine with network "
        f"run 'tf1hub bundle --output modules.tar {shown}', then here 'tf1hub install modules.tar'."
    )


def _first_that_works(
    decided: Plan, entry: CacheEntry, usable: list[ModuleSource], settings: Settings
) -> str:
    failures: list[tuple[ModuleSource, Exception]] = []
    for source in usable:
        try:
            return _from(source, decided, entry, settings)
        except (DownloadError, ArchiveError, PinError, NotAModuleError) as error:
            failures.append((source, error))
    raise _summary(decided, failures)


def _from(source: ModuleSource, decided: Plan, entry: CacheEntry, settings: Settings) -> str:
    kind = source.place.kind
    if kind is Kind.DIRECTORY:
        return _use_directory(source, decided, settings)
    if kind is Kind.HTTP:
        _from_http(source, decided, entry, settings)
    elif kind is Kind.REMOTE_DIRECTORY and not _is_file(source.place):
        _from_remote_directory(source, decided, entry, settings)
    else:
        with (
            cache_fill.workspace(entry) as directory,
            transfer(f"Downloading {source.place.shown}") as report,
        ):
            records = unpack(_archive_chunks(source.place, report), directory, settings)
            _publish(decided, entry, directory, records, source.place.shown)
    return entry.path


def _use_directory(source: ModuleSource, decided: Plan, settings: Settings) -> str:
    """A mirror that is a local directory is used where it is."""
    local = plan.plan(source.place, settings)
    if decided.pins:
        digest = manifest.content_digest(manifest.of_directory(local.path))
        cache_fill.check_pins(decided.handle.shown, digest, decided.pins, local.path)
    return local.path


def _from_http(source: ModuleSource, decided: Plan, entry: CacheEntry, settings: Settings) -> None:
    from tf1hub.handles.http import Client
    from tf1hub.handles.transfer import StartOverError, Transfer

    client = Client(settings, source.url)
    try:
        with transfer(f"Downloading {source.place.shown}") as report:
            coming = Transfer(client, source.url, settings.retries, report)
            for chunks in coming.attempts():
                with cache_fill.workspace(entry) as directory:
                    try:
                        records = unpack(chunks, directory, settings)
                    except (StartOverError, TruncatedArchiveError) as error:
                        coming.start_over(error)
                        continue
                    _check_stated(records, coming, redact(source.url))
                    _publish(decided, entry, directory, records, redact(source.url), coming.etag)
                    break
    finally:
        client.close()
    if source.is_own:
        _remember(decided.handle, coming.hops, settings)


def _check_stated(records: tuple[FileRecord, ...], coming: Transfer, url: str) -> None:
    """Refuses content that is not what its host says it is; tells of a version that was taken back."""
    digest = manifest.content_digest(records)
    if coming.stated_digest is not None and coming.stated_digest != digest:
        raise ArchiveError(
            f"What came from {url} has the digest {digest}, and the host says that it is {coming.stated_digest}. "
            "Something between here and the host changed it, or the host is at fault. Nothing of it was kept."
        )
    if coming.yanked is not None:
        import warnings
        from urllib.parse import unquote

        warnings.warn(f"{url} was taken back by its publisher: {unquote(coming.yanked)}", stacklevel=2)


def unpack(chunks: Iterator[bytes], directory: str, settings: Settings) -> tuple[FileRecord, ...]:
    """Unpacks an archive into an empty directory, with the settings' limits; see `extract`."""
    from tf1hub.handles.pipeline import Ahead

    with Ahead(chunks) as arriving:
        return extract(
            arriving, directory, limits=settings.limits, allow_extra_files=settings.allow_extra_files
        )


def _publish(
    decided: Plan,
    entry: CacheEntry,
    directory: str,
    records: tuple[FileRecord, ...],
    source: str,
    etag: str | None = None,
) -> None:
    made = cache_fill.manifest_for(decided.handle, records, source, etag)
    cache_fill.check_pins(decided.handle.shown, made.digest, decided.pins, source)
    cache_fill.check_first_seen(entry, decided.handle, made.digest)
    cache_fill.store(
        entry, directory, made, decided.handle, replace=decided.health.state is not EntryState.ABSENT
    )


def _is_file(place: Handle) -> bool:
    """Whether remote storage has a file there, which then is an archive, whatever its name."""
    return _open(place).size("") is not None


def _open(place: Handle) -> Place:
    return place_at(place.location, cache_files.FAULTS)


def _archive_chunks(place: Handle, report: Advance) -> Iterator[bytes]:
    if place.kind is Kind.ARCHIVE:
        chunks, total = cache_files.chunks(place.location), None
    else:
        opened = _open(place)
        chunks, total = opened.chunks(""), opened.size("")
    done = 0
    for chunk in chunks:
        done += len(chunk)
        report(done, total)
        yield chunk


def _from_remote_directory(
    source: ModuleSource, decided: Plan, entry: CacheEntry, settings: Settings
) -> None:
    from tf1hub.handles.remote_copy import copy_in

    with (
        cache_fill.workspace(entry) as directory,
        transfer(f"Downloading {source.place.shown}") as report,
    ):
        records = copy_in(source.place.location, directory, settings, report)
        _publish(decided, entry, directory, records, source.place.shown)


def _remember(handle: Handle, hops: tuple[str, ...], settings: Settings) -> None:
    """Remembers the last place of a chain of redirects that can be written down."""
    for place in reversed(hops[1:]):
        if not has_secrets(place):
            redirects.remember(settings.cache_dir, handle.shown, place)
            return


def _summary(decided: Plan, failures: list[tuple[ModuleSource, Exception]]) -> Exception:
    """Returns one error for what all sources said."""
    damage = f"\nThe entry in the cache is {decided.reason}." if decided.health.faults else ""
    if len(failures) == 1:
        error = failures[0][1]
        return type(error)(f"{error}{damage}") if damage else error
    said = "\n".join(f"  {source.what}: {error}" for source, error in failures)
    kind = next((type(error) for _, error in failures if isinstance(error, PinError)), DownloadError)
    return kind(
        f"{decided.handle.shown} could not be obtained from any of {len(failures)} places:\n{said}{damage}"
    )
