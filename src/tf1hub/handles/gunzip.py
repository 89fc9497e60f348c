"""From the bytes of a `.tar` or `.tar.gz`, as they arrive, to the bytes of the tar."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from tf1hub.errors import ArchiveError
from tf1hub.handles.limits import Limits

_OUT_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
# Some hosts compress an already compressed archive once more for the transfer.
_MAX_LAYERS = 2
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"(\xb5/\xfd", "a zstd file"),
    (b"Rar!", "a rar archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
)


class TruncatedArchiveError(ArchiveError):
    """The archive ends early: perhaps only the transfer did, so another attempt is worth it."""


class _Decompressor(Protocol):
    """The part of `isal.igzip_lib.IgzipDecompressor` that is used."""

    eof: bool
    needs_input: bool

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


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


def _new_decompressor() -> tuple[Callable[[], _Decompressor], type[BaseException]]:
    try:
        # Some 1.5 times as fast as zlib, and it checks the CRC just as well.
        from isal import igzip_lib
    except ImportError:
        return _ZlibDecompressor, zlib.error
    # The stubs of isal call this class an instance.
    error = cast("type[BaseException]", igzip_lib.IsalError)
    return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), error


def tar_chunks(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Yields the bytes of the tar in pieces of at most 1 MiB, whatever the input's compression.

    Args:
      chunks: The archive's bytes.
      limits: The allowed ratio of compression.

    Raises:
      ArchiveError: The bytes are another format, are damaged, or unpack to too much.
      TruncatedArchiveError: The compressed stream ends before its end mark.
    """
    pieces, head = _peek(chunks, 8)
    for magic, what in _OTHER_FORMATS:
        if head.startswith(magic):
            raise ArchiveError(
                f"This is {what}; a module is packed as tar or tar.gz. Unpack it, or pack it anew."
            )
    for _ in range(_MAX_LAYERS):
        if not head.startswith(_GZIP_MAGIC):
            break
        pieces, head = _peek(_inflate(pieces, limits), 8)
    yield from pieces


def _peek(chunks: Iterable[bytes], count: int) -> tuple[Iterator[bytes], bytes]:
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


def _inflate(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    make, gzip_error = _new_decompressor()
    decompressor = make()
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        pending = bytes(chunk)
        while pending or not decompressor.needs_input:
            if decompressor.eof:
                # A gzip file may hold several members; zero bytes after the last are padding.
                pending = decompressor.unused_data + pending
                if not pending.strip(b"\0"):
                    break
                if not _GZIP_MAGIC.startswith(pending[:2]):
                    raise ArchiveError("The archive has bytes after the end of its compressed data.")
                decompressor = make()
            try:
                out = decompressor.decompress(pending, _OUT_BYTES)
            except (gzip_error, zlib.error) as error:
                raise ArchiveError(f"The archive's compressed data is damaged: {error}.") from error
            pending = b""
            given += len(out)
            if given > limits.ratio_free_bytes and given > limits.ratio * taken:
                raise ArchiveError(
                    f"The archive unpacks to more than {limits.ratio} times its size ({given} bytes "
                    f"from {taken}), "
                    f"which no module does. Nothing of the archive was kept."
                )
            if out:
                yield out
            if decompressor.eof and not decompressor.unused_data:
                break
    if not decompressor.eof:
        raise TruncatedArchiveError(f"The archive's compressed data ends early, after {taken} bytes.")
