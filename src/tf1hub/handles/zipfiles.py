"""The members of a zip, one after the other, in the shape of `tarstream.TarStream`.

A zip is read from its end, so it is kept in a file until it is whole.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from tf1hub.errors import ArchiveError, Error
from tf1hub.handles.cache_files import unwritable, write_all
from tf1hub.handles.compression import TruncatedArchiveError, check_ratio
from tf1hub.handles.limits import MAX_PATH_BYTES, Limits
from tf1hub.handles.tarstream import Member, refused_kind

_PIECE = 1 << 20
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_BYTES = 20  # between the end record of zip64 and the old one
_MAX_COMMENT = 65535
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 1
_UNIX = 3


class ZipMembers:
    """Reads the members of a zip.

    Args:
        chunks: the bytes of the zip.
        directory: where it may lie until it is read; the file has no name there.
        limits: what it may ask for.
    """

    def __init__(self, chunks: Iterable[bytes], directory: str, limits: Limits) -> None:
        self._limits = limits
        self._chunks = chunks
        self._directory = directory
        self._given = self._taken = 0
        self._zip: zipfile.ZipFile | None = None

    def members(self) -> Iterator[Member]:
        """Yields the archive's regular files and directories, in the order of its list.

        Raises:
            ArchiveError: the zip is damaged, or a member is neither a file nor a directory.
            TruncatedArchiveError: it ends before its list.
        """
        try:
            spool = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 - closed below
        except OSError as error:
            raise unwritable(self._directory, error) from error
        with spool as file:
            for chunk in self._chunks:
                write_all(file.fileno(), memoryview(chunk), self._directory)
                self._taken += len(chunk)
            count = _check_count(file, self._taken, self._limits)
            with _faults(), zipfile.ZipFile(file) as self._zip:
                found = len(self._zip.infolist())
                if found != count:
                    raise ArchiveError(
                        f"The archive lists {found} members where it says that it has {count}."
                    )
                for entry in self._zip.infolist():
                    self._entry = entry
                    yield _member(entry)

    def data(self, member: Member) -> Iterator[memoryview]:
        """Yields the data of the member that `members` yielded last."""
        assert self._zip is not None
        size = 0
        with _faults(), self._zip.open(self._entry) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                self._given += len(piece)
                check_ratio(self._given, self._taken, self._limits)
                yield memoryview(piece)
        if size != member.size:
            raise ArchiveError(
                f"The archive's member {member.name!r} has {size} bytes, not the {member.size} it is listed with."
            )


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        struct.error,
        ValueError,
        OSError,  # a place before the file's start
    ) as error:
        if isinstance(error, Error):
            raise
        raise ArchiveError(f"This is not a zip archive, or it is damaged: {error}.") from error


def _check_count(file: IO[bytes], size: int, limits: Limits) -> int:
    """The number of members, unless their list is longer than a module needs: `zipfile` reads all into memory."""
    start = max(0, size - _END.size - _MAX_COMMENT - _LOCATOR64_BYTES - _END64.size)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise TruncatedArchiveError(f"The archive ends early: after {size} bytes of the zip, without a list.")
    _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
    if tail[max(0, at - _LOCATOR64_BYTES) : at].startswith(b"PK\x06\x07"):
        at64 = at - _LOCATOR64_BYTES - _END64.size
        if at64 < 0 or not tail.startswith(b"PK\x06\x06", at64):
            raise ArchiveError(
                "This is not a zip archive, or it is damaged: the list of its members is not where it says."
            )
        record = _END64.unpack_from(tail, at64)
        count, length = record[7], max(length, record[8])
    if count > limits.members or length > limits.members * (MAX_PATH_BYTES + 256):
        raise ArchiveError(f"The archive has more than {limits.members} members, which no module has.")
    file.seek(0)
    return int(count)


def _member(entry: zipfile.ZipInfo) -> Member:
    # `filename` ends at a NUL; what is checked must be what was written.
    name = entry.orig_filename
    if entry.flag_bits & _IS_ENCRYPTED:
        raise refused_kind(name, "encrypted")
    if entry.compress_type not in _METHODS:
        raise refused_kind(name, f"compressed by the method {entry.compress_type}, which is not supported")
    mode = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == _UNIX else 0
    if mode == stat.S_IFLNK:
        raise refused_kind(name, "a symbolic link")
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused_kind(name, f"of the unknown type {mode:#o}")
    is_directory = name.endswith("/") or mode == stat.S_IFDIR
    if is_directory and entry.file_size:
        raise ArchiveError(f"The archive's directory {name!r} has {entry.file_size} bytes of data.")
    return Member(name, entry.file_size, is_directory)
