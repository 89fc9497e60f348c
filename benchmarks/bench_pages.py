"""The picture of a graph of thousands of nodes, and the pages about its module."""

from __future__ import annotations

import functools
import gzip
import sqlite3  # noqa: F401  # before TensorFlow, which brings one without full-text search
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from benchmarks.harness import Bench, Row, at_most, seconds
from benchmarks.networks import nasnet
from benchmarks.published_networks import bert_base

ENVIRONMENT = "newest"
_KB = 1000


def rows(bench: Bench) -> Iterator[Row]:
    for network in ("nasnet", "bert"):
        drawn = bench.run("bench_pages:picture", repeats=3, network=network)
        what = f"picture of {network}, {drawn['nodes']:,.0f} nodes"
        yield at_most(f"{what}: first look", drawn["first_s"], 0.3, seconds)
        yield at_most(f"{what}: a file with every scope", drawn["file_s"], 0.3, seconds)
        yield at_most(f"{what}: bytes of the first look", drawn["first_bytes"], 50 * _KB, kilobytes)
        yield at_most(f"{what}: bytes of the file, as sent (gzip)", drawn["gzip_bytes"], 200 * _KB, kilobytes)
    asked = bench.run("bench_pages:pages", repeats=3)
    for name in ("module", "graph", "variables", "catalogue"):
        what = f"page: {name} of a module of {asked['nodes']:,.0f} nodes"
        yield at_most(f"{what}, the first visit", asked[f"{name}_first_s"], 0.3, seconds)
        yield at_most(f"{what}, the next", asked[f"{name}_next_s"], 0.3, seconds)
        yield at_most(f"{what}, bytes", asked[f"{name}_bytes"], 200 * _KB, kilobytes)


def kilobytes(value: float) -> str:
    return f"{value / _KB:.0f} kB"


def picture(network: str) -> dict[str, Any]:
    """CPU seconds, because other processes may be busy."""
    import tf1hub as hub

    spec = _spec(network)
    variant = spec.variant()
    hub.draw(_spec("small"))  # what is loaded once
    started = time.process_time()
    drawn = hub.draw(spec)
    first = drawn.to_fragment(drawn.first_opened)
    middle = time.process_time()
    file = hub.draw(spec).to_svg().encode()
    return {
        "nodes": len(variant.nodes),
        "first_s": middle - started,
        "file_s": time.process_time() - middle,
        "first_bytes": len(first.encode()),
        "file_bytes": len(file),
        "gzip_bytes": len(gzip.compress(file)),
    }


def pages() -> dict[str, Any]:
    """What a visitor waits for: CPU seconds of server and client, which are this process."""
    import tf1hub as hub
    from tf1hub.repository.repository import Repository
    from tf1hub.server.app import make_app
    from tf1hub.server.http_server import make_server
    from tf1hub.server.options import ServerOptions

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        spec = _spec("nasnet")
        spec.export(str(Path(folder) / "demo" / "nasnet" / "1"), values=hub.initial_values(spec))
        found["nodes"] = len(spec.variant().nodes)
        repository = Repository(folder)
        repository.refresh(progress="none")
        started: Queue[str] = Queue()
        server = make_server(
            make_app(repository, ServerOptions(refresh_seconds=0)), "127.0.0.1", 0, started.put
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        url = started.get()
        _ask(f"{url}static/site.css")
        module = f"{url}demo/nasnet/1"
        for name, address in (
            ("catalogue", url),
            ("module", module),
            ("graph", f"{module}/graph"),
            ("variables", f"{module}/variables"),
        ):
            found[f"{name}_first_s"], found[f"{name}_bytes"] = _ask(address)
            found[f"{name}_next_s"] = min(_ask(address)[0] for _ in range(3))
        server.should_exit = True
        thread.join()
    return found


def _ask(url: str) -> tuple[float, int]:
    started = time.process_time()
    with urllib.request.urlopen(url) as answer:
        size = len(answer.read())
    return time.process_time() - started, size


def _spec(network: str) -> Any:
    import tf1hub as hub

    if network == "bert":
        return hub.create_module_spec(functools.partial(bert_base, hub, 12, 48, 4))
    cells, filters = (3, 12) if network == "nasnet" else (1, 6)
    build: Callable[..., None] = functools.partial(nasnet, hub, False, filters, cells)
    return hub.create_module_spec(build)
