"""Reads a variant's graph as boxes: what its signatures and updates need, by scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import NamedTuple

from tf1hub.drawing.box import (
    CONSTANTS,
    OPS,
    SCOPE,
    SIGNATURES,
    TABLES,
    VARIABLES,
    Box,
    connect,
    count,
    flatten,
    group,
)
from tf1hub.drawing.layers import in_order
from tf1hub.format.dtypes import name_of
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.description import shape_text
from tf1hub.spec.permission import REFUSED
from tf1hub.spec.variant import Variant
from tf1hub.trust.abilities import is_reaching, rules_of

_DEEP = 24
"""Scopes further inside than this are not taken apart; hostile names have thousands."""
_LARGE = 64
"""Constants with more elements than this are drawn."""
_READS = 4
"""So many reads in a row are one."""
_ROWS = 8
"""So many inputs or outputs of a signature are listed in its box."""


_STORES = (VARIABLES, TABLES, CONSTANTS)


class GraphTree(NamedTuple):
    """A variant's graph as boxes.

    Attributes:
        root: the box of all.
        drawn: how many nodes of the graph it stands for.
        left_out: how many nodes initialize, save and restore, or are reached by nothing.
    """

    root: Box
    drawn: int
    left_out: int


def read_tree(variant: Variant, signatures: Iterable[str]) -> GraphTree:
    """The graph of a variant as boxes in boxes.

    What no call of a signature runs is left out, but for updates. Reads of a variable are drawn as the variable, and
    small constants not at all.

    Args:
        variant: the variant.
        signatures: the names of the signatures to draw.
    """
    nodes = variant.nodes
    signatures = list(signatures)
    needed = _find_needed(variant, signatures)
    held = _find_held(variant, nodes, needed)
    root = Box("", "", SCOPE)
    entries = _add_inputs(root, variant, signatures)
    boxes = {
        name: _box(node, variant)
        for name, node in nodes.items()
        if name in needed and name not in held and (node.op != "Const" or _elements(node) > _LARGE)
    }
    stores = [box for box in boxes.values() if box.kind in _STORES]
    for box in boxes.values():
        if box.kind not in _STORES:
            _place(root, box)
    for name, source in held.items():
        if source in boxes:
            boxes[name] = boxes[source]
            boxes[source].nodes += 1
    edges = [
        (boxes[node_of(edge)], boxes[name], not edge.startswith("^"))
        for name in nodes
        if name in boxes
        for edge in nodes[name].input
        if boxes.get(node_of(edge), boxes[name]) is not boxes[name]
    ]
    _place_stores(root, stores, edges)
    _gather(root)
    flatten(root)
    for giver, taker, data in edges:
        connect(giver, taker, data)
    for name in boxes:
        for edge in nodes[name].input:
            for entry in () if edge.startswith("^") else entries.get(tensor_name(edge), ()):
                connect(entry, boxes[name], True)
    for box, tensors in _add_results(root, variant, signatures):
        for tensor in tensors:
            found = boxes.get(node_of(tensor))
            for each in entries.get(tensor_name(tensor)) or ([] if found is None else [found]):
                connect(each, box, True)
    for box in [*root.walk()]:
        group(box, in_order(list(box.children.values()), box.edges))
    count(root)
    return GraphTree(root, len(needed), len(nodes) - len(needed))


def _place_stores(root: Box, stores: Iterable[Box], edges: Iterable[tuple[Box, Box, bool]]) -> None:
    """Puts variables, tables and constants where they are used: some programs name them in a scope of their own."""
    users: dict[Box, list[Box]] = {store: [] for store in stores}
    for source, target, _ in edges:
        if source in users and target.parent is not None:
            users[source].append(target)
    for store, takers in users.items():
        lines = [taker.line()[:-1] for taker in takers] or [[root]]
        place = root
        for level in zip(*lines, strict=False):
            if any(box is not level[0] for box in level):
                break
            place = level[0]
        place.add(store)


def _gather(root: Box) -> None:
    """Moves a node into the scope of its name: what was made for it is in there."""
    for box in [*root.walk()]:
        for key in [key for key in box.children if f"{key}/" in box.children]:
            box.children[f"{key}/"].add(box.children.pop(key))


def _find_needed(variant: Variant, signatures: Iterable[str]) -> set[str]:
    """The nodes that some signature needs with its inputs given, or an update."""
    needed: set[str] = set()
    for name in signatures:
        given = {
            tensor_name(tensor)
            for info in variant.inputs(name).values()
            for tensor in info.tensor_names
            if tensor
        }
        outputs = [
            tensor for info in variant.outputs(name).values() for tensor in info.tensor_names if tensor
        ]
        wanted = [*outputs, *variant.collection("update_ops")]
        needed |= ancestors(variant.nodes, wanted, given, checked=False)
    return needed


def _find_held(variant: Variant, nodes: Mapping[str, NodeDef], needed: Iterable[str]) -> dict[str, str]:
    """The variable by each node that only reads one, be it by way of other such nodes."""
    found: dict[str, str] = {}
    for name in needed:
        source = name
        for _ in range(_READS):
            node = nodes.get(source)
            if node is None or not node.input:
                break
            if node.op not in op_types.IDENTITIES and node.op != "ReadVariableOp":
                break
            source = node_of(node.input[0])
            if source in variant.variable_nodes:
                found[name] = source
                break
    return found


def _place(root: Box, box: Box) -> Box:
    """Puts a node's box where its name says, and makes the scopes that are missing."""
    place = root
    *scopes, _ = box.key.split("/", _DEEP)
    key = ""
    for scope in scopes:
        key += scope + "/"
        place = place.children.get(key) or place.add(Box(key, scope, SCOPE))
    return place.add(box)


