"""Where random ops get their numbers: a source of its own, so their numbers are never TensorFlow's, their distribution is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Random:
    """NumPy's numbers. A library that traces has a class like this one over its keys.

    Args:
        seed: a number; None for another run of numbers each time.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._generator = np.random.Generator(np.random.SFC64(seed))

    def uniform(self, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers from 0 (included) to 1 (excluded)."""
        kind = dtype if dtype in (np.float32, np.float64) else np.float32
        numbers = self._generator.random(tuple(shape), kind).astype(dtype)
        # Rounded to fewer bits, a number can become 1.
        return np.where(numbers < 1, numbers, np.zeros((), dtype)).astype(dtype)

    def normal(self, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of mean 0 and standard deviation 1."""
        kind = dtype if dtype in (np.float32, np.float64) else np.float32
        return self._generator.standard_normal(tuple(shape), kind).astype(dtype)

    def integers(self, low: Any, high: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Integers from `low` (included) to `high` (excluded)."""
        return self._generator.integers(low, high, tuple(shape), dtype)
