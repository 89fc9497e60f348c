"""How far the values of two modules' variables are apart, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.progress import Say

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHUNK_ELEMENTS = 1 << 18


@dataclass(frozen=True)
class Difference:
    """One thing in which two modules differ.

    Attributes:
        subject: `"variant"`, `"signature"`, `"variable"`, `"value"`, `"asset"`, `"attachment"`, `"op"`
            or `"graph"`.
        where: which one, such as `{'train'} default, output default`.
        left: how it is in the first module; None where it is not there.
        right: how it is in the second.
        max_abs_difference: of a `"value"`: the largest absolute difference of two numbers (NaN where only
            one is NaN); None for strings, and for every other subject.
    """

    subject: str
    where: str
    left: str | None
    right: str | None
    max_abs_difference: float | None = None

    def __str__(self) -> str:
        if self.left is None:
            return f"{self.subject} {self.where}: only right: {self.right}"
        if self.right is None:
            return f"{self.subject} {self.where}: only left: {self.left}"
        return f"{self.subject} {self.where}: {self.left} -> {self.right}"


def value_differences(
    left: CheckpointReader, right: CheckpointReader, atol: float, say: Say
) -> Iterator[Difference]:
    """Yields a difference for each variable of both that has other values, where dtype and shape agree.

    Args:
        left: the first module's checkpoint.
        right: the second's.
        atol: numbers that differ by at most this count as equal.
        say: is told in words what is under way.
    """
    shared = [name for name in left.keys() if name in right]  # noqa: SIM118 - a reader is no dict
    for number, name in enumerate(shared):
        if left.dtype(name) == right.dtype(name) and left.shape(name) == right.shape(name):
            say("values of the variables", number, len(shared), "variables")
            yield from _value(name, left.array(name), right.array(name), atol)


def _value(name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], atol: float) -> Iterator[Difference]:
    import numpy as np

    different, largest, at = 0, 0.0, -1
    a, b = left.reshape(-1), right.reshape(-1)
    for start in range(0, a.size, _CHUNK_ELEMENTS):
        one, other = a[start : start + _CHUNK_ELEMENTS], b[start : start + _CHUNK_ELEMENTS]
        apart = _apart(one, other)
        # NaN is apart from every number, whatever the tolerance.
        beyond = np.isnan(apart) | (apart > atol)
        if beyond.any():
            different += int(beyond.sum())
            peak = int(np.isnan(apart).argmax()) if np.isnan(apart).any() else int(apart.argmax())
            if at < 0 or not apart[peak] <= largest:
                largest, at = float(apart[peak]), start + peak
    if different:
        index = [int(axis) for axis in np.unravel_index(at, left.shape)]
        count = f"{different:,} of {a.size:,} differ" if a.size > 1 else "differs"
        where = f"{name}, {count}, most at {index}"
        number = None if left.dtype.kind == "O" else largest
        yield Difference("value", where, str(a[at]), str(b[at]), number)


def _apart(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The distance of each pair of numbers; for strings, 1 where they differ. Equal infinities and two NaNs have distance 0."""
    import numpy as np

    if one.dtype.kind == "O":
        return np.array([float(a != b) for a, b in zip(one, other, strict=True)], np.float64)
    kind = np.complex128 if one.dtype.kind == "c" else np.float64
    with np.errstate(invalid="ignore"):
        a, b = one.astype(kind), other.astype(kind)
    equal = (one == other) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart: npt.NDArray[np.float64] = np.abs(a - b)
    # Large integers that differ can be the same float64.
    return np.where(equal, 0.0, np.maximum(apart, np.finfo(np.float64).tiny))
