"""What families of ops share: kinds of dtypes, constants of a tensor's dtype, axes, sums in a wider dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_NARROW = ("float16", "bfloat16")


def is_complex(x: Any) -> bool:
    """Whether the elements are complex numbers."""
    return bool(np.dtype(x.dtype).kind == "c")


def is_integer(x: Any) -> bool:
    """Whether the elements are integers; objects are sizes that JAX knows by name only."""
    return bool(np.dtype(x.dtype).kind in "iuO")


def is_float(x: Any) -> bool:
    """Whether the elements are floating-point numbers, bfloat16 among them."""
    return not (is_complex(x) or is_integer(x)) and np.dtype(x.dtype).kind in "fV"


def constant(value: Any, like: Any) -> Any:
    """A number of the same dtype as `like`, so that nothing becomes wider."""
    return np.asarray(value, like.dtype)


def accurate(x: Any, function: Callable[[Any], Any], xp: Any) -> Any:
    """A function in float32 where the dtype is narrower, as TensorFlow's kernels compute it."""
    if xp is np and str(x.dtype) in _NARROW:
        result = function(x.astype(np.float32))
        return result.astype(x.dtype) if result.dtype == np.float32 else result
    return function(x)


def each(function: Callable[[float], float], x: Any) -> Any:
    """A function of Python applied to each element."""
    flat = x.astype(np.float64).ravel()
    return np.fromiter(map(function, flat.tolist()), np.float64, flat.size).reshape(x.shape).astype(x.dtype)


def axes_of(axes: Any, rank: int) -> tuple[int, ...]:
    """Axes as they are given, a scalar or a vector, some of them negative: as a tuple of what NumPy takes.

    Raises:
        ValueError: an axis is out of range.
    """
    found = []
    for axis in np.asarray(axes).ravel().tolist():
        if not -rank <= axis < rank:
            raise ValueError(f"The axis {axis} is out of range for a tensor of rank {rank}.")
        found.append(int(axis) % rank)
    return tuple(dict.fromkeys(found))


def axis_of(axis: Any, rank: int) -> int:
    """One axis, however it is given."""
    return axes_of(axis, rank)[0]


def sizes_of(shape: Any) -> tuple[int, ...]:
    """A shape, as a tensor of a graph gives it, as a tuple of ints, and of sizes that JAX knows by name only."""
    return tuple(np.asarray(shape).ravel().tolist())


def namespace_for(xp: Any, sizes: tuple[Any, ...]) -> Any:
    """The namespace that makes arrays of some sizes: JAX's where it knows one by name only."""
    if xp is not np or all(isinstance(size, int) for size in sizes):
        return xp
    import jax.numpy as jnp

    return jnp


def shape_array(sizes: Any, dtype: Any) -> Any:
    """Sizes as an array: of integers, or of objects where JAX knows one by name only."""
    if all(isinstance(size, int) for size in np.ravel(np.asarray(sizes, object)).tolist()):
        return np.asarray(sizes, dtype)
    return np.asarray(sizes, object)


def numbers_of(xp: Any, x: Any) -> Any:
    """An array that is computed with: sizes that JAX knows by name become numbers that it traces."""
    if xp is np or not isinstance(x, np.ndarray) or x.dtype != object:
        return x
    flat = [xp.asarray(size, np.int32) for size in x.ravel().tolist()]
    return xp.stack(flat).reshape(x.shape)


def size_of(count: Any) -> Any:
    """A size, as a tensor of a graph gives it, as an int, or as one that JAX knows by name only."""
    return np.asarray(count).item() if np.asarray(count).dtype == object else int(count)
