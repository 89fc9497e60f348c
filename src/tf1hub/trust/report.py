"""What `tf1hub.capabilities` answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tf1hub.trust.abilities import ABILITIES
from tf1hub.trust.deeds import Deed


class PartReport(NamedTuple):
    """What one part of a module can do.

    Attributes:
        variant: the variant, such as `{'train'}`.
        kind: `"signature"`; `"initializers of variables"`, `"initializers of tables"`, `"update ops"`,
            `"regularization losses"`, `"main op"`; `"saver"`, `"reached by nothing"` and `"functions that no graph calls"`
            are never run by tf1hub; `"graph"` is all of a bare graph.
        name: of a signature; empty for others.
        deeds: what it can do, the worst first; empty if it only computes.
    """

    variant: str
    kind: str
    name: str
    deeds: tuple[Deed, ...]

    @property
    def refused(self) -> tuple[Deed, ...]:
        """What is refused unless it is allowed."""
        return tuple(deed for deed in self.deeds if deed.refused)

    @property
    def title(self) -> str:
        """The part in words."""
        return f"signature {self.name!r}" if self.name else self.kind


NEVER_RUN = ("saver", "reached by nothing")
"""Kinds of parts that this library never runs."""


class Capabilities(NamedTuple):
    """What a module can do, part by part.

    Attributes:
        module: the module in words.
        parts: of all variants.
    """

    module: str
    parts: tuple[PartReport, ...]

    @property
    def refused(self) -> tuple[PartReport, ...]:
        """The parts that are not run unless that is allowed."""
        return tuple(part for part in self.parts if part.refused and part.kind not in NEVER_RUN)

    @property
    def ok(self) -> bool:
        """Whether nothing is refused."""
        return not self.refused

    def needs(self) -> tuple[str, ...]:
        """What would have to be allowed, in the words that `trust=` takes, the worst first."""
        found = {deed.can for part in self.refused for deed in part.refused}
        return tuple(can for can in ABILITIES if can in found)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and strings, ready for JSON."""
        parts = [
            {
                "variant": part.variant,
                "kind": part.kind,
                "name": part.name,
                "refused": bool(part.refused) and part.kind not in NEVER_RUN,
                "deeds": [{**deed._asdict(), "refused": deed.refused} for deed in part.deeds],
            }
            for part in self.parts
        ]
        return {"module": self.module, "ok": self.ok, "needs": list(self.needs()), "parts": parts}

    def __repr__(self) -> str:
        lines = [f"  {line}" for line in self.lines()]
        return "\n".join([f"<{self.module}: {self.verdict()}>", *lines])

    def verdict(self) -> str:
        """In a sentence."""
        if self.ok:
            return "nothing is refused"
        return "refused unless it is allowed: " + ", ".join(self.needs())

    def lines(self) -> Iterator[str]:
        """A line for each deed that is refused; deeds alike in several parts once."""
        for part in self.refused:
            for deed in part.refused:
                yield f"{part.title} of {part.variant} {deed.can}: {deed.words()}"
