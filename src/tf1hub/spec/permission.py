"""What a module may do beyond computing: the words for it, and who allowed it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from tf1hub.errors import ArgumentError, UnknownNameError

NATIVE = "runs native code"
PYTHON = "runs Python"
WRITES = "writes files"
NETWORK = "uses the network"
READS = "reads files"
LISTS = "lists directories"
STOPS = "stops the process"
UNKNOWN = "runs an unknown op"
REFUSED = (NATIVE, PYTHON, WRITES, NETWORK, READS, LISTS, STOPS, UNKNOWN)
"""What no module may do unless its user allows it, the worst first."""

EVERYTHING = "everything"
MADE_HERE = f"made by the process {os.urandom(16).hex()}"
"""The mark of what this process made itself; no file and no other process can have it."""

Trust: TypeAlias = bool | Iterable[str] | None
"""What a caller allows: words of `REFUSED`; True for all of them; None or False for nothing."""


def permission(trust: Trust, given_by: str = "trust=") -> frozenset[str]:
    """What is allowed, as a set.

    Example:
        >>> permission({"reads files"})
        frozenset({'reads files'})
        >>> permission(True), permission(None)
        (frozenset({'everything'}), frozenset())

    Args:
        trust: what a caller gave.
        given_by: where, in words.

    Raises:
        UnknownNameError: a word is none of those that there are.
        ArgumentError: it is no set of words.
    """
    if trust is None or isinstance(trust, bool):
        return frozenset({EVERYTHING}) if trust else frozenset()
    if isinstance(trust, str) or not isinstance(trust, Iterable):
        raise ArgumentError(
            f"{given_by} takes a set of what a module may do, such as trust={{{READS!r}}}, or True for everything; it was "
            f"given {trust!r}."
        )
    words = frozenset(trust)
    unknown = sorted(repr(word) for word in words if word not in REFUSED)
    if unknown:
        raise UnknownNameError(
            f"{given_by} names what there is no word for: {', '.join(unknown)}. There are: {', '.join(REFUSED)}."
        )
    return words
