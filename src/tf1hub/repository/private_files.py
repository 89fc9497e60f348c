"""Files of a repository that are written whole, by one at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from tf1hub.errors import Error, PublishError, RepositoryError
from tf1hub.repository.examiner import FULL
from tf1hub.storage import Place

_PATIENCE = 60.0


@contextlib.contextmanager
def locked(state: str, what: str) -> Iterator[None]:
    """Lets one process and thread at a time work on something; who is killed holds nothing up.

    Args:
        state: the repository's own directory.
        what: what is worked on.

    Raises:
        RepositoryError: somebody else works on it for a minute already.
    """
    from filelock import FileLock, Timeout

    folder = os.path.join(state, "locks")
    os.makedirs(folder, exist_ok=True)
    # Few files for all names that there will ever be; that two of them may wait for each other costs little.
    key = hashlib.sha256(what.encode()).hexdigest()[:2]
    lock = FileLock(os.path.join(folder, f"{key}.lock"), thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise RepositoryError(f"Somebody else works on {what} for a minute already. Try again.") from error
    try:
        yield
    finally:
        lock.release()


def read_json(place: Place, name: str) -> Any:
    """The content of a JSON file; None where there is none.

    Raises:
        RepositoryError: it is damaged.
    """
    if place.size(name) is None:
        return None
    try:
        return json.loads(place.read(name))
    except ValueError as error:
        raise RepositoryError(f"{place.path(name)} is damaged: {error}.") from error


def write_json(place: Place, name: str, document: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    with room_watched():
        place.write(name, [json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"])


@contextlib.contextmanager
def room_watched() -> Iterator[None]:
    """Turns what cannot be written into our errors; a full disk into one that says so."""
    try:
        yield
    except OSError as error:
        found: BaseException | None = error
        while found is not None:
            if isinstance(found, OSError) and found.errno in FULL:
                raise PublishError("There is no room left in this repository.", "room") from error
            found = found.__cause__
        if isinstance(error, Error):
            raise
        raise RepositoryError(f"It cannot be written: {error}.") from error
