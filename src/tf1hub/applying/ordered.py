"""Work that overlaps, whose results come in the order of the source: each of several threads does all that there is to do."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def read_ahead(items: Iterator[_T], count: int = 1) -> Generator[_T, None, None]:
    """Yields items that a thread of its own reads, so many of them before they are asked for.

    A failure of the reading is raised where its item would come, and whoever stops early stops the thread.
    """
    waiting: queue.Queue[Future[_T] | None] = queue.Queue(count)
    stopped = threading.Event()

    def put(what: Future[_T] | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(what, timeout=0.1)
                return

    def read() -> None:
        last: Future[_T] | None = None
        try:
            for item in items:
                found: Future[_T] = Future()
                found.set_result(item)
                put(found)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  # it is raised where the item is taken
            last = Future()
            last.set_exception(error)
        put(last)

    reader = threading.Thread(
        target=contextvars.copy_context().run, args=(read,), name="tf1hub-reader", daemon=True
    )
    reader.start()
    try:
        while (found := waiting.get()) is not None:
            yield found.result()
    finally:
        stopped.set()
        reader.join()


def compute_in_turns(
    items: Iterator[_T], compute: Callable[[_T], _R], threads: int
) -> Generator[_R, None, None]:
    """Yields what each item gives, in their order.

    There are so many threads in all, and no more cores are kept busy: the one that takes the results is among them, and computes
    while it waits. Twice as many items as threads are in memory at most: while one is computed, each other thread may finish one
    and begin another. A failure of the reading or the computing is raised where its result would come, and whoever stops early
    stops the threads.

    Args:
        items: is iterated over in all of the threads, one at a time.
        compute: runs in all of them.
        threads: how many.
    """
    crew = _Crew(items, compute, threads)
    others = [
        threading.Thread(
            target=contextvars.copy_context().run, args=(crew.work,), name=f"tf1hub-{number}", daemon=True
        )
        for number in range(1, threads)
    ]
    try:
        for thread in others:
            thread.start()
        while (found := crew.next_result()) is not None:
            yield found.result()
    finally:
        crew.stop()
        for thread in others:
            if thread.ident is not None:
                thread.join()


class _Crew(Generic[_T, _R]):
    """Threads of which each reads an item and computes it, again and again."""

    def __init__(self, items: Iterator[_T], compute: Callable[[_T], _R], threads: int) -> None:
        self._items = items
        self._compute = compute
        self._most = 2 * threads if threads > 1 else 1
        self._changed = threading.Condition()
        self._under_way: dict[int, Future[_R]] = {}
        self._read = 0
        self._given = 0
        self._is_reading = False
        self._is_over = False

    def work(self) -> None:
        """Reads and computes until there is no more."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._may_read())
                if self._is_over:
                    return
            self._work_once()

    def next_result(self) -> Future[_R] | None:
        """What the next item gave, as soon as it is there; None after the last one."""
        while True:
            with self._changed:
                found = self._under_way.get(self._given)
                if found is not None and found.done():
                    del self._under_way[self._given]
                    self._given += 1
                    self._changed.notify_all()
                    return found
                if found is None and self._is_over:
                    return None
                if not self._may_read():
                    self._changed.wait()
                    continue
            self._work_once()

    def stop(self) -> None:
        """Lets no thread begin with another item."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _may_read(self) -> bool:
        return not (self._is_over or self._is_reading) and self._read - self._given < self._most

    def _work_once(self) -> None:
        with self._changed:
            if not self._may_read():
                return
            self._is_reading = True
            found: Future[_R] = Future()
            self._under_way[self._read] = found
        item: Any = _NONE
        failed: BaseException | None = None
        try:
            item = next(self._items, _NONE)
        except BaseException as error:  # noqa: BLE001  # it is raised where the result is taken
            failed = error
        with self._changed:
            self._is_reading = False
            self._is_over |= item is _NONE
            if item is _NONE and failed is None:
                del self._under_way[self._read]
            self._read += 1
            self._changed.notify_all()
        if failed is None and item is not _NONE:
            try:
                result = self._compute(item)
            except BaseException as error:  # noqa: BLE001  # it is raised where the result is taken
                failed = error
        with self._changed:
            if failed is not None:
                found.set_exception(failed)
            elif item is not _NONE:
                found.set_result(result)
            self._changed.notify_all()


_NONE = object()
