"""Directories that appear when they are whole, and old ones that vanish at once."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator

import tensorflow as tf

from tf1hub.errors import ExportError
from tf1hub.format.module_writer import check_free
from tf1hub.format.storage import is_remote

_DIGITS = 10
"""The length of a time in seconds, as TensorFlow's exporters and servers expect names of versions."""


@contextlib.contextmanager
def staged(target: str) -> Iterator[str]:
    """A directory to fill, which becomes `target` at the end; an exception removes it.

    Until then it is a hidden sibling, `.<name>.tf1hub-...`, which remains where the process is killed and
    which anybody may then remove. On a remote path, where directories cannot be renamed as one, it is
    `target` itself.

    Raises:
        ExportError: something is at `target`, or it cannot be written.
    """
    check_free(target)
    parent, name = os.path.split(target.rstrip("/"))
    directory = (
        target if is_remote(target) else os.path.join(parent, f".{name}.tf1hub-{uuid.uuid4().hex[:8]}")
    )
    try:
        with _os_errors(target):
            tf.io.gfile.makedirs(directory)
        yield directory
        if directory != target:
            with _os_errors(target):
                # Onto an empty directory this is atomic too.
                os.rename(directory, target)
    except BaseException:
        _remove(directory)
        raise


def timestamped(base: str) -> str:
    """A new path below `base`, named by the time in seconds, later than all that are there."""
    return os.path.join(base, str(max([int(time.time()), *(number + 1 for number in _versions(base))])))


def keep_latest(base: str, count: int) -> None:
    """Removes all but the latest of the timestamped directories below `base`."""
    for number in sorted(_versions(base))[:-count]:
        _remove(os.path.join(base, str(number)))


def _versions(base: str) -> list[int]:
    if not tf.io.gfile.isdir(base):
        return []
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(base))
    return [int(name) for name in names if len(name) == _DIGITS and name.isascii() and name.isdigit()]


def _remove(directory: str) -> None:
    # It may be gone already, or another process may be removing it.
    with contextlib.suppress(tf.errors.OpError, OSError):
        if not is_remote(directory):
            # What is half removed must not look like an export: it goes out of sight first.
            hidden = os.path.join(os.path.dirname(directory), f".removed.tf1hub-{uuid.uuid4().hex[:8]}")
            os.rename(directory, hidden)
            directory = hidden
        tf.io.gfile.rmtree(directory)


@contextlib.contextmanager
def _os_errors(target: str) -> Iterator[None]:
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise ExportError(f"Cannot export to {target}: {error}.") from error
