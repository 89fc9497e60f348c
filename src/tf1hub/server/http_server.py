"""uvicorn with what downloads and strangers ask for: files sent by the kernel, and no patience with those who creep."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SEND_FILE = "tf1hub.sendfile"
"""The extension of the ASGI scope: sends a part of an open file as the body of an answer whose head is sent."""

SendFile = Callable[[BinaryIO, int, int], Awaitable[None]]

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 << 10
_PIECE = 1 << 20
PIECE_SECONDS = 60.0


class Connection(HttpToolsProtocol):
    """A client: its request has to arrive in time, and files go to it without passing through Python."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._give_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._cancel()
        super().on_headers_complete()
        extensions: dict[str, Any] = {SEND_FILE: functools.partial(self._send_file, self.cycle)}
        self.scope["extensions"] = extensions

    async def _send_file(self, cycle: RequestResponseCycle, file: BinaryIO, offset: int, count: int) -> None:
        """Sends bytes of a file; who takes less than a piece within a minute is left."""
        end = offset + count
        try:
            while offset < end and not cycle.disconnected:
                piece = min(_PIECE, end - offset)
                sending = self.loop.sendfile(self.transport, file, offset, piece)
                sent = await asyncio.wait_for(sending, PIECE_SECONDS)
                if not sent:
                    raise OSError("the file became shorter")
                offset += sent
                cycle.expected_content_length -= sent
        except (OSError, RuntimeError, asyncio.TimeoutError):
            # The client is gone, or takes nothing: there is nobody to tell.
            cycle.disconnected = True
            self.transport.abort()

    def _give_up(self) -> None:
        self._patience = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    def _cancel(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def make_server(
    app: Any, host: str, port: int, on_start: Callable[[str], None] = lambda _: None
) -> uvicorn.Server:
    """A server, whose `run` serves until it is interrupted.

    Args:
        app: the ASGI application.
        host: the address to listen at.
        port: the port; 0 lets the system choose.
        on_start: told the URL, once requests are answered.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        loop="asyncio",  # uvloop sends no files
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        backlog=2048,
        proxy_headers=False,
    )
    return _Server(config, on_start)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            named = f"[{host}]" if ":" in host else host
            self._on_start(f"http://{named}:{port}/")


def open_file(path: str) -> tuple[BinaryIO, int]:
    """A file to send, and its size."""
    file = open(path, "rb", buffering=0)  # noqa: SIM115 - who sends it closes it
    return file, os.fstat(file.fileno()).st_size
