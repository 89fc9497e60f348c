"""What a job is, and how far it is: the file that lies beside its parts, by which it goes on after an end of any kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tf1hub.errors import ExportError, FormatError
from tf1hub.storage import Faults, Place, place_at

STATE = "_tf1hub_apply.json"
"""Readers of folders of Parquet leave out what begins so."""
VERSION = 1


@dataclass
class JobPart:
    """A part that is written.

    Attributes:
        name: of its file.
        rows: of the source.
        errors: how many of these are at fault.
    """

    name: str
    rows: int
    errors: int


@dataclass
class Job:
    """A job and how far it is.

    Attributes:
        asked: what decides the bytes of the parts: the source, the settings and the digest of the module.
        batch_size: rows that are computed at once; None for all of a block.
        block_rows: rows that are read and written together.
        parts: those that are written.
        complete: whether these are all.
    """

    asked: dict[str, Any]
    batch_size: int | None = None
    block_rows: int = 0
    parts: list[JobPart] = field(default_factory=list)
    complete: bool = False

    @property
    def rows(self) -> int:
        """How many rows of the source are done."""
        return sum(part.rows for part in self.parts)

    @property
    def errors(self) -> int:
        """How many of these are at fault."""
        return sum(part.errors for part in self.parts)

    def store(self, place: Place) -> None:
        """Writes it down, whole or not at all."""
        document = {
            "version": VERSION,
            "batch_size": self.batch_size,
            "block_rows": self.block_rows,
            "complete": self.complete,
            "parts": [vars(part) for part in self.parts],
            "asked": self.asked,
        }
        place.write(STATE, [f"{json.dumps(document, ensure_ascii=False)}\n".encode()])


def stored_job(directory: str, asked: dict[str, Any]) -> Job | None:
    """The job of a directory, if it is this one; None where the directory is not there or empty.

    Raises:
        ExportError: something else is there, or another job.
    """
    place = place_at(directory, Faults(ExportError, ExportError))
    if not place.exists(""):
        return None
    if not place.is_directory(""):
        raise ExportError(
            f"Cannot write to {directory}: a file is there. Choose a new path, or remove what is there."
        )
    _remove_leftovers(place)
    there = place.list("")
    if STATE not in there:
        if there:
            raise ExportError(
                f"Cannot write to {directory}: something else is there already ({', '.join(there[:3])}). Choose a new path, or "
                "remove what is there."
            )
        return None
    try:
        document = json.loads(place.read(STATE))
        version = document.pop("version")
        parts = [JobPart(**part) for part in document.pop("parts")]
        job = Job(parts=parts, **document)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{place.path(STATE)} is damaged: {error!r}. Remove {directory} to begin anew."
        ) from error
    if version != VERSION or job.asked != asked:
        differing = [name for name in asked if job.asked.get(name) != asked[name]] or ["version"]
        raise ExportError(
            f"Cannot write to {directory}: parts of another job are there, which differs in: {', '.join(differing)}. Choose a "
            "new path, or remove what is there."
        )
    return job


def _remove_leftovers(place: Place) -> None:
    """Removes what a process that was killed left half-written."""
    for name in place.list(""):
        if name.startswith(".") and ".tf1hub-" in name:
            place.remove(name)
