"""Paths of the publisher's machine that a module carries to its users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tf1hub.checks.findings import WARNING, Finding
from tf1hub.format.messages_pb2 import AttrValue, NodeDef
from tf1hub.format.saved_model import format_tags
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import RESTORES
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

_ABSOLUTE = re.compile(
    rb"""^(?:
        /[\w.~-]+(?:/[\w.~ -]+)+/?        # /home/name/model.ckpt
      | ~/[\w.-]+                         # ~/model.ckpt
      | [A-Za-z]:[\\/][\w.]               # C:\\model.ckpt
      | \\\\[\w.]+\\                      # a share
      | (?!https?:)[a-z][a-z0-9+.-]+://.  # gs://bucket/model.ckpt
    )""",
    re.VERBOSE,
)
# TensorFlow names a table after its file: `hash_table_/home/name/vocab.txt_-2_-1`.
_EMBEDDED = re.compile(rb"(?:^|_)((?:[a-z][a-z0-9+.-]+:/)?/[\w.~-]+(?:/[\w.~-]+)+)")
_SOURCE = re.compile(rb"/[\w.~-]+(?:/[\w.~ -]+)+\.py")
_NAMES = ("shared_name", "container", "table_name")
# Not paths whatever they look like.
_TEXT = ("pattern", "rewrite")
_NO_STRINGS = frozenset({"T", "dtype", "_output_shapes"})
"""Attributes of most nodes that are types and shapes."""
# Longer constants are vocabularies, whose tokens are what they are.
_MAX_STRINGS = 16
_SHOWN = 5


def leaked_paths(spec: ModuleSpec) -> Iterator[Finding]:
    """Yields a finding for each variant with absolute paths in constants, attributes or names."""
    for variant in spec.variants():
        leaks = list(dict.fromkeys(_leaks(variant)))
        if leaks:
            more = f"; and {len(leaks) - _SHOWN} more" if len(leaks) > _SHOWN else ""
            yield Finding(
                "leaked-path",
                WARNING,
                f"Paths of the machine that made it: {'; '.join(leaks[:_SHOWN])}{more}.",
                "Put files that the graph reads into the collection ASSET_FILEPATHS. Paths of checkpoints "
                "are left out when this library exports the module again.",
                format_tags(variant.tags),
            )


def _leaks(variant: Variant) -> Iterator[str]:
    graph = variant.meta_graph.graph_def
    restored = {
        node_of(node.input[0]): node.name for node in graph.node if node.op in RESTORES and node.input
    }
    yield from _leaks_of_nodes(graph.node, restored)
    for function in graph.library.function:
        yield from _leaks_of_nodes(function.node_def, {})
    source = _SOURCE.search(graph.debug_info)
    if source:
        yield f"{source[0].decode(errors='replace')!r} in the debug information"


def _leaks_of_nodes(nodes: Iterable[NodeDef], restored: dict[str, str]) -> Iterator[str]:
    for node in nodes:
        for name in node.attr:
            if name in _NO_STRINGS:
                continue
            for text in _strings(node.attr[name]):
                found = _path(name, text)
                if found is not None:
                    where = f"the {name} of {node.op} {node.name!r}"
                    if node.name in restored:
                        where = f"the checkpoint that {restored[node.name]!r} restores from"
                    yield f"{found.decode(errors='backslashreplace')!r} is {where}"


def _path(attr: str, text: bytes) -> bytes | None:
    if attr in _TEXT or (b"/" not in text and b"\\" not in text):
        return None
    if attr in _NAMES:
        found = _EMBEDDED.search(text)
        return found[1] if found else None
    return text if _ABSOLUTE.match(text) else None


def _strings(attr: AttrValue) -> Iterable[bytes]:
    kind = attr.WhichOneof("value")
    if kind == "s":
        return (attr.s,)
    if kind == "list":
        return attr.list.s
    if kind == "tensor" and 0 < len(attr.tensor.string_val) <= _MAX_STRINGS:
        return attr.tensor.string_val
    return ()
