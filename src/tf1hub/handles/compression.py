"""From the bytes of a packed archive, as they arrive, to those of the tar: gzip, bzip2, xz and zstd, told by content."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, cast

from tf1hub.errors import ArchiveError, MissingDependencyError
from tf1hub.handles.limits import MAX_XZ_MEMORY, MAX_ZSTD_WINDOW_LOG, Limits

ZIP_MAGIC = b"PK\x03\x04"

_OUT_BYTES = 1 << 20
_TAR_BLOCK = 512
_HEAD_BYTES = 8
# Some hosts compress an already compressed archive once more for the transfer.
_MAX_LAYERS = 2
_OTHER_FORMATS = ((b"Rar!", "a rar archive"), (b"7z\xbc\xaf", "a 7z archive"))


class TruncatedArchiveError(ArchiveError):
    """The archive ends early: perhaps only the transfer did, so another attempt is worth it."""


class _Decompressor(Protocol):
    """What `isal.igzip_lib.IgzipDecompressor`, `bz2.BZ2Decompressor` and their like have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


_Maker = tuple[Callable[[], _Decompressor], type[BaseException]]


class _ZlibDecompressor:
    """`zlib` in the shape of `_Decompressor`, where there is no wheel of isal."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._pending = b""
        self.eof = False
        self.needs_input = True

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        out = self._inner.decompress(self._pending + data, max(max_length, 0))
        self._pending = self._inner.unconsumed_tail
        self.eof = self._inner.eof
        self.needs_input = not self._pending and len(out) < max_length and not self.eof
        return out


def _gzip() -> _Maker:
    try:
        # Some 1.5 times as fast as zlib, and it checks the CRC just as well.
        from isal import igzip_lib
    except ImportError:
        return _ZlibDecompressor, zlib.error
    # The stubs of isal call this class an instance.
    error = cast("type[BaseException]", igzip_lib.IsalError)
    return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), error


def _bzip2() -> _Maker:
    import bz2

    return bz2.BZ2Decompressor, OSError


def _xz() -> _Maker:
    import lzma

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY), lzma.LZMAError


def _zstd() -> _Maker:
    zstd = _zstd_module()
    options = {zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError


def _zstd_module() -> Any:
    import importlib

    # Python has it from 3.14 on; the other is the same for older ones.
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise MissingDependencyError(
        "This archive is compressed with zstd, which this Python cannot read: pip install 'tf1hub[zstd]'"
    )


class _Compression(NamedTuple):
    """A way to compress a tar.

    Attributes:
        suffixes: how the names of its files end, the usual ending first.
        magic: how the files begin.
        make: gives what decompresses one, and the error that this raises; imports what it needs.
    """

    suffixes: tuple[str, ...]
    magic: bytes
    make: Callable[[], _Maker]


_COMPRESSIONS = (
    _Compression((".tar.gz", ".tgz"), b"\x1f\x8b", _gzip),
    _Compression((".tar.bz2", ".tbz2"), b"BZh", _bzip2),
    _Compression((".tar.xz", ".txz"), b"\xfd7zXZ\x00", _xz),
    _Compression((".tar.zst", ".tzst"), b"(\xb5/\xfd", _zstd),
)

ARCHIVE_SUFFIXES = (*(suffix for one in _COMPRESSIONS for suffix in one.suffixes), ".tar", ".zip")
"""How a place must end to be taken for an archive where its content cannot be looked at."""

KINDS = f"a tar (also {', '.join(one.suffixes[0] for one in _COMPRESSIONS)}) or a zip"
"""What a module may be packed as, for messages."""


def looks_packed(head: bytes) -> bool:
    """Returns whether a file that begins with these 512 bytes is an archive that can be unpacked."""
    return head.startswith((ZIP_MAGIC, *(one.magic for one in _COMPRESSIONS))) or head[257:262] == b"ustar"


def tar_chunks(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Yields the bytes of the tar in pieces of at most 1 MiB, whatever the input's compression.

    Args:
        chunks: the archive's bytes.
        limits: the allowed ratio of compression.

    Raises:
        ArchiveError: the bytes are another format, are damaged, or unpack to too much.
        TruncatedArchiveError: the compressed stream ends before its end mark.
        MissingDependencyError: what reads their compression is not installed.
    """
    pieces, head = peek(chunks, _HEAD_BYTES)
    for magic, what in _OTHER_FORMATS:
        if head.startswith(magic):
            raise ArchiveError(f"This is {what}; a module is packed as {KINDS}. Pack it anew.")
    for _ in range(_MAX_LAYERS):
        found = next((one for one in _COMPRESSIONS if head.startswith(one.magic)), None)
        if found is None:
            break
        pieces, head = peek(_decompress(pieces, found, limits), _HEAD_BYTES)
    pieces, head = peek(pieces, _TAR_BLOCK)
    # Every header of a tar has NULs. So this is nothing that was cut, and another attempt brings the same.
    if head and len(head) < _TAR_BLOCK and b"\0" not in head:
        shown = head[:40].decode("utf-8", "replace")
        raise ArchiveError(
            f"This is not an archive: it has {len(head)} bytes, which begin with {shown!r}. "
            f"A module is packed as {KINDS}."
        )
    yield from pieces


def peek(chunks: Iterable[bytes], count: int) -> tuple[Iterator[bytes], bytes]:
    """Returns all the chunks again, and their first `count` bytes."""
    iterator = iter(chunks)
    head = b""
    for chunk in iterator:
        head += chunk
        if len(head) >= count:
            break

    def again() -> Iterator[bytes]:
        if head:
            yield head
        yield from iterator

    return again(), head[:count]


def _decompress(chunks: Iterable[bytes], compression: _Compression, limits: Limits) -> Iterator[bytes]:
    make, fault = compression.make()
    decompressor = make()
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        pending = bytes(chunk)
        while pending or not decompressor.needs_input:
            if decompressor.eof:
                # A file may hold several streams; zero bytes after the last are padding.
                pending = decompressor.unused_data + pending
                if not pending.strip(b"\0"):
                    break
                if not compression.magic.startswith(pending[: len(compression.magic)]):
                    raise ArchiveError("The archive has bytes after the end of its compressed data.")
                decompressor = make()
            try:
                out = decompressor.decompress(pending, _OUT_BYTES)
            except (fault, zlib.error) as error:
                raise ArchiveError(f"The archive's compressed data is damaged: {error}.") from error
            pending = b""
            given += len(out)
            check_ratio(given, taken, limits)
            if out:
                yield out
            if decompressor.eof and not decompressor.unused_data:
                break
    if not decompressor.eof:
        raise TruncatedArchiveError(f"The archive's compressed data ends early, after {taken} bytes.")


def check_ratio(given: int, taken: int, limits: Limits) -> None:
    """Refuses what unpacks to far more than weights do.

    Raises:
        ArchiveError: `given` bytes came out of `taken`.
    """
    if given > limits.ratio_free_bytes and given > limits.ratio * taken:
        raise ArchiveError(
            f"The archive unpacks to more than {limits.ratio} times its size ({given} bytes from {taken}), "
            f"which no module does. Nothing of the archive was kept."
        )
