"""Keeping the index up with the folder, while requests are answered."""

from __future__ import annotations

import logging
import threading

from tf1hub.errors import Error
from tf1hub.repository.repository import Repository

_log = logging.getLogger("tf1hub.server")


class Refresher:
    """A thread that looks at the folder now and then.

    Args:
        repository: whose folder.
        seconds: the pause between two looks; 0 for one look alone.
    """

    def __init__(self, repository: Repository, seconds: float) -> None:
        self._repository = repository
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tf1hub-refresh", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, without waiting for a module that is looked at."""
        self._stopped.set()
        self._repository.close()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._repository.only_refresher() as mine:
                    if mine:
                        self._repository.remove_leftovers()
                        self._repository.refresh(progress="none")
            except Exception as error:  # noqa: BLE001  # it is logged, and tried again
                # Whatever is wrong with the folder now, what is known of it is still served.
                if not self._stopped.is_set():
                    _log.warning(
                        "The folder cannot be looked at: %s", error, exc_info=not isinstance(error, Error)
                    )
            if not self._seconds or self._stopped.wait(self._seconds):
                return
