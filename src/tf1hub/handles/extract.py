"""Unpacking an archive into a fresh directory while it arrives, without trusting it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tf1hub.errors import ArchiveError
from tf1hub.format.module_files import is_module_directory, is_module_file
from tf1hub.handles import member_names
from tf1hub.handles.cache_files import unwritable, write_all
from tf1hub.handles.compression import ZIP_MAGIC, peek, tar_chunks
from tf1hub.handles.limits import Limits
from tf1hub.handles.manifest import FileRecord
from tf1hub.handles.pipeline import Ahead
from tf1hub.handles.tarstream import Member, TarStream

if TYPE_CHECKING:
    from tf1hub.handles.zipfiles import ZipMembers

_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def extract(
    chunks: Iterator[bytes],
    target: str,
    *,
    limits: Limits | None = None,
    allow_extra_files: bool = False,
) -> tuple[FileRecord, ...]:
    """Unpacks an archive of a module: a tar, whatever compressed it, or a zip; which it is, its bytes tell.

    Only regular files and directories with safe names are written, only below
    `target`, and each is hashed on its way. A single directory around the
    module, as `tar czf m.tar.gz m/` makes it, is left out, and so is what macOS
    adds. On any fault the caller removes `target`.

    Args:
        chunks: the archive's bytes, as they arrive.
        target: an existing empty directory.
        limits: what the archive may ask for.
        allow_extra_files: whether files that no module has are unpacked too.

    Returns:
        One record per file, sorted by name.

    Raises:
        ArchiveError: the archive is damaged, unsafe, too large, or holds no module.
        CacheError: the disk is full, or `target` cannot be written.
    """
    limits = limits or Limits()
    extraction = _Extraction(target, limits, allow_extra_files)
    pieces, head = peek(chunks, len(ZIP_MAGIC))
    if head == ZIP_MAGIC:
        from tf1hub.handles.zipfiles import ZipMembers

        return extraction.run(ZipMembers(pieces, target, limits))
    with Ahead(tar_chunks(pieces, limits)) as inflated:
        return extraction.run(TarStream(inflated))


class _Extraction:
    """The state of unpacking one archive."""

    def __init__(self, target: str, limits: Limits, allow_extra_files: bool) -> None:
        self._target = target
        self._limits = limits
        self._allow_extra_files = allow_extra_files
        self._names: dict[str, tuple[str, bool]] = {}  # what the archive holds, and whether as a directory
        self._directories = {""}
        self._files: dict[str, FileRecord] = {}
        self._total = 0
        self._members = 0
        self._prefix: str | None = None  # the directory around the module, "" for none

    def run(self, archive: TarStream | ZipMembers) -> tuple[FileRecord, ...]:
        for member in archive.members():
            self._count(member)
            data: Iterator[bytes | memoryview] = archive.data(member)
            checked = member_names.check_name(member.name)
            if member_names.may_be_of_macos(checked):
                data, head = peek(map(bytes, data), 4)
                if member_names.is_of_macos(checked, head, member.is_directory):
                    continue
            name = self._name(checked, member)
            if name is None:
                continue
            if member.is_directory:
                self._make_directory(name)
            elif name in self._files:
                self._compare(self._files[name], member, data)
            else:
                self._write(name, member, data)
        files = tuple(sorted(self._files.values(), key=lambda file: file.name))
        if not any(file.name in _MODEL_FILES for file in files):
            held = ", ".join(file.name for file in files[:5]) or "no files"
            raise ArchiveError(
                f"The archive holds no module: neither saved_model.pb nor saved_model.pbtxt is at its root. "
                f"It holds: {held}{', ...' if len(files) > 5 else ''}."
            )
        return files

    def _count(self, member: Member) -> None:
        self._members += 1
        self._total += member.size
        limits = self._limits
        if self._members > limits.members:
            raise ArchiveError(f"The archive has more than {limits.members} members, which no module has.")
        if member.size > limits.file_bytes:
            raise ArchiveError(
                f"The archive's member {member.name!r} has {member.size} bytes; "
                f"at most {limits.file_bytes} are allowed for a file."
            )
        if self._total > limits.total_bytes:
            raise ArchiveError(
                f"The archive unpacks to more than {limits.total_bytes} bytes. "
                f"Nothing of the archive was kept; raise the limit with max_bytes or --max-bytes."
            )

    def _name(self, name: str, member: Member) -> str | None:
        """Returns the checked name below `target`, or None for the root itself."""
        if not name:
            if member.is_directory:
                return None
            raise ArchiveError(f"The archive's member {member.name!r} is a file without a name.")
        self._refuse_collision(name, member)
        if self._prefix is None:
            self._prefix = self._find_prefix(name, member)
        if self._prefix and name == self._prefix and member.is_directory:
            return None
        if self._prefix:
            if not name.startswith(f"{self._prefix}/"):
                raise ArchiveError(
                    f"The archive holds {name!r} beside the directory {self._prefix!r} with the module."
                )
            name = name[len(self._prefix) + 1 :]
        allowed = is_module_directory if member.is_directory else is_module_file
        if not self._allow_extra_files and not allowed(name):
            raise member_names.not_of_a_module(name)
        return name

    def _refuse_collision(self, name: str, member: Member) -> None:
        seen, was_directory = self._names.setdefault(
            member_names.collision_key(name), (name, member.is_directory)
        )
        if seen != name:
            raise _collision(seen, name)
        # A file that comes twice is compared.
        if was_directory != member.is_directory:
            raise ArchiveError(f"The archive holds {name!r} twice, as a file and as a directory.")

    def _find_prefix(self, name: str, member: Member) -> str:
        """Returns the directory around the module, told by the first member that is not the root."""
        if is_module_file(name) or is_module_directory(name):
            return ""
        top, _, rest = name.partition("/")
        if (not rest and member.is_directory) or is_module_file(rest) or is_module_directory(rest):
            return top
        return ""

    def _make_directory(self, name: str) -> None:
        if not name or name in self._directories:
            return
        self._make_directory(name.rpartition("/")[0])
        # A parent that only appears in its children's paths takes part in collisions too.
        full = f"{self._prefix}/{name}" if self._prefix else name
        seen, _ = self._names.setdefault(member_names.collision_key(full), (full, True))
        if seen != full:
            raise _collision(seen, full)
        self._directories.add(name)
        try:
            os.mkdir(os.path.join(self._target, *name.split("/")))
        except FileExistsError as error:
            raise ArchiveError(f"The archive holds {name!r} both as a file and as a directory.") from error
        except OSError as error:
            raise unwritable(self._target, error) from error

    def _compare(self, record: FileRecord, member: Member, data: Iterator[bytes | memoryview]) -> None:
        """Lets a file pass that is in the archive twice, as `tar --append` and some exporters leave it."""
        digest = hashlib.sha256()
        for piece in data:
            digest.update(piece)
        if (member.size, digest.hexdigest()) != (record.size, record.sha256):
            raise ArchiveError(f"The archive holds {record.name!r} twice, with different content.")

    def _write(self, name: str, member: Member, data: Iterator[bytes | memoryview]) -> None:
        self._make_directory(name.rpartition("/")[0])
        path = os.path.join(self._target, *name.split("/"))
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        digest = hashlib.sha256()
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileExistsError as error:
            raise ArchiveError(f"The archive holds {name!r} both as a file and as a directory.") from error
        except (OSError, ValueError) as error:
            raise unwritable(self._target, error) from error
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for piece in data:
                digest.update(piece)
                write_all(file.fileno(), memoryview(piece), self._target)
        self._files[name] = FileRecord(name, member.size, digest.hexdigest())


def _collision(one: str, other: str) -> ArchiveError:
    return ArchiveError(
        f"The archive holds {one!r} and {other!r}, which are one file on systems that ignore case."
    )
