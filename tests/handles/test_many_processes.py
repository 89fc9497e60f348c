"""Many processes and threads on one handle; downloaders that die or stop."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from archives import MODULE, tgz, tree
from misbehaving_server import slowly, whole

from tf1hub.handles import cache as caches
from tf1hub.handles import cache_fill, download_lock, settings
from tf1hub.handles.acquire import acquire
from tf1hub.handles.api import resolve
from tf1hub.handles.handle import parse
from tf1hub.handles.plan import plan

BIG = {**MODULE, "variables/variables.data-00000-of-00001": random.Random(1).randbytes(2_000_000)}
BIG_TGZ = tgz(BIG)
# Imports first and then waits for a line, so that all begin at once.
_PROGRAM = """
import sys
import tf1hub.handles.acquire, tf1hub.handles.http, tf1hub.handles.transfer, filelock, isal.igzip_lib
from tf1hub.handles.api import resolve
print("ready", flush=True)
sys.stdin.readline()
print(resolve(sys.argv[1]), flush=True)
"""
# Starts a victim for each line it reads, by fork, which costs milliseconds instead of a Python start.
_PARENT = """
import os, sys
import tf1hub.handles.acquire, tf1hub.handles.http, tf1hub.handles.transfer, filelock, isal.igzip_lib
from tf1hub.handles.api import resolve
while sys.stdin.readline():
    pid = os.fork()
    if pid == 0:
        try:
            resolve(sys.argv[1])
        finally:
            os._exit(0)
    print(pid, flush=True)
    sys.stdin.readline()
    os.waitpid(pid, 0)
    print("reaped", flush=True)
