"""A server in a thread of the test's process."""

from __future__ import annotations

import contextlib
import functools
import http.server
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import urllib3

from tf1hub.repository.repository import Repository
from tf1hub.server.app import make_app
from tf1hub.server.http_server import make_server
from tf1hub.server.options import ServerOptions


class Served:
    """A server that runs, and a client of it.

    Attributes:
        url: without a slash at its end.
        repository: what is served.
    """

    def __init__(self, url: str, repository: Repository) -> None:
        self.url = url
        self.repository = repository
        self._pool = urllib3.PoolManager(retries=False, timeout=30.0)

    def ask(self, method: str, path: str, **options: object) -> urllib3.BaseHTTPResponse:
        """The answer to a request; redirects are not followed."""
        return self._pool.request(method, self.url + path, redirect=False, **options)  # type: ignore[arg-type]

    def close(self) -> None:
        self._pool.clear()


@contextlib.contextmanager
def serving(folder: Path, options: ServerOptions | None = None, **settings: object) -> Iterator[Served]:
    """Serves a folder on a port of its own."""
    repository = Repository(folder, **settings)  # type: ignore[arg-type]
    started: queue.Queue[str] = queue.Queue()
    server = make_server(make_app(repository, options), "127.0.0.1", 0, started.put)
    thread = threading.Thread(target=server.run)
    thread.start()
    served = None
    try:
        served = Served(started.get(timeout=30).rstrip("/"), repository)
        yield served
    finally:
        if served is not None:
            served.close()
        server.should_exit = True
        thread.join(20)


@contextlib.contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """Serves files as any web server does; the address of the folder."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
