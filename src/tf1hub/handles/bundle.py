"""Modules in one archive, for a machine without network.

A bundle is a tar whose first member is `bundle.json`, the manifests of its
modules, and whose others are their files as `KEY/NAME`. Nothing in it is
believed: each file must be announced, and have the announced size and SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tf1hub.errors import ArchiveError, CacheError, HandleError
from tf1hub.handles import cache, cache_files, cache_fill, manifest, member_names
from tf1hub.handles.acquire import unpack
from tf1hub.handles.cache import CacheEntry, EntryState
from tf1hub.handles.compression import tar_chunks
from tf1hub.handles.handle import Handle, parse
from tf1hub.handles.manifest import FileRecord, Manifest
from tf1hub.handles.settings import Settings
from tf1hub.handles.tarstream import Member, TarStream
from tf1hub.storage import whole

VERSION = 1
INDEX = "bundle.json"
_MAX_INDEX_BYTES = 64 << 20


@dataclass(frozen=True)
class Installed:
    """A module that an installation brought into the cache, or found there already.

    Attributes:
        handle: its handle.
        path: its directory.
        digest: its content's digest.
        is_new: whether it was not there before.
    """

    handle: str
    path: str
    digest: str
    is_new: bool


def make(path: str, modules: Iterable[tuple[Handle, str]]) -> list[Manifest]:
    """Writes a bundle; the same modules give the same bytes.

    Args:
        path: the bundle's path; `.tar`, or `.tar.gz` to compress it.
        modules: handles and their directories.

    Returns:
        The manifest of each module.

    Raises:
        ExportError: it cannot be written; nothing is left at `path`.
        HandleError: a handle is a local path, which means nothing on another machine.
    """
    found: dict[str, tuple[Manifest, str]] = {}
    for handle, directory in modules:
        if handle.is_local:
            raise HandleError(
                f"{handle.given} is a path of this machine; a bundle holds URLs and remote storage."
            )
        records = manifest.of_directory(directory)
        found[cache.keys_of(handle)[0]] = manifest.make(handle.shown, records, "a bundle"), directory
    with whole.new_file(path) as temporary, open(temporary, "xb") as file, _tar_writer(file, path) as archive:
        _write(archive, found)
    return [made for made, _ in found.values()]


def install(
    path: str, settings: Settings, *, handle: Handle | None = None, force: bool = False
) -> list[Installed]:
    """Brings a bundle, or the tar of one module, into the cache.

    Args:
        path: the bundle, or an archive of a module: a tar, tar.gz, zip and the like.
        settings: where the cache is, and how large modules may be.
        handle: the handle of a module's tar; None for a bundle.
        force: whether to accept other content than was first seen behind a versioned URL.

    Raises:
        ArchiveError: the archive is damaged or unsafe, or not what it was said to be.
        PinError: the content is not the one that the handle pins, or that was first seen.
        CacheError: the archive cannot be read, or the cache cannot be written.
    """
    if handle is not None:
        return [_install_module(path, handle, settings, force)]
    return _install_bundle(path, settings, force)


@contextlib.contextmanager
def _tar_writer(file: io.BufferedWriter, path: str) -> Iterator[tarfile.TarFile]:
    if path.endswith((".gz", ".tgz")):
        import gzip

        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            yield archive
    else:
        with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            yield archive


def _write(archive: tarfile.TarFile, found: dict[str, tuple[Manifest, str]]) -> None:
    index = {"version": VERSION, "modules": {key: made.as_dict() for key, (made, _) in found.items()}}
    data = json.dumps(index, ensure_ascii=False, indent=1).encode()
    archive.addfile(_member(INDEX, len(data)), io.BytesIO(data))
    for key, (made, directory) in found.items():
        for record in made.files:
            with open(f"{directory}/{record.name}", "rb") as file:
                archive.addfile(_member(f"{key}/{record.name}", record.size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _install_module(path: str, handle: Handle, settings: Settings, force: bool) -> Installed:
    entry = CacheEntry(settings.cache_dir, cache.keys_of(handle)[0])
    with cache_fill.workspace(entry) as directory:
        records = unpack(cache_files.chunks(path), directory, settings)
        return _publish(entry, handle, directory, records, path, force)


def _install_bundle(path: str, settings: Settings, force: bool) -> list[Installed]:
    tar = TarStream(tar_chunks(cache_files.chunks(path), settings.limits))
    members = tar.members()
    first = next(members, None)
    if first is None or first.name != INDEX or first.size > _MAX_INDEX_BYTES:
        raise ArchiveError(
            f"{path} is not a bundle: its first member is not {INDEX}. To install the tar of one module, "
            f"name its "
            f"handle: tf1hub install {path} --handle HANDLE"
        )
    index = _index(b"".join(bytes(piece) for piece in tar.data(first)), path)
    wanted = {f"{key}/{record.name}": (key, record) for key, made in index.items() for record in made.files}
    with contextlib.ExitStack() as stack:
        spaces = {
            key: stack.enter_context(cache_fill.workspace(CacheEntry(settings.cache_dir, key)))
            for key in index
        }
        for member in members:
            key, record = wanted.pop(member.name, ("", None))
            if record is None or member.is_directory:
                raise ArchiveError(
                    f"{path} holds {member.name!r}, which its {INDEX} does not announce, or twice."
                )
            _write_file(spaces[key], member, record, tar.data(member))
        if wanted:
            raise ArchiveError(f"{path} lacks {next(iter(wanted))!r}, which its {INDEX} announces.")
        return [
            _publish(
                CacheEntry(settings.cache_dir, key), parse(made.handle), spaces[key], made.files, path, force
            )
            for key, made in index.items()
        ]


def _index(data: bytes, path: str) -> dict[str, Manifest]:
    try:
        index = json.loads(data)
        if index["version"] > VERSION:
            raise ArchiveError(
                f"{path} is a bundle of version {index['version']}; this tf1hub knows {VERSION}."
            )
        modules = {str(k): manifest.from_json(json.dumps(m), path) for k, m in index["modules"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, CacheError) as error:
        raise ArchiveError(f"The {INDEX} of {path} is damaged: {error}.") from error
    for key, made in modules.items():
        handle = parse(made.handle)
        if handle.is_local or key not in cache.keys_of(handle):
            raise ArchiveError(f"The {INDEX} of {path} gives {made.handle!r} the wrong key {key!r}.")
        for record in made.files:
            # A bundle was made from a cache, where a user may have allowed more files.
            if member_names.check_name(record.name) != record.name:
                raise ArchiveError(f"The {INDEX} of {path} announces the odd name {record.name!r}.")
    return modules


def _write_file(directory: str, member: Member, record: FileRecord, data: Iterator[memoryview]) -> None:
    path = os.path.join(directory, *record.name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    digest = hashlib.sha256()
    with open(path, "xb", buffering=0) as file:
        for piece in data:
            digest.update(piece)
            while piece:
                piece = piece[file.write(piece) :]
    if member.size != record.size or digest.hexdigest() != record.sha256:
        raise ArchiveError(f"The bundle's {member.name!r} is not what its {INDEX} announces.")


def _publish(
    entry: CacheEntry,
    handle: Handle,
    directory: str,
    records: tuple[FileRecord, ...],
    source: str,
    force: bool,
) -> Installed:
    made = cache_fill.manifest_for(handle, tuple(sorted(records, key=lambda one: one.name)), source)
    if handle.pin:
        cache_fill.check_pins(handle.shown, made.digest, ((handle.pin, "the handle"),), source)
    health = entry.check()
    if health.state is EntryState.COMPLETE and health.manifest and health.manifest.digest == made.digest:
        return Installed(handle.shown, entry.path, made.digest, is_new=False)
    if force:
        cache_files.remove_file(entry.first_seen_path)
    cache_fill.check_first_seen(entry, handle, made.digest)
    cache_fill.store(entry, directory, made, handle, replace=health.state is not EntryState.ABSENT)
    return Installed(handle.shown, entry.path, made.digest, is_new=True)
