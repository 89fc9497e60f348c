"""Why the table of ops cannot run a program: a package that is not installed, or ops that it lacks. Found before a run."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from tf1hub.arrays.prepared import PreparedFunctions
from tf1hub.arrays.regular_expressions import compile_expression
from tf1hub.errors import Error
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.program.code import Program

_READ_IMAGES = frozenset({"DecodeJpeg", "DecodePng", "DecodeBmp", "DecodeGif", "DecodeImage"})
_HAVE_PATTERNS = frozenset({"StaticRegexReplace", "StaticRegexFullMatch"})


def list_unmet(library: PreparedFunctions, program: Program) -> list[str]:
    """All that keeps a program from running on the table of ops, a sentence for each; empty where all is well.

    Args:
        library: the functions of its graph.
        program: what is to be run.
    """
    missing = library.missing(program)
    found = [f"the op type {kind} ({count_in_words(nodes)})" for kind, nodes in sorted(missing.items())]
    nodes = [op.node.definition for op, _ in program.ops()]
    return [*found, *_unmet([*nodes, *library.functions.nodes_used(nodes)])]


def _unmet(nodes: Iterable[NodeDef]) -> list[str]:
    found: list[str] = []
    images: dict[str, list[str]] = {}
    for node in nodes:
        if node.op in _READ_IMAGES:
            images.setdefault(node.op, []).append(node.name)
        elif node.op in _HAVE_PATTERNS:
            try:
                compile_expression(node.attr["pattern"].s.decode("utf-8", "surrogateescape"))
            except Error as error:
                found.append(f"what the node {node.name!r} ({node.op}) needs: {error}")
    if importlib.util.find_spec("PIL") is None:
        found += [
            f"Pillow (pip install 'tf1hub[images]') for the op type {kind} ({count_in_words(names)})"
            for kind, names in sorted(images.items())
        ]
    return found


def count_in_words(nodes: list[str]) -> str:
    """Nodes in words: how many, and one of them.

    Example:
        >>> count_in_words(["b"]), count_in_words(["b", "a"])
        ("1 node, 'b'", "2 nodes, such as 'a'")
    """
    return f"1 node, {nodes[0]!r}" if len(nodes) == 1 else f"{len(nodes)} nodes, such as {min(nodes)!r}"
