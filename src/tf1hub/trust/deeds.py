"""What a part of a graph can do when it runs: each deed, with the op, the node and the target."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.spec.permission import LISTS, NATIVE, NETWORK, READS, REFUSED, WRITES
from tf1hub.trust.abilities import ABILITIES, UNBOUNDED, Ability, rules_of
from tf1hub.trust.expansion import asks_for_size, expanded_too_far, is_counted
from tf1hub.trust.origins import ASSET, CONSTANT, ELSEWHERE, INPUT, Origin, Origins, input_edges
from tf1hub.trust.units import Library, Unit, reach

_REMOTE = re.compile(r"(?<![a-zA-Z0-9+.-])(?!file:|ram:)([a-zA-Z][a-zA-Z0-9+.-]*)://")
_WITH_PATHS = (READS, WRITES, LISTS)
_FINE_FROM_ASSETS = (READS, LISTS)
_CALLS_BY_NAME = (b"custom_call", b"callback")
"""What a serialized StableHLO program has that calls native functions, or Python."""

_CIRCULAR = "It runs a function that calls itself until a condition ends it."


class Deed(NamedTuple):
    """One thing that a part of a module can do.

    Attributes:
        can: what, such as `"reads files"`; `docs/security.md` lists them.
        op: the op that does it.
        node: the op's node.
        where: the function or the inner graph that has the node, in words; empty for the module's own graph.
        target: the path or the address; what is said of it, if the graph does not have it as a constant.
        origin: where the target comes from: `"constant"`, `"asset"` (a file of the module's own), `"input"` (the caller
            names it) or `"elsewhere"`; empty for an op that has none.
        why: what the op does.
    """

    can: str
    op: str
    node: str
    where: str
    target: str
    origin: str
    why: str

    @property
    def refused(self) -> bool:
        """Whether it is refused unless it is allowed."""
        if self.can not in REFUSED or self.origin == INPUT:
            return False
        return not (self.origin == ASSET and self.can in _FINE_FROM_ASSETS)

    def words(self) -> str:
        """The deed in words."""
        place = f"{self.op} {self.node!r}" + (f" in {self.where}" if self.where else "")
        if not self.origin:
            return place
        said = {
            CONSTANT: repr(self.target),
            ASSET: f"the module's own {self.target!r}",
            INPUT: f"what the caller gives as {self.target!r}",
            ELSEWHERE: f"{self.target!r}, which is computed",
        }
        return f"{place}: {said[self.origin]}"


def deeds_of(
    library: Library, start: Collection[str], assets: Mapping[str, str], given: Mapping[str, str]
) -> tuple[Deed, ...]:
    """All that running some nodes of a graph can do, the worst first.

    Args:
        library: the graph.
        start: nodes of it, with all that they need.
        assets: file name by asset tensor.
        given: name of the input by the tensor that it feeds.
    """
    reached = reach(library, start)
    telling = [
        (unit, name) for unit, names in reached.items() for name in _find_telling(unit) if name in names
    ]
    if not telling:
        return ()
    origins = Origins(reached, assets, given)
    found = dict.fromkeys(deed for unit, name in telling for deed in _deeds(unit, unit.nodes[name], origins))
    return tuple(sorted(found, key=_worst_first))


def _find_telling(unit: Unit) -> Iterator[str]:
    """The nodes of a graph that may do anything besides computing; most graphs have few."""
    if unit.library.circular:
        yield from unit.links
    for op, names in unit.by_op.items():
        if rules_of(op) or asks_for_size(op):
            yield from names


def refused_deeds(
    library: Library, start: Collection[str], assets: Mapping[str, str], given: Mapping[str, str]
) -> tuple[Deed, ...]:
    """The deeds that are refused unless they are allowed; arguments as for `deeds_of`."""
    reached = reach(library, start)
    suspects = [(unit, name) for unit, names in reached.items() for name in unit.reaching if name in names]
    if not suspects:
        return ()
    origins = Origins(reached, assets, given)
    found = dict.fromkeys(
        deed for unit, name in suspects for deed in _deeds(unit, unit.nodes[name], origins) if deed.refused
    )
    return tuple(sorted(found, key=_worst_first))


def _worst_first(deed: Deed) -> tuple[bool, int, str, str, str]:
    return not deed.refused, ABILITIES.index(deed.can), deed.where, deed.node, deed.target


def _deeds(unit: Unit, node: NodeDef, origins: Origins) -> Iterator[Deed]:
    if any(other.name in unit.library.circular for other in unit.links.get(node.name, ())):
        yield Deed(UNBOUNDED, node.op, node.name, unit.where, "", "", _CIRCULAR)
    if not unit.library.is_op(node.op):
        return
    if expanded_too_far(node, unit):
        yield Deed(UNBOUNDED, node.op, node.name, unit.where, "", "", "The result takes more than 4 GB.")
    for rule in rules_of(node.op):
        if rule.can == UNBOUNDED and is_counted(node, unit):
            continue
        if not rule.by:
            yield Deed(rule.can, node.op, node.name, unit.where, "", "", rule.why)
            continue
        for origin in sorted(_targets(unit, node, rule, origins)):
            if rule.applies(origin.text) or origin.kind != CONSTANT:
                yield from _with_target(unit, node, rule, origin)


def _with_target(unit: Unit, node: NodeDef, rule: Ability, origin: Origin) -> Iterator[Deed]:
    yield Deed(rule.can, node.op, node.name, unit.where, origin.text, origin.kind, rule.why)
    if rule.can in _WITH_PATHS and origin.kind in (CONSTANT, ELSEWHERE):
        remote = _REMOTE.search(origin.text)
        if remote:
            why = f"Paths of {remote[1]}:// are reached over a network."
            yield Deed(NETWORK, node.op, node.name, unit.where, origin.text, origin.kind, why)


def _targets(unit: Unit, node: NodeDef, rule: Ability, origins: Origins) -> set[Origin]:
    """What an op does something to."""
    if rule.can == NATIVE and node.op == "DatasetFromGraph" and _holds_its_graph(unit, node):
        return set()
    try:
        edges = input_edges(node, rule.by)
    except FormatError:
        return {Origin(ELSEWHERE, "a damaged node")}
    if edges is not None:
        return {origin for edge in edges for origin in origins.of(unit, edge)}
    if rule.by not in node.attr:
        # What is left out has its default, with which no op does such a thing.
        return set()
    attr = node.attr[rule.by]
    if attr.WhichOneof("value") == "placeholder":
        return {Origin(ELSEWHERE, "an attribute that is given later")}
    texts = list(attr.list.s) if attr.WhichOneof("value") == "list" else [attr.s]
    if node.op == "XlaCallModule":
        calls = any(mark in text for mark in _CALLS_BY_NAME for text in texts)
        return {Origin(CONSTANT, "a program that calls functions by name" if calls else "computes only")}
    if node.op.startswith("Copy"):
        # "op;url;gate"
        texts = [text.split(b";")[1] if b";" in text else text for text in texts]
    return {Origin(CONSTANT, text[:4096].decode("utf-8", "backslashreplace")) for text in texts}


def _holds_its_graph(unit: Unit, node: NodeDef) -> bool:
    """Whether the graph in serialized form that a node runs is a constant beside it, which is followed."""
    for edge in node.input:
        source = unit.nodes.get(unit.node_of(edge))
        while source is not None and source.op in op_types.IDENTITIES and source.input:
            source = unit.nodes.get(unit.node_of(source.input[0]))
        if source is None or source.op != "Const" or not unit.links.get(source.name):
            return False
    return True
