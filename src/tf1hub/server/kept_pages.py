"""Pages are made once a second at most, however many people look at them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tf1hub.server.answers import is_for_programs, not_modified

SECONDS = 1.0
"""How long a page is handed out again: what another server or a person changes is seen after it."""
_MOST = 1_000
_LARGEST = 1 << 18
_MEDIA_TYPE = b"text/html"

_Key: TypeAlias = tuple[str, str, str, bytes, str]


@dataclass(eq=False)
class _Page:
    """A page that somebody waits for, or that is there."""

    made: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    until: float = 0.0

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.until


class KeptPages:
    """Hands out again what was just made, and lets those who ask for a page meanwhile wait for it.

    Kept are pages alone, and those that were found. Whatever this server is told to change empties it.
    """

    def __init__(self, app: ASGIApp, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds
        self._pages: OrderedDict[_Key, _Page] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
        elif scope["method"] != "GET":
            try:
                await self._app(scope, receive, send)
            finally:
                self._pages.clear()
        elif is_for_programs(Request(scope)):
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        root = scope.get("root_path", "")
        key = (scope["scheme"], asked.get("Host", ""), scope["path"], scope["query_string"], root)
        page = self._pages.get(key)
        if page is not None and not page.made.is_set():
            await page.made.wait()
        if page is not None and page.is_fresh:
            await _response(page, Request(scope))(scope, receive, send)
        elif asked.get("If-None-Match") is not None or self._pages.get(key) is not page:
            # The answer may be none that others can have; or somebody else makes it anew already.
            await self._app(scope, receive, send)
        else:
            await self._make(key, scope, receive, send)

    async def _make(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._pages[key] = _Page()
        self._pages.move_to_end(key)
        while len(self._pages) > _MOST:
            self._pages.popitem(last=False)
        whole = False

        async def watch(message: Message) -> None:
            nonlocal whole
            if message["type"] == "http.response.start":
                page.status, page.headers = message["status"], list(message["headers"])
                whole = page.status == 200 and _is_page(page.headers)
            elif whole:
                page.body += message.get("body", b"")
                whole = len(page.body) <= _LARGEST
            await send(message)

        try:
            await self._app(scope, receive, watch)
            if whole:
                page.until = time.monotonic() + self._seconds
        finally:
            if not page.is_fresh and self._pages.get(key) is page:
                del self._pages[key]
            page.made.set()


def _is_page(headers: list[tuple[bytes, bytes]]) -> bool:
    names = {name.lower(): value for name, value in headers}
    return names.get(b"content-type", b"").startswith(_MEDIA_TYPE) and b"set-cookie" not in names


def _response(page: _Page, request: Request) -> Response:
    headers = Headers(raw=page.headers)
    if not_modified(request, headers.get("ETag", "")):
        kept = {name: value for name, value in headers.items() if not name.startswith("content-")}
        return Response(status_code=304, headers=kept)
    found = Response(page.body)
    found.raw_headers = list(page.headers)
    return found
