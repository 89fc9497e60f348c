"""Floating-point numbers that follow from a size that JAX knows by name only, and become sizes again.

Graphs cast a size, scale it and cut the fraction off: half a picture, a tenth of a recording. Traced, such a number could decide no
shape. Kept as what was computed, it is a quotient of integers wherever floating-point numbers give the same: that is tried for all sizes
up to `_MOST`, and as far as it holds becomes a limit of the size.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from tf1hub.arrays.named_sizes import find_inconclusive

_Tree: TypeAlias = "tuple[Any, ...]"
"""What was computed: `("size",)`, `("number", 0.5)`, or an op type with trees; hashable."""

_MOST = 1 << 22
_FEWEST = 2048
"""A quotient that fails for a smaller size is none."""
_LARGEST = 1 << 16
"""The largest denominator."""
_CLOSE = {"float32": 1e-6, "float64": 1e-13}
"""How near a constant is to the fraction that it stands for."""

_ARITHMETIC = {"Add": "Add", "AddV2": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "Div": "Div"}
_ROUNDING = {"Floor": "Floor", "Ceil": "Ceil", "Round": "Round", "Rint": "Round"}
_MOVES = frozenset(
    {
        "ConcatV2",
        "ExpandDims",
        "Identity",
        "Pack",
        "Reshape",
        "Squeeze",
        "StopGradient",
        "StridedSlice",
        "Unpack",
    }
)
"""What moves elements about; it does the same to objects."""


class NamedFraction:
    """A floating-point number of a size.

    Args:
        size: with a name; None for a constant.
        dtype: float32 or float64.
        tree: how it is computed.
    """

    __slots__ = ("dtype", "size", "tree")

    def __init__(self, size: Any, dtype: Any, tree: _Tree) -> None:
        self.size = size
        self.dtype = np.dtype(dtype)
        self.tree = tree

    def trace(self) -> Any:
        """The number as JAX traces it."""
        import jax.numpy as jnp

        size = None if self.size is None else jnp.asarray(self.size)
        return jnp.asarray(_evaluate(self.tree, size, self.dtype, jnp))

    def round(self, how: str) -> Any:
        """A whole number: an int, or a size with a name; None where no quotient of integers is the same.

        Args:
            how: `"Floor"`, `"Ceil"`, `"Round"` (halves to even numbers), or `"Trunc"`.

        Raises:
            ValueError: it is one up to a limit of the size, which the message tells as JAX tells its own.
        """
        if self.size is None:
            return int(_ROUNDED[how](_evaluate(self.tree, None, self.dtype, np)))
        if self.tree == ("size",):
            return self.size
        quotient = _find_quotient(self.tree, self.dtype, how)
        if quotient is None:
            return None
        terms, limit = quotient
        _require(self.size, 0)
        if limit is not None:
            _require(limit, self.size)
        return _add_up(terms, self.size)


def _require(larger: Any, smaller: Any) -> None:
    """Asks for a size that is no less than another one."""
    try:
        holds = bool(larger - smaller >= 0)
    except find_inconclusive() as error:
        raise ValueError(
            f"Symbolic dimension comparison '{larger}' >= '{smaller}' is inconclusive"
        ) from error
    if not holds:
        raise ValueError(f"a size of {larger} is less than {smaller}")


_ROUNDED: dict[str, Any] = {"Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Trunc": np.trunc}


def _evaluate(tree: _Tree, size: Any, dtype: Any, xp: Any) -> Any:
    """The number, computed as the graph does; JAX may have no double precision."""
    kind = tree[0]
    to = dtype if xp is np else _narrow(dtype)
    if kind == "size":
        return size.astype(to)
    if kind == "number":
        return np.asarray(tree[1], to)
    if kind == "Cast":
        return _evaluate(tree[2], size, np.dtype(tree[1]), xp).astype(to)
    one, other = (_evaluate(part, size, dtype, xp) for part in tree[1:])
    if kind == "Add":
        return one + other
    if kind == "Sub":
        return one - other
    return one * other if kind == "Mul" else one / other


def _narrow(dtype: Any) -> Any:
    import jax

    return jax.dtypes.canonicalize_dtype(dtype)


def _find_line(tree: _Tree, dtype: Any) -> tuple[Fraction, Fraction] | None:
    """The same in fractions: how often the size is in it, and what is added."""
    kind = tree[0]
    if kind == "size":
        return Fraction(1), Fraction(0)
    if kind == "number":
        near = Fraction(tree[1]).limit_denominator(_LARGEST)
        close = abs(float(near) - tree[1]) <= _CLOSE[dtype.name] * abs(tree[1])
        return (Fraction(0), near) if close else None
    if kind == "Cast":
        return _find_line(tree[2], np.dtype(tree[1]))
    one, other = (_find_line(part, dtype) for part in tree[1:])
    if one is None or other is None:
        return None
    if kind in ("Add", "Sub"):
        sign = 1 if kind == "Add" else -1
        return one[0] + sign * other[0], one[1] + sign * other[1]
    if kind == "Mul":
        if one[0] and other[0]:
            return None
        return one[0] * other[1] + other[0] * one[1], one[1] * other[1]
    return None if other[0] or not other[1] else (one[0] / other[1], one[1] / other[1])


_Terms: TypeAlias = "tuple[tuple[int, int, int, int], ...]"
"""A sum of `sign * ((times size + more) // by)`."""


def _add_up(terms: _Terms, size: Any) -> Any:
    return sum(sign * ((times * size + more) // by) for sign, times, more, by in terms)


@functools.lru_cache(maxsize=256)
def _find_quotient(tree: _Tree, dtype: Any, how: str) -> tuple[_Terms, int | None] | None:
    """A rounded number as quotients of integers, and the largest size for which they hold, None for any."""
    line = _find_line(tree, dtype)
    if line is None:
        return None
    by = math.lcm(line[0].denominator, line[1].denominator)
    if by > _LARGEST:
        return None
    times, more = int(line[0] * by), int(line[1] * by)
    terms: _Terms = ((1, times, more, by),)
    if how == "Ceil":
        terms = ((1, times, more + by - 1, by),)
    elif how == "Round":
        # Halves go up, and one is taken away where that gives an odd number.
        twice, half = 2 * times, 2 * more + by
        terms = (
            (1, twice, half, 2 * by),
            (-1, twice, half - 2 * by, 4 * by),
            (1, twice, half - 2 * by - 1, 4 * by),
        )
        if by % 2:
            terms = terms[:1]
    sizes = np.arange(_MOST + 1)
    with np.errstate(all="ignore"):
        numbers = _ROUNDED[how](_evaluate(tree, sizes, dtype, np))
    different = np.flatnonzero(numbers != _add_up(terms, sizes))
    if not different.size and _is_exact(tree, dtype):
        return terms, None
    limit = int(different[0]) - 1 if different.size else _MOST
    return (terms, limit) if limit >= _FEWEST else None


def _is_exact(tree: _Tree, dtype: Any) -> bool:
    """Whether no number on the way is rounded, for any size of 31 bits."""
    if tree[0] in ("size", "number"):
        return bool(dtype == np.float64)
    if tree[0] == "Cast":
        return bool(dtype == np.float64) and _is_exact(tree[2], np.dtype(tree[1]))
    line = _find_line(tree, dtype)
    if line is None or not all(_is_exact(part, dtype) for part in tree[1:]):
        return False
    by = math.lcm(line[0].denominator, line[1].denominator)
    numbers = [part[1] for part in tree[1:] if part[0] == "number"]
    is_binary = by & (by - 1) == 0 and all(
        Fraction(n).limit_denominator(_LARGEST) == Fraction(n) for n in numbers
    )
    return is_binary and abs(int(line[0] * by)) < 1 << 20 and abs(int(line[1] * by)) < 1 << 50


# ------------------------------------------------------------------ arrays


def is_fractions(value: Any) -> bool:
    """Whether an array is of such numbers."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and value.size > 0
        and isinstance(value.flat[0], NamedFraction)
    )


