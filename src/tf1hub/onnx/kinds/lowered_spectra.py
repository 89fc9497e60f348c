"""Fourier transforms. Complex numbers are pairs in a last axis of 2."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.complex_parts import part_of
from tf1hub.onnx.kinds.lowered_pairs import angle_of
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


def _complex(value: Value, like: Value) -> Value:
    """A tensor of pairs as one of complex numbers."""
    value.dtype = np.dtype(np.complex64)
    value.shape = like.shape
    return value


@lowers("Complex")
def complex_(call: LoweringCall, real: Value, imaginary: Value) -> Value:
    """A number of its parts."""
    graph = call.graph
    if real.dtype != np.float32:
        raise CannotLower("makes complex numbers of double precision")
    whole = real if call.rank(real) >= call.rank(imaginary) else imaginary
    if real.shape != imaginary.shape:
        # One of them may be broadcast.
        zero = graph.const(0, np.float32)
        real, imaginary = (
            graph.op("Add", one, graph.op("Mul", other, zero))
            for one, other in ((real, imaginary), (imaginary, real))
        )
    count = call.rank(whole)
    parts = [graph.unsqueeze(part, count) for part in (real, imaginary)]
    return _complex(graph.op("Concat", *parts, axis=-1), whole)


@lowers("Real", "Imag")
def part(call: LoweringCall, x: Value) -> Value:
    """One part of a number."""
    return part_of(call.graph, x, int(call.kind == "Imag"))


@lowers("ComplexAbs")
def magnitude(call: LoweringCall, x: Value) -> Value:
    """The absolute value."""
    found = call.graph.op("ReduceL2", x, call.graph.int64s(-1), keepdims=0, dtype=np.float32)
    found.shape = x.shape
    return found


@lowers("Angle")
def angle(call: LoweringCall, x: Value) -> Value:
    """The angle of a number, from -pi to pi."""
    graph = call.graph
    return angle_of(graph, part_of(graph, x, 1), part_of(graph, x, 0))


@lowers("ConjugateTranspose")
def conjugate_transpose(call: LoweringCall, x: Value, order: Value) -> Value:
    """The axes in another order, and the imaginary parts negated."""
    graph = call.graph
    axes = [int(axis) for axis in call.require(order, "the order of its axes")]
    if x.dtype.kind != "c":
        return graph.transpose(x, axes)
    turned = graph.op("Transpose", x, perm=[*axes, len(axes)], dtype=x.dtype)
    found = graph.op("Mul", turned, graph.const([1, -1], np.float32), dtype=x.dtype)
    found.shape = None if x.shape is None else tuple(x.shape[axis] for axis in axes)
    return found


@lowers("Conj")
def conjugate(call: LoweringCall, x: Value) -> Value:
    """The imaginary part negated."""
    return _complex(call.graph.op("Mul", x, call.graph.const([1, -1], np.float32), dtype=np.complex64), x)


def _length(length: Value, axis: int) -> int:
    known = length.known
    if known is None:
        raise CannotLower("computes its length while it runs, where ONNX wants a constant")
    return int(np.atleast_1d(known)[axis])


def _fit(call: LoweringCall, x: Value, axis: int, count: int) -> Value:
    """Cut or filled up with zeros to a number of elements along an axis (counted from the front)."""
    graph = call.graph
    now = None if x.shape is None else x.shape[axis]
    if now == count:
        return x
    dtype, shape = x.dtype, x.shape
    total = call.rank(x) + int(dtype.kind == "c")
    pads = [0] * (2 * total)
    pads[total + axis] = count
    padded = graph.op("Pad", x, graph.int64s(*pads))
    found = graph.op("Slice", padded, graph.int64s(0), graph.int64s(count), graph.int64s(axis))
    found.dtype = dtype
    found.shape = None if shape is None else (*shape[:axis], count, *shape[axis + 1 :])
    return found


def _axes_of(kind: str) -> int:
    return int(kind[-2]) if kind.endswith("D") else 1


@lowers("RFFT", "RFFT2D", "RFFT3D")
def real_transform(call: LoweringCall, x: Value, length: Value) -> Value:
    """The transform of real numbers: half of it, which says all."""
    if x.dtype != np.float32:
        raise CannotLower("makes complex numbers of double precision")
    graph, axes = call.graph, _axes_of(call.kind)
    count = call.rank(x)
    result = x
    for axis in range(axes):
        result = _fit(call, result, count - axes + axis, _length(length, axis))
    last = _length(length, axes - 1)
    half = last // 2 + 1
    angles = -2 * np.pi * np.outer(np.arange(last), np.arange(half)) / last
    parts = [graph.op("MatMul", result, graph.const(f(angles), np.float32)) for f in (np.cos, np.sin)]
    found = graph.op("Concat", *(graph.unsqueeze(p, count) for p in parts), axis=-1)
    found.dtype = np.dtype(np.complex64)
    shape = result.shape or (None,) * count
    found.shape = (*shape[:-1], half)
    for axis in range(2, axes + 1):
        found = _along(call, found, count - axis, -1)
    return found


@lowers("IRFFT", "IRFFT2D", "IRFFT3D")
def real_inverse(call: LoweringCall, x: Value, length: Value) -> Value:
    """Real numbers of the half of their transform."""
    graph, axes = call.graph, _axes_of(call.kind)
    count = call.rank(x)
    last = _length(length, axes - 1)
    half = last // 2 + 1
    result = _fit(call, x, count - 1, half)
    for axis in range(2, axes + 1):
        result = _fit(call, result, count - axis, _length(length, axes - axis))
        result = _along(call, result, count - axis, 1)
    angles = 2 * np.pi * np.outer(np.arange(half), np.arange(last)) / last
    # All but the first and, of an even length, the last stand for two.
    times = np.full((half, 1), 2.0)
    times[0] = 1
    if last % 2 == 0:
        times[-1] = 1
    real = graph.op("Gather", result, graph.const(0, np.int64), axis=-1, dtype=np.float32)
    imaginary = graph.op("Gather", result, graph.const(1, np.int64), axis=-1, dtype=np.float32)
    cosines = graph.const(np.cos(angles) * times / last, np.float32)
    sines = graph.const(np.sin(angles) * times / last, np.float32)
    found = graph.op("Sub", graph.op("MatMul", real, cosines), graph.op("MatMul", imaginary, sines))
    shape = result.shape or (None,) * count
    found.shape = (*shape[:-1], last)
    return found


@lowers("FFT", "IFFT", "FFT2D", "IFFT2D", "FFT3D", "IFFT3D")
def transform(call: LoweringCall, x: Value) -> Value:
    """The transform along the last axis, the last two or three."""
    sign = 1 if call.kind.startswith("I") else -1
    result = x
    for axis in range(1, _axes_of(call.kind) + 1):
        result = _along(call, result, call.rank(x) - axis, sign)
    return result


def _along(call: LoweringCall, x: Value, axis: int, sign: int) -> Value:
    """A transform along one axis; of the inverse, divided by its length."""
    graph = call.graph
    # DFT wants a batch in front of the axis.
    source = x if axis > 0 else graph.op("Unsqueeze", x, graph.int64s(0), dtype=x.dtype)
    place = axis if axis > 0 else axis + 1
    found = graph.op(
        "DFT", source, None, graph.const(place, np.int64), inverse=int(sign > 0), dtype=np.complex64
    )
    if axis == 0:
        found = graph.op("Squeeze", found, graph.int64s(0), dtype=np.complex64)
    return _complex(found, x)
