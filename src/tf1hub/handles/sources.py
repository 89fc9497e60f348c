"""Where a module may come from: mirrors first, then its own place, then where it was found last."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tf1hub.handles import redirects
from tf1hub.handles.compression import ARCHIVE_SUFFIXES
from tf1hub.handles.handle import Handle, Kind, parse, with_format
from tf1hub.handles.settings import Settings
from tf1hub.storage import is_remote


@dataclass(frozen=True)
class ModuleSource:
    """A place to try.

    Attributes:
        place: the place, as a handle.
        what: what it is, in words for messages.
        url: what is requested, for http(s).
        is_own: whether it is the handle's own place, whose redirects are remembered.
    """

    place: Handle
    what: str
    url: str = ""
    is_own: bool = False

    @property
    def needs_network(self) -> bool:
        """Whether the offline switch forbids it."""
        return not self.place.is_local and not self.place.location.startswith("memory://")


def list_sources(handle: Handle, settings: Settings) -> list[ModuleSource]:
    """Returns the sources of a handle, in the order in which they are tried."""
    if handle.kind is not Kind.HTTP:
        return [ModuleSource(handle, "the handle", is_own=True)]
    found = [_source(place, "a mirror") for place in list_mirrors(handle.canonical, settings.mirrors)]
    found.append(ModuleSource(handle, "the handle", with_format(handle.location, "compressed"), is_own=True))
    roots = [root for root in (settings.cache_dir, *settings.read_cache_dirs) if not is_remote(root)]
    found += [
        _source(place, f"a remembered redirect ({redirects.path_in(root)})", exact=True)
        for root in roots
        if (place := redirects.load(root).get(handle.shown)) is not None
    ]
    return list({(one.place.location, one.url): one for one in found}.values())


def list_mirrors(canonical: str, mirrors: tuple[tuple[str, str], ...]) -> list[str]:
    """Returns where mirrors have a handle: the longest matching prefix first.

    >>> list_mirrors("https://tfhub.dev/google/elmo/3", (("https://tfhub.dev/", "/data/tfhub/"),))
    ['/data/tfhub/google/elmo/3']
    """
    matching = [(prefix, place) for prefix, place in mirrors if _covers(prefix, canonical)]
    matching.sort(key=lambda pair: -len(pair[0]))
    return [_join(place, canonical[len(prefix) :]) for prefix, place in matching]


def _covers(prefix: str, canonical: str) -> bool:
    if not canonical.startswith(prefix):
        return False
    # https://tfhub.dev must not cover https://tfhub.device.example.
    return prefix.endswith("/") or canonical[len(prefix) :][:1] in ("", "/", "?")


def _join(mirror: str, rest: str) -> str:
    if rest and not mirror.endswith("/") and not rest.startswith(("/", "?")):
        return f"{mirror}/{rest}"
    return mirror.rstrip("/") + rest if rest.startswith("/") else mirror + rest


def _source(handle: str, what: str, *, exact: bool = False) -> ModuleSource:
    parsed = parse(handle)
    if parsed.kind is Kind.HTTP:
        return ModuleSource(
            parsed, what, parsed.location if exact else with_format(parsed.location, "compressed")
        )
    if parsed.kind is Kind.DIRECTORY and not os.path.isdir(parsed.location):
        # A mirror directory may hold archives instead of directories.
        for suffix in ARCHIVE_SUFFIXES:
            if os.path.isfile(parsed.location + suffix):
                return ModuleSource(parse(parsed.location + suffix), what)
    return ModuleSource(parsed, what)
