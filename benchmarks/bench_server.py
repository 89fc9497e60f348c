"""`tf1hub serve`: how fast it starts, answers many clients, and sends large files beside nginx.

Needs nginx and wrk (Debian: `apt install nginx-light wrk`). On few cores the clients compete with the server.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import ROOT, Bench, Row

ENVIRONMENT = "newest"
MODULES = 10_000
BIG = 100_000_000
SECONDS = 60
CLIENTS = 200
DOWNLOADING = 20
_INDEX = (
    "import sys; from tf1hub.repository.repository import Repository; found = Repository(sys.argv[1]); found.refresh(); "
    "found.close()"
)
_GOLDEN = ROOT / "tests" / "golden" / "modules" / "half_plus_two" / "module"
_PAGES = [
    "/",
    "/?q=half",
    "/publisher7",
    "/publisher7/encoder3",
    "/publisher7/encoder3/1",
]


def rows(bench: Bench) -> Iterator[Row]:
    for tool in ("nginx", "wrk"):
        if shutil.which(tool) is None:
            print(f"There is no {tool} here; the server is not measured. Debian: apt install nginx-light wrk")
            return
    folder = bench.workdir / "repository"
    fill(folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([bench.python, "-c", _INDEX, str(folder)], env=environment, check=True)
    started = min(_start_seconds(bench.python, folder) for _ in range(3))
    yield Row(
        f"serve: start on {MODULES:,} modules with an index",
        f"{started:.2f} s",
        "",
        f"{started:.2f} s",
        "at most 2 s",
        started <= 2,
    )
    with serving(bench.python, folder) as url:
        yield from _downloads(bench.workdir, url)
        yield from _crowd(bench.workdir, url)


def fill(folder: Path) -> None:
    """Makes many modules, which share their files, and a large one."""
    for number in range(MODULES):
        directory = folder / f"publisher{number // 100}" / f"encoder{number % 100}" / "1"
        shutil.copytree(_GOLDEN, directory, copy_function=os.link)
    directory = folder / "publisher0" / "large" / "1"
    shutil.copytree(_GOLDEN, directory)
    (directory / "assets").mkdir(exist_ok=True)
    (directory / "assets" / "blob.bin").write_bytes(os.urandom(BIG))


@contextlib.contextmanager
def serving(python: str, folder: Path) -> Iterator[str]:
    """A server in a process of its own, and its URL, once it answers."""
    command = [python, "-m", "tf1hub", "serve", str(folder), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            found = re.search(r"http://[\w.:\[\]]+/", line)
            if found:
                url = found[0].rstrip("/")
                _get(f"{url}/api/v1/modules?q=half")
                yield url
                return
        raise RuntimeError(f"the server did not start:\n{said}")
    finally:
        process.terminate()
        process.wait(20)


def _start_seconds(python: str, folder: Path) -> float:
    started = time.perf_counter()
    with serving(python, folder):
        return time.perf_counter() - started


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        body: bytes = answer.read()
        return body


def _downloads(workdir: Path, url: str) -> Iterator[Row]:
    """A large archive from the server and from nginx, in turn."""
    ours = f"{url}/publisher0/large/1?tf-hub-format=compressed"
    archive = workdir / "www" / "large.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(_get(ours))
    with _nginx(workdir, archive.parent) as other:
        rates: dict[str, list[float]] = {"ours": [], "nginx": []}
        for _ in range(7):
            for side, where in (("ours", ours), ("nginx", f"{other}/large.tar.gz")):
                rates[side].append(_rate(where))
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["nginx"], strict=True))
    yield Row(
        "serve: download of 100 MB, rate against nginx",
        f"{statistics.median(rates['ours']) / 1e6:,.0f} MB/s",
        f"{statistics.median(rates['nginx']) / 1e6:,.0f} MB/s",
        f"{ratio:.2f} x",
        ">= 0.8 x",
        ratio >= 0.8,
    )


def _rate(url: str) -> float:
    """Bytes per second of one download by a client that only counts."""
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--output", "/dev/null", "--write-out", "%{speed_download}", url],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@contextlib.contextmanager
def _nginx(workdir: Path, root: Path) -> Iterator[str]:
    port = 18643
    config = workdir / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {workdir}/nginx.pid; error_log {workdir}/nginx.log;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; sendfile on; tcp_nopush on;\n"
        f"  server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
    )
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/large.tar.gz").close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _crowd(workdir: Path, url: str) -> Iterator[Row]:
    """Many clients at once: most look at pages, some download what is large."""
    script = workdir / "pages.lua"
    paths = ", ".join(f'"{path}"' for path in _PAGES)
    script.write_text(
        f"paths = {{ {paths} }}\ni = 0\nrequest = function()\n  i = i + 1\n"
        '  return wrk.format("GET", paths[i % #paths + 1])\nend\n'
    )
    common = ["wrk", "-t1", f"-d{SECONDS}s", "--latency", "--timeout", "60s"]
    large = f"{url}/publisher0/large/1?tf-hub-format=compressed"
    downloads = subprocess.Popen([*common, f"-c{DOWNLOADING}", large], stdout=subprocess.PIPE, text=True)
    pages = subprocess.run(
        [*common, f"-c{CLIENTS - DOWNLOADING}", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    loads = downloads.communicate()[0]
    errors = sum(int(number) for said in (pages, loads) for number in _errors(said))
    p99 = _milliseconds(re.search(r"99%\s+([\d.]+)(us|ms|s)", pages))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", pages)
    yield Row(
        f"serve: {CLIENTS} clients for {SECONDS} s, 99 % of pages within",
        f"{p99:,.0f} ms",
        f"{float(rate[1]) if rate else 0:,.0f} pages/s",
        f"{p99:,.0f} ms",
        "at most 500 ms",
        p99 <= 500,
    )
    yield Row(f"serve: {CLIENTS} clients, errors", f"{errors}", "", f"{errors}", "0", errors == 0)


def _errors(said: str) -> Iterator[str]:
    for line in re.findall(r"(?:Socket errors|Non-2xx or 3xx responses):.*", said):
        yield from re.findall(r"\d+", line.partition(":")[2])


def _milliseconds(match: re.Match[str] | None) -> float:
    if match is None:
        raise RuntimeError("wrk gave no latencies")
    return float(match[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[match[2]]
