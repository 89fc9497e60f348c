"""Exports named by their time: the next one, and the old ones that vanish at once."""

from __future__ import annotations

import contextlib
import os
import time
import uuid

from tf1hub.errors import Error, ExportError
from tf1hub.storage import Faults, Place, join_path, place_at

_DIGITS = 10
"""The length of a time in seconds, as TensorFlow's exporters and servers expect names of versions."""


def timestamped_path(base: str) -> str:
    """A new path below `base`, named by the time in seconds, later than all that are there."""
    return join_path(base, str(max([int(time.time()), *(number + 1 for number in _versions(_open(base)))])))


def keep_latest(base: str, count: int) -> None:
    """Removes all but the latest of the timestamped directories below `base`."""
    place = _open(base)
    for number in sorted(_versions(place))[:-count]:
        _remove(place, str(number))


def _open(base: str) -> Place:
    return place_at(base, Faults(ExportError, ExportError))


def _versions(place: Place) -> list[int]:
    return [
        int(name) for name in place.list("") if len(name) == _DIGITS and name.isascii() and name.isdigit()
    ]


def _remove(place: Place, name: str) -> None:
    # It may be gone already, or another process may be removing it.
    with contextlib.suppress(Error, OSError):
        if place.is_local:
            # What is half removed must not look like an export: it goes out of sight first.
            hidden = f".removed.tf1hub-{uuid.uuid4().hex[:8]}"
            os.rename(place.path(name), place.path(hidden))
            name = hidden
        place.remove(name)
