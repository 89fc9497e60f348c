"""One downloader per entry, where that is cheap to ensure.

The lock saves bandwidth and nothing else: some network file systems let
everybody have it. A holder shows that it is alive by touching the lock file;
one that is silent, because its machine is gone or its process is stopped, is
not waited for.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from tf1hub.handles import cache_files

_HEARTBEAT = 1.0
_FIRST_POLL = 0.02
_LAST_POLL = 0.5


@contextlib.contextmanager
def turn(
    path: str,
    *,
    patience: float,
    done: Callable[[], bool],
    waiting: Callable[[float], None] = lambda _: None,
) -> Iterator[bool]:
    """Waits for the lock, or until waiting is of no more use.

    Args:
        path: the lock file; made if necessary, never removed.
        patience: seconds without a sign of life of the holder after which it is not waited for.
        done: whether somebody else has finished the work; asked now and then.
        waiting: told the seconds waited so far.

    Yields:
        Whether the work is to be done by the caller: with the lock, or without
        it where the holder is silent or locks do not work; False if it is done.
    """
    from filelock import FileLock, Timeout

    cache_files.make_directories(os.path.dirname(path))
    lock = FileLock(path, thread_local=False)
    watch = _Watch(path)
    started, poll = time.monotonic(), _FIRST_POLL
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            pass
        except (OSError, NotImplementedError):
            # A file system without locks.
            yield True
            return
        else:
            break
        if done():
            yield False
            return
        if watch.silent_for() > patience:
            yield True
            return
        waiting(time.monotonic() - started)
        time.sleep(poll)
        poll = min(_LAST_POLL, poll * 1.5)
    try:
        with _heartbeat(path):
            yield True
    finally:
        lock.release()


class _Watch:
    """Tells how long a file has not been touched, by this machine's own clock."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._touched: int | None = None
        self._since = time.monotonic()

    def silent_for(self) -> float:
        try:
            touched = os.stat(self._path).st_mtime_ns
        except OSError:
            touched = None
        if touched != self._touched:
            self._touched, self._since = touched, time.monotonic()
        return time.monotonic() - self._since


@contextlib.contextmanager
def _heartbeat(path: str) -> Iterator[None]:
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(_HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(path)

    with contextlib.suppress(OSError):
        os.utime(path)
    thread = threading.Thread(target=beat, name="tf1hub-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
