"""What digest a module has now, and filling a lock file with digests."""

from __future__ import annotations

from collections.abc import Iterable

from tf1hub.handles import manifest
from tf1hub.handles.api import carry_out, decide
from tf1hub.handles.handle import Handle, parse
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
        records = _records(handle, unlocked, force=update)
        digest = manifest.content_digest(records)
        found[handle.canonical] = Locked(handle.given, digest, sum(record.size for record in records))
    return tuple(found.values())


def digest_of(handle: Handle, settings: Settings) -> str:
    """The digest of a module's content as it is now, which a pin names; it is obtained first where necessary.

    Of what is in a cache, the digest is in its manifest; of a local directory, all bytes are read.

    Args:
        handle: the module.
        settings: how it is resolved.

    Raises:
        ResolveError: it could not be obtained.
    """
    return manifest.content_digest(_records(handle, settings))


def _records(handle: Handle, settings: Settings, *, force: bool = False) -> tuple[manifest.FileRecord, ...]:
    path = carry_out(decide(handle, settings, in_place=False, force=force), settings)
    known = decide(handle, settings, in_place=False).health.manifest
    return known.files if known is not None else manifest.of_directory(path)
