"""Work that overlaps: one thread reads, several compute, and the results come in the order of the source."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def compute_in_order(
    items: Iterator[_T], compute: Callable[[_T], _R], threads: int
) -> Generator[_R, None, None]:
    """Yields what each item gives, in their order.

    At any time, two items more than there are threads are in memory. A failure of the reading or the computing is raised
    where its result would come, and whoever stops early stops the threads.

    Args:
        items: is iterated over in a thread of its own.
        compute: runs in as many threads.
        threads: how many.
    """
    waiting: queue.Queue[Future[_R] | BaseException | None] = queue.Queue(threads + 1)
    stopped = threading.Event()

    def put(what: Future[_R] | BaseException | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(what, timeout=0.1)
                return

    def read() -> None:
        try:
            for item in items:
                if stopped.is_set():
                    return
                put(pool.submit(compute, item))
        except BaseException as error:  # noqa: BLE001  # it is raised where the results are taken
            put(error)
        else:
            put(None)

    context = contextvars.copy_context()
    with ThreadPoolExecutor(threads, "tf1hub") as pool:
        reader = threading.Thread(target=context.run, args=(read,), name="tf1hub-reader", daemon=True)
        reader.start()
        try:
            while (found := waiting.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found.result()
        finally:
            stopped.set()
            reader.join()
            pool.shutdown(wait=True, cancel_futures=True)
