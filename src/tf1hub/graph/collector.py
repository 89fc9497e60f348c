"""Keeps Python's garbage collector out of the building of graphs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def pausing_collection() -> Iterator[None]:
    """A context in which the garbage collector does not start by itself.

    A growing graph is all live objects, in their tens of thousands: each pass of the collector looks
    at all of them and finds nothing, and building takes several such passes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
