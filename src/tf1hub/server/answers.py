"""Answers: files with ranges, errors in words, headers that all answers have."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tf1hub import errors
from tf1hub.server.http_server import SEND_FILE, open_file

FOREVER = "public, max-age=31536000, immutable"
AGAIN = "no-cache"
_PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_ALL_ANSWERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

STATUSES: tuple[tuple[type[errors.Error], int], ...] = (
    (errors.UnknownModuleError, 404),
    (errors.UnknownNameError, 404),
    (errors.AccessError, 403),
    (errors.HandleError, 400),
    (errors.ArchiveError, 422),
    (errors.FormatError, 422),
    (errors.RepositoryError, 409),
)
"""The status for each error; the first class that fits decides."""


_KINDS = {"content": 422, "exists": 409, "offset": 409, "too large": 413, "quota": 413, "room": 507}


def status_of(error: errors.Error) -> int:
    """The status that tells of an error."""
    if isinstance(error, errors.PublishError):
        return _KINDS[error.kind]
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def is_for_programs(request: Request) -> bool:
    """Whether a program asks, and not a person."""
    return request.url.path.startswith("/api/") or "tf-hub-format" in request.query_params


class JsonAnswer(Response):
    """A JSON document, with an ETag of its content."""

    media_type = "application/json"

    def __init__(self, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        super().__init__(body, status, {"ETag": tag, "Cache-Control": AGAIN, **(headers or {})})


def fault(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What programs are told that cannot have what they ask for."""
    return JsonAnswer({"error": {"status": status, "message": message}}, status, headers)


def plain_fault(status: int, message: str) -> Response:
    """What clients of the hosting protocol are told: they show the first words of plain text."""
    return PlainTextResponse(message + "\n", status, {"Cache-Control": AGAIN})


def header_text(text: str, limit: int = 300) -> str:
    """A text as the value of a header, which takes little more than letters."""
    return quote(" ".join(text.split())[:limit], safe=" ,.;:!?'()/+-_=@#&*")


def not_modified(request: Request, etag: str) -> bool:
    """Whether the client has this content already (RFC 9110, 13.1.2)."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return False
    return given.strip() == "*" or any(one.strip().removeprefix("W/") == etag for one in given.split(","))


class FileAnswer(Response):
    """A file that never changes: with HEAD, one range, If-Range and If-None-Match (RFC 9110, 14).

    Args:
        path: the file.
        etag: a strong ETag, with quotes.
        media_type: its type.
        headers: further headers.
    """

    def __init__(self, path: str, etag: str, media_type: str, headers: Mapping[str, str]) -> None:
        self._path = path
        self._etag = etag
        self._media_type = media_type
        self._further = dict(headers)
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        file, size = await anyio.to_thread.run_sync(open_file, self._path)
        with file:
            headers = {"ETag": self._etag, "Accept-Ranges": "bytes", **self._further}
            if not_modified(Request(scope), self._etag):
                await Response(status_code=304, headers=headers)(scope, receive, send)
                return
            status, start, count = 200, 0, size
            wanted = asked.get("Range")
            # Only a strong validator may continue a download; a date is none (13.1.5).
            if wanted is not None and asked.get("If-Range", self._etag) == self._etag:
                found = _range(wanted, size)
                if found is not None:
                    start, count = found
                    if count <= 0:
                        headers["Content-Range"] = f"bytes */{size}"
                        await Response(status_code=416, headers=headers)(scope, receive, send)
                        return
                    status = 206
                    headers["Content-Range"] = f"bytes {start}-{start + count - 1}/{size}"
            headers |= {"Content-Length": str(count), "Content-Type": self._media_type}
            raw = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
            ]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            if scope["method"] != "HEAD":
                send_file = scope.get("extensions", {}).get(SEND_FILE)
                if send_file is not None:
                    await send_file(file, start, count)
                else:
                    await _send_pieces(file, start, count, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_pieces(file: Any, start: int, count: int, send: Send) -> None:
    file.seek(start)
    while count:
        piece = await anyio.to_thread.run_sync(file.read, min(_PIECE, count))
        if not piece:
            raise OSError("the file became shorter")
        count -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """The start and the bytes of a range; None for what is no single range, which is answered with the whole."""
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]) or len(wanted) > 60:
        return None
    if not match[1]:
        count = min(int(match[2]), size)
        return size - count, count
    start = int(match[1])
    end = min(int(match[2]) if match[2] else size - 1, size - 1)
    if match[2] and int(match[2]) < start:
        return None
    return start, end - start + 1


class SafeHeaders:
    """Puts the headers on all answers that keep a browser from loading, framing and guessing anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in _ALL_ANSWERS.items():
                    answered.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def file_etag(digest: str, path: str) -> str:
    """The ETag of a module's archive: its content, and how it is packed."""
    return f'"{digest.partition(":")[2]}-{os.path.getsize(path):x}"'
