"""Changing what a repository has: publishing, yanking, aliases, pages. What is published never changes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tf1hub.errors import Error, PublishError, RepositoryError, UnknownModuleError
from tf1hub.repository.audit_log import AuditLog
from tf1hub.repository.module_names import ModuleName, VersionName, check_alias
from tf1hub.repository.private_files import locked, read_json, room_watched, write_json
from tf1hub.repository.record import Record
from tf1hub.repository.repository import Repository
from tf1hub.storage import absolute, place_at
from tf1hub.storage.whole import flush

_MAX_PAGE = 1 << 20
_ARRIVAL = 3600.0
"""Seconds after which whoever began to write into a store, and did not end, is taken for killed."""


class Publishing:
    """Changes a repository; each change is in its audit log.

    Args:
        repository: the repository.
        quota_bytes: what one publisher may have in all; None: no end.
    """

    def __init__(self, repository: Repository, quota_bytes: int | None = None) -> None:
        self.repository = repository
        self.log = AuditLog(repository.layout.place)
        self._quota = quota_bytes
        self._staging = os.path.join(repository.state, "staging")

    def publish(
        self,
        name: VersionName,
        archive: str,
        *,
        by: str,
        digest: str = "",
        page: str = "",
        source: str = "",
    ) -> Record:
        """Publishes the module in an archive; it is looked at whole before anybody sees it.

        Args:
            name: what it is to be called.
            archive: the path of the archive.
            by: the name of the token.
            digest: the digest that its content must have; empty: any.
            page: its page in Markdown; empty: none of its own.
            source: where a copy comes from.

        Returns:
            What is known of it. The same content again is no error.

        Raises:
            PublishError: it is no module that can be taken, there already with other content, or too large.
        """
        self._check_spelling(name)
        check_page(page)
        work = os.path.join(self._staging, f"{os.getpid()}-{os.urandom(8).hex()}")
        try:
            with room_watched():
                os.makedirs(self._staging, exist_ok=True)
                directory = os.path.join(work, "module")
                os.makedirs(work)
                self._unpack(archive, directory)
                details = self.repository.examine(str(name), directory)
                if details["fault"]:
                    raise PublishError(f"{name} cannot be published: {details['fault']}")
                if digest and digest != details["digest"]:
                    raise PublishError(
                        f"The content of {name} has the digest {details['digest']}, not {digest}."
                    )
                with locked(self.repository.state, f"publisher {name.publisher}"):
                    there = self._already(name, details["digest"])
                    if there is not None:
                        return there
                    self._check_quota(name, details["bytes"])
                    self._place(name, directory, details, by, page, source)
                    record = self.repository.adopt(name, details)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        # It is published; where its archive cannot be written now, that is tried again when somebody asks for it.
        with contextlib.suppress(RepositoryError):
            self.repository.archive(name)
        return record

    def yank(self, name: VersionName, reason: str, *, by: str) -> Record:
        """Hides a version from searches; who uses it already still can, and is told the reason."""
        reason = " ".join(reason.split())[:1000]
        if not reason:
            raise PublishError(f"Say why {name} is yanked: those who use it are told.")
        self.repository.record(name)
        layout = self.repository.layout
        with locked(self.repository.state, str(name)):
            self.log.append("yank", str(name), by, reason=reason)
            write_json(
                layout.place, layout.yanked_name(name), {"reason": reason, "time": _now(), "token": by}
            )
        return self.repository.look_again(name)

    def unyank(self, name: VersionName, *, by: str) -> Record:
        """Takes a yank back."""
        layout = self.repository.layout
        self.repository.record(name)
        with locked(self.repository.state, str(name)):
            if layout.place.size(layout.yanked_name(name)) is None:
                raise UnknownModuleError(f"{name} is not yanked.")
            self.log.append("unyank", str(name), by)
            layout.place.remove(layout.yanked_name(name))
        return self.repository.look_again(name)

    def set_alias(self, module: ModuleName, alias: str, version: int | None, *, by: str) -> dict[str, int]:
        """Makes an alias mean a version; None takes the alias away.

        Returns:
            All aliases of the module.
        """
        check_alias(alias)
        layout = self.repository.layout
        if version is not None:
            self.repository.record(module.at(version))
        with locked(self.repository.state, str(module)):
            stored = dict(read_json(layout.place, layout.aliases_name(module)) or {})
            before = stored.pop(alias, None)
            if version is None and before is None:
                raise UnknownModuleError(f"{module} has no alias {alias!r} of its own.")
            if version is not None:
                stored[alias] = version
            self.log.append("alias", f"{module}/{alias}", by, before=before, now=version)
            write_json(layout.place, layout.aliases_name(module), dict(sorted(stored.items())))
        return self.repository.aliases(module)

    def set_page(self, name: VersionName, page: str, *, by: str) -> Record:
        """Writes the page of a version anew; what it says is no part of the module."""
        check_page(page)
        self.repository.record(name)
        with locked(self.repository.state, str(name)):
            self.log.append("page", str(name), by, characters=len(page))
            self._write_page(name, page)
        return self.repository.look_again(name)

    def _write_page(self, name: VersionName, page: str) -> None:
        layout = self.repository.layout
        layout.place.write(layout.page_names(name)[0], [page.encode()])

    def _unpack(self, archive: str, directory: str) -> None:
        found = self.repository.unpack(archive, directory)
        if found["fault"]:
            if found.get("full"):
                raise PublishError("There is no room left in this repository.", "room")
            raise PublishError(f"The archive cannot be taken: {found['fault']}")

    def _check_spelling(self, name: VersionName) -> None:
        """Refuses a name that differs from one that is there in the case of letters: on some systems it is the same."""
        place, folder = self.repository.layout.place, ""
        for part in (name.publisher, *name.name.split("/")):
            for there in place.list(folder):
                if there != part and there.casefold() == part.casefold():
                    raise PublishError(
                        f"There is {there!r} already, so nothing can be called {part!r}.", "exists"
                    )
            folder = f"{folder}/{part}".strip("/")

    def _already(self, name: VersionName, digest: str) -> Record | None:
        try:
            record = self.repository.record(name)
        except UnknownModuleError:
            return None
        if record.digest == digest:
            return record
        raise PublishError(
            f"{name} is there already, with the content {record.digest or 'of a damaged module'}. A published version never "
            "changes: publish the next number.",
            "exists",
        )

    def _check_quota(self, name: VersionName, size: int) -> None:
        if self._quota is None:
            return
        used = self.repository.bytes_of(name.publisher)
        if used + size > self._quota:
            raise PublishError(
                f"{name} has {size} bytes, and {name.publisher} has {used} of the {self._quota} that it may have.",
                "quota",
            )

    def _place(
        self, name: VersionName, directory: str, details: dict[str, Any], by: str, page: str, source: str
    ) -> None:
        layout = self.repository.layout
        digest = details["digest"]
        flush(directory)
        # Before it is visible: what cannot be logged must not happen.
        self.log.append("publish", str(name), by, digest=digest, bytes=details["bytes"], source=source)
        said = {"time": _now(), "token": by, "digest": digest, "source": source}
        if not layout.place.is_local:
            self._place_in_store(name, directory, said, page)
            return
        write_json(layout.place, layout.published_name(name), said)
        if page:
            self._write_page(name, page)
        target = absolute(layout.place.path(str(name)))
        os.rename(directory, target)
        _flush_parents(target, layout.place.root)

    def _place_in_store(self, name: VersionName, directory: str, said: dict[str, Any], page: str) -> None:
        """Writes a version where nothing can be renamed: it is taken for there once all files have their sizes.

        What says who publishes it is written first, by one server of all that share the store.
        """
        layout, place = self.repository.layout, self.repository.layout.place
        source = place_at(directory)
        said["sizes"] = source.files("")
        claim = json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"
        is_first = place.create(layout.published_name(name), claim)
        if not is_first:
            other = read_json(place, layout.published_name(name)) or {}
            if other.get("digest") != said["digest"]:
                if not layout.is_arriving(name) or _age(other) < _ARRIVAL:
                    raise PublishError(
                        f"Somebody else publishes {name} at the moment. Try again later, or publish the next number.",
                        "exists",
                    )
                # Whoever began it was killed.
                place.remove(str(name))
                write_json(place, layout.published_name(name), said)
        try:
            if page:
                self._write_page(name, page)
            for file in sorted(said["sizes"]):
                place.write(f"{name}/{file}", source.chunks(file))
        except BaseException:
            if is_first:
                with contextlib.suppress(Error):
                    place.remove(str(name))
                    place.remove(layout.published_name(name))
            raise
        there = read_json(place, layout.published_name(name)) or {}
        if there.get("digest") != said["digest"] or layout.is_arriving(name):
            raise PublishError(f"Somebody else changed {name} while it was published. Try again.", "exists")


def _age(said: Mapping[str, Any]) -> float:
    """How many seconds ago somebody began to publish."""
    try:
        began = datetime.fromisoformat(str(said["time"]))
    except (KeyError, ValueError):
        return math.inf
    return (datetime.now(timezone.utc) - began).total_seconds()


def check_page(page: str) -> None:
    """Refuses a page that is too long."""
    if len(page.encode()) > _MAX_PAGE:
        raise PublishError(f"The page is longer than {_MAX_PAGE} bytes.", "too large")


def _flush_parents(path: str, root: str) -> None:
    """Brings the names of new directories onto the disk."""
    while len(path) > len(root):
        path = os.path.dirname(path)
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
