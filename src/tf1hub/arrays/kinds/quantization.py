"""Numbers in a few bits: quantized, and back.

Semantics: `QuantizeV2`, `Dequantize`, `QuantizeAndDequantize` and its versions of `core/ops/array_ops.cc`, with
`quantize_and_dequantize_op.h` of `core/kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import constant


def _by_slice(x: Any, value: Any, axis: int) -> Any:
    """Numbers for each place along an axis as they broadcast over the tensor; one number as it is."""
    if axis < 0 or value.ndim == 0:
        return value
    return value.reshape([-1 if place == axis else 1 for place in range(x.ndim)])


@op("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4", known=(3,))
def round_to_bits(call: Call, x: Any, low: Any, high: Any, *bits: Any) -> Any:
    """Numbers as they come out of a few bits. Without a range of its own, that of the tensor (or of each slice) is taken."""
    xp, axis = call.xp, int(call.get("axis", -1))
    count = int(bits[0]) if bits else int(call["num_bits"])
    signed, narrow = bool(call["signed_input"]), bool(call["narrow_range"])
    if call["range_given"]:
        least, most = _by_slice(x, low, axis), _by_slice(x, high, axis)
    else:
        axes = tuple(place for place in range(x.ndim) if place != axis) if axis >= 0 else None
        least, most = (xp.asarray(f(x, axis=axes, keepdims=axis >= 0)) for f in (xp.min, xp.max))
    first, last = find_limits(count, signed, narrow)
    # The range of integers that reaches as far as the numbers do, in units that are as wide on both sides of zero.
    zero = constant(0, x)
    from_least = xp.where(constant(first, x) * least > 0, constant(first, x) / least, constant(np.inf, x))
    from_most = xp.where(constant(last, x) * most > 0, constant(last, x) / most, constant(np.inf, x))
    is_less = from_least < from_most
    scale = xp.where(is_less, from_least, from_most)
    none = xp.isinf(scale)
    scale = xp.where(none, constant(1, x), scale)
    inverse = constant(1, x) / scale
    most = xp.where(is_less, constant(last, x) * inverse, most)
    least = xp.where(is_less, least, constant(first, x) * inverse)
    # What a range is found for lies inside of it, but for what an unsigned one does not reach, which stays.
    inside = xp.clip(x, least, most) if call["range_given"] else x
    return xp.where(none, zero, _round(call, inside * scale) * inverse)


def find_limits(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """The least and the largest number of some bits; a narrow range of signed ones is as long on both sides of zero."""
    if signed:
        return -(1 << (bits - 1)) + int(narrow), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def _round(call: Call, x: Any) -> Any:
    xp = call.xp
    if call.get("round_mode", "HALF_TO_EVEN") == "HALF_TO_EVEN":
        return xp.round(x)
    return xp.floor(x + constant(0.5, x))


_OF_TYPE = {
    np.dtype(np.uint8): (0, 255),
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.int32): (-(1 << 31), (1 << 31) - 1),
}


@op("Dequantize")
def dequantize(call: Call, x: Any, low: Any, high: Any) -> Any:
    """Numbers of quantized ones, which the range says how to read."""
    xp, mode = call.xp, call["mode"]
    axis, narrow = int(call.get("axis", -1)), bool(call.get("narrow_range", False))
    first, last = _OF_TYPE[np.dtype(x.dtype)]
    given = x.astype(np.float32)
    low, high = _by_slice(x, low, axis), _by_slice(x, high, axis)
    if mode == "SCALED":
        return (given * _scaled_unit(xp, np.dtype(x.dtype), low, high, narrow)).astype(call.dtype("dtype"))
    unit = (high - low) / np.float32(last - first)
    if mode == "MIN_COMBINED":
        middle = np.float32((last - first + 1) / 2 if first < 0 else 0)
        return ((given + middle) * unit + low).astype(call.dtype("dtype"))
    # MIN_FIRST: the least number is a whole number of units, so that zero is exact.
    whole = xp.where(high == low, low, xp.round(low / xp.where(unit == 0, np.float32(1), unit)) * unit)
    return ((given - np.float32(first)) * unit + whole).astype(call.dtype("dtype"))


def _scaled_unit(xp: Any, dtype: Any, low: Any, high: Any, narrow: bool) -> Any:
    first, last = _OF_TYPE[dtype]
    first += int(narrow)
    by_high = high / np.float32(last)
    return xp.maximum(by_high, low / np.float32(first)) if first else by_high
