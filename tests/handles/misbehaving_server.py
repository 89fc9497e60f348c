"""A real HTTP server on loopback that does, request by request, what a test tells it."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Act = Callable[["Request"], None]


@dataclass
class Log:
    """What one request asked and got."""

    path: str
    headers: Message  # compared without regard to case
    status: int = 0
    sent: int = 0  # so far; a client can have the last byte before it is counted here
    over: threading.Event = field(default_factory=threading.Event, repr=False)

    def sent_in_all(self) -> int:
        """What was sent, once the server is done with the request."""
        assert self.over.wait(60)
        return self.sent


@dataclass
class Request:
    """One request, and the means to answer it rightly or wrongly."""

    handler: BaseHTTPRequestHandler
    log: Log
    number: int  # of the requests for this path, from 0
    released: threading.Event = field(repr=False)

    @property
    def headers(self) -> Message:
        return self.log.headers

    def head(self, status: int, headers: dict[str, str | int] | None = None) -> None:
        self.log.status = status
        self.handler.send_response(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, str(value))
        self.handler.end_headers()

    def send(self, data: bytes) -> None:
        # Counted as it goes, so that a client that breaks off is seen as one.
        for at in range(0, len(data), 64 << 10):
            piece = data[at : at + (64 << 10)]
            self.handler.wfile.write(piece)
            self.log.sent += len(piece)

    def answer(self, data: bytes, status: int = 200, **headers: str | int) -> None:
        """Answers with a whole body; `content_type=` and the like are headers."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        self.head(status, {"Content-Length": len(data), **named})
        self.send(data)

    def redirect(self, location: str, status: int = 302) -> None:
        self.head(status, {"Location": location, "Content-Length": 0})

    def reset(self) -> None:
        """Breaks the connection with a TCP reset."""
        self.handler.wfile.flush()
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()
        self.handler.close_connection = True

    def hang_up(self) -> None:
        """Closes the connection as if all had been said."""
        self.handler.wfile.flush()
        with contextlib.suppress(OSError):
            self.handler.connection.shutdown(socket.SHUT_RDWR)
        self.handler.close_connection = True

    def stall(self) -> None:
        """Says nothing more until the test ends."""
        self.handler.wfile.flush()
        self.released.wait(60)
        self.hang_up()


class Server:
    """A server whose paths each have a behaviour; use it in a `with`.

    Args:
      tls: The server's side of TLS, for https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.acts: dict[str, Act] = {}
        self.log: list[Log] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._http.tls = tls

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def on(self, path: str, act: Act) -> str:
        """Sets what a path does; returns its URL."""
        self.acts[path] = act
        return self.url(path)

    def asked(self, path: str | None = None) -> list[Log]:
        with self._lock:
            return [log for log in self.log if path is None or log.path.partition("?")[0] == path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                log = Log(self.path, self.headers)
                path = self.path.partition("?")[0]
                with server._lock:
                    number = sum(one.path.partition("?")[0] == path for one in server.log)
                    server.log.append(log)
                act = server.acts.get(path, lambda request: request.answer(b"", 404))
                try:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                        act(Request(self, log, number, server._released))
                finally:
                    log.over.set()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Http(ThreadingHTTPServer):
    request_queue_size = 128
    tls: ssl.SSLContext | None = None
    block_on_close = True

    def finish_request(self, request, client_address) -> None:
        # The handshake happens here, in the connection's own thread.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, *_: object) -> None:
        """Broken connections are what these tests are about."""


def whole(data: bytes, etag: str | None = None, **headers: str | int) -> Act:
    """A host that does everything right, ranges included."""

    def act(request: Request) -> None:
        extra = {"ETag": etag} if etag else {}
        start = _range(request, etag)
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        if start:
            request.head(
                206,
                {
                    "Content-Length": len(data) - start,
                    "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}",
                    **extra,
                    **named,
                },
            )
        else:
            request.head(200, {"Content-Length": len(data), **extra, **named})
        request.send(data[start:])

    return act


def cut(data: bytes, at: Callable[[int], int], etag: str | None = None, how: str = "hang_up") -> Act:
    """A host whose answer number n breaks after `at(n)` bytes of what it had to send."""

    def act(request: Request) -> None:
        start = _range(request, etag)
        extra = {"ETag": etag} if etag else {}
        rest = data[start:]
        if start:
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        request.head(206 if start else 200, {"Content-Length": len(rest), **extra})
        count = at(request.number)
        request.send(rest[:count])
        if count < len(rest):
            getattr(request, how)()

    return act


def in_turn(*acts: Act) -> Act:
    """A host that answers its first request by the first act, and so on; the last stays."""
    return lambda request: acts[min(request.number, len(acts) - 1)](request)


def slowly(data: bytes, seconds: float, pieces: int = 50) -> Act:
    """A host that needs some seconds for its answer."""

    def act(request: Request) -> None:
        request.head(200, {"Content-Length": len(data), "ETag": '"slow"'})
        step = -(-len(data) // pieces)
        for at in range(0, len(data), step):
            request.send(data[at : at + step])
            request.handler.wfile.flush()
            time.sleep(seconds / pieces)

    return act


def dripping(data: bytes, start: int, etag: str, every: float = 0.02) -> Act:
    """A host that stops hurrying after `start` bytes: from there, a byte now and then, until it is left."""

    def act(request: Request) -> None:
        offset = _range(request, etag)
        request.head(200, {"Content-Length": len(data), "ETag": etag})
        request.send(data[offset : offset + start])
        for at in range(offset + start, len(data)):
            request.send(data[at : at + 1])
            if request.released.wait(every):
                return

    return act


def _range(request: Request, etag: str | None) -> int:
    match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    if match is None or etag is None or request.headers.get("If-Range") != etag:
        return 0
    return int(match[1])


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server(tls) as server:
        yield server
