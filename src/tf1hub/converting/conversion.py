"""What `tf1hub.convert` answers: what was written, and how it compares with the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tf1hub.trial.compared import Compared, difference


@dataclass(frozen=True)
class Conversion:
    """What `tf1hub.convert` did.

    Attributes:
        module: the original in words.
        path: what was written.
        signatures: the signatures that serving tools see: for each name the names of its inputs.
        serving_default: the module's signature that also is `serving_default`; None for none.
        compared: each output of each signature.
        to: the form.
        tensors: for each signature, what its `"inputs"` and `"outputs"` are called in what was written, where the form
            has no signatures of its own.
        notes: what users of it have to know besides.
    """

    module: str
    path: str
    signatures: Mapping[str, tuple[str, ...]]
    serving_default: str | None
    compared: tuple[Compared, ...]
    to: str = "saved_model"
    tensors: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def all_compared(self) -> bool:
        """Whether every output could be compared."""
        return all(row.max_abs is not None for row in self.compared)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON."""
        return {"all_compared": self.all_compared, **asdict(self)}

    def __repr__(self) -> str:
        lines = [f"<{self.path}, converted from {self.module}"]
        for row in self.compared:
            place = f"{row.variant} {row.signature}: {row.output}"
            lines.append(f"  {place}: {row.not_compared if row.max_abs is None else difference(row)}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines) + ">"
