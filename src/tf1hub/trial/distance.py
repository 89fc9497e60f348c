"""How far apart two results are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-4
"""How far two results may be apart, relative to the largest value of both: kernels for other batch sizes, and of other
engines, add in another order."""


class Distance(NamedTuple):
    """The largest difference of two arrays, element by element.

    Attributes:
        absolute: as it is.
        relative: relative to the largest value of both; 1 where they cannot be subtracted: strings that
            differ, other shapes, infinity or NaN on one side only.
    """

    absolute: float
    relative: float


NONE = Distance(0.0, 0.0)


def distance(a: Any, b: Any) -> Distance:
    """Compares two arrays; NaN equals NaN.

    Example:
        >>> distance([1.0, 10.0], [1.0, 9.0])
        Distance(absolute=1.0, relative=0.1)
        >>> distance([b"a"], [b"b"]).relative
        1.0
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return Distance(float("inf"), 1.0)
    # The small floats of ml_dtypes are of kind "V".
    numbers = all(array.dtype.kind in "fiubcV" for array in (a, b))
    if not numbers:
        return NONE if np.array_equal(a, b) else Distance(float("inf"), 1.0)
    a, b = _wide(a), _wide(b)
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    if not differs.any():
        return NONE
    with np.errstate(invalid="ignore"):
        absolute = float(np.abs(a[differs] - b[differs]).max())
        relative = absolute / max(float(np.abs(a).max()), float(np.abs(b).max()), 1e-6)
    # Where only one is NaN or infinite, nothing can be apart further.
    return Distance(absolute, relative) if np.isfinite(absolute) else Distance(float("inf"), 1.0)


def _wide(array: Any) -> Any:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