def _box(node: NodeDef, variant: Variant) -> Box:
    label = node.name.split("/", _DEEP)[-1]
    if node.name in variant.variable_nodes or node.op in op_types.VARIABLES:
        shape = _shape(node, "shape")
        box = Box(
            node.name, label, VARIABLES, [f"{name_of(node.attr['dtype'].type)} {shape_text(shape)}"], node.op
        )
        if shape is not None and None not in shape:
            box.weights = prod(shape)  # type: ignore[arg-type]  # None was asked for
    elif node.op == "Const":
        tensor = node.attr["value"].tensor
        sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
        box = Box(node.name, label, CONSTANTS, [f"{name_of(tensor.dtype)} {sizes}"], node.op)
    else:
        kind = TABLES if node.op in op_types.TABLES else OPS
        box = Box(node.name, label, kind, [] if label == node.op else [node.op], node.op)
    box.nodes = 1
    if is_reaching(node.op):
        box.reaching = tuple(dict.fromkeys(rule.can for rule in rules_of(node.op) if rule.can in REFUSED))
    return box


def _shape(node: NodeDef, attr: str) -> tuple[int | None, ...] | None:
    if attr not in node.attr or node.attr[attr].shape.unknown_rank:
        return None
    return tuple(None if each.size < 0 else each.size for each in node.attr[attr].shape.dim)


def _elements(node: NodeDef) -> int:
    return prod(max(dimension.size, 0) for dimension in node.attr["value"].tensor.tensor_shape.dim)


def _add_inputs(root: Box, variant: Variant, signatures: Iterable[str]) -> dict[str, list[Box]]:
    """A box for each set of tensors that are given; signatures that take the same share it. Gives the boxes by tensor."""
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name in signatures:
        taken = sorted(tuple(info.tensor_names) for info in variant.inputs(name).values())
        alike.setdefault(tuple(taken), []).append(name)
    entries: dict[str, list[Box]] = {}
    for number, (tensors, names) in enumerate(alike.items()):
        if not tensors:
            continue
        rows: dict[tuple[str, ...], dict[str, None]] = {}
        words: dict[tuple[str, ...], str] = {}
        for name in names:
            for key, info in variant.inputs(name).items():
                rows.setdefault(tuple(info.tensor_names), {})[key] = None
                words[tuple(info.tensor_names)] = str(info.description)
        lines = [f"{' or '.join(keys)}  {words[each]}" for each, keys in rows.items()]
        box = root.add(Box(f">{number}", _some(names), SIGNATURES, _first(lines), "input"))
        for each in tensors:
            for tensor in each:
                entries.setdefault(tensor_name(tensor), []).append(box)
    return entries


def _add_results(root: Box, variant: Variant, signatures: Iterable[str]) -> list[tuple[Box, list[str]]]:
    """A box for what each signature gives, with its tensors."""
    found = []
    for number, name in enumerate(signatures):
        outputs = variant.outputs(name)
        if outputs:
            box = root.add(
                Box(
                    f"<{number}",
                    name,
                    SIGNATURES,
                    _first([f"{key}  {info.description}" for key, info in outputs.items()]),
                    "output",
                )
            )
            found.append((box, [tensor for info in outputs.values() for tensor in info.tensor_names]))
    return found


def _first(rows: list[str]) -> list[str]:
    return rows if len(rows) <= _ROWS else [*rows[: _ROWS - 1], f"and {len(rows) - _ROWS + 1} more"]


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
