"""The source of random numbers. The distributions are TensorFlow's; the numbers are not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np


class Random:
    """NumPy's numbers. A library that traces has a class like this one over its keys.

    Args:
        seed: a number or several; None for another run of numbers each time.
    """

    def __init__(self, seed: int | Sequence[int] | None = None) -> None:
        self._seed = seed

    @cached_property
    def _generator(self) -> np.random.Generator:
        # Made when a number is drawn: NumPy imports this part of itself when it is asked for.
        return np.random.Generator(np.random.SFC64(self._seed))

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

    def truncated_normal(self, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of mean 0 and standard deviation 1, those beyond 2 drawn again."""
        found = self._generator.standard_normal(tuple(shape))
        while np.any(beyond := np.abs(found) >= 2):
            found = np.where(beyond, self._generator.standard_normal(tuple(shape)), found)
        return found.astype(dtype)

    def gamma(self, alpha: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of the gamma distributions of some shape parameters and scale 1."""
        return np.asarray(self._generator.gamma(alpha, 1.0, tuple(shape))).astype(dtype)

    def poisson(self, rate: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of Poisson's distributions of some rates."""
        return np.asarray(self._generator.poisson(rate, tuple(shape))).astype(dtype)

    def permutation(self, count: int) -> Any:
        """The numbers from 0 up to `count` (excluded) in random order."""
        return self._generator.permutation(count)
