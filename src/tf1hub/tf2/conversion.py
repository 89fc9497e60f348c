"""What `tf1hub.convert` answers: what was written, and how it compares with the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Compared:
    """One output of a signature, of the converted module against the original.

    Attributes:
        variant: the original's variant, such as `{}` or `{'train'}`; the latter is compared with calls
            with `training=True`.
        signature: the signature's name.
        output: the output's name.
        inputs: what was fed, in words, for each run that was compared.
        max_abs: the largest difference; None where nothing was compared.
        max_rel: the same, relative to the output's largest value.
        not_compared: why there is no comparison, or not of all that was fed; else empty.
    """

    variant: str
    signature: str
    output: str
    inputs: tuple[str, ...]
    max_abs: float | None
    max_rel: float | None
    not_compared: str = ""


@dataclass(frozen=True)
class Conversion:
    """What `tf1hub.convert` did.

    Attributes:
        module: the original in words.
        path: what was written.
        signatures: the signatures that serving tools see: for each name the names of its inputs.
        serving_default: the module's signature that also is `serving_default`; None for none.
        compared: each output of each signature.
    """

    module: str
    path: str
    signatures: Mapping[str, tuple[str, ...]]
    serving_default: str | None
    compared: tuple[Compared, ...]

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
        return "\n".join(lines) + ">"


def difference(row: Compared) -> str:
    """The difference in words.

    Example:
        >>> difference(Compared("{}", "default", "default", ("x float32 [3]",), 2e-7, 1e-7))
        'at most 2e-07 apart, 1e-07 of the largest value, in 1 run'
    """
    runs = f"{len(row.inputs)} run{'' if len(row.inputs) == 1 else 's'}"
    if row.max_abs == 0:
        return f"the same in {runs}"
    return f"at most {row.max_abs:.2g} apart, {row.max_rel:.2g} of the largest value, in {runs}"
