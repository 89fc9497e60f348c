"""Copying a module between remote storage and a local directory, hashed on its way."""

from __future__ import annotations

import hashlib
import os

from tf1hub.errors import ArchiveError, DownloadError, NotAModuleError
from tf1hub.format.module_files import is_module_file
from tf1hub.handles import cache, cache_files, member_names
from tf1hub.handles.cache_files import FAULTS
from tf1hub.handles.manifest import FileRecord
from tf1hub.handles.settings import Settings
from tf1hub.progress import Advance
from tf1hub.storage import Place, place_at, redact


def copy_in(url: str, directory: str, settings: Settings, report: Advance) -> tuple[FileRecord, ...]:
    """Copies a remote directory into an empty local one.

    Args:
        url: the remote directory.
        directory: the local one.
        settings: what it may hold and how large it may be.
        report: told the progress.

    Returns:
        One record per file, sorted by name.

    Raises:
        NotAModuleError: there is nothing, or no module.
        ArchiveError: a name is unsafe, or it is too large.
        DownloadError: it cannot be read, or changed meanwhile.
    """
    place = place_at(url, FAULTS)
    found = place.files("")
    if not found:
        raise NotAModuleError(f"There is no directory {redact(url)}.")
    total = sum(found.values())
    if total > settings.max_bytes:
        raise ArchiveError(f"{redact(url)} holds {total} bytes; at most {settings.max_bytes} are allowed.")
    # Consoles of object stores make empty objects named after directories.
    checked = {member_names.check_name(name): name for name in found if not name.endswith("/")}
    for name in checked:
        if not settings.allow_extra_files and not is_module_file(name):
            raise member_names.not_of_a_module(name)
    done = 0
    records = []
    for name, raw in sorted(checked.items()):
        record = _copy_file(place, raw, directory, name)
        if record.size != found[raw]:
            raise DownloadError(
                f"{redact(url)}/{raw} has {record.size} bytes, not the {found[raw]} it was listed with."
            )
        records.append(record)
        done += record.size
        report(done, total)
    faults = cache.looks_incomplete(directory)
    if faults:
        raise NotAModuleError(f"{redact(url)} is not a whole module: {'; '.join(faults)}.")
    return tuple(records)


def copy_out(directory: str, records: tuple[FileRecord, ...], url: str) -> None:
    """Copies a local module to remote storage.

    The model file comes last, so that what was interrupted is no module.
    """
    place = place_at(url, FAULTS)
    for record in sorted(records, key=lambda one: one.name.startswith("saved_model.")):
        place.write(record.name, cache_files.chunks(f"{directory}/{record.name}"))


def _copy_file(place: Place, raw: str, directory: str, name: str) -> FileRecord:
    path = os.path.join(directory, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with open(path, "xb") as file:
        for chunk in place.chunks(raw):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    return FileRecord(name, size, digest.hexdigest())
