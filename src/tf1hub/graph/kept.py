"""What tf1hub remembers about a graph, for as long as that graph lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def keep_with(graph: Any, name: str, make: Callable[[], _T]) -> _T:
    """The object that is kept with a graph under a name; made when first asked for.

    An attribute goes when the graph goes, also where the object points back at the graph. A graph
    collection would be seen by exporters, which warn of what they cannot write, and a table of our own
    would keep graphs alive.

    Args:
        graph: a `tf.Graph`.
        name: what the object is.
        make: makes it.
    """
    attribute = f"_tf1hub_{name}"
    found = getattr(graph, attribute, None)
    if found is None:
        found = make()
        setattr(graph, attribute, found)
    result: _T = found
    return result
