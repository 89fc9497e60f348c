"""Inputs of a function of JAX: what it traces, and what it takes as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf1hub.errors import InputError


def check_width(name: str, value: Any) -> None:
    """Refuses integers that JAX would cut off.

    Raises:
        InputError: an integer does not fit in 32 bits, and JAX keeps no more.
    """
    import jax

    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or not value.size:
        return
    narrow = jax.dtypes.canonicalize_dtype(value.dtype)
    if narrow != value.dtype and not np.array_equal(value.astype(narrow), value):
        raise InputError(
            f"The tensor {name!r} holds integers that do not fit in {narrow.name}, and JAX keeps no wider ones here. It does "
            'after jax.config.update("jax_enable_x64", True)'
        )


class Prepared:
    """Inputs as arrays for `JaxFunction.run`; a pytree.

    Attributes:
        arrays: what JAX traces, by the names of the module's tensors.
        fixed: what it takes as it is: numbers that decide shapes, and texts.
    """

    def __init__(self, arrays: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        _register()
        self.arrays = dict(arrays)
        self.fixed = dict(fixed)

    def __repr__(self) -> str:
        return f"Prepared({', '.join([*self.arrays, *self.fixed])})"


class _Fixed:
    """Arrays that are compared by their content, so that `jit` knows what it has compiled."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self._content = tuple(
            (name, str(value.dtype), value.shape, tuple(value.ravel().tolist()))
            for name, value in sorted(arrays.items())
        )

    def __hash__(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fixed) and self._content == other._content


_REGISTERED: list[bool] = []


def _register() -> None:
    """Tells JAX once that `Prepared` is a pytree."""
    if _REGISTERED:
        return
    import jax

    def rebuild(fixed: _Fixed, leaves: Iterable[Any]) -> Prepared:
        made = Prepared.__new__(Prepared)
        (made.arrays,) = leaves
        made.fixed = dict(fixed.arrays)
        return made

    jax.tree_util.register_pytree_node(
        Prepared, lambda prepared: ((prepared.arrays,), _Fixed(prepared.fixed)), rebuild
    )
    _REGISTERED.append(True)
