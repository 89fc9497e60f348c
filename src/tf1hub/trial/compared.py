"""How one output compares with the original's."""

from __future__ import annotations

from dataclasses import dataclass


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
