"""What happens on the workers of Ray and Spark in these tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any


class KilledOnce:
    """Calls a function; the first process that does so is killed at its second batch, after one result was given.

    Args:
        function: takes a batch, or batches.
        flag: a file that is made by the killed process.
    """

    def __init__(self, function: Any, flag: Path) -> None:
        self._function = function
        self._flag = flag

    def __call__(self, batch: Any) -> Any:
        if not isinstance(batch, dict) and not hasattr(batch, "num_rows"):
            return self._each(batch)
        found = self._function(batch)
        self._die_once()
        return found

    def _each(self, batches: Any) -> Any:
        for number, batch in enumerate(self._function(batches)):
            yield batch
            if number:
                self._die_once()

    def _die_once(self) -> None:
        try:
            os.close(os.open(self._flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


class CountsLoads:
    """Calls a function, and notes in a file each load of a module, with the process that does it.

    Args:
        function: takes a batch, or batches.
        log: the file.
    """

    def __init__(self, function: Any, log: Path) -> None:
        self._function = function
        self._log = log

    def __call__(self, batch: Any) -> Any:
        from tf1hub.predict import specification

        load = specification.load_signature
        if not hasattr(load, "is_counted"):

            def counted(*args: Any) -> Any:
                with self._log.open("a") as file:
                    file.write(f"{os.getpid()}\n")
                return load(*args)

            counted.is_counted = True  # type: ignore[attr-defined]
            specification.load_signature = counted
        return self._function(batch)
