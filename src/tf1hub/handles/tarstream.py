"""The members of a tar as it streams by; every piece that is held in memory is bounded.

`tarfile` parses the 512 byte headers. Its streaming mode is not used, because
it reads extended headers of any size into memory and takes a cut archive for
a whole one.
"""

from __future__ import annotations

import itertools
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tf1hub.errors import ArchiveError
from tf1hub.handles.compression import TruncatedArchiveError
from tf1hub.handles.limits import MAX_HEADER_BYTES

_BLOCK = tarfile.BLOCKSIZE
_ZERO_BLOCK = bytes(_BLOCK)
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_REFUSED = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
# A real archive has a handful of extended headers per member: long name, pax.
_MAX_HEADERS_PER_MEMBER = 8
_MAX_GLOBAL_HEADERS = 64


@dataclass(frozen=True)
class Member:
    """A regular file or a directory of the archive."""

    name: str
    size: int
    is_directory: bool


class TarStream:
    """Reads the members of a tar one after the other.

    Iterate over `members()`, and after each regular file consume `data(member)`
    or not: what was left is skipped.

    Args:
        chunks: the bytes of the tar.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._piece = memoryview(b"")
        self._offset = 0
        self._unread = 0  # bytes of the current member's data and padding
        self._global_headers = 0

    def members(self) -> Iterator[Member]:
        """Yields the archive's regular files and directories, in its order.

        Raises:
            ArchiveError: a header is damaged, or a member is neither a file nor a directory.
            TruncatedArchiveError: the archive ends before its end mark.
        """
        while True:
            self._skip(self._unread)
            member = self._next_member()
            if member is None:
                self._drain()
                return
            padding = -member.size % _BLOCK
            self._unread = member.size + padding
            yield member

    def data(self, member: Member) -> Iterator[memoryview]:
        """Yields the data of the member that `members` yielded last."""
        left = member.size
        while left:
            piece = self._take(left, f"in the middle of {member.name!r}")
            left -= len(piece)
            self._unread -= len(piece)
            yield piece

    def _next_member(self) -> Member | None:
        overrides: dict[str, str] = {}
        for _ in range(_MAX_HEADERS_PER_MEMBER):
            block = self._read(_BLOCK, "between two members")
            if block == _ZERO_BLOCK:
                return None
            header = self._parse(block)
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                overrides |= _pax_records(self._read_extension(header), header.name)
            elif header.type == tarfile.XGLTYPE:
                self._global_headers += 1
                if self._global_headers > _MAX_GLOBAL_HEADERS:
                    raise ArchiveError(f"The archive has more than {_MAX_GLOBAL_HEADERS} global headers.")
                # Global records are comments and times in practice; a global path or size makes no sense.
                self._read_extension(header)
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                overrides["path"] = _text(self._read_extension(header).split(b"\0", 1)[0])
            elif header.type == tarfile.GNUTYPE_LONGLINK:
                self._read_extension(header)
            else:
                return _member(header, overrides)
        raise ArchiveError(f"The archive has more than {_MAX_HEADERS_PER_MEMBER} headers for one member.")

    def _parse(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError, OverflowError) as error:
            raise ArchiveError(
                f"This is not a tar archive, or it is damaged: at byte {self._offset - _BLOCK} of the "
                f"tar there is "
                f"no valid header ({error})."
            ) from error

    def _read_extension(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= MAX_HEADER_BYTES:
            raise ArchiveError(
                f"The archive has an extended header of {header.size} bytes; at most "
                f"{MAX_HEADER_BYTES} are allowed."
            )
        data = self._read(header.size, "in an extended header")
        self._skip(-header.size % _BLOCK)
        return data

    def _take(self, count: int, where: str) -> memoryview:
        while not self._piece:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise TruncatedArchiveError(
                    f"The archive ends early: after {self._offset} bytes of the tar, {where}."
                )
            self._piece = memoryview(chunk)
        piece, self._piece = self._piece[:count], self._piece[count:]
        self._offset += len(piece)
        return piece

    def _read(self, count: int, where: str) -> bytes:
        parts = []
        while count:
            piece = self._take(count, where)
            parts.append(bytes(piece))
            count -= len(piece)
        return b"".join(parts)

    def _skip(self, count: int) -> None:
        self._unread = 0
        while count:
            count -= len(self._take(count, "in a member's data"))

    def _drain(self) -> None:
        # The rest is padding; reading it lets the layers below check their own end marks.
        rest, self._piece = bytes(self._piece), memoryview(b"")
        for chunk in itertools.chain([rest], self._chunks):
            if chunk.strip(b"\0"):
                raise ArchiveError("The archive has data after its end mark.")


def _member(header: tarfile.TarInfo, overrides: dict[str, str]) -> Member:
    name = overrides.get("path", header.name)
    size = _size(overrides["size"], name) if "size" in overrides else header.size
    if any(key.startswith("GNU.sparse.") for key in overrides):
        raise refused_kind(name, _REFUSED[tarfile.GNUTYPE_SPARSE])
    if header.type in _REFUSED or header.type not in (*_REGULAR, tarfile.DIRTYPE):
        raise refused_kind(name, _REFUSED.get(header.type, f"of the unknown type {header.type!r}"))
    if size < 0:
        raise ArchiveError(f"The archive's member {name!r} has the negative size {size}.")
    # Before POSIX, a directory was a regular file whose name ended in a slash.
    is_directory = header.type == tarfile.DIRTYPE or name.endswith("/")
    if is_directory and size:
        raise ArchiveError(f"The archive's directory {name!r} has {size} bytes of data.")
    return Member(name, size, is_directory)


def refused_kind(name: str, what: str) -> ArchiveError:
    """Returns the error for a member that is not plain."""
    return ArchiveError(
        f"The archive's member {name!r} is {what}; a module has regular files and directories only. "
        f"Nothing of the archive was kept."
    )


def _size(text: str, name: str) -> int:
    # int() would take '1_0' and '٣' too; 20 digits hold every size of 64 bits.
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ArchiveError(f"The archive's member {name!r} has the size {text!r}, which is not a number.")
    return int(text)


def _pax_records(data: bytes, name: str) -> dict[str, str]:
    """Parses `length key=value\\n` records (POSIX.1-2001, pax, extended header)."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at] != 0:
        digits, space, _ = data[at : at + 20].partition(b" ")
        if not space or not digits.isdigit():
            raise _bad_pax(name)
        end = at + int(digits)
        record = data[at + len(digits) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end > len(data) or not equals or not value.endswith(b"\n"):
            raise _bad_pax(name)
        records[_text(key)] = _text(value[:-1])
        at = end
    return records


def _bad_pax(name: str) -> ArchiveError:
    return ArchiveError(f"The archive's extended header {name!r} is damaged.")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
