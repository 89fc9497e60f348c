"""What a complete cache entry holds: each file's size and SHA-256, and where it came from.

What hashes and what parses is imported where it is used: a local directory, whose resolving passes through
here, needs neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tf1hub.errors import CacheError

VERSION = 1
_CHUNK = 1 << 20


# NamedTuple, not a dataclass: the module dataclasses would double what a cache hit imports.
class FileRecord(NamedTuple):
    """One file: its path with `/` below the module's directory, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Manifest(NamedTuple):
    """The record beside a complete cache entry.

    Attributes:
        handle: the canonical handle, secrets masked.
        files: one record per file, sorted by name.
        source: where the content came from, secrets masked.
        time: when, as UTC in ISO 8601.
        etag: the host's ETag of the archive, where it gave one.
        digest: the content's digest, see `content_digest`.
    """

    handle: str
    files: tuple[FileRecord, ...]
    source: str = ""
    time: str = ""
    etag: str | None = None
    digest: str = ""

    @property
    def total_bytes(self) -> int:
        """The sum of the files' sizes."""
        return sum(file.size for file in self.files)

    def to_json(self) -> str:
        """Returns the text that `from_json` reads."""
        import json

        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Returns what the JSON document holds."""
        return {"version": VERSION, **self._asdict(), "files": [file._asdict() for file in self.files]}


def make(
    handle: str, files: Iterable[FileRecord], source: str = "", time: str = "", etag: str | None = None
) -> Manifest:
    """Returns the manifest of these files, with the digest of their content."""
    records = tuple(sorted(files, key=lambda file: file.name))
    return Manifest(handle, records, source, time, etag, content_digest(records))


def content_digest(files: Iterable[FileRecord]) -> str:
    """Returns the digest of a module's content: what a pin names.

    It is the SHA-256 of one line per file, `SHA256  SIZE  NAME\\n`, sorted by
    the UTF-8 bytes of the name. It does not depend on how the files were
    packed, so a pin survives another compression.

    >>> import hashlib
    >>> content_digest([FileRecord("saved_model.pb", 0, hashlib.sha256(b"").hexdigest())])
    'sha256:f87a2f34d6002910f1dc5cb2d036d6cac45f748ed8d2138e2d537cc7dbad0e58'
    """
    import hashlib

    lines = sorted((file.name.encode(), f"{file.sha256}  {file.size}  ".encode()) for file in files)
    digest = hashlib.sha256()
    for name, head in lines:
        digest.update(head + name + b"\n")
    return f"sha256:{digest.hexdigest()}"


def from_json(text: str, where: str) -> Manifest:
    """Parses a manifest.

    Raises:
        CacheError: it is damaged, or of a newer version; the message names `where`.
    """
    import json

    try:
        data: dict[str, Any] = json.loads(text)
        if data["version"] > VERSION:
            raise CacheError(
                f"The manifest {where} is of version {data['version']}; this tf1hub knows {VERSION}."
            )
        return Manifest(
            handle=str(data["handle"]),
            files=tuple(FileRecord(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in data["files"]),
            source=str(data.get("source", "")),
            time=str(data.get("time", "")),
            etag=data.get("etag"),
            digest=str(data["digest"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CacheError(f"The manifest {where} is damaged: {error!r}.") from error


def walk_files(directory: str) -> Iterator[tuple[str, str]]:
    """Yields the name with `/` and the path of each file below a directory.

    Links are followed, as the programs that read modules do.
    """
    for root, _, names in os.walk(directory, followlinks=True):
        for name in names:
            path = os.path.join(root, name)
            yield os.path.relpath(path, directory).replace(os.sep, "/"), path


def hash_file(path: str) -> str:
    """Returns the SHA-256 of a file in hex, read in pieces of 1 MiB."""
    import hashlib

    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def of_directory(directory: str) -> tuple[FileRecord, ...]:
    """Returns a record per file of a directory, by reading all of them."""
    found = (FileRecord(name, os.path.getsize(path), hash_file(path)) for name, path in walk_files(directory))
    return tuple(sorted(found, key=lambda file: file.name))


def size_fault(directory: str, file: FileRecord) -> str | None:
    """Returns what a single `stat` finds wrong with a file, or None."""
    try:
        size = os.stat(f"{directory}/{file.name}").st_size
    except OSError:
        return f"{file.name} is missing"
    if size != file.size:
        return f"{file.name} has {size} bytes instead of {file.size}"
    return None


def content_fault(directory: str, file: FileRecord) -> str | None:
    """Returns what reading every byte of a file finds wrong with it, or None."""
    fault = size_fault(directory, file)
    if fault is None and hash_file(f"{directory}/{file.name}") != file.sha256:
        return f"{file.name} has other content than was downloaded"
    return fault


def faults(directory: str, files: Iterable[FileRecord], *, full: bool = False) -> list[str]:
    """Returns a sentence part per file that is not as its record says.

    Args:
        directory: where the files are.
        files: their records.
        full: whether to read every byte; by default only sizes are compared.
    """
    check = content_fault if full else size_fault
    return [fault for file in files if (fault := check(directory, file)) is not None]
