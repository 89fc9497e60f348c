"""Random numbers from keys of JAX: what `randomness.py` is for NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from tf1hub.errors import InputError


class KeyRandom:
    """Random numbers of JAX, each from a key of its own.

    Args:
        key: a key of `jax.random`; it may be traced.
    """

    def __init__(self, key: Any) -> None:
        self._key = key

    def fork(self) -> Any:
        """A key for numbers that are drawn elsewhere, in a loop say."""
        return self._next()

    def with_key(self, key: Any = None) -> KeyRandom:
        """A source of its own; from `key`, where that is given."""
        return KeyRandom(jax.random.key(0) if key is None else key)

    def _next(self) -> Any:
        self._key, key = jax.random.split(self._key)
        return key

    def uniform(self, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers from 0 up to 1."""
        return jax.random.uniform(self._next(), tuple(shape), dtype)

    def normal(self, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of mean 0 and variance 1."""
        return jax.random.normal(self._next(), tuple(shape), dtype)

    def truncated_normal(self, shape: Sequence[int], dtype: Any) -> Any:
        """The same, none of them beyond 2."""
        return jax.random.truncated_normal(self._next(), -2, 2, tuple(shape), dtype)

    def integers(self, low: Any, high: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Integers from `low` up to `high`."""
        return jax.random.randint(self._next(), tuple(shape), low, high, jax.dtypes.canonicalize_dtype(dtype))

    def gamma(self, alpha: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of the gamma distribution of scale 1."""
        return jax.random.gamma(self._next(), alpha, tuple(shape), dtype)

    def poisson(self, rate: Any, shape: Sequence[int], dtype: Any) -> Any:
        """Numbers of Poisson's distribution."""
        return jax.random.poisson(self._next(), rate, tuple(shape)).astype(dtype)

    def permutation(self, count: int) -> Any:
        """The numbers from 0 up to `count` in random order."""
        return jax.random.permutation(self._next(), count)


class NoKey(KeyRandom):
    """In place of random numbers where no key was given.

    Args:
        place: what wants them, in words.
    """

    def __init__(self, place: str) -> None:
        super().__init__(None)
        self._where = place

    def fork(self) -> Any:
        """A key that nothing draws from."""
        return jax.random.key(0)

    def with_key(self, key: Any = None) -> KeyRandom:  # noqa: ARG002
        """The same."""
        return self

    def _next(self) -> Any:
        raise InputError(
            f"{self._where} draws random numbers. Give it a key: function(params, inputs, jax.random.key(0))"
        )
