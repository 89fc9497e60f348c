"""The bytes of an archive over HTTP: retried, resumed, and never mixed from two versions."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator

from tf1hub.errors import DownloadError
from tf1hub.handles.compression import KINDS, TruncatedArchiveError
from tf1hub.handles.http import Answer, Client, PassingError
from tf1hub.storage import redact

# A connection that brought at least this much counts as progress, so that a
# bad line gets through however often it breaks.
_PROGRESS_BYTES = 16 << 10
_BACKOFF = 0.5
_MAX_BACKOFF = 20.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_HEAD_BYTES = 512
_PAGE_BYTES = 64 << 10


class StartOverError(Exception):
    """The transfer cannot go on where it broke: what came so far is to be thrown away."""


class Transfer:
    """One URL's archive.

    Args:
        client: makes the requests.
        url: the URL, query included.
        retries: attempts without progress after the first.
        progress: told the bytes that came and the total, where it is known.
        sleep: waits; tests pass their own.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        retries: int,
        progress: Callable[[int, int | None], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._url = url
        self._retries = retries
        self._progress = progress
        self._sleep = sleep
        self._failures = 0  # in a row, without bytes between them
        self._restarts = 0
        self.hops: tuple[str, ...] = ()
        self.etag: str | None = None
        self.total: int | None = None
        self.stated_digest: str | None = None
        self.yanked: str | None = None

    def attempts(self) -> Iterator[Iterator[bytes]]:
        """Yields the archive's bytes, and again from the first byte each time the caller has to start over.

        The caller stops asking when an attempt went through to its end.

        Raises:
            DownloadError: the host, the network or its answer is at fault, and more attempts are of no use.
        """
        while True:
            self.etag = self.total = None
            yield self._chunks()

    def start_over(self, error: StartOverError | TruncatedArchiveError) -> None:
        """Notes that an attempt failed as a whole.

        Raises:
            DownloadError: it was the last one.
        """
        # Counted apart: what a thrown away attempt brought is no progress.
        self._restarts += 1
        self._failures = 0
        self._wait(self._restarts, str(error), None)

    def _chunks(self) -> Iterator[bytes]:
        offset = reached = 0
        # What a connection brings that is given up as too slow must not count, or it would go on for ever.
        progress_bytes = max(_PROGRESS_BYTES, self._client.least_bytes)
        while True:
            try:
                for chunk in self._from(offset):
                    offset += len(chunk)
                    if offset - reached >= progress_bytes:
                        self._failures, reached = 0, offset
                    self._progress(offset, self.total)
                    yield chunk
                return
            except PassingError as fault:
                if offset and self.etag is None:
                    raise StartOverError(str(fault)) from fault
                self._note_failure(str(fault), fault.retry_after)

    def _from(self, offset: int) -> Iterator[bytes]:
        headers = {}
        if offset and self.etag:
            headers = {"Range": f"bytes={offset}-", "If-Range": self.etag}
        answer = self._client.get(self._url, headers)
        try:
            skip = self._meet(answer, offset)
            chunks = answer.chunks()
            if not offset:
                chunks = _check_head(answer, chunks, self.total)
            for chunk in chunks:
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                yield chunk[skip:] if skip else chunk
                skip = 0
            if skip:
                raise StartOverError(f"{redact(self._url)} became shorter while it was downloaded")
        finally:
            answer.close()

    def _meet(self, answer: Answer, offset: int) -> int:
        """Checks that an answer goes on where the last one broke; returns how many of its bytes to skip."""
        etag = _strong(answer.headers.get("ETag"))
        if not offset:
            if answer.status != 200:
                raise DownloadError(f"{redact(answer.url)} answered {answer.status} where 200 was expected.")
            self.hops, self.etag, self.total = answer.hops, etag, _length(answer)
            # A host of this library's says what the content is, and whether its publisher took the version back.
            self.stated_digest = answer.headers.get("X-TF1Hub-Digest")
            self.yanked = answer.headers.get("X-TF1Hub-Yanked")
            return 0
        if etag is None or etag != self.etag:
            raise StartOverError(f"{redact(self._url)} changed while it was downloaded")
        if answer.status == 200:
            # The host knows no ranges. The same strong ETag promises the same bytes.
            return offset
        match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or match is None or int(match[1]) != offset:
            raise StartOverError(f"{redact(self._url)} did not go on where it broke, at byte {offset}")
        return 0

    def _note_failure(self, words: str, retry_after: float | None) -> None:
        self._failures += 1
        self._wait(self._failures, words, retry_after)

    def _wait(self, count: int, words: str, retry_after: float | None) -> None:
        if count > self._retries:
            raise DownloadError(f"{words.removesuffix('.')} (after {count} attempts).")
        backoff = min(_MAX_BACKOFF, _BACKOFF * 2 ** (count - 1))
        # Jitter, so that many programs do not come back all at once.
        self._sleep(retry_after if retry_after is not None else backoff * random.uniform(0.5, 1.0))


def _strong(etag: str | None) -> str | None:
    """Returns a strong ETag, or None: a weak one does not promise the same bytes (RFC 9110, 13.1.5)."""
    return etag if etag and etag.startswith('"') else None


def _length(answer: Answer) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _check_head(answer: Answer, chunks: Iterator[bytes], total: int | None) -> Iterator[bytes]:
    """Yields the chunks, or says what arrived where an archive was expected."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    if not head and total == 0:
        raise DownloadError(f"{redact(answer.url)} answered with nothing, where {KINDS} was expected.")
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    start = head[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    is_tar = head[257:262] == b"ustar"
    if not is_tar and start[:1] == b"<":
        raise _page(answer, head, chunks)
    is_whole = len(head) < _HEAD_BYTES
    if (
        not is_tar
        and _is_text(start)
        and (is_whole or kind.startswith("text/") or start[:1] in (b"{", b"[") or "json" in kind)
    ):
        words = " ".join(start[:120].decode("utf-8", "replace").split())
        raise DownloadError(
            f"{redact(answer.url)} answered with text where {KINDS} was expected: {words!r}. "
            f"Does the host speak the hosting protocol (tf-hub-format=compressed)?"
        )
    if head:
        yield head
    yield from chunks


def _is_text(start: bytes) -> bool:
    return bool(start) and all(byte >= 32 or byte in b"\t\r\n" for byte in start)


def _page(answer: Answer, head: bytes, chunks: Iterator[bytes]) -> DownloadError:
    for chunk in chunks:
        if len(head) >= _PAGE_BYTES:
            break
        head += chunk
    match = _TITLE.search(head[:_PAGE_BYTES])
    title = " ".join(match[1].decode("utf-8", "replace").split()) if match else ""
    named = f" titled {title[:80]!r}" if title else ""
    return DownloadError(
        f"{redact(answer.url)} answered with a web page{named} where {KINDS} was expected. "
        f"It may be the "
        f"sign-in page of a captive portal or proxy: open the address in a browser, or set "
        f"HTTPS_PROXY. Or the host "
        f"does not speak the hosting protocol (tf-hub-format=compressed)."
    )
