"""Unpacking an archive into a fresh directory while it arrives, without trusting it."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator

from tf1hub.errors import ArchiveError, CacheError
from tf1hub.handles import names
from tf1hub.handles.gunzip import tar_chunks
from tf1hub.handles.limits import Limits
from tf1hub.handles.manifest import FileRecord
from tf1hub.handles.pipeline import Ahead
from tf1hub.handles.tarstream import Member, TarStream

_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def extract(
    chunks: Iterator[bytes],
    target: str,
    *,
    limits: Limits | None = None,
    allow_extra_files: bool = False,
) -> tuple[FileRecord, ...]:
    """Unpacks a tar or tar.gz of a module.

    Only regular files and directories with safe names are written, only below
    `target`, and each is hashed on its way. A single directory around the
    module, as `tar czf m.tar.gz m/` makes it, is left out. On any fault the
    caller removes `target`.

    Args:
      chunks: The archive's bytes, as they arrive.
      target: An existing empty directory.
      limits: What the archive may ask for.
      allow_extra_files: Whether files that no module has are unpacked too.

    Returns:
      One record per file, sorted by name.

    Raises:
      ArchiveError: The archive is damaged, unsafe, too large, or holds no module.
      CacheError: The disk is full, or `target` cannot be written.
    """
    limits = limits or Limits()
    with Ahead(tar_chunks(chunks, limits)) as inflated:
        return _Extraction(target, limits, allow_extra_files).run(inflated)


class _Extraction:
    """The state of unpacking one archive."""

    def __init__(self, target: str, limits: Limits, allow_extra_files: bool) -> None:
        self._target = target
        self._limits = limits
        self._allow_extra_files = allow_extra_files
        self._names: dict[str, str] = {}
        self._directories = {""}
        self._files: list[FileRecord] = []
        self._total = 0
        self._members = 0
        self._prefix: str | None = None  # the directory around the module, "" for none

    def run(self, chunks: Iterable[bytes]) -> tuple[FileRecord, ...]:
        tar = TarStream(chunks)
        for member in tar.members():
            self._count(member)
            name = self._name(member)
            if name is None:
                continue
            if member.is_directory:
                self._make_directory(name)
            else:
                self._write(name, member, tar.data(member))
        files = tuple(sorted(self._files, key=lambda file: file.name))
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

    def _name(self, member: Member) -> str | None:
        """Returns the checked name below `target`, or None for the root itself."""
        name = names.checked(member.name)
        if not name:
            if member.is_directory:
                return None
            raise ArchiveError(f"The archive's member {member.name!r} is a file without a name.")
        self._refuse_twice(name, member)
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
        allowed = names.is_module_directory if member.is_directory else names.is_module_file
        if not self._allow_extra_files and not allowed(name):
            raise names.not_of_a_module(name)
        return name

    def _refuse_twice(self, name: str, member: Member) -> None:
        key = names.collision_key(name)
        seen = self._names.get(key)
        if seen is None:
            self._names[key] = name
        elif seen != name:
            raise ArchiveError(
                f"The archive holds {seen!r} and {name!r}, which are one file on systems that ignore case."
            )
        elif not (member.is_directory and name in self._directories):
            raise ArchiveError(f"The archive holds {name!r} twice.")

    def _find_prefix(self, name: str, member: Member) -> str:
        """Returns the directory around the module, told by the first member that is not the root."""
        if names.is_module_file(name) or names.is_module_directory(name):
            return ""
        top, _, rest = name.partition("/")
        if (
            (not rest and member.is_directory)
            or names.is_module_file(rest)
            or names.is_module_directory(rest)
        ):
            return top
        return ""

    def _make_directory(self, name: str) -> None:
        if not name or name in self._directories:
            return
        self._make_directory(name.rpartition("/")[0])
        # A parent that only appears in its children's paths takes part in collisions too.
        key = names.collision_key(f"{self._prefix}/{name}" if self._prefix else name)
        full = f"{self._prefix}/{name}" if self._prefix else name
        if self._names.setdefault(key, full) != full:
            raise ArchiveError(
                f"The archive holds {self._names[key]!r} and {full!r}, which are one file on systems "
                f"that ignore case."
            )
        self._directories.add(name)
        try:
            os.mkdir(os.path.join(self._target, *name.split("/")))
        except FileExistsError as error:
            raise ArchiveError(f"The archive holds {name!r} both as a file and as a directory.") from error
        except OSError as error:
            raise _unwritable(self._target, error) from error

    def _write(self, name: str, member: Member, data: Iterator[memoryview]) -> None:
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
            raise _unwritable(self._target, error) from error
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for piece in data:
                digest.update(piece)
                _write_all(file.fileno(), piece, self._target)
        self._files.append(FileRecord(name, member.size, digest.hexdigest()))


def _write_all(descriptor: int, piece: memoryview, target: str) -> None:
    while piece:
        try:
            piece = piece[os.write(descriptor, piece) :]
        except OSError as error:
            raise _unwritable(target, error) from error


def _unwritable(target: str, error: Exception) -> CacheError:
    place = os.path.dirname(target)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CacheError(
            f"There is no room left in {place} ({error.strerror}). Free some ('tf1hub cache prune'), "
            f"or set TFHUB_CACHE_DIR to a place with more."
        )
    return CacheError(f"{place} cannot be written: {error}. Set TFHUB_CACHE_DIR to a place that can.")