"""
KILLS = int(os.environ.get("TF1HUB_TEST_KILLS", "200"))
REPORT = os.environ.get("TF1HUB_TEST_REPORT")  # a file for the figures


def _start(url, program=_PROGRAM):
    return subprocess.Popen(
        [sys.executable, "-c", program, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
    )


def _forked(count, url):
    """Starts processes by fork, which costs milliseconds each instead of a Python start."""
    program = (
        "import os, sys\n"
        "import tf1hub.handles.acquire, tf1hub.handles.http, tf1hub.handles.transfer, filelock, "
        "isal.igzip_lib\n"
        "from tf1hub.handles.api import resolve\n"
        "import certifi\n"
        f"pids = []\n"
        f"for _ in range({count}):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        code = 1\n"
        "        try:\n"
        "            path = resolve(sys.argv[1])\n"
        "            code = 0 if os.path.isfile(path + '/saved_model.pb') else 3\n"
        "        finally:\n"
        "            os._exit(code)\n"
        "    pids.append(pid)\n"
        "codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]\n"
        "print(codes)\n"
    )
    return _start(url, program)


def test_50_processes_ask_and_one_downloads(server, cache):
    url = server.on("/m/1", slowly(BIG_TGZ, 1.5))
    process = _forked(50, url)
    out, err = process.communicate(timeout=60)
    assert out.split("\n")[0] == str([0] * 50), err
    assert [log.sent_in_all() for log in server.log] == [len(BIG_TGZ)]
    assert tree(cache / caches.key_of(url)) == BIG
    assert list((cache / ".tf1hub" / "tmp").iterdir()) == []


def test_16_threads_ask_and_one_downloads(server):
    url = server.on("/m/1", slowly(BIG_TGZ, 0.4))
    with ThreadPoolExecutor(16) as pool:
        places = set(pool.map(resolve, [url] * 16))
    assert len(places) == 1
    assert len(server.log) == 1


def test_where_locks_do_not_work_all_succeed_all_the_same(server, cache, monkeypatch):
    def no_locks(*_, **__):
        raise NotImplementedError("this file system has no locks")

    monkeypatch.setattr("filelock.FileLock.acquire", no_locks)
    url = server.on("/m/1", slowly(BIG_TGZ, 0.3))
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(resolve, [url] * 8))
    assert tree(places[0]) == BIG
    assert len(set(places)) == 1
    assert 1 < len(server.log) <= 8
    assert list((cache / ".tf1hub" / "tmp").iterdir()) == []


@pytest.mark.timeout(600)
def test_downloader_killed_at_any_moment_leaves_nothing_corrupt_and_nobody_waiting(server, cache):
    url = server.on("/m/1", slowly(BIG_TGZ, 0.08))
    chance = random.Random(7)
    longest = 0.0
    entry = caches.CacheEntry(str(cache), caches.key_of(url))
    parent = _start(url, _PARENT)
    for _ in range(KILLS):
        parent.stdin.write("\n")
        parent.stdin.flush()
        victim = int(parent.stdout.readline())
        time.sleep(chance.uniform(0, 0.12))
        os.kill(victim, signal.SIGKILL)
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "reaped\n"
        assert entry.check(full=True).state in (caches.EntryState.ABSENT, caches.EntryState.COMPLETE)
        started = time.monotonic()
        assert tree(resolve(url)) == BIG
        longest = max(longest, time.monotonic() - started)
        assert entry.check(full=True).state is caches.EntryState.COMPLETE
        cache_fill.discard(entry)
    parent.communicate()
    assert longest < 15
    cache_fill.remove_leftovers(str(cache))
    assert list((cache / ".tf1hub" / "tmp").iterdir()) == []
    if REPORT is not None:
        with open(REPORT, "a", encoding="utf-8") as report:
            report.write(f"{KILLS} kills, 0 corrupt entries, longest wait {longest:.2f} s\n")


def test_already_being_downloaded_by_a_dead_process_does_not_wait(server):
    url = server.on("/m/1", in_turn_slow_then_whole())
    victim = _start(url)
    victim.stdout.readline()
    victim.stdin.write("\n")
    victim.stdin.flush()
    while not server.log:
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    started = time.monotonic()
    assert tree(resolve(url)) == BIG
    assert time.monotonic() - started < 9  # less than the patience with a downloader that lives


def test_already_being_downloaded_by_a_stopped_process_is_not_waited_for(server):
    url = server.on("/m/1", in_turn_slow_then_whole())
    victim = _start(url)
    victim.stdout.readline()
    victim.stdin.write("\n")
    victim.stdin.flush()
    while not server.log:
        time.sleep(0.01)
    time.sleep(0.2)
    victim.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        patient = settings.from_environment(lock_patience=1.5)
        assert tree(acquire(plan(parse(url), patient), patient)) == BIG
        assert 1.0 < time.monotonic() - started < 9
    finally:
        victim.kill()
        victim.communicate()


def in_turn_slow_then_whole():
    """The first request takes a minute, the others are answered at once."""

    def act(request):
        (slowly(BIG_TGZ, 60) if request.number == 0 else whole(BIG_TGZ))(request)

    return act


def test_a_living_holder_is_waited_for_beyond_the_patience(tmp_path):
    path = str(tmp_path / "locks" / "key")
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with download_lock.turn(path, patience=0.1, done=lambda: False) as mine:
            assert mine
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    waits: list[float] = []
    threading.Timer(2.5, leave.set).start()
    with download_lock.turn(path, patience=2.0, done=lambda: False, waiting=waits.append) as mine:
        assert mine
    thread.join()
    assert waits[-1] > 2.0


def test_waiting_ends_when_somebody_else_has_finished(tmp_path):
    path = str(tmp_path / "locks" / "key")
    with (
        download_lock.turn(path, patience=5, done=lambda: False),
        download_lock.turn(path, patience=5, done=lambda: True) as mine,
    ):
        assert not mine


def test_ctrl_c_ends_a_download_at_once_and_leaves_nothing(server, cache):
    url = server.on("/m/1", slowly(BIG_TGZ, 60))
    program = (
        "import signal, sys; from tf1hub.cli.main import main; "
        # A shell starts what runs in its background deaf to Ctrl-C, the tests themselves perhaps.
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.exit(main(['download', sys.argv[1]]))"
    )
    process = _start(url, program)
    while not server.log or not server.log[0].sent:
        time.sleep(0.01)
    time.sleep(0.3)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.endswith("tf1hub: interrupted\n")
    assert time.monotonic() - started < 30  # the host would send for a minute
    assert list((cache / ".tf1hub" / "tmp").iterdir()) == []
    assert caches.entries(str(cache)) == []
