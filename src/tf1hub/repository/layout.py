"""Where things lie in a repository's folder.

    publisher/README.md                 who the publisher is
    publisher/name/README.md            the module's page
    publisher/name/3/                   version 3, a module's directory
    publisher/name/4.tar.gz             version 4, packed in any way that handles may be
    publisher/name/4.md                 the page of version 4
    publisher/name/3.published.json     who published version 3, when, with what content
    publisher/name/3.yanked.json        why nobody should begin to use version 3
    publisher/name/aliases.json         which version `prod` is
    .tf1hub/                            tokens and the audit log; and what can be made again: index, archives

All but what can be made again is the truth, and lies in the folder wherever that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from tf1hub.errors import RepositoryError
from tf1hub.handles.compression import ARCHIVE_SUFFIXES
from tf1hub.repository.module_names import RESERVED, ModuleName, VersionName, is_name, is_version
from tf1hub.storage import Faults, Place, is_remote, join_path, place_at

PRIVATE = ".tf1hub"
FAULTS = Faults(RepositoryError, RepositoryError)
_MAX_DEPTH = 7
_WATCHED = ("saved_model.pb", "tfhub_module.pb", "variables", "variables/variables.index", "assets")


class Located(NamedTuple):
    """A version that lies in the folder.

    Attributes:
        version: whose place it is.
        path: its name below the folder: of a directory, or of an archive.
        is_archive: which of the two.
    """

    version: VersionName
    path: str
    is_archive: bool


class Layout:
    """The places of a folder.

    Args:
        folder: a path, or a URL of remote storage.

    Attributes:
        listing: the names and sizes in remote storage, when all versions were last looked for.
    """

    def __init__(self, folder: str) -> None:
        self.place: Place = place_at(folder, FAULTS)
        self.listing: dict[str, int] | None = None

    def versions(self) -> Iterator[Located]:
        """Yields all versions; those whose directory has a name that nothing can have are passed over."""
        if self.place.is_local:
            yield from _walk(self.place.root, (), 0)
        else:
            # A store is asked once for all names; asking for each would take a journey each.
            self.listing = self.place.files("")
            yield from _of_names(self.listing)

    def find(self, version: VersionName) -> Located | None:
        """Where a version lies; None where it does not."""
        base = f"{version.publisher}/{version.name}/{version.version}"
        if self.place.is_directory(base):
            return Located(version, base, False)
        for suffix in ARCHIVE_SUFFIXES:
            if self.place.size(base + suffix) is not None:
                return Located(version, base + suffix, True)
        return None

    def is_arriving(self, version: VersionName) -> bool:
        """Whether a version is being written into a store, or was when somebody was killed: not all of it is there."""
        if self.place.is_local:
            return False
        try:
            wanted = dict(json.loads(self.text(self.published_name(version)) or "{}").get("sizes") or {})
        except (ValueError, TypeError, AttributeError):
            return False
        return bool(wanted) and not wanted.items() <= self.place.files(str(version)).items()

    def stamp(self, found: Located, listing: Mapping[str, int] | None = None) -> str:
        """What changes when the content of a version does, as far as a look can tell.

        Args:
            found: the version.
            listing: the names and sizes that a store has, where they are known already.
        """
        below = () if found.is_archive else (f"{found.path}/{name}" for name in _WATCHED)
        return self._state((found.path, *below), listing)

    def page_stamp(self, version: VersionName, listing: Mapping[str, int] | None = None) -> str:
        """What changes when the words about a version do; see `stamp`."""
        names = (*self.page_names(version), f"{self._base(version)}.yanked.json")
        return self._state((*names, f"{self._base(version)}.published.json"), listing)

    def _state(self, names: tuple[str, ...], listing: Mapping[str, int] | None) -> str:
        parts = []
        for name in names:
            if self.place.is_local:
                try:
                    status = os.stat(self.place.path(name))
                    size = 0 if name.endswith(("variables", "assets")) else status.st_size
                    parts.append(f"{size}:{status.st_mtime_ns}")
                except OSError:
                    parts.append("-")
            else:
                parts.append(str(self.place.size(name) if listing is None else listing.get(name)))
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]

    def page_names(self, version: VersionName) -> tuple[str, ...]:
        """Where the Markdown page of a version may lie, the best place first."""
        module = f"{version.publisher}/{version.name}"
        return (f"{self._base(version)}.md", f"{module}/README.md", f"{module}.md")

    def page(self, version: VersionName) -> str:
        """The Markdown page of a version, or else of its module; empty where there is none."""
        for name in self.page_names(version):
            if self.place.size(name) is not None:
                return self.text(name)
        return ""

    def text(self, name: str, limit: int = 1 << 20) -> str:
        """The text of a small file, what is too long of it cut off; empty where there is none."""
        if self.place.size(name) is None:
            return ""
        found = b""
        for piece in self.place.chunks(name):
            found += piece
            if len(found) >= limit:
                break
        return found[:limit].decode("utf-8", "replace")

    @staticmethod
    def _base(version: VersionName) -> str:
        return f"{version.publisher}/{version.name}/{version.version}"

    def yanked_name(self, version: VersionName) -> str:
        """Where it says why a version is yanked."""
        return f"{self._base(version)}.yanked.json"

    def published_name(self, version: VersionName) -> str:
        """Where it says who published a version."""
        return f"{self._base(version)}.published.json"

    @staticmethod
    def aliases_name(module: ModuleName) -> str:
        """Where the aliases of a module lie."""
        return f"{module}/aliases.json"

    def url(self, found: Located) -> str:
        """The path or URL of a version."""
        return join_path(self.place.root, found.path)

    def read_beside(self, name: VersionName) -> dict[str, Any]:
        """What the files beside a version say of it."""
        said: dict[str, Any] = {}
        for kind, file in (
            ("published", self.published_name(name)),
            ("yanked", self.yanked_name(name)),
        ):
            text = self.text(file)
            if text:
                try:
                    said[kind] = dict(json.loads(text))
                except (ValueError, TypeError):
                    said[kind] = {"reason": f"{file} is damaged"}
        return said

    def when_modified(self, located: Located) -> str:
        """When a version was last written, in ISO 8601 and UTC; empty where only a store knows."""
        if not self.place.is_local:
            return ""
        with contextlib.suppress(OSError):
            status = os.stat(self.place.path(located.path))
            return datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(timespec="seconds")
        return ""


def find_state_folder(folder: str) -> str:
    """Where what can be made again is kept: in the folder if that can be written, else in this user's cache."""
    if not is_remote(folder):
        inside = os.path.join(folder, PRIVATE)
        if os.access(inside if os.path.isdir(inside) else folder, os.W_OK):
            return inside
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    key = hashlib.sha256(folder.encode()).hexdigest()[:24]
    if not os.access(os.path.dirname(home), os.W_OK) and not os.path.isdir(home):
        home = tempfile.gettempdir()
    return os.path.join(home, "tf1hub", "repositories", key)


