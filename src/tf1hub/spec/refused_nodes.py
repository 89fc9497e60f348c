"""What of a module something cannot take: a form, an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Refusal:
    """Something of a module that something cannot take.

    Attributes:
        reason: why not, in words that follow the name of the op: `"reads a file"`.
        op: the type of the op; empty where no op is the reason.
        nodes: the names of the nodes.
        signatures: the signatures that reach it; empty where it is none's in particular.
    """

    reason: str
    op: str = ""
    nodes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.op:
            return self.reason
        more = len(self.nodes) - _SHOWN
        listed = ", ".join(self.nodes[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        where = f", in {_list(self.signatures)}" if self.signatures else ""
        return f"{len(self.nodes)} x {self.op} ({listed}{where}): {self.reason}"


def _list(names: Sequence[str]) -> str:
    return f"the signature{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
