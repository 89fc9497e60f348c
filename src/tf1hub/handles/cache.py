"""Where entries lie in a cache directory, and whether one is whole.

<cache>/<key>/                   the module; key is the SHA-1 of a handle's spelling
<cache>/<key>.descriptor.txt     for people, as the original library writes it
<cache>/<key>.manifest.json      what the entry must hold
<cache>/redirects.toml           where handles were found; may be edited
<cache>/.tf1hub/locks/<key>      saves bandwidth; correctness does not depend on it
<cache>/.tf1hub/first_seen/<key>.json   the digest first seen behind a versioned URL
<cache>/.tf1hub/tmp/             what is not finished yet, or being removed
"""

from __future__ import annotations

import enum
import os
import re
from typing import NamedTuple

from tf1hub.errors import CacheError
from tf1hub.handles import manifest as manifests
from tf1hub.handles.handle import Handle, Kind
from tf1hub.handles.manifest import Manifest

PRIVATE_DIRECTORY = ".tf1hub"
_KEY = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")
_DESCRIBED = re.compile(r"^Module: (.*)$", re.MULTILINE)


class EntryState(enum.Enum):
    """What a look at an entry found."""

    ABSENT = "absent"
    COMPLETE = "complete"
    DAMAGED = "damaged"


class Health(NamedTuple):
    """The state of an entry.

    Attributes:
        state: whether it can be used.
        faults: what is wrong with it, if it is damaged.
        manifest: its manifest; None for an entry of the original library.
    """

    state: EntryState
    faults: tuple[str, ...] = ()
    manifest: Manifest | None = None


ABSENT = Health(EntryState.ABSENT)


class CacheEntry(NamedTuple):
    """A place in a cache directory where the module of one key lies, or will lie."""

    root: str
    key: str

    @property
    def path(self) -> str:
        """The module's directory."""
        return os.path.join(self.root, self.key)

    @property
    def manifest_path(self) -> str:
        """The record of what it holds."""
        return f"{self.path}.manifest.json"

    @property
    def descriptor_path(self) -> str:
        """The text for people."""
        return f"{self.path}.descriptor.txt"

    @property
    def lock_path(self) -> str:
        """The lock between downloaders."""
        # Never <key>.lock: the original library would wait for that one for ever.
        return os.path.join(self.root, PRIVATE_DIRECTORY, "locks", self.key)

    @property
    def first_seen_path(self) -> str:
        """The digest that was first seen under this key."""
        return os.path.join(self.root, PRIVATE_DIRECTORY, "first_seen", f"{self.key}.json")

    def manifest(self) -> Manifest | None:
        """Returns the manifest, or None where there is none.

        Raises:
            CacheError: it is damaged.
        """
        try:
            with open(self.manifest_path, encoding="utf-8") as file:
                return manifests.from_json(file.read(), self.manifest_path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CacheError(f"The manifest {self.manifest_path} cannot be read: {error}.") from error

    def check(self, *, full: bool = False) -> Health:
        """Looks whether the entry can be used.

        Args:
            full: whether to read every byte; by default one `stat` per file.
        """
        if not os.path.isdir(self.path):
            return ABSENT
        try:
            manifest = self.manifest()
        except CacheError as error:
            return Health(EntryState.DAMAGED, (str(error),))
        if manifest is None:
            faults = looks_incomplete(self.path)
        else:
            faults = manifests.faults(self.path, manifest.files, full=full)
        return Health(EntryState.DAMAGED if faults else EntryState.COMPLETE, tuple(faults), manifest)

    def handle(self) -> str:
        """Returns the handle as the manifest or the descriptor tells it, or `""`."""
        try:
            manifest = self.manifest()
        except CacheError:
            manifest = None
        if manifest is not None:
            return manifest.handle
        try:
            with open(self.descriptor_path, encoding="utf-8", errors="replace") as file:
                match = _DESCRIBED.search(file.read())
        except OSError:
            return ""
        return match[1] if match else ""


def key_of(spelling: str) -> str:
    """Returns the key of a spelling.

    >>> key_of("https://tfhub.dev/google/elmo/3")
    '58051eb9ff2f7c649b7c541acc518dac54e786ca'
    """
    import hashlib  # a local directory has no key, and need not wait for OpenSSL

    return hashlib.sha1(spelling.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def keys_of(handle: Handle) -> tuple[str, ...]:
    """Returns the keys under which a handle's entry may lie; a new one is made under the first.

    Raises:
        OSError: the handle is a local archive that cannot be looked at.
    """
    if handle.kind is Kind.ARCHIVE:
        # A file may be written anew under its name; an entry never changes.
        status = os.stat(handle.location)
        return (key_of(f"{handle.location}?size={status.st_size}&mtime_ns={status.st_mtime_ns}"),)
    return tuple(key_of(spelling) for spelling in handle.spellings())


def entry_of(root: str, name: str) -> CacheEntry | None:
    """Returns the entry that a file name of a cache directory belongs to, or None."""
    key = name[:40]
    return CacheEntry(root, key) if _KEY.fullmatch(key) else None


def entries(root: str) -> list[CacheEntry]:
    """Returns the entries of a cache directory, in the order of their keys."""
    try:
        with os.scandir(root) as found:
            keys = sorted(item.name for item in found if _KEY.fullmatch(item.name) and item.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CacheError(f"The cache {root} cannot be listed: {error.strerror}.") from error
    return [CacheEntry(root, key) for key in keys]


def looks_incomplete(directory: str) -> list[str]:
    """Returns what is evidently missing from a module without a manifest.

    Temp cleaners remove single old files, so a directory that exists may be
    anything. Only names and sizes are looked at, not contents.
    """
    faults = []
    models = [_size(os.path.join(directory, name)) for name in ("saved_model.pb", "saved_model.pbtxt")]
    if not any(models):
        faults.append("saved_model.pb is missing or empty")
    if _size(os.path.join(directory, "tfhub_module.pb")) == 0:
        faults.append("tfhub_module.pb is empty")
    try:
        names = os.listdir(os.path.join(directory, "variables"))
    except OSError:
        return faults
    shards = [match for name in names if (match := _SHARD.fullmatch(name))]
    if "variables.index" not in names:
        faults.append("variables/variables.index is missing")
    if not shards:
        faults.append("variables/variables.data-* is missing")
    else:
        count = int(shards[0][2])
        present = {int(match[1]) for match in shards}
        faults += [
            f"variables/variables.data-{index:05d}-of-{count:05d} is missing"
            for index in range(count)
            if index not in present
        ]
    return faults


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
