"""Names under which ops have gradients of their own, and which of them mean anything elsewhere.

`tf.custom_gradient` registers Python code under a number that it counts up in each process, and gives
the op that name. In another process, the number means nothing, or something else. So a definition names its
process too, as long as it lives in the process that made it; a stored one does not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from tf1hub.format.messages_pb2 import GraphDef

ATTRIBUTE = "_gradient_op_type"
"""The attribute of a node by which TensorFlow finds its gradient, where that is not its op type's."""

_NUMBERED = re.compile(r"(?P<stored>(CustomGradient|PartitionedCall)-\d+)(@\w+)?")
_THIS_PROCESS = os.urandom(16).hex()


def is_numbered(name: str) -> bool:
    """Whether a name was counted up by a process.

    Example:
        >>> is_numbered("CustomGradient-8"), is_numbered("MyGradient")
        (True, False)
    """
    return _NUMBERED.fullmatch(name) is not None


def of_this_process(name: str) -> str:
    """Makes a numbered name one that no other process has; gives back any other name unchanged."""
    return f"{as_stored(name)}@{_THIS_PROCESS}" if is_numbered(name) else name


def as_stored(name: str) -> str:
    """A name as TensorFlow made it.

    Example:
        >>> as_stored("CustomGradient-8@d41d8cd9")
        'CustomGradient-8'
    """
    numbered = _NUMBERED.fullmatch(name)
    return name if numbered is None else numbered["stored"]


def rename_gradients(graph: GraphDef, rename: Callable[[str], str]) -> None:
    """Renames, in place, the gradients of all ops that have one of their own, those of functions included."""
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            if ATTRIBUTE in node.attr:
                name = node.attr[ATTRIBUTE].s.decode(errors="surrogateescape")
                node.attr[ATTRIBUTE].s = rename(name).encode(errors="surrogateescape")
