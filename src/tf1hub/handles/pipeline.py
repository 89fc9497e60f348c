"""Running a source of chunks in a thread of its own, a few chunks ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_DEPTH = 8
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.0


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Ahead(Generic[T]):
    """Gives what a source yields, which runs at most a few items ahead in another thread.

    Network, decompression and hashing let go of the interpreter lock, so each
    in a thread of its own keeps a core busy. Errors of the source are raised
    where its items are taken. Use it in a `with`: leaving it stops the source.

    Args:
        source: the iterator; it is only touched by the other thread.
    """

    # A class and not a generator, because one that waits for its next item in
    # some thread cannot be closed from another.

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self._items: queue.Queue[T | _End] = queue.Queue(maxsize=_DEPTH)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tf1hub-ahead", daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        # A source that waits for the network ends by its own timeout; the caller need not.
        self._thread.join(_GRACE_SECONDS)

    def __iter__(self) -> Ahead[T]:
        return self

    def __next__(self) -> T:
        while not self._stopped.is_set():
            try:
                item = self._items.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if not isinstance(item, _End):
                return item
            self._stopped.set()
            if item.error is not None:
                raise item.error
        raise StopIteration

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again where the items are taken
            error = caught
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
