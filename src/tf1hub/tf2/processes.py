"""Loaded modules and other processes: what a fork loses, and how a module travels.

A fork copies only the thread that called it. TensorFlow's own threads, which start with the first graph or eager op, are missing in
the child, so sooner or later the child waits for ever. Spawned processes start afresh, and get modules by pickle.
"""

from __future__ import annotations

import os
import threading

from tf1hub._tensorflow import runs_eagerly, unique_id
from tf1hub.errors import WrongModeError

_LOST = (
    "This process was forked from one that had used TensorFlow already. TensorFlow's threads did not come along, so it would "
    "wait here for ever. Start such processes by multiprocessing.get_context('spawn'), to which loaded modules can be "
    "handed; or use TensorFlow after the fork only: to import it before does no harm. Forked processes may prepare data "
    "without TensorFlow."
)


class _Process:
    """What is left of TensorFlow in this process."""

    def __init__(self) -> None:
        self._numbers = 0
        # Whoever imports this file in the child has missed the fork.
        self.has_lost_threads = self._has_used_tensorflow() and _has_only_threads_of_python()

    def after_fork(self) -> None:
        self.has_lost_threads = self.has_lost_threads or self._has_used_tensorflow()

    def _has_used_tensorflow(self) -> bool:
        """Whether there has been a graph, op or tensor, here or before the fork.

        Each takes a number of one counter, which nothing reads without taking one.
        """
        taken = unique_id() > self._numbers
        self._numbers += 1
        return taken or runs_eagerly()


def _has_only_threads_of_python() -> bool:
    """Whether all threads of the system here are Python's; False where the system does not tell."""
    try:
        running = {int(name) for name in os.listdir("/proc/self/task")}
    except (OSError, ValueError):  # not on Linux
        return False
    known = {thread.native_id for thread in threading.enumerate()}
    # After a fork, Python remembers the main thread by the number that it had in the parent.
    return running <= known | {os.getpid(), threading.get_native_id()}


_process = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_process.after_fork)


def check_threads() -> None:
    """Refuses to wait for threads that are not there.

    Raises:
        WrongModeError: this process was forked from one that had used TensorFlow.
    """
    if _process.has_lost_threads:
        raise WrongModeError(_LOST)
