"""What was there before a conversion, kept out of the garbage collector's way."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def old_objects_set_aside() -> Iterator[None]:
    """A context in which the garbage collector does not look at the objects that there are when it begins.

    A conversion makes and drops large graphs, whose ops hold each other, so only the collector frees them. TensorFlow
    alone is half a million objects, which take most of the time of each pass. A program that has set objects aside itself,
    as servers do before they fork, keeps them so: then nothing changes here.
    """
    mine = gc.get_freeze_count() == 0
    if mine:
        gc.freeze()
    try:
        yield
    finally:
        if mine:
            gc.unfreeze()
