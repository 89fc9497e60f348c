"""The lock file: one TOML that a project commits, with the digest of each module it uses.

version = 1

[[module]]
handle = "https://tfhub.dev/google/elmo/3"
digest = "sha256:..."
size = 353768422
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tf1hub.configuration import load_toml
from tf1hub.errors import CacheError, HandleError
from tf1hub.handles.handle import Handle, check_digest, parse
from tf1hub.storage import Faults, place_at

VERSION = 1
_HEAD = "# Written by 'tf1hub lock'. Commit this file: it pins the content of each module.\n"


@dataclass(frozen=True)
class Locked:
    """A module of a lock file.

    Attributes:
        handle: as users write it, without a pin.
        digest: `"sha256:..."` of its content.
        size: bytes of its files.
    """

    handle: str
    digest: str
    size: int


def load(path: str) -> tuple[Locked, ...]:
    """Returns the modules of a lock file, in its order.

    Raises:
        HandleError: the file is damaged, or of a newer version.
    """
    data = load_toml(path)
    if data.get("version") != VERSION:
        raise HandleError(
            f"{path} is a lock file of version {data.get('version')!r}; this tf1hub knows {VERSION}."
        )
    modules = data.get("module", [])
    try:
        return tuple(
            Locked(
                str(module["handle"]),
                check_digest(str(module["digest"]), f"{path}, module {module['handle']}"),
                int(module.get("size", 0)),
            )
            for module in modules
        )
    except (KeyError, TypeError) as error:
        raise HandleError(
            f"{path}: each [[module]] needs a handle and a digest; {error} is missing."
        ) from error


def pin_of(path: str, handle: Handle) -> str | None:
    """Returns the digest that a lock file demands of a handle, or None if it does not name it."""
    for locked in load(path):
        # Most entries differ at once; parsing each would cost more than the rest of a cache hit.
        if (
            locked.handle in (handle.given, handle.canonical)
            or parse(locked.handle).canonical == handle.canonical
        ):
            return locked.digest
    return None


def save(path: str, modules: Iterable[Locked]) -> None:
    """Writes a lock file, whole or not at all, sorted by handle so that diffs stay small."""
    blocks = [
        f"\n[[module]]\nhandle = {json.dumps(one.handle, ensure_ascii=False)}\ndigest = "
        f"{json.dumps(one.digest)}\nsize = {one.size}\n"
        for one in sorted(modules, key=lambda one: one.handle)
    ]
    text = f"{_HEAD}version = {VERSION}\n{''.join(blocks)}"
    place_at(path, Faults(HandleError, CacheError)).write("", [text.encode()])


def load_or_empty(path: str) -> tuple[Locked, ...]:
    """Returns the modules of a lock file, `()` where there is none yet."""
    return load(path) if place_at(path, Faults(HandleError)).exists("") else ()
