"""Functions of distributions: what lies below a number, and the number that so much lies below.

Sources: DLMF 8.7, 8.9 (incomplete gamma functions, by their series and continued fraction) and 8.17 (of beta). The inverses are
found by Newton's method. All in double precision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import constant, each

_STEPS = 500
_TINY = 1e-300


def _inverse_of_rest(rest: Any) -> Any:
    """The number from 0 on of which the complementary error function is `rest`, from 0 to 1."""
    inside = (rest > 0) & (rest <= 1)
    wanted = np.where(inside, rest, 0.5)
    # Winitzki's approximation is off by a few thousandths.
    log = np.log(wanted) + np.log(2 - wanted)
    half = 2 / (np.pi * 0.147) + log / 2
    found = np.sqrt(np.maximum(np.sqrt(half * half - log / 0.147) - half, 0))
    for _ in range(4):
        ahead = (each(math.erfc, found) - wanted) * (math.sqrt(math.pi) / 2) * np.exp(found * found)
        found = found + ahead / (1 + found * ahead)
    return np.where(inside, found, np.where(rest == 0, np.inf, np.nan))


@op("Ndtri")
def inverse_normal(call: Call, p: Any) -> Any:
    """The number that a part `p` of all normally distributed numbers lies below."""
    if call.xp is not np:
        from jax.scipy import special

        return special.ndtri(p)
    wide = p.astype(np.float64)
    below = wide <= 0.5
    found = math.sqrt(2) * _inverse_of_rest(2 * np.where(below, wide, 1 - wide))
    return np.where(below, -found, found).astype(p.dtype)


@op("Erfinv")
def inverse_error_function(call: Call, x: Any) -> Any:
    """The number of which the error function is `x`, by way of `Ndtri` as the kernel has it: near 1 the same is rounded away."""
    found = inverse_normal(call, (x + constant(1, x)) / constant(2, x))
    return found / constant(math.sqrt(2), x)


@op("Igamma", "Igammac")
def incomplete_gamma(call: Call, a: Any, x: Any) -> Any:
    """The part of a gamma distribution of the shape `a` that lies below `x`, or above."""
    upper = call.kind == "Igammac"
    if call.xp is not np:
        from jax.scipy import special

        return special.gammaincc(a, x) if upper else special.gammainc(a, x)
    dtype = a.dtype
    a, x = np.broadcast_arrays(a.astype(np.float64), x.astype(np.float64))
    fine = (a > 0) & (x > 0) & np.isfinite(x) & np.isfinite(a)
    shape, place = np.where(fine, a, 1.0), np.where(fine, x, 1.0)
    weight = np.exp(shape * np.log(place) - place - each(math.lgamma, shape))
    near = place < shape + 1
    below = weight * _series(np.where(near, shape, 1.0), np.where(near, place, 1.0))
    above = weight * _fraction(np.where(near, 1.0, shape), np.where(near, 3.0, place))
    found = np.where(near, 1 - below if upper else below, above if upper else 1 - above)
    ends = np.where(
        (a > 0) & (x == 0), float(upper), np.where((a > 0) & (x == np.inf), float(not upper), np.nan)
    )
    return np.where(fine, found, ends).astype(dtype)


def _series(a: Any, x: Any) -> Any:
    term = 1 / a
    total = term
    for n in range(1, _STEPS):
        term = term * x / (a + n)
        total = total + term
        if np.all(term <= total * 1e-17):
            break
    return total


def _fraction(a: Any, x: Any) -> Any:
    """Lentz's method."""
    b = x + 1 - a
    c = np.full_like(b, 1 / _TINY)
    d = 1 / b
    total = d
    for n in range(1, _STEPS):
        factor = -n * (n - a)
        b = b + 2
        d = 1 / _not_zero(factor * d + b)
        c = _not_zero(b + factor / c)
        total = total * d * c
        if np.all(np.abs(d * c - 1) < 1e-16):
            break
    return total


def _not_zero(x: Any) -> Any:
    return np.where(np.abs(x) < _TINY, _TINY, x)


@op("Betainc")
def incomplete_beta(call: Call, a: Any, b: Any, x: Any) -> Any:
    """The part of a beta distribution of the shapes `a` and `b` that lies below `x`."""
    if call.xp is not np:
        from jax.scipy import special

        return special.betainc(a, b, x)
    dtype = a.dtype
    a, b, x = np.broadcast_arrays(*(value.astype(np.float64) for value in (a, b, x)))
    fine = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    first, second, place = (np.where(fine, value, 0.5) for value in (a, b, x))
    logs = [each(math.lgamma, value) for value in (first + second, first, second)]
    weight = np.exp(logs[0] - logs[1] - logs[2] + first * np.log(place) + second * np.log1p(-place))
    near = place < (first + 1) / (first + second + 2)
    one, other = np.where(near, first, second), np.where(near, second, first)
    part = weight * _beta_fraction(one, other, np.where(near, place, 1 - place)) / one
    ends = np.where((a > 0) & (b > 0) & ((x == 0) | (x == 1)), x, np.nan)
    return np.where(fine, np.where(near, part, 1 - part), ends).astype(dtype)


def _beta_fraction(a: Any, b: Any, x: Any) -> Any:
    c = np.ones_like(a)
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    total = d
    for n in range(1, _STEPS):
        for factor in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d = 1 / _not_zero(1 + factor * d)
            c = _not_zero(1 + factor / c)
            total = total * d * c
        if np.all(np.abs(d * c - 1) < 1e-16):
            break
    return total
