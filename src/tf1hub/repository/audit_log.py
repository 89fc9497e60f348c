"""Who changed what: entries that are only added, each with the digest of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from tf1hub.repository.layout import PRIVATE
from tf1hub.repository.private_files import room_watched
from tf1hub.storage import Place

_FOLDER = f"{PRIVATE}/audit"
_BEGINNING = "0" * 64


class AuditLog:
    """The log of a repository: a file for each entry, so that one that is there is never touched again.

    Args:
        place: the repository's folder.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def append(self, action: str, subject: str, by: str, **details: Any) -> int:
        """Adds an entry.

        Args:
            action: what is done, such as `"publish"`.
            subject: to what.
            by: the name of the token, or who else.
            **details: what more there is to know.

        Returns:
            Its number.

        Raises:
            RepositoryError: it cannot be written; what is logged must not be done then.
        """
        while True:
            number = self._last() + 1
            before = _BEGINNING if number == 1 else _digest(self._place.read(_name(number - 1)))
            entry = {
                "number": number,
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "action": action,
                "subject": subject,
                "by": by,
                "details": details,
                "before": before,
            }
            data = json.dumps(entry, ensure_ascii=False, sort_keys=True).encode() + b"\n"
            if self._write_new(_name(number), data):
                return number

    def entries(self, *, newest: int | None = None) -> Iterator[dict[str, Any]]:
        """Yields the entries, the newest first."""
        for number in range(last := self._last(), 0 if newest is None else max(0, last - newest), -1):
            yield json.loads(self._place.read(_name(number)))

    def verify(self) -> list[str]:
        """What is wrong with the log, in words; empty where each entry follows the one before.

        Entries that were taken from its end leave no trace in it: keep the digest of the last one elsewhere.
        """
        faults, before = [], _BEGINNING
        for number in range(1, self._last() + 1):
            name = _name(number)
            if self._place.size(name) is None:
                faults.append(f"entry {number} is missing")
                before = ""
                continue
            data = self._place.read(name)
            try:
                entry = json.loads(data)
                follows = entry["before"] == before and entry["number"] == number
            except (ValueError, KeyError, TypeError):
                follows = False
            if not follows and before:
                faults.append(f"entry {number} does not follow the one before")
            before = _digest(data)
        return faults

    def _last(self) -> int:
        names = self._place.list(_FOLDER)
        numbers = [int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdecimal()]
        return max(numbers, default=0)

    def _write_new(self, name: str, data: bytes) -> bool:
        """Writes a file that must not be there; whether it was not."""
        with room_watched():
            return self._place.create(name, data)


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:09d}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