def trace_fractions(value: Any) -> Any:
    """An array as JAX traces it, where it is of such numbers; else the array itself."""
    if not is_fractions(value):
        return value
    import jax.numpy as jnp

    return jnp.stack([number.trace() for number in value.ravel().tolist()]).reshape(value.shape)


def compute_with_fractions(
    kind: str, attributes: Any, function: Any, inputs: Sequence[Any]
) -> list[Any] | None:
    """The outputs of an op type on sizes with names and numbers that follow from them; None where it has to be traced.

    Args:
        kind: the op type.
        attributes: its attributes.
        function: what computes it; `function(namespace, attributes, *inputs)`.
        inputs: arrays.
    """
    if kind == "Cast":
        found = _cast(inputs[0], attributes["DstT"])
        return None if found is None else [found]
    if not any(map(is_fractions, inputs)):
        return None
    if kind in _ARITHMETIC:
        pairs = np.broadcast(*map(_lift, inputs))
        return _all_of(pairs.shape, [_combine(_ARITHMETIC[kind], *pair) for pair in pairs])
    if kind in _ROUNDING:
        return _all_of(
            inputs[0].shape, [_round_number(number, _ROUNDING[kind]) for number in inputs[0].ravel().tolist()]
        )
    if kind == "Range":
        return _range(*(_lift(value).item() for value in inputs))
    if kind in ("Identity", "StopGradient"):
        return list(inputs)
    if kind in _MOVES:
        given = [_lift(value) if _is_floats(value) else value for value in inputs]
        return list(function(np, attributes, *given))
    return None


