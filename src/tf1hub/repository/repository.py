"""`Repository`: a folder of modules, and what is known of each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tf1hub.errors import HandleError, RepositoryError, UnknownModuleError
from tf1hub.handles import cache_files
from tf1hub.handles.manifest import FileRecord
from tf1hub.progress import ProgressOption, shown
from tf1hub.repository.examination import plain_words, summary_of
from tf1hub.repository.examiner import Examiner
from tf1hub.repository.folder_index import FolderIndex
from tf1hub.repository.layout import Layout, Located, find_state_folder
from tf1hub.repository.module_names import (
    ModuleName,
    VersionName,
    check_alias,
    check_publisher,
    is_version,
    module_name,
    version_name,
)
from tf1hub.repository.packing import pack
from tf1hub.repository.record import OK, Found, Record, make_record
from tf1hub.repository.signatures import Demands
from tf1hub.storage import absolute, is_remote, place_at

MAX_MODULE_BYTES = 8 << 30
LATEST = "latest"
_INDEX_NAME = "index.sqlite"


class Repository:
    """A folder of modules, and what is known of each. Threads may share it, and processes the folder.

    Example:
        >>> import os, shutil, tf1hub as hub
        >>> _ = shutil.copytree("tests/golden/modules/half_plus_two/module", "models/demo/half_plus_two/1")
        >>> with Repository("models") as repository:
        ...     _ = repository.refresh()
        ...     print(repository.record("demo/half_plus_two/1").tasks, repository.modules("half").total)
        () 1

    Args:
        folder: a path, or a URL of remote storage.
        state: where what can be made again is kept: the index, archives. By default `.tf1hub` in the folder where that
            can be written, else a directory of this user's.
        max_bytes: how large a module may be; larger ones are listed as damaged.
        memory: bytes that the process may take that looks at modules.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        state: str | None = None,
        max_bytes: int = MAX_MODULE_BYTES,
        memory: int = 4 << 30,
    ) -> None:
        self.folder = absolute(os.fspath(folder))
        if not is_remote(self.folder) and not os.path.isdir(self.folder):
            raise RepositoryError(
                f"{self.folder} is not a directory. Make it, or give one that holds modules."
            )
        self.layout = Layout(self.folder)
        self.state = absolute(state) if state else find_state_folder(self.folder)
        self.max_bytes = max_bytes
        self._index = FolderIndex(os.path.join(self.state, _INDEX_NAME))
        # A large module that lies in the folder must not keep those waiting who publish one.
        self._examiner = Examiner(max_bytes=max_bytes, memory=memory)
        self._in_background = Examiner(max_bytes=max_bytes, memory=memory)
        self._demands = Demands()
        self._packing: dict[str, threading.Lock] = {}
        self._turn = threading.Lock()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process that looks at modules, and closes the index."""
        self._examiner.close()
        self._in_background.close()
        self._index.close()

    # What there is.

    def publishers(self) -> dict[str, int]:
        """Each publisher with the number of modules."""
        return self._index.publishers()

    def modules(
        self,
        query: str = "",
        facets: Mapping[str, Iterable[str]] | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
        publishers: Iterable[str] | None = None,
    ) -> Found:
        """Searches: the newest version of each module that has all words, and a chosen value of each facet.

        Args:
            query: words, or beginnings of words; empty for all modules, the newest first.
            facets: for each of `record.FACETS` the values of which a module has to have one.
            limit: how many records are given.
            offset: how many are passed over.
            publishers: whose modules may be told of; None: everybody's.
        """
        return self._index.search(query, facets, limit=limit, offset=offset, publishers=publishers)

    def newest(self, count: int = 20) -> list[Record]:
        """The versions that were published last."""
        return self._index.newest(count)

    def versions(self, module: ModuleName | str) -> list[Record]:
        """All versions of a module, the newest first.

        Raises:
            UnknownModuleError: there is none.
        """
        name = module_name(module) if isinstance(module, str) else module
        found = self._index.versions(name)
        if not found:
            raise UnknownModuleError(f"There is no module {name} in this repository.")
        return found

    def counts(self) -> dict[str, int]:
        """How many versions have each status."""
        return self._index.counts()

    # One version.

    def find(self, handle: str) -> VersionName:
        """The version that a handle names: with a number, an alias, or nothing for the newest.

        Raises:
            HandleError: it cannot name a module.
            UnknownModuleError: there is no such module or alias.
        """
        last = handle.strip("/").rpartition("/")[2]
        if is_version(last):
            return version_name(handle)
        with contextlib.suppress(HandleError, UnknownModuleError):
            rest, _, alias = handle.strip("/").rpartition("/")
            return self.find_alias(module_name(rest), check_alias(alias))
        return self.find_alias(module_name(handle), LATEST)

    def aliases(self, module: ModuleName) -> dict[str, int]:
        """The version that each alias of a module means; `latest` by itself is the newest one that is not yanked."""
        text = self.layout.text(self.layout.aliases_name(module))
        found: dict[str, int] = {}
        with contextlib.suppress(ValueError, AttributeError):
            found = {str(alias): int(version) for alias, version in json.loads(text).items()} if text else {}
        if LATEST not in found:
            good = [record.version for record in self._index.versions(module) if record.status == OK]
            if good:
                found[LATEST] = good[0]
        return found

    def find_alias(self, module: ModuleName, alias: str) -> VersionName:
        """The version that an alias means.

        Raises:
            UnknownModuleError: the module has no such alias.
        """
        found = self.aliases(module)
        if alias not in found:
            names = ", ".join(sorted(found)) or "none"
            raise UnknownModuleError(f"{module} has no alias {alias!r} in this repository. It has: {names}.")
        return module.at(found[alias])

    def record(self, name: VersionName | str) -> Record:
        """What is known of a version; it is looked at if that was never done, or if it has changed.

        Raises:
            HandleError: it cannot name a version.
            UnknownModuleError: there is no such version.
        """
        version = version_name(name) if isinstance(name, str) else name
        known = self._index.record(version)
        if known is not None and not self.layout.place.is_local:
            return known[0]
        located = self.layout.find(version)
        if located is None or self.layout.is_arriving(version):
            if known is not None:
                self._index.remove([version])
            raise UnknownModuleError(f"There is no {version} in this repository.")
        stamps = self._stamps(located)
        if known is not None and known[1:] == stamps:
            return known[0]
        return self._look(located, stamps)

    def details(self, name: VersionName | str) -> dict[str, Any]:
        """All that is known of a version that is whole: `description`, `capabilities`, `tensorflow`, `files`, `signature`.

        Raises:
            UnknownModuleError: there is no such version.
            RepositoryError: it is damaged.
        """
        record = self._whole(name)
        found = self._index.details(record.name)
        if found is None:
            raise UnknownModuleError(f"There is no {record.name} in this repository.")
        return found

    def description(self, name: VersionName | str) -> dict[str, Any]:
        """The machine-readable specification of a version: what `ModuleDescription.to_dict` gives."""
        found: dict[str, Any] = self.details(name)["description"]
        return found

    def capabilities(self, name: VersionName | str) -> dict[str, Any]:
        """What a version can do: what `Capabilities.to_dict` gives."""
        found: dict[str, Any] = self.details(name)["capabilities"]
        return found

    def manifest(self, name: VersionName | str) -> dict[str, Any]:
        """The digest of a version's content, and the size and SHA-256 of every file."""
        details = self.details(name)
        version = version_name(name) if isinstance(name, str) else name
        return {
            "handle": str(version),
            "digest": details["digest"],
            "bytes": details["bytes"],
            "files": details["files"],
        }

    def page(self, name: VersionName | str) -> str:
        """The Markdown page of a version, or else of its module; empty where there is none."""
        return self.layout.page(version_name(name) if isinstance(name, str) else name)

    def publisher_page(self, publisher: str) -> str:
        """The Markdown page of a publisher; empty where there is none."""
        return self.layout.text(f"{check_publisher(publisher)}/README.md")

    def directory(self, name: VersionName | str) -> str:
        """The path or URL of a version's directory; an archive is unpacked first.

        Raises:
            UnknownModuleError: there is no such version.
            RepositoryError: it is damaged.
        """
        record = self._whole(name)
        located = self._locate(record.name)
        if not located.is_archive:
            return self.layout.url(located)
        directory, fault = self._unpack(located, self._examiner)
        if fault:
            raise RepositoryError(f"{record.name} is damaged: {fault}")
        return directory

    def archive(self, name: VersionName | str) -> str:
        """The path of a version's archive, which is made once and kept.

        Raises:
            UnknownModuleError: there is no such version.
            RepositoryError: it is damaged, or the archive cannot be written.
        """
        record = self._whole(name)
        path = os.path.join(self.state, "archives", f"{record.digest.partition(':')[2]}.tar.gz")
        if os.path.exists(path):
            return path
        with self._turn:
            lock = self._packing.setdefault(path, threading.Lock())
        with lock:
            if not os.path.exists(path):
                files = [FileRecord(**file) for file in self.details(record.name)["files"]]
                pack(place_at(self.directory(record.name)), files, path)
        with self._turn:
            self._packing.pop(path, None)
        return path

    # Keeping up with the folder.

    def refresh(self, progress: ProgressOption = None) -> tuple[int, int]:
        """Brings the index up to date: looks at what is new or changed, forgets what is gone.

        Args:
            progress: how progress is shown; see `resolve`.

        Returns:
            How many versions were looked at, and how many forgotten.
        """
        known = self._index.stamps()
        changed, there = [], set()
        for located in self.layout.versions():
            there.add(located.version)
            stamps = self._stamps(located, self.layout.listing)
            if known.get(located.version) != stamps and not self.layout.is_arriving(located.version):
                changed.append((located, stamps))
        gone = [name for name in known if name not in there]
        self._index.remove(gone)
        with shown(progress) as say:
            for number, (located, stamps) in enumerate(changed):
                say(f"Looking at {located.version}", number, len(changed), "versions")
                self._look(located, stamps, self._in_background)
        return len(changed), len(gone)

    def remove_leftovers(self, seconds: float = 24 * 3600.0) -> None:
        """Removes what processes that were killed left unfinished, once it is old."""
        for folder in ("staging", "unpacked", "archives"):
            with contextlib.suppress(OSError):
                for entry in os.scandir(os.path.join(self.state, folder)):
                    # What is whole has a plain name in the last two.
                    whole = ".gz" if folder == "archives" else entry.name if "." not in entry.name else "/"
                    if folder != "staging" and entry.name.endswith(whole):
                        continue
                    if time.time() - entry.stat().st_mtime > seconds:
                        cache_files.remove_tree(entry.path)
                        cache_files.remove_file(entry.path)

    @contextlib.contextmanager
    def only_refresher(self) -> Iterator[bool]:
        """Whether nobody else on this machine brings this index up to date at the moment."""
        from filelock import FileLock, Timeout

        lock = FileLock(os.path.join(self.state, "refresh.lock"), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError, NotImplementedError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def look_again(self, name: VersionName) -> Record:
        """Looks at what is said about a version, after it was changed here; its content is not read again."""
        located = self._locate(name)
        return self._look(located, self._stamps(located))

    def adopt(self, name: VersionName, details: Mapping[str, Any]) -> Record:
        """Writes down what was found out about a version before it got its place."""
        located = self._locate(name)
        return self._note(located, self._stamps(located), dict(details))

    def examine(self, handle: str, directory: str) -> dict[str, Any]:
        """Looks at a module that has no place in the folder yet; see `examination.examine`."""
        return self._examiner.examine(handle, directory, sum(place_at(directory).files("").values()))

    def unpack(self, path: str, directory: str) -> dict[str, Any]:
        """Unpacks an archive with this repository's limits; `fault` is why it could not be, else empty."""
        return self._examiner.unpack(path, directory, os.path.getsize(path))

    def bytes_of(self, publisher: str) -> int:
        """What all versions of a publisher take."""
        return self._index.bytes_of(publisher)

    def _whole(self, name: VersionName | str) -> Record:
        record = self.record(name)
        if not record.digest:
            raise RepositoryError(f"{record.name} is damaged: {record.reason}")
        return record

    def _locate(self, name: VersionName) -> Located:
        located = self.layout.find(name)
        if located is None:
            raise UnknownModuleError(f"There is no {name} in this repository.")
        return located

    def _stamps(self, located: Located, listing: Mapping[str, int] | None = None) -> tuple[str, str]:
        stamp = self.layout.stamp(located, listing) + self._demands.stamp(located.version)
        return stamp, self.layout.page_stamp(located.version, listing)

    def _look(self, located: Located, stamps: tuple[str, str], examiner: Examiner | None = None) -> Record:
        known = self._index.record(located.version)
        if known is not None and known[1] == stamps[0]:
            # Only what is said about it has changed.
            return self._note(located, stamps, self._index.details(located.version) or {"fault": "not known"})
        examiner = examiner or self._examiner
        directory, fault = self.layout.url(located), ""
        if located.is_archive:
            directory, fault = self._unpack(located, examiner)
        try:
            size = self._size(located)
            if fault:
                details = {"fault": fault, "bytes": size}
            else:
                details = examiner.examine(str(located.version), directory, size)
        except RepositoryError as error:
            details = {"fault": str(error), "bytes": 0}
        return self._note(located, stamps, details)

    def _size(self, located: Located) -> int:
        place = self.layout.place
        if located.is_archive:
            return place.size(located.path) or 0
        return sum(place.files(located.path).values())

    def _unpack(self, located: Located, examiner: Examiner) -> tuple[str, str]:
        key = hashlib.sha256(f"{located.version} {self.layout.stamp(located)}".encode()).hexdigest()[:40]
        directory = os.path.join(self.state, "unpacked", key)
        if os.path.isdir(directory):
            return directory, ""
        size = self.layout.place.size(located.path) or 0
        return directory, examiner.unpack(self.layout.url(located), directory, size)["fault"]

    def _note(self, located: Located, stamps: tuple[str, str], details: dict[str, Any]) -> Record:
        name = located.version
        page = self.layout.page(name)
        words = plain_words(page)[:100_000]
        details = {**details, "page_words": words}
        said, modified = self.layout.read_beside(name), self.layout.when_modified(located)
        record = make_record(name, details, said, summary_of(page), modified)
        self._index.put(record, stamps, details, words)
        return record
