"""Special functions of each element: the error function, the gamma function's, Bessel's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import each


@op("Erf")
def erf(call: Call, x: Any) -> Any:
    """The error function."""
    if call.xp is not np:
        from jax.scipy import special

        return special.erf(x)
    if x.dtype == np.float64:
        return each(math.erf, x)
    return _erf_of_floats(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)


def _erf_of_floats(x: Any) -> Any:
    """The error function to the precision of float32: one less a Chebyshev fit of `erfc`, a power series near 0.

    The fit is that of Numerical Recipes (section 6.2, errors below 1.2e-7), the series that of DLMF 7.6.1.
    """
    wide = np.abs(x.astype(np.float64))
    t = 1.0 / (1.0 + 0.5 * wide)
    exponent = np.full_like(t, _ERFC_FIT[0])
    for coefficient in _ERFC_FIT[1:]:
        exponent = coefficient + t * exponent
    far = 1.0 - t * np.exp(-wide * wide + exponent)
    square = np.minimum(wide, 0.5) ** 2
    series = np.zeros_like(t)
    for n in reversed(range(7)):
        series = series * square + (-1) ** n / (math.factorial(n) * (2 * n + 1))
    near = 2 / math.sqrt(math.pi) * wide * series
    return np.copysign(np.where(wide < 0.5, near, far), x).astype(np.float32)


_ERFC_FIT = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807,
    -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
)  # fmt: skip


@op("Erfc")
def erfc(call: Call, x: Any) -> Any:
    """One less the error function."""
    if call.xp is not np:
        from jax.scipy import special

        return special.erfc(x)
    return each(math.erfc, x)


@op("Lgamma")
def lgamma(call: Call, x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    if call.xp is not np:
        from jax.scipy import special

        return special.gammaln(x)

    def one(value: float) -> float:
        if math.isinf(value) or (value <= 0 and value == math.floor(value)):
            return math.inf
        return math.lgamma(value)

    return each(one, x)


@op("Digamma")
def digamma(call: Call, x: Any) -> Any:
    """The derivative of `Lgamma`: by its recurrence up to 6, and its asymptotic series from there (DLMF 5.11.2)."""
    xp = call.xp
    if xp is not np:
        from jax.scipy import special

        return special.digamma(x)
    given = x.astype(np.float64)
    mirrored = given <= 0
    z = np.where(mirrored, 1 - given, given)
    below = np.zeros_like(z)
    for _ in range(10):
        low = z < 10
        below -= np.where(low, 1 / np.where(low, z, 1), 0)
        z = np.where(low, z + 1, z)
    inverse = 1 / (z * z)
    series = inverse * (
        1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132)))
    )
    result = below + np.log(z) - 0.5 / z - series
    result = np.where(mirrored, result - np.pi / np.tan(np.pi * np.where(mirrored, given, 0.5)), result)
    return np.where(mirrored & (given == np.floor(given)), np.nan, result).astype(x.dtype)


@op("BesselI0e", "BesselI1e")
def bessel(call: Call, x: Any) -> Any:
    """Scaled modified Bessel functions of the first kind."""
    if call.xp is not np:
        from jax.scipy import special

        return special.i0e(x) if call.kind == "BesselI0e" else special.i1e(x)
    # The mean of exp(|x| (cos t - 1)) cos(n t) over half a turn (DLMF 10.32.3); the midpoint rule is exact for it.
    n = 0 if call.kind == "BesselI0e" else 1
    given = np.abs(x.astype(np.float64))[..., np.newaxis]
    points = 64 + int(4 * math.sqrt(float(np.max(given, initial=0, where=np.isfinite(given)))))
    t = (np.arange(points) + 0.5) * (np.pi / points)
    found = np.mean(np.exp(given * (np.cos(t) - 1)) * np.cos(n * t), -1)
    return (found * (np.sign(x) if n else 1)).astype(x.dtype)
