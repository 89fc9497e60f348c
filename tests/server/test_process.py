"""A server as a process: how it begins and ends, killed in the middle, two on one folder, a full disk."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import urllib3
from repository.folders import golden, lay
from server.process import SOURCE, ServerProcess

from tf1hub.handles.manifest import content_digest, of_directory
from tf1hub.repository.access_tokens import AccessTokens
from tf1hub.repository.audit_log import AuditLog
from tf1hub.repository.repository import Repository

KILLS = int(os.environ.get("TF1HUB_KILLS", "4"))


def token_of(folder: Path) -> dict[str, str]:
    with Repository(folder) as repository:
        tokens = AccessTokens(repository.layout.place, repository.state)
        return {"Authorization": f"Bearer {tokens.make('writer', ['write:*'])}"}


def archive_of(tmp_path: Path, name: str) -> bytes:
    return Path(shutil.make_archive(str(tmp_path / f"packed-{name}"), "gztar", golden(name))).read_bytes()


def test_it_begins_with_all_options_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    lay(tmp_path / "models", "demo/half/1")
    log = tmp_path / "access.log"
    server = ServerProcess(
        tmp_path / "models", "--title", "Ours", "--quota", "1000000", "--access-log", str(log), "--behind-proxy",
        "--upstream", "http://127.0.0.1:9", "--storage-url", "gs://bucket/models", "--max-module-bytes", "1000000",
    )  # fmt: skip
    answer = urllib3.request("GET", f"{server.url}/demo/half/1?tf-hub-format=uncompressed", redirect=False)
    assert (answer.status, answer.data) == (303, b"gs://bucket/models/demo/half/1")
    assert server.interrupt() in (0, 130)
    assert json.loads(log.read_text())["status"] == 303


def test_what_a_killed_server_took_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    headers = token_of(folder)
    archive, chance = archive_of(tmp_path, "image"), random.Random(7)
    digest = content_digest(of_directory(str(golden("image"))))
    confirmed: set[int] = set()
    version = 0
    for _ in range(KILLS):
        server = ServerProcess(folder)
        done = threading.Event()

        def publish(url: str = server.url, done: threading.Event = done) -> None:
            nonlocal version
            pool = urllib3.PoolManager(retries=False)
            while not done.is_set():
                version += 1
                path = f"{url}/api/v1/modules/demo/image/versions/{version}"
                try:
                    if pool.request("PUT", path, body=archive, headers=headers).status == 201:
                        confirmed.add(version)
                except (urllib3.exceptions.HTTPError, OSError):
                    break
            pool.clear()

        thread = threading.Thread(target=publish)
        thread.start()
        time.sleep(chance.uniform(0.1, 3.0))
        server.kill()
        done.set()
        thread.join(30)
    with Repository(folder) as repository:
        repository.refresh()
        found = repository.layout.versions()
        there = {one.version.version: repository.record(one.version) for one in found}
        assert confirmed <= set(there)
        for record in there.values():
            assert (record.status, record.digest) == ("ok", digest)
        assert repository.counts() == ({"ok": len(there)} if there else {})
        log = AuditLog(repository.layout.place)
        assert log.verify() == []
        logged = {int(entry["subject"].rpartition("/")[2]) for entry in log.entries()}
        assert set(there) <= logged


def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    headers, archive = token_of(folder), archive_of(tmp_path, "half_plus_two")
    one, two = ServerProcess(folder), ServerProcess(folder)
    try:
        statuses: list[int] = []

        def publish(url: str, first: int) -> None:
            for version in range(first, first + 8):
                path = f"{url}/api/v1/modules/demo/half/versions/{version % 10 + 1}"
                statuses.append(urllib3.request("PUT", path, body=archive, headers=headers).status)

        threads = [
            threading.Thread(target=publish, args=(server.url, 4 * n)) for n, server in enumerate((one, two))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [201] * 16
        for server in (one, two):
            found = json.loads(urllib3.request("GET", f"{server.url}/api/v1/modules/demo/half/versions").data)
            assert [version["version"] for version in found["versions"]] == list(range(10, 0, -1))
    finally:
        one.kill()
        two.kill()
    with Repository(folder) as repository:
        log = AuditLog(repository.layout.place)
        assert log.verify() == []
        # What was there already is no change.
        assert sorted(entry["subject"] for entry in log.entries()) == sorted(
            f"demo/half/{n}" for n in range(1, 11)
        )


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of Linux")
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """No file may grow over 40 kB, as if there were no room: the system says so by another number."""
    folder = tmp_path / "models"
    folder.mkdir()
    headers = token_of(folder)
    big = archive_of(tmp_path, "image")
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from tf1hub.cli.main import main; from tf1hub.repository.repository import Repository;"
        f"r = Repository({str(folder)!r}, state={str(tmp_path / 'state')!r}); r.close();"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"
        f"sys.exit(main(['serve', {str(folder)!r}, '--port', '0']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split(" at ")[1].strip()
        path = f"{url}api/v1/modules/demo/image/versions/1"
        answer = urllib3.request("PUT", path, body=big, headers=headers)
        assert answer.status == 507, answer.data
        assert json.loads(answer.data)["error"]["message"] == "There is no room left in this repository."
        assert not (folder / "demo").exists()
        assert list((folder / ".tf1hub" / "staging").iterdir()) == []
        assert urllib3.request("GET", f"{url}health").status == 200
        assert urllib3.request("GET", f"{url}demo/image/1?tf-hub-format=compressed").status == 404
    finally:
        process.kill()
        process.communicate()


def raw(url: str, data: bytes, seconds: float = 5.0) -> bytes:
    """What a server answers to bytes, until it closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as line:
        line.sendall(data)
        answered = b""
        try:
            while piece := line.recv(65536):
                answered += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return answered


def test_requests_that_mean_two_things_are_answered_once(tmp_path: Path) -> None:
    """Shapes of request smuggling: no second request may come out of a first one's body."""
    server = ServerProcess(tmp_path)
    inner = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /api/v1/uploads HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    try:
        for shape in (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
            b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello" + inner,
            b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
            b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
            b"Content-Length: +5\r\n\r\nhello" + inner,
            b"Content-Length: 0x5\r\n\r\nhello" + inner,
            b" Content-Length: 5\r\n\r\nhello" + inner,
            b"Transfer-Encoding: chunked\r\n\r\n5;a=\x00\r\nhello\r\n0\r\n\r\n" + inner,
        ):
            answered = raw(server.url, head + shape, 3.0)
            assert answered.count(b"HTTP/1.1 ") <= 1, (shape, answered)
            assert b'"versions"' not in answered, shape
        endless = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"a" * 200_000
        assert b"200 OK" not in raw(server.url, endless, 3.0)
        assert urllib3.request("GET", f"{server.url}/health").status == 200
        assert server.is_alive
    finally:
        server.kill()
