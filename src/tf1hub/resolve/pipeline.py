"""Running a source of chunks in a thread of its own, a few chunks ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

_DEPTH = 8
_GRACE_SECONDS = 1.0


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(source: Iterator[T]) -> Generator[T, None, None]:
    """Yields what `source` yields, which runs at most a few items ahead in another thread.

    Network, decompression and hashing let go of the interpreter lock, so each
    in a thread of its own keeps a core busy. Errors of the source are raised
    here. Closing this iterator stops the source after its current item.
    """
    items: queue.Queue[T | _End] = queue.Queue(maxsize=_DEPTH)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                items.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                if not put(item):
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again where the items are used
            error = caught
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        put(_End(error))

    thread = threading.Thread(target=work, name="tf1hub-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        # A source that waits for the network ends by its own timeout; the caller need not.
        thread.join(_GRACE_SECONDS)
