"""Arithmetic with sizes that JAX knows by name only, the open dimensions of an export.

JAX tells two sizes to be equal where the terms of their difference cancel. Graphs round sizes up to multiples (`(k - n % k) % k` behind
an image) and take the rest away again, so divisions here leave no multiple inside that could stand outside, and a remainder is
written as a division: then what was added cancels.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np


def find_inconclusive() -> type[Exception]:
    """What a comparison of sizes raises that depends on what they will be; up to JAX 0.9 it stands in `jax.core`."""
    import jax

    found: type[Exception] = (
        getattr(jax.errors, "InconclusiveDimensionOperation", None) or jax.core.InconclusiveDimensionOperation
    )
    return found


def divide(size: Any, by: Any) -> Any:
    """The quotient, rounded down.

    Args:
        size: an int, or a size with a name.
        by: the same.
    """
    if isinstance(size, int) or not isinstance(by, int) or by < 1:
        return size // by
    whole: Any = 0
    rest: Any = 0
    for count, term in _terms(size):
        if count % by:
            rest += count * term
        else:
            whole += count // by * term
    return whole + rest // by


def find_remainder(size: Any, by: Any) -> Any:
    """What is left after division: 0 up to the divisor."""
    if isinstance(size, int) or not isinstance(by, int) or by < 1:
        return size % by
    return size - by * divide(size, by)


def find_larger(one: Any, other: Any) -> Any:
    """The larger of two sizes."""
    from jax import core

    return core.max_dim(one, other)


def find_smaller(one: Any, other: Any) -> Any:
    """The smaller of two sizes."""
    from jax import core

    return core.min_dim(one, other)


_ON_SIZES = {
    "FloorDiv": divide,
    "FloorMod": find_remainder,
    "Maximum": find_larger,
    "Minimum": find_smaller,
}


def compute_with_sizes(kind: str, one: Any, other: Any) -> Any:
    """An op type that says the same of sizes with names as of numbers, or None: where neither is one.

    Args:
        kind: the op type.
        one: an array; of objects where sizes of it have names.
        other: the same.
    """
    function = _ON_SIZES.get(kind)
    if function is None or not all(isinstance(x, np.ndarray) for x in (one, other)):
        return None
    if object not in (one.dtype, other.dtype):
        return None
    pairs = np.broadcast(one.astype(object), other.astype(object))
    found = np.empty(pairs.shape, object)
    found.reshape(-1)[:] = [function(x, y) for x, y in pairs]
    return found


def _terms(size: Any) -> Iterator[tuple[int, Any]]:
    """The terms of a sum, each a number and what it counts: as JAX writes the size down."""
    from jax import export

    text = str(size)
    try:
        parts = [] if "^" in text else list(_split(ast.parse(text, mode="eval").body))
    except (SyntaxError, ValueError):
        parts = []
    if not parts:
        yield 1, size
    for count, part in parts:
        yield count, 1 if part is None else export.symbolic_shape(f"({part},)", scope=size.scope)[0]


def _split(node: ast.expr, sign: int = 1) -> Iterator[tuple[int, str | None]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _split(node.left, sign)
        yield from _split(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _split(node.operand, -sign)
    elif isinstance(node, ast.Constant):
        yield sign * _number(node), None
    else:
        count, rest = _leading(node)
        yield sign * count, rest


def _leading(node: ast.expr) -> tuple[int, str]:
    """A product as its number and the rest of it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        if isinstance(node.left, ast.Constant):
            return _number(node.left), ast.unparse(node.right)
        count, rest = _leading(node.left)
        return count, f"{rest}*{ast.unparse(node.right)}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        count, rest = _leading(node.operand)
        return -count, rest
    return 1, ast.unparse(node)


def _number(node: ast.Constant) -> int:
    if not isinstance(node.value, int):
        raise ValueError(f"a size has no {node.value!r}")
    return node.value
