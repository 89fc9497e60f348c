"""Filling a lock file: what digest each module has now."""

from __future__ import annotations

from collections.abc import Iterable

from tf1hub.handles import manifest
from tf1hub.handles.api import carry_out, decide
from tf1hub.handles.handle import parse
from tf1hub.handles.lockfile import Locked
from tf1hub.handles.settings import Settings


def lock(
    before: Iterable[Locked], handles: Iterable[str], settings: Settings, *, update: bool = False
) -> tuple[Locked, ...]:
    """Returns the modules of a lock file with these handles in it.

    Args:
        before: what the file has.
        handles: handles to add or look at; each is downloaded if necessary.
        settings: the settings; their own lock file does not matter.
        update: whether digests may differ from those before.

    Raises:
        PinError: a module's content differs from what the file has.
    """
    found = {parse(one.handle).canonical: one for one in before}
    unlocked = settings._replace(lock_file=None)
    for given in handles:
        handle = parse(given)
        old = found.get(handle.canonical)
        if old is not None and handle.pin is None and not update:
            handle = handle._replace(pin=old.digest)
        decided = decide(handle, unlocked, in_place=False, force=update)
        path = carry_out(decided, unlocked)
        records = _records(path, decide(handle, unlocked, in_place=False).health.manifest)
        digest = manifest.content_digest(records)
        found[handle.canonical] = Locked(handle.given, digest, sum(record.size for record in records))
    return tuple(found.values())


def _records(path: str, known: manifest.Manifest | None) -> tuple[manifest.FileRecord, ...]:
    return known.files if known is not None else manifest.of_directory(path)
