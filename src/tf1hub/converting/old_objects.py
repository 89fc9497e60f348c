"""What was there before a conversion, kept out of the garbage collector's way, and when this runs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def old_objects_set_aside() -> Iterator[None]:
    """A context in which the garbage collector runs only when it is called, and does not look at what there was before.

    A conversion makes and drops large graphs, whose ops hold each other, so only the collector frees them. While one is
    made all of it lives, and each pass goes over it for nothing; once it is dropped, `convert` calls the collector.
    TensorFlow alone is half a million objects, which take most of the time of each pass. So the last graphs are collected
    before these come back: the next pass, which would come at once, would go over all of it. A program that has set
    objects aside itself, as servers do before they fork, keeps them so, and one that has switched the collector off finds
    it off.
    """
    mine, was_enabled = gc.get_freeze_count() == 0, gc.isenabled()
    gc.disable()
    if mine:
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        if mine:
            gc.unfreeze()
        if was_enabled:
            gc.enable()
