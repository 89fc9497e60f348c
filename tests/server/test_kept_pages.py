"""Pages that were just made are handed out again; what changes here is seen at once."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import Any

import pytest
from golden import cases
from serving import serving

from tf1hub.server.kept_pages import KeptPages

HTML = [(b"content-type", b"text/html; charset=utf-8"), (b"etag", b'"1"')]


class App:
    """An ASGI application that counts how often it is asked."""

    def __init__(
        self, headers: list[tuple[bytes, bytes]] = HTML, status: int = 200, takes: float = 0.0
    ) -> None:
        self.calls = 0
        self._headers, self._status, self._takes = headers, status, takes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        self.calls += 1
        await asyncio.sleep(self._takes)
        if self._status == 500:
            raise RuntimeError("the page cannot be made")
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": f"page {self.calls}".encode()})


async def ask(
    app: Any, path: str = "/", method: str = "GET", query: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "scheme": "http",
        "headers": raw,
    }
    await app(scope, None, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_page_is_made_once():
    async def play() -> None:
        app = App(takes=0.05)
        kept = KeptPages(app)
        found = await asyncio.gather(*[ask(kept) for _ in range(50)])
        assert set(found) == {(200, b"page 1")}
        assert await ask(kept, query=b"q=x") == (200, b"page 2")
        assert await ask(kept, host="other") == (200, b"page 3")
        assert await ask(kept, if_none_match='"1"') == (304, b"")
        assert app.calls == 3

    asyncio.run(play())


def test_a_page_is_made_anew_after_its_time_and_after_a_change():
    async def play() -> None:
        kept = KeptPages(App(), seconds=0.05)
        assert await ask(kept) == await ask(kept) == (200, b"page 1")
        await asyncio.sleep(0.06)
        assert await ask(kept) == (200, b"page 2")
        kept = KeptPages(App(), seconds=60)
        await ask(kept)
        await ask(kept, method="PUT")
        assert await ask(kept) == (200, b"page 3")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("app", "path", "query"),
    [
        (App(status=404), "/", b""),
        (App([(b"content-type", b"image/svg+xml")]), "/", b""),
        (App([*HTML, (b"set-cookie", b"a=b")]), "/", b""),
        (App(), "/api/v1/modules", b""),
        (App(), "/a/b/1", b"tf-hub-format=compressed"),
    ],
)
def test_all_else_is_asked_for_each_time(app: App, path: str, query: bytes):
    async def play() -> None:
        kept = KeptPages(app)
        await ask(kept, path, query=query)
        await ask(kept, path, query=query)
        assert app.calls == 2

    asyncio.run(play())


def test_who_waits_for_a_page_that_fails_asks_alone():
    async def play() -> None:
        app = App(status=500, takes=0.02)
        kept = KeptPages(app)
        found = await asyncio.gather(*[ask(kept) for _ in range(3)], return_exceptions=True)
        assert [str(error) for error in found] == ["the page cannot be made"] * 3
        assert app.calls == 3

    asyncio.run(play())


def test_pages_of_a_server(tmp_path):
    shutil.copytree(cases.ROOT / "half_plus_two" / "module", tmp_path / "demo" / "half" / "1")
    with serving(tmp_path) as served:
        served.repository.refresh()
        first, again = served.ask("GET", "/demo/half"), served.ask("GET", "/demo/half")
        assert first.status == again.status == 200
        assert first.data == again.data
        assert dict(first.headers).keys() == dict(again.headers).keys()
        etag = first.headers["ETag"]
        assert served.ask("GET", "/demo/half", headers={"If-None-Match": etag}).status == 304
        shutil.copytree(tmp_path / "demo" / "half" / "1", tmp_path / "demo" / "half" / "2")
        served.repository.refresh()
        deadline = time.monotonic() + 10
        while b"demo/half/2" not in served.ask("GET", "/demo/half").data and time.monotonic() < deadline:
            time.sleep(0.1)
        assert b"demo/half/2" in served.ask("GET", "/demo/half").data
