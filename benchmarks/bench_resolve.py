"""Handles: a download against `curl | tar xz` in the same run, and what a cache hit costs."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import ROOT, Bench, Row, at_most, megabytes, run_process, seconds, times

MODULE_BYTES = 1_000_000_000
ENTRIES = 100_000
LINKS = 1000  # to one file; ext4 allows 65,000
DOWNLOAD = (
    "import sys; from tf1hub.handles import download; print(download(sys.argv[1], cache_dir=sys.argv[2]))"
)
RESOLVE = "import sys; from tf1hub.handles import resolve; print(resolve(sys.argv[1], cache_dir=sys.argv[2]))"
HANDLE = "https://modules.example/P/M/1"


def rows(bench: Bench) -> Iterator[Row]:
    archive = make_archive(bench.workdir / "module.tar.gz")
    yield download_row(bench, archive)
    archive.unlink()
    cache = bench.workdir / "cache"
    fill_entry(cache, HANDLE)
    empty, one = statistics.median(started("pass", cache)), statistics.median(started(RESOLVE, cache))
    yield at_most("cache hit in a fresh process", one, 0.080, seconds, f"bare Python {seconds(empty)}")
    fill_others(cache, ENTRIES)
    many = statistics.median(started(RESOLVE, cache))
    yield at_most(
        f"the same beside {ENTRIES:,} entries", many, 0.080, seconds, f"bare Python {seconds(empty)}"
    )
    shutil.rmtree(cache)


def download_row(bench: Bench, archive: Path) -> Row:
    """Download, verify and extract over loopback; both sides in turn, as whole processes."""
    with serving(archive) as port:
        url = f"http://127.0.0.1:{port}/module/1"
        ours, theirs = [], []
        for turn in range(3):
            target = bench.workdir / f"download-{turn}"
            ours.append(timed([sys.executable, "-c", DOWNLOAD, url, str(target)]))
            shutil.rmtree(target)
            target.mkdir()
            theirs.append(timed(["sh", "-c", f"curl -sSf {url} | tar xz -C {target}"]))
            shutil.rmtree(target)
    ratio = statistics.median(ours) / statistics.median(theirs)
    what = f"download, verify, extract {megabytes(MODULE_BYTES)} against curl | tar xz"
    shown = [seconds(statistics.median(one)) for one in (ours, theirs)]
    return Row(what, shown[0], f"curl {shown[1]}", times(ratio), "<= 1.15 x", ratio <= 1.15)


def timed(command: list[str]) -> float:
    begun = time.perf_counter()
    run_process(command)
    return time.perf_counter() - begun


def started(program: str, cache: Path, repeats: int = 21) -> list[float]:
    """Returns the seconds of whole fresh processes; one before them warms the files' cache."""
    command = [sys.executable, "-c", program, HANDLE, str(cache)]
    return [timed(command) for _ in range(repeats + 1)][1:]


def make_archive(path: Path) -> Path:
    """Writes a module of normally distributed float32 weights, which gzip shrinks to some 93 %.

    They repeat after 40 MB, far beyond the 32 kB that gzip looks back.
    """
    import numpy as np
    from isal import igzip

    weights = path.with_suffix(".weights")
    block = np.random.default_rng(0).normal(size=10_000_000).astype(np.float32).tobytes()
    with weights.open("wb") as file:
        for _ in range(MODULE_BYTES // len(block)):
            file.write(block)
    # Python's own gzip would take most of a minute.
    with (
        igzip.open(path, "wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for name, source in (
            ("saved_model.pb", None),
            ("tfhub_module.pb", None),
            ("variables/variables.index", None),
            ("variables/variables.data-00000-of-00001", weights),
        ):
            small = path.with_suffix(".small")
            small.write_bytes(b"\x08\x03")
            archive.add(source or small, name)
            small.unlink()
    weights.unlink()
    return path


class serving:  # noqa: N801 - it reads as a verb where it is used
    """Serves one file over loopback at the kernel's speed, in a process of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        program = f"from benchmarks.bench_resolve import serve; serve({str(self._path)!r})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def serve(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, path), daemon=True).start()


def _answer(connection: socket.socket, path: str) -> None:
    with connection, open(path, "rb") as file:
        connection.recv(65536)
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {os.path.getsize(path)}\r\nETag: "1"\r\n\r\n'
        connection.sendall(head.encode())
        connection.sendfile(file)


def fill_entry(cache: Path, handle: str, files: int = 20) -> None:
    """Makes a complete entry as a download leaves it."""
    key = hashlib.sha1(handle.encode()).hexdigest()
    directory = cache / key
    (directory / "assets").mkdir(parents=True)
    names = ["saved_model.pb", "tfhub_module.pb", *(f"assets/{index}.txt" for index in range(files - 2))]
    for name in names:
        (directory / name).write_bytes(b"\x08\x03")
    digest = hashlib.sha256(b"\x08\x03").hexdigest()
    records = [{"name": name, "size": 2, "sha256": digest} for name in sorted(names)]
    manifest = {"version": 1, "handle": handle, "files": records, "digest": "sha256:" + "0" * 64}
    (cache / f"{key}.manifest.json").write_text(json.dumps(manifest))
    (cache / f"{key}.descriptor.txt").write_text(f"Module: {handle}\n")


def fill_others(cache: Path, count: int) -> None:
    """Makes many entries beside, as far as the cache's own directory shows them.

    Their files are hard links: with a file and its content for each, this would take longer than all else.
    """
    draw = random.Random(0)
    with tempfile.TemporaryDirectory(dir=cache.parent) as originals:
        for number in range(count):
            original = f"{originals}/{number // LINKS}"
            if number % LINKS == 0:
                Path(original).write_text("{}")
            entry = f"{cache}/{draw.getrandbits(160):040x}"
            os.mkdir(entry)
            os.link(original, f"{entry}.manifest.json")
            os.link(original, f"{entry}.descriptor.txt")