def _walk(path: str, parts: tuple[str, ...], depth: int) -> Iterator[Located]:
    try:
        with os.scandir(path) as entries:
            there = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return  # gone since, or not ours to read
    for entry in there:
        name = entry.name
        if len(parts) >= 2:
            version = _version_of(name)
            if version is not None:
                directory = name == str(version)
                if directory == _is_directory(entry):
                    base = VersionName(parts[0], "/".join(parts[1:]), version)
                    yield Located(base, "/".join((*parts, name)), not directory)
                continue
        if depth < _MAX_DEPTH and is_name(name) and _is_directory(entry):
            if not parts and name in RESERVED:
                continue
            yield from _walk(entry.path, (*parts, name), depth + 1)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _version_of(name: str) -> int | None:
    """The version that a directory or an archive of this name holds."""
    if is_version(name):
        return int(name)
    if not name[:1].isdigit():
        return None
    for suffix in ARCHIVE_SUFFIXES:
        if name.endswith(suffix) and is_version(name[: -len(suffix)]):
            return int(name[: -len(suffix)])
    return None


def _of_names(names: dict[str, int]) -> Iterator[Located]:
    """The versions that a listing of a store tells of."""
    seen: set[VersionName] = set()
    for name in sorted(names):
        parts = name.split("/")
        if parts[0].startswith(".") or parts[0] in RESERVED:
            continue
        for depth, part in enumerate(parts):
            if depth >= 2 and (version := _version_of(part)) is not None:
                is_last = depth == len(parts) - 1
                base = VersionName(parts[0], "/".join(parts[1:depth]), version)
                if base not in seen and (part != str(version)) == is_last:
                    seen.add(base)
                    yield Located(base, "/".join(parts[: depth + 1]), is_last)
                break
            if not is_name(part):
                break
