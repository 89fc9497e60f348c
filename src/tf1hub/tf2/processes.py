"""Loaded modules and other processes: what a fork loses, and how a module travels.

A fork copies only the thread that called it. TensorFlow's own threads are missing in the child, so whatever
the child asks of TensorFlow waits for ever. Spawned processes start afresh, and get modules by pickle.
"""

from __future__ import annotations

import os

from tf1hub.errors import WrongModeError

_LOST = (
    "This process was forked from one that had loaded modules with tf1hub.load. TensorFlow's threads did not come "
    "along, so it would wait here for ever. Start such processes by multiprocessing.get_context('spawn'), to which "
    "loaded modules can be handed; or load modules after the fork only. Forked processes may prepare data without "
    "TensorFlow."
)


class _Process:
    """What this process has done with TensorFlow."""

    def __init__(self) -> None:
        self.uses_tensorflow = False
        self.has_lost_threads = False

    def after_fork(self) -> None:
        self.has_lost_threads = self.uses_tensorflow


_process = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_process.after_fork)


def use_tensorflow() -> None:
    """Notes that this process uses TensorFlow's threads.

    Raises:
        WrongModeError: it was forked from one that did.
    """
    check_threads()
    _process.uses_tensorflow = True


def check_threads() -> None:
    """Refuses to wait for threads that are not there.

    Raises:
        WrongModeError: this process was forked from one that used TensorFlow.
    """
    if _process.has_lost_threads:
        raise WrongModeError(_LOST)
