"""One run of a job at a time: another would take the half-written parts of the first for what a killed one left."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

try:
    import fcntl
except ImportError:
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

from tf1hub.errors import ExportError
from tf1hub.storage import Faults, place_at

_RUNS = (
    "Cannot write to {directory}: another run writes there now. Wait for its end, or end it, and call again: it goes on where "
    "that one stopped."
)


@contextlib.contextmanager
def only_run(directory: str) -> Iterator[None]:
    """Holds a directory of parts, which is made where it is not there, and removed where nothing was written.

    What holds it is a lock of the system's, which ends with the process. In remote places, where nothing appears
    half-written, and where a system has no such locks, nothing is held.

    Raises:
        ExportError: another run holds it, or it cannot be made.
    """
    place = place_at(directory, Faults(ExportError, ExportError))
    if not place.is_local or not _HAS_LOCKS or (place.exists("") and not place.is_directory("")):
        yield
        return
    while True:
        made = not place.exists("")
        if made:
            place.make_directory("")
        held = os.open(place.root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(_RUNS.format(directory=directory)) from None
            except OSError:
                pass  # a file system without locks
            if not _is_at(held, place.root):
                continue  # the run that held it has ended, and removed the directory
            try:
                yield
            finally:
                if made:
                    with contextlib.suppress(OSError):
                        os.rmdir(place.root)
            return
        finally:
            os.close(held)


def _is_at(held: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(held), os.stat(path))
    except OSError:
        return False
