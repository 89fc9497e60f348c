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


LARGE = 1_000_000_000
_PAGE = (
    "import sys, time; sys.path.insert(0, sys.argv[1]); from benchmarks.hostile_pages import SHAPES\n"
    "from tf1hub.server.markdown import render\n"
    "render('*a*')\n"
    "def seconds(text):\n"
    "    started = time.process_time(); render(text); return time.process_time() - started\n"
    "print(*max((seconds(text), len(render(text)), name) for name, text in SHAPES.items()), sep='|')"
)


def rows(bench: Bench) -> Iterator[Row]:
    yield _hostile_pages(bench)
    yield from _memory(bench)
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


def _hostile_pages(bench: Bench) -> Row:
    """The page of Markdown that takes longest, of those that are written for that."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [bench.python, "-c", _PAGE, str(ROOT)], env=environment, capture_output=True, text=True, check=True
    )
    seconds, _, name = done.stdout.strip().split("|", 2)
    return Row(
        f"serve: the worst page of hostile Markdown ({name}), processor time",
        f"{float(seconds):.2f} s",
        "",
        f"{float(seconds):.2f} s",
        "at most 5 s, once",
        float(seconds) <= 5,
    )


def _memory(bench: Bench) -> Iterator[Row]:
    """What a server takes at most, for a small module and for a large one; and one that copies from it."""
    folder, copies = bench.workdir / "two-sizes", bench.workdir / "copies"
    block = os.urandom(10_000_000)
    for name, count in (("small", 1), ("large", LARGE // len(block))):
        directory = folder / "demo" / name / "1"
        shutil.copytree(_GOLDEN, directory)
        (directory / "assets").mkdir(exist_ok=True)
        with open(directory / "assets" / "blob.bin", "wb") as file:
            file.writelines(block for _ in range(count))
    copies.mkdir()
    peaks: dict[str, list[int]] = {"serve": [], "serve --upstream": []}
    with (
        serving_process(bench.python, folder) as (url, number),
        serving_process(bench.python, copies, "--upstream", url) as (copying, other),
    ):
        for name in ("small", "large"):
            for which, where, process in (("serve", url, number), ("serve --upstream", copying, other)):
                address = f"{where}/demo/{name}/1?tf-hub-format=compressed"
                subprocess.run(["curl", "-sfo", "/dev/null", address], check=True)
                peaks[which].append(_peak_bytes(process))
    for which, (small, large) in peaks.items():
        more = (large - small) / 1e6
        yield Row(
            f"{which}: peak memory, module of 1 GB against 10 MB",
            f"{large / 1e6:,.0f} MB",
            f"{small / 1e6:,.0f} MB",
            f"{more:,.0f} MB more",
            "at most 64 MB more",
            more <= 64,
        )
    shutil.rmtree(folder)
    shutil.rmtree(copies)


def _peak_bytes(process: int) -> int:
    """The most memory that a process has had so far."""
    said = Path(f"/proc/{process}/status").read_text()
    return int(said.partition("VmHWM:")[2].split()[0]) * 1024


@contextlib.contextmanager
def serving(python: str, folder: Path) -> Iterator[str]:
    """A server in a process of its own, and its URL, once it answers."""
    with serving_process(python, folder) as (url, _):
        yield url


@contextlib.contextmanager
def serving_process(python: str, folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """The same with the number of the process."""
    command = [python, "-m", "tf1hub", "serve", str(folder), "--port", "0", *options]
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
                yield url, process.pid
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
