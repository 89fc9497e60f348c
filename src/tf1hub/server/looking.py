"""What takes a while to find out of modules for their pages, and is kept for the next visitor."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from markupsafe import Markup

from tf1hub.drawing.graph_picture import GraphPicture
from tf1hub.errors import Error, RepositoryError
from tf1hub.format.saved_model import format_tags
from tf1hub.spec.difference import ModuleDifference, diff
from tf1hub.spec.module_spec import load_module_spec

MOST_BYTES_COMPARED = 1 << 30
"""Larger modules are compared without the values of their variables: a visitor waits for it."""
MOST_NODES = 100_000
"""Larger graphs are not drawn."""

_Found = TypeVar("_Found")
_Where = Callable[[], str]


class Looks:
    """Pictures and comparisons, by the digests of what they are of. Threads may share it."""

    def __init__(self) -> None:
        self._pictures = _Kept(12)
        self._first = _Kept(200)
        self._differences = _Kept(50)

    def picture(self, digest: str, where: _Where, tags: str = "", signature: str = "") -> GraphPicture:
        """The picture of a variant.

        Args:
            digest: of the module.
            where: gives its directory.
            tags: of the variant, with commas.
            signature: the one to draw; empty for all.

        Raises:
            UnknownTagsError: no variant has these tags.
            UnknownSignatureError: the variant has no such signature.
            RepositoryError: it is damaged, or too large to draw.
        """
        if not digest:
            raise RepositoryError("It is damaged: it has no graph that could be drawn.")
        return self._pictures.get((digest, tags, signature), lambda: _draw(where(), tags, signature))

    def first_picture(self, digest: str, where: _Where) -> Markup:
        """What a module's page shows of its graph; empty where it cannot be drawn."""

        def find() -> Markup:
            try:
                picture = self.picture(digest, where)
            except Error:
                return Markup("")
            return Markup(picture.to_fragment(picture.first_opened))  # names in it are escaped

        return self._first.get(digest, find)

    def difference(
        self, left: tuple[str, _Where, int], right: tuple[str, _Where, int]
    ) -> tuple[ModuleDifference, bool]:
        """What differs between two modules, each with digest, directory and bytes; and whether values were compared.

        Raises:
            RepositoryError: one of them is damaged.
        """
        if not left[0] or not right[0]:
            raise RepositoryError("One of the two versions is damaged: they cannot be compared.")
        values = left[2] + right[2] <= MOST_BYTES_COMPARED
        found = self._differences.get(
            (left[0], right[0]), lambda: diff(left[1](), right[1](), values=values, progress="none")
        )
        return found, values


def _draw(directory: str, tags: str, signature: str) -> GraphPicture:
    spec = load_module_spec(directory)
    wanted = [tag for tag in tags.split(",") if tag]
    variant = spec.variant(wanted)
    nodes = len(variant.nodes)
    if nodes > MOST_NODES:
        raise RepositoryError(f"Its graph has {nodes:,} ops; pictures are made of at most {MOST_NODES:,}.")
    # Not by the path, which is the server's own.
    title = f"graph of variant {format_tags(variant.tags)}"
    return GraphPicture(variant, [signature] if signature else None, title)


class _Kept:
    """The last few results, by what they are of; two who ask at once for the same wait for one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._turns: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, find: Callable[[], _Found]) -> _Found:
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._found:
                    self._found.move_to_end(key)
                    kept: _Found = self._found[key]
                    return kept
            try:
                found = find()
                with self._lock:
                    self._found[key] = found
                    while len(self._found) > self._most:
                        self._found.popitem(last=False)
                return found
            finally:
                with self._lock:
                    self._turns.pop(key, None)
