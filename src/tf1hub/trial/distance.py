"""How far apart two results are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tf1hub.trial.arrays_on_disk import ArrayOnDisk

TOLERANCE = 1e-4
"""How far two results may be apart, relative to the largest value of both: kernels for other batch sizes, and of other
engines, add in another order."""


class Distance(NamedTuple):
    """The largest difference of two arrays, element by element.

    Attributes:
        absolute: as it is.
        relative: relative to the largest finite value of both; 1 where they cannot be subtracted: strings that
            differ, other shapes, infinity or NaN on one side only.
    """

    absolute: float
    relative: float


NONE = Distance(0.0, 0.0)
_PIECE = 1 << 17
"""Elements."""


def distance(a: Any, b: Any) -> Distance:
    """Compares two arrays; NaN equals NaN.

    Example:
        >>> distance([1.0, 10.0], [1.0, 9.0])
        Distance(absolute=1.0, relative=0.1)
        >>> distance([b"a"], [b"b"]).relative
        1.0
    """
    a, b = _as_array(a), _as_array(b)
    if a.shape != b.shape:
        return Distance(float("inf"), 1.0)
    # Most that are compared are equal, which is seen in a tenth of the time that a distance takes.
    if all(np.array_equal(one, other) for one, other in _pieces(a, b)):
        return NONE
    # The small floats of ml_dtypes are of kind "V".
    numbers = all(array.dtype.kind in "fiubcV" for array in (a, b))
    if not numbers:
        return Distance(float("inf"), 1.0)
    absolute = max((_apart(_wide(one), _wide(other)) for one, other in _pieces(a, b)), default=0.0)
    if absolute == 0.0:
        return NONE
    # Where only one is NaN or infinite, nothing can be apart further.
    if not np.isfinite(absolute):
        return Distance(float("inf"), 1.0)
    largest = max(_largest(_wide(piece)) for pair in _pieces(a, b) for piece in pair)
    return Distance(absolute, absolute / max(largest, 1e-6))


def _as_array(array: Any) -> Any:
    return array if isinstance(array, ArrayOnDisk) else np.asarray(array)


def _pieces(a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    """Both arrays, piece by piece: in memory at once, what lies on disk and what is computed of both take several times the memory."""
    a, b = _flat(a), _flat(b)
    for start in range(0, math.prod(a.shape), _PIECE):
        yield _piece(a, start), _piece(b, start)


def _flat(array: Any) -> Any:
    return array if isinstance(array, ArrayOnDisk) else array.reshape(-1)


def _piece(array: Any, start: int) -> Any:
    stop = start + _PIECE
    return array.piece(start, stop) if isinstance(array, ArrayOnDisk) else array[start:stop]


def _apart(a: Any, b: Any) -> float:
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    with np.errstate(invalid="ignore"):
        apart = float(np.abs(a[differs] - b[differs]).max(initial=0.0))
    return apart if np.isfinite(apart) else float("inf")


def _largest(array: Any) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def _wide(array: Any) -> Any:
    """The array in the widest type of its kind."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
