"""What the processes of `test_other_process.py` open: functions of a path."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

SEEN: list[str] = []


def open_words(path: str) -> Callable[..., Any]:
    """The words of a file, joined; with what else was opened in the process, and which process that is."""
    with open(path) as file:
        words = file.read().split()
    SEEN.append(path)

    def call(between: str) -> Any:
        print("what is printed is no answer")
        return (
            between.join(words),
            list(SEEN),
            os.getpid(),
            os.environ.get("TOLD"),
            "tensorflow" in sys.modules,
        )

    return call


def open_sleeper(path: str) -> Callable[..., Any]:
    """Sleeps for longer than the tests wait, after it has written its number into a file."""

    def call() -> None:
        with open(path, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(100)

    return call


def open_crash(path: str) -> Callable[..., Any]:
    """Ends the process."""
    del path
    return lambda code: os._exit(code)
