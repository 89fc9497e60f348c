"""What an op can do besides computing: the record, and the words for it.

`op_capabilities.json` says of every op of the supported TensorFlows what it reaches, by which argument it says where,
and why; or to which group of harmless ops it belongs. An op that it does not have is one that nobody has looked at.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from tf1hub.graphdef.op_packages import package_of
from tf1hub.spec.permission import REFUSED, UNKNOWN

FILE_NAME = "op_capabilities.json"

UNBOUNDED = "has no bound"
STATE = "keeps state"
CHANCE = "depends on chance"
SAID = (UNBOUNDED, STATE, CHANCE)
"""What is said, and not refused."""

ABILITIES = (*REFUSED, *SAID)


class Ability(NamedTuple):
    """One thing that an op can do.

    Attributes:
        can: what, one of `ABILITIES`.
        by: the input or attribute that says where; empty where nothing does.
        why: in a sentence.
        unless: values of it, or patterns with a `*` at the end, with which the op does no such thing.
    """

    can: str
    by: str = ""
    why: str = ""
    unless: tuple[str, ...] = ()

    def applies(self, value: str) -> bool:
        """Whether the op does it with this value of `by`."""
        return not any(
            value.startswith(each[:-1]) if each.endswith("*") else value == each for each in self.unless
        )


def rules_of(op: str) -> tuple[Ability, ...]:
    """What an op can do besides computing.

    Example:
        >>> [(rule.can, rule.by) for rule in rules_of("ReadFile")]
        [('reads files', 'filename')]
        >>> rules_of("MatMul")
        ()
        >>> [rule.can for rule in rules_of("OpThatNobodyKnows")]
        ['runs an unknown op']
    """
    known = _record().get(op)
    return _rules_of_other(op) if known is None else known


def is_reaching(op: str) -> bool:
    """Whether an op can do something that is refused."""
    return any(rule.can in _REFUSED for rule in rules_of(op))


@cache
def classified_ops() -> Mapping[str, str]:
    """All ops of the record, each with why it is where it is."""
    found: dict[str, str] = {}
    for entry in _read()["reaching"]:
        for op in entry["ops"].split():
            found[op] = entry["why"]
    for group in _read()["computing"]:
        for op in _ops_of(group):
            found[op] = f"{group['group']}: {group['why']}"
    return found


_REFUSED = frozenset(REFUSED)
_UNKNOWN = (Ability(UNKNOWN, "", "Nobody has looked at what this op does."),)


def _rules_of_other(op: str) -> tuple[Ability, ...]:
    package = package_of(op)
    entry = _packages().get(package.package) if package is not None else None
    if entry is None:
        return _UNKNOWN
    can = entry.get("but", {}).get(op, entry["can"])
    return tuple(Ability(each, "", entry["why"]) for each in can)


@cache
def _read() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(pkgutil.get_data("tf1hub.trust", FILE_NAME) or "")
    return read


@cache
def _packages() -> dict[str, Any]:
    return {entry["package"]: entry for entry in _read()["packages"]}


@cache
def _record() -> dict[str, tuple[Ability, ...]]:
    found: dict[str, tuple[Ability, ...]] = {}
    for entry in _read()["reaching"]:
        rule = Ability(entry["can"], entry["by"] or "", entry["why"], tuple(entry.get("unless", ())))
        for op in entry["ops"].split():
            found[op] = (*found.get(op, ()), rule)
    for group in _read()["computing"]:
        rules = tuple(Ability(can, "", group["why"]) for can in group.get("can", ()))
        found.update(dict.fromkeys(_ops_of(group), rules))
    return found


def _ops_of(group: Mapping[str, Any]) -> list[str]:
    return [op for line in group["ops"] for op in line.split()]
