"""Functions of each element of one input. Those of images stay channels-first."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.broadcasting import arithmetic, map_image, wide
from tf1hub.onnx.complex_parts import pair_of, part_of
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value

_UNARY = {
    "Exp": "Exp",
    "Log": "Log",
    "Sqrt": "Sqrt",
    "Reciprocal": "Reciprocal",
    "Inv": "Reciprocal",
    "Sin": "Sin",
    "Cos": "Cos",
    "Tan": "Tan",
    "Asin": "Asin",
    "Acos": "Acos",
    "Atan": "Atan",
    "Sinh": "Sinh",
    "Cosh": "Cosh",
    "Asinh": "Asinh",
    "Acosh": "Acosh",
    "Atanh": "Atanh",
    "Erf": "Erf",
    "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "Elu": "Elu",
    "Selu": "Selu",
}


_EXACT = {"Abs": "Abs", "Neg": "Neg", "Sign": "Sign", "Relu": "Relu"}


_ROUNDING = {"Floor": "Floor", "Ceil": "Ceil", "Rint": "Round", "Round": "Round"}


_ONLY_FLOAT = frozenset(
    {
        "Tan",
        "Asin",
        "Acos",
        "Atan",
        "Sinh",
        "Cosh",
        "Asinh",
        "Acosh",
        "Atanh",
        "Erf",
        "Softplus",
        "Softsign",
        "Elu",
        "Selu",
    }
)
"""What ONNX Runtime has for single precision alone."""


@lowers(*_UNARY)
def unary(call: LoweringCall, x: Value) -> Value:
    """Functions of floating-point numbers."""
    if x.dtype == np.complex64 and call.kind == "Exp":
        size = call.graph.op("Exp", part_of(call.graph, x, 0))
        angle = part_of(call.graph, x, 1)
        turned = [call.graph.op("Mul", size, call.graph.op(kind, angle)) for kind in ("Cos", "Sin")]
        return pair_of(call.graph, turned[0], turned[1])
    if x.dtype.kind == "c":
        raise CannotLower("computes with complex numbers")
    kind = _UNARY[call.kind]
    graph = call.graph

    def run(value: Value) -> Value:
        if kind in _ONLY_FLOAT and value.dtype == np.float64:
            return graph.cast(graph.op(kind, graph.cast(value, np.float32)), np.float64)
        return graph.cast(graph.op(kind, wide(graph, value)), value.dtype)

    return map_image(graph, x, run)


@lowers(*_EXACT)
def exact(call: LoweringCall, x: Value) -> Value:
    """Functions of integers and floating-point numbers."""
    graph = call.graph
    if x.dtype.kind == "c":
        if call.kind == "Neg":
            return graph.op("Neg", x, dtype=x.dtype)
        raise CannotLower("computes with complex numbers")
    return map_image(graph, x, lambda v: graph.cast(graph.op(_EXACT[call.kind], wide(graph, v)), v.dtype))


@lowers(*_ROUNDING)
def rounding(call: LoweringCall, x: Value) -> Value:
    """To whole numbers, halves to even ones."""
    graph = call.graph
    if x.dtype.kind in "iu":
        return x
    return map_image(graph, x, lambda v: graph.cast(graph.op(_ROUNDING[call.kind], wide(graph, v)), v.dtype))


@lowers("Rsqrt")
def rsqrt(call: LoweringCall, x: Value) -> Value:
    """`1 / sqrt(x)`."""
    graph = call.graph
    return map_image(graph, x, lambda v: graph.op("Reciprocal", graph.op("Sqrt", v)))


@lowers("Square")
def square(call: LoweringCall, x: Value) -> Value:
    """`x * x`."""
    return arithmetic(call, "Mul", x, x)


@lowers("Expm1")
def expm1(call: LoweringCall, x: Value) -> Value:
    """`exp(x) - 1`, exact for small numbers too: 2 tanh(x/2) / (1 - tanh(x/2))."""
    graph = call.graph

    def run(v: Value) -> Value:
        one = graph.like(1, v)
        half = graph.op("Tanh", graph.op("Mul", v, graph.like(0.5, v)))
        near = graph.op("Div", graph.op("Mul", half, graph.like(2, v)), graph.op("Sub", one, half))
        is_near = graph.op("Less", graph.op("Abs", v), one)
        return graph.op("Where", is_near, near, graph.op("Sub", graph.op("Exp", v), one))

    return map_image(graph, x, run)


@lowers("Log1p")
def log1p(call: LoweringCall, x: Value) -> Value:
    """`log(1 + x)`, exact for small numbers too: x log(u) / (u - 1) with u = 1 + x (Kahan)."""
    graph = call.graph

    def run(v: Value) -> Value:
        one = graph.like(1, v)
        u = graph.op("Add", v, one)
        is_one = graph.op("Equal", u, one)
        is_infinite = graph.op("Equal", u, graph.like(np.inf, v))
        below = graph.op("Where", is_one, one, graph.op("Sub", u, one))
        near = graph.op("Mul", graph.op("Log", u), graph.op("Div", v, below))
        return graph.op("Where", graph.op("Or", is_one, is_infinite), v, near)

    return map_image(graph, x, run)


@lowers("Erfc")
def erfc(call: LoweringCall, x: Value) -> Value:
    """`1 - erf(x)`."""
    graph = call.graph
    single = graph.cast(x, np.float32)
    return graph.cast(graph.op("Sub", graph.const(1, np.float32), graph.op("Erf", single)), x.dtype)


@lowers("Relu6")
def relu6(call: LoweringCall, x: Value) -> Value:
    """`min(max(x, 0), 6)`."""
    graph = call.graph
    return map_image(graph, x, lambda v: graph.op("Clip", v, graph.like(0, v), graph.like(6, v)))


@lowers("LeakyRelu")
def leaky_relu(call: LoweringCall, x: Value) -> Value:
    """`x` where it is positive, else `alpha x`."""
    graph = call.graph

    def run(v: Value) -> Value:
        single = graph.cast(v, np.float32)
        return graph.cast(graph.op("LeakyRelu", single, alpha=call["alpha"]), v.dtype)

    return map_image(graph, x, run)


@lowers("ClipByValue")
def clip(call: LoweringCall, x: Value, low: Value, high: Value) -> Value:
    """Numbers cut off at both ends."""
    return arithmetic(call, "Min", arithmetic(call, "Max", x, low), high)


@lowers("IsNan")
def is_nan(call: LoweringCall, x: Value) -> Value:
    """Whether a number is none."""
    return call.graph.op("IsNaN", x)


@lowers("IsInf")
def is_infinite(call: LoweringCall, x: Value) -> Value:
    """Whether a number is infinite."""
    return call.graph.op("IsInf", x)


@lowers("IsFinite")
def is_finite(call: LoweringCall, x: Value) -> Value:
    """Whether a number is neither infinite nor none."""
    graph = call.graph
    return graph.op("Not", graph.op("Or", graph.op("IsNaN", x), graph.op("IsInf", x)))


@lowers("LogicalNot")
def logical_not(call: LoweringCall, x: Value) -> Value:
    """Not."""
    return call.graph.op("Not", x)


@lowers("Invert")
def invert(call: LoweringCall, x: Value) -> Value:
    """All bits turned over."""
    return call.graph.op("BitwiseNot", x)


@lowers("Cast")
def cast(call: LoweringCall, x: Value) -> Value:
    """Another dtype; of floating-point numbers the whole part."""
    wanted = call["DstT"]
    if x.dtype == np.complex64 and np.dtype(wanted).kind == "f":
        return call.graph.cast(part_of(call.graph, x, 0), wanted)
    if np.dtype(wanted) == np.complex64 and x.dtype.kind in "fiu":
        real = call.graph.cast(x, np.float32)
        return pair_of(call.graph, real, call.graph.op("Mul", real, call.graph.const(0, np.float32)))
    if "c" in (np.dtype(wanted).kind, x.dtype.kind) or x.dtype.kind == "O":
        raise CannotLower("changes between complex and real numbers")
    to = np.dtype(wanted)
    if to.kind in "iu" and to.itemsize < 4 and x.dtype.kind in "fV":
        # What does not fit becomes the nearest number that does, as in TensorFlow's vectorized kernel.
        limits, graph = np.iinfo(to), call.graph
        # A narrower dtype may not have the limits, and a double is cut off before it could be rounded up.
        between = np.float64 if x.dtype == np.float64 else np.float32
        ends = (graph.const(limits.min, between), graph.const(limits.max, between))
        x = map_image(graph, x, lambda part: graph.op("Clip", graph.cast(part, between), *ends))
    return call.graph.cast(x, wanted)


@lowers("PopulationCount")
def count_bits(call: LoweringCall, x: Value) -> Value:
    """The number of bits that are set."""
    graph = call.graph
    kind = np.dtype(np.uint64 if x.dtype == np.uint64 else np.int64)
    bits = np.left_shift(np.uint64(1), np.arange(x.dtype.itemsize * 8, dtype=np.uint64)).view(kind)
    given = graph.unsqueeze(graph.cast(x, kind), call.rank(x))
    cleared = graph.op("Equal", graph.op("BitwiseAnd", given, graph.const(bits)), graph.const(0, kind))
    ones = graph.cast(graph.op("Not", cleared), np.int32)
    return graph.cast(graph.op("ReduceSum", ones, graph.int64s(-1), keepdims=0), np.uint8)


@lowers("Softmax", "LogSoftmax")
def softmax(call: LoweringCall, x: Value) -> Value:
    """Along the last axis."""
    return call.graph.op(call.kind, x, axis=-1)


@lowers("FakeQuantWithMinMaxArgs")
def fake_quantize(call: LoweringCall, x: Value) -> Value:
    """Numbers as they come out of a few bits, for limits that are attributes."""
    graph = call.graph
    low, high = graph.const(call["min"], np.float32), graph.const(call["max"], np.float32)
    return _fake_quantized(call, x, low, high)


@lowers("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quantize_between(call: LoweringCall, x: Value, low: Value, high: Value) -> Value:
    """Numbers as they come out of a few bits, between limits that are inputs, for all or for each channel."""
    return _fake_quantized(call, x, low, high)


def _fake_quantized(call: LoweringCall, x: Value, low: Value, high: Value) -> Value:
    """`fake_quant_ops_functor.h`: the limits are moved so that zero is exact."""
    graph = call.graph
    first = 1.0 if call["narrow_range"] else 0.0
    last = float(2 ** call["num_bits"] - 1)
    steps, start = graph.const(last - first, np.float32), graph.const(first, np.float32)
    end, half = graph.const(last, np.float32), graph.const(0.5, np.float32)
    scale = graph.op("Div", graph.op("Sub", high, low), steps)
    zero = graph.op("Sub", start, graph.op("Div", low, scale))
    nudged = graph.op("Clip", graph.op("Floor", graph.op("Add", zero, half)), start, end)
    bottom = graph.op("Mul", graph.op("Sub", start, nudged), scale)
    top = graph.op("Mul", graph.op("Sub", end, nudged), scale)
    cut = graph.op("Min", graph.op("Max", x, bottom), top)
    shifted = graph.op("Div", graph.op("Sub", cut, bottom), scale)
    whole = graph.op("Floor", graph.op("Add", shifted, half))
    zeros = graph.const(0, np.float32)
    is_empty = graph.op("And", graph.op("Equal", low, zeros), graph.op("Equal", high, zeros))
    return graph.op("Where", is_empty, zeros, graph.op("Add", graph.op("Mul", whole, scale), bottom))