def _is_floats(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.name in _CLOSE


def _lift(value: Any) -> Any:
    """An array of constants as one of fractions."""
    if not _is_floats(value):
        return value if is_fractions(value) else np.asarray(None, object)
    numbers = [NamedFraction(None, value.dtype, ("number", n)) for n in value.ravel().tolist()]
    return _array_of(value.shape, numbers)


def _all_of(shape: tuple[int, ...], numbers: list[Any]) -> list[Any] | None:
    return None if any(number is None for number in numbers) else [_array_of(shape, numbers)]


def _array_of(shape: tuple[int, ...], numbers: list[Any]) -> Any:
    found = np.empty(shape, object)
    found.reshape(-1)[:] = numbers
    return found


def _cast(x: Any, to: Any) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype != object or not x.size or str(to) == "variant":
        return None
    wanted, numbers = np.dtype(to), x.ravel().tolist()
    if is_fractions(x):
        if wanted.name in _CLOSE:
            cast = [NamedFraction(n.size, wanted, ("Cast", n.dtype.name, n.tree)) for n in numbers]
            return _array_of(x.shape, cast)
        if wanted not in (np.int32, np.int64):
            return None
        whole = _all_of(x.shape, [number.round("Trunc") for number in numbers])
        if whole is None:
            return None
        known = all(isinstance(number, int) for number in whole[0].ravel().tolist())
        return whole[0].astype(wanted) if known else whole[0]
    if wanted.name not in _CLOSE or any(isinstance(number, bytes | str) for number in numbers):
        return None
    return _array_of(x.shape, [_of_size(number, wanted) for number in numbers])


def _of_size(size: Any, dtype: Any) -> NamedFraction:
    if isinstance(size, int):
        return NamedFraction(None, dtype, ("number", float(size)))
    return NamedFraction(size, dtype, ("size",))


def _combine(kind: str, one: Any, other: Any) -> NamedFraction | None:
    """What two numbers of one size give; None of two sizes."""
    if one is None or other is None or one.dtype != other.dtype:
        return None
    size = other.size if one.size is None else one.size
    if None not in (one.size, other.size) and not _is_same(one.size, other.size):
        return None
    return NamedFraction(size, one.dtype, (kind, one.tree, other.tree))


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (hash(one) == hash(other) and str(one) == str(other))


def _round_number(number: NamedFraction, how: str) -> NamedFraction | None:
    size = number.round(how)
    return None if size is None else _of_size(size, number.dtype)


def _range(start: Any, limit: Any, delta: Any) -> list[Any] | None:
    """Numbers in steps, as many as fit; the number of them is a size."""
    away = _combine("Sub", limit, start)
    steps = None if away is None else _combine("Div", away, delta)
    count = None if steps is None else steps.round("Ceil")
    if count is None:
        return None
    import jax.numpy as jnp

    first, step = start.trace(), delta.trace()
    return [first + jnp.arange(count, dtype=np.int32).astype(first.dtype) * step]
