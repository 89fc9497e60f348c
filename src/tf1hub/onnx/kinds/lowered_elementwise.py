"""Functions of one element of each input. Those of images stay channels-first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.onnx.fused_patterns import layer_norm
from tf1hub.onnx.lowering_call import Call
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.onnx_graph import Graph
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

_WIDE: dict[str, npt.DTypeLike] = {
    "int8": np.int32,
    "int16": np.int32,
    "uint8": np.int32,
    "uint16": np.int32,
    "uint32": np.int64,
    "uint64": np.int64,
    "bfloat16": np.float32,
    "float16": np.float32,
}


def map_image(graph: Graph, x: Value, function: Any) -> Value:
    """A function of each element, of an image where its channels are."""
    if x.first is not None and not x.is_made:
        return graph.channels_last(function(x.first))
    result: Value = function(x)
    return result


def wide(graph: Graph, x: Value) -> Value:
    """A number in the nearest dtype that ONNX Runtime computes with."""
    return graph.cast(x, _WIDE.get(x.dtype.name, x.dtype))


@lowers(*_UNARY)
def unary(call: Call, x: Value) -> Value:
    """Functions of floating-point numbers."""
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
def exact(call: Call, x: Value) -> Value:
    """Functions of integers and floating-point numbers."""
    graph = call.graph
    if x.dtype.kind == "c":
        if call.kind == "Neg":
            return graph.op("Neg", x, dtype=x.dtype)
        raise CannotLower("computes with complex numbers")
    return map_image(graph, x, lambda v: graph.cast(graph.op(_EXACT[call.kind], wide(graph, v)), v.dtype))


@lowers(*_ROUNDING)
def rounding(call: Call, x: Value) -> Value:
    """To whole numbers, halves to even ones."""
    graph = call.graph
    if x.dtype.kind in "iu":
        return x
    return map_image(graph, x, lambda v: graph.cast(graph.op(_ROUNDING[call.kind], wide(graph, v)), v.dtype))


@lowers("Rsqrt")
def rsqrt(call: Call, x: Value) -> Value:
    """`1 / sqrt(x)`."""
    graph = call.graph
    return map_image(graph, x, lambda v: graph.op("Reciprocal", graph.op("Sqrt", v)))


@lowers("Square")
def square(call: Call, x: Value) -> Value:
    """`x * x`."""
    return arithmetic(call, "Mul", x, x)


@lowers("Expm1")
def expm1(call: Call, x: Value) -> Value:
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
def log1p(call: Call, x: Value) -> Value:
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
def erfc(call: Call, x: Value) -> Value:
    """`1 - erf(x)`."""
    graph = call.graph
    single = graph.cast(x, np.float32)
    return graph.cast(graph.op("Sub", graph.const(1, np.float32), graph.op("Erf", single)), x.dtype)


@lowers("Relu6")
def relu6(call: Call, x: Value) -> Value:
    """`min(max(x, 0), 6)`."""
    graph = call.graph
    return map_image(graph, x, lambda v: graph.op("Clip", v, graph.like(0, v), graph.like(6, v)))


@lowers("LeakyRelu")
def leaky_relu(call: Call, x: Value) -> Value:
    """`x` where it is positive, else `alpha x`."""
    graph = call.graph

    def run(v: Value) -> Value:
        single = graph.cast(v, np.float32)
        return graph.cast(graph.op("LeakyRelu", single, alpha=call["alpha"]), v.dtype)

    return map_image(graph, x, run)


@lowers("ClipByValue")
def clip(call: Call, x: Value, low: Value, high: Value) -> Value:
    """Numbers cut off at both ends."""
    return arithmetic(call, "Min", arithmetic(call, "Max", x, low), high)


@lowers("IsNan")
def is_nan(call: Call, x: Value) -> Value:
    """Whether a number is none."""
    return call.graph.op("IsNaN", x)


@lowers("IsInf")
def is_infinite(call: Call, x: Value) -> Value:
    """Whether a number is infinite."""
    return call.graph.op("IsInf", x)


@lowers("IsFinite")
def is_finite(call: Call, x: Value) -> Value:
    """Whether a number is neither infinite nor none."""
    graph = call.graph
    return graph.op("Not", graph.op("Or", graph.op("IsNaN", x), graph.op("IsInf", x)))


@lowers("LogicalNot")
def logical_not(call: Call, x: Value) -> Value:
    """Not."""
    return call.graph.op("Not", x)


# ------------------------------------------------------------------ of two inputs


def arithmetic(call: Call, kind: str, x: Value, y: Value, result: npt.DTypeLike | None = None) -> Value:
    """An ONNX operator of two inputs that broadcast.

    Args:
        call: the op.
        kind: the operator.
        x: a tensor.
        y: another of the same dtype.
        result: the dtype of the result, where that is another one.
    """
    graph = call.graph
    dtype = x.dtype if result is None else np.dtype(result)

    def run(a: Value, b: Value) -> Value:
        found = graph.op(kind, wide(graph, a), wide(graph, b))
        return graph.cast(found, dtype)

    pair = _as_images(graph, x, y)
    if pair is not None:
        return graph.channels_last(run(*pair))
    value = run(x, y)
    value.elements = _element(kind, x, y) if dtype.kind in "iu" else None
    return value


def _element(kind: str, x: Value, y: Value) -> tuple[int | None, ...] | None:
    """What is known of sums and products of sizes."""
    if x.elements is None or y.elements is None:
        return None
    count = max(len(x.elements), len(y.elements))
    if {len(x.elements), len(y.elements)} - {1, count}:
        return None
    first = x.elements * count if len(x.elements) == 1 else x.elements
    second = y.elements * count if len(y.elements) == 1 else y.elements
    functions: dict[str, Any] = {
        "Add": lambda a, b: a + b,
        "Sub": lambda a, b: a - b,
        "Mul": lambda a, b: a * b,
        "Max": max,
        "Min": min,
    }
    if kind not in functions:
        return None
    return tuple(
        None if a is None or b is None else functions[kind](a, b) for a, b in zip(first, second, strict=True)
    )


def _as_images(graph: Graph, x: Value, y: Value) -> tuple[Value, Value] | None:
    """Both with channels first, where one of them is an image that lies so."""
    if not any(v.first is not None and not v.is_made for v in (x, y)):
        return None
    rank = max(x.rank or 0, y.rank or 0)
    found = []
    for value in (x, y):
        if value.rank is None:
            return None
        if value.rank == rank:
            found.append(graph.channels_first(value))
        elif value.rank == 0:
            found.append(value)
        elif value.rank == 1:
            found.append(by_channel(graph, value, rank))
        else:
            return None
    return found[0], found[1]


def by_channel(graph: Graph, vector: Value, rank: int) -> Value:
    """A vector with a number for each channel, as it goes with images whose channels are first."""
    return graph.unsqueeze(vector, *range(1, rank - 1))


_BINARY = {
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "RealDiv": "Div",
    "Div": "Div",
    "TruncateDiv": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Pow": "Pow",
}


@lowers(*_BINARY)
def binary(call: Call, x: Value, y: Value) -> Value:
    """Arithmetic."""
    kind = _BINARY[call.kind]
    if x.dtype.kind == "c":
        return _complex(call, kind, x, y)
    if x.dtype.kind == "O":
        raise CannotLower("joins strings")
    fused = layer_norm(call) if kind == "Add" else None
    if fused is not None:
        return fused
    return arithmetic(call, kind, x, y)


def _complex(call: Call, kind: str, x: Value, y: Value) -> Value:
    """Arithmetic with complex numbers, whose parts lie in a last axis."""
    graph = call.graph
    if kind in ("Add", "Sub"):
        return graph.op(kind, x, y, dtype=x.dtype)
    if kind != "Mul":
        raise CannotLower("computes with complex numbers")
    a, b = (graph.op("Gather", x, graph.int64s(i), axis=-1) for i in (0, 1))
    c, d = (graph.op("Gather", y, graph.int64s(i), axis=-1) for i in (0, 1))
    real = graph.op("Sub", graph.op("Mul", a, c), graph.op("Mul", b, d))
    imaginary = graph.op("Add", graph.op("Mul", a, d), graph.op("Mul", b, c))
    return graph.op("Concat", real, imaginary, axis=-1, dtype=x.dtype)


@lowers("FloorDiv")
def floor_divide(call: Call, x: Value, y: Value) -> Value:
    """The quotient, rounded down."""
    graph = call.graph
    if x.dtype.kind == "f":
        return graph.op("Floor", arithmetic(call, "Div", x, y))
    # ONNX rounds towards zero.
    remainder = arithmetic(call, "Mod", x, y)
    result = arithmetic(call, "Div", arithmetic(call, "Sub", x, remainder), y)
    if x.elements is not None and y.elements is not None and len(x.elements) == len(y.elements):
        result.elements = tuple(
            None if a is None or not b else a // b for a, b in zip(x.elements, y.elements, strict=True)
        )
    return result


@lowers("FloorMod")
def floor_modulo(call: Call, x: Value, y: Value) -> Value:
    """The remainder that has the divisor's sign."""
    graph = call.graph
    if x.dtype.kind != "f":
        return arithmetic(call, "Mod", x, y)
    remainder = graph.op("Mod", x, y, fmod=1)
    zero = graph.like(0, x)
    other_sign = graph.op("Less", graph.op("Mul", graph.op("Sign", remainder), graph.op("Sign", y)), zero)
    return graph.op("Where", other_sign, graph.op("Add", remainder, y), remainder)


@lowers("Mod", "TruncateMod")
def truncate_modulo(call: Call, x: Value, y: Value) -> Value:
    """The remainder that has the dividend's sign."""
    graph = call.graph
    return graph.cast(graph.op("Mod", wide(graph, x), wide(graph, y), fmod=1), x.dtype)


@lowers("SquaredDifference")
def squared_difference(call: Call, x: Value, y: Value) -> Value:
    """`(x - y)**2`."""
    difference = arithmetic(call, "Sub", x, y)
    return arithmetic(call, "Mul", difference, difference)


@lowers("DivNoNan")
def divide_no_nan(call: Call, x: Value, y: Value) -> Value:
    """The quotient, 0 where the divisor is."""
    graph = call.graph
    is_zero = graph.op("Equal", y, graph.like(0, y))
    safe = graph.op("Where", is_zero, graph.like(1, y), y)
    return graph.op("Where", is_zero, graph.like(0, x), graph.op("Div", x, safe))


@lowers("MulNoNan")
def multiply_no_nan(call: Call, x: Value, y: Value) -> Value:
    """The product, 0 where `y` is."""
    graph = call.graph
    is_zero = graph.op("Equal", y, graph.like(0, y))
    return graph.op("Where", is_zero, graph.like(0, x), graph.op("Mul", x, y))


@lowers("Xdivy", "Xlogy", "Xlog1py")
def zero_where_zero(call: Call, x: Value, y: Value) -> Value:
    """`x / y`, `x log(y)` and `x log(1 + y)`, 0 where `x` is."""
    graph = call.graph
    is_zero = graph.op("Equal", x, graph.like(0, x))
    if call.kind == "Xdivy":
        found = graph.op("Div", x, y)
    else:
        found = graph.op("Mul", x, log1p(call, y) if call.kind == "Xlog1py" else graph.op("Log", y))
    return graph.op("Where", is_zero, graph.like(0, x), found)


@lowers("Atan2")
def atan2(call: Call, y: Value, x: Value) -> Value:
    """The angle of a point, from -pi to pi."""
    graph = call.graph
    dtype = x.dtype
    y, x = graph.cast(y, np.float32), graph.cast(x, np.float32)
    zero, pi = graph.like(0, x), graph.like(np.pi, x)
    is_left, is_below = graph.op("Less", x, zero), graph.op("Less", y, zero)
    is_upright = graph.op("Equal", x, zero)
    angle = graph.op("Atan", graph.op("Div", y, graph.op("Where", is_upright, graph.like(1, x), x)))
    turned = graph.op("Where", is_below, graph.op("Sub", angle, pi), graph.op("Add", angle, pi))
    upright = graph.op("Mul", graph.op("Sign", y), graph.like(np.pi / 2, x))
    found = graph.op("Where", is_upright, upright, graph.op("Where", is_left, turned, angle))
    return graph.cast(found, dtype)


_COMPARISONS = {
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Equal": "Equal",
}


@lowers(*_COMPARISONS)
def compare(call: Call, x: Value, y: Value) -> Value:
    """Comparisons."""
    return arithmetic(call, _COMPARISONS[call.kind], x, y, bool)


@lowers("NotEqual")
def not_equal(call: Call, x: Value, y: Value) -> Value:
    """`x != y`."""
    return call.graph.op("Not", arithmetic(call, "Equal", x, y, bool))


@lowers("ApproximateEqual")
def approximately(call: Call, x: Value, y: Value) -> Value:
    """Whether two numbers are nearer than a tolerance."""
    graph = call.graph
    return graph.op("Less", graph.op("Abs", graph.op("Sub", x, y)), graph.like(call["tolerance"], x))


@lowers("LogicalAnd", "LogicalOr")
def logical(call: Call, x: Value, y: Value) -> Value:
    """And, or."""
    return call.graph.op("And" if call.kind == "LogicalAnd" else "Or", x, y)


@lowers("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(call: Call, x: Value, y: Value) -> Value:
    """Bit by bit."""
    return call.graph.op(call.kind, x, y)


@lowers("Invert")
def invert(call: Call, x: Value) -> Value:
    """All bits turned over."""
    return call.graph.op("BitwiseNot", x)


@lowers("AddN")
def add_all(call: Call, *values: Value) -> Value:
    """The sum of some tensors of one shape."""
    total = values[0]
    for value in values[1:]:
        total = arithmetic(call, "Add", total, value)
    return total


@lowers("Cast")
def cast(call: Call, x: Value) -> Value:
    """Another dtype; of floating-point numbers the whole part."""
    wanted = call["DstT"]
    if "c" in (np.dtype(wanted).kind, x.dtype.kind) or x.dtype.kind == "O":
        raise CannotLower("changes between complex and real numbers")
    return call.graph.cast(x, wanted)


@lowers("Select", "SelectV2")
def select(call: Call, condition: Value, x: Value, y: Value) -> Value:
    """`x` where a condition holds, else `y`; a vector of conditions chooses whole rows in Select."""
    graph = call.graph
    if call.kind == "Select" and condition.rank == 1 and (x.rank or 0) > 1:
        condition = graph.unsqueeze(condition, *range(1, x.rank or 0))
    elif call.kind == "Select" and condition.rank is None:
        raise CannotLower("needs the number of dimensions of its condition, which the module leaves open")
    if x.dtype.name in ("bool", "int8", "int16", "uint16", "uint32", "uint64"):
        wider = np.int64 if x.dtype.name in ("uint32", "uint64") else np.int32
        return graph.cast(graph.op("Where", condition, graph.cast(x, wider), graph.cast(y, wider)), x.dtype)
    return graph.op("Where", condition, x, y)


@lowers("Softmax", "LogSoftmax")
def softmax(call: Call, x: Value) -> Value:
    """Along the last axis."""
    return call.graph.op(call.kind, x, axis=-1)


@lowers("FakeQuantWithMinMaxArgs")
def fake_quantize(call: Call, x: Value) -> Value:
    """Numbers as they come out of a few bits, for limits that are attributes."""
    graph = call.graph
    low, high = graph.const(call["min"], np.float32), graph.const(call["max"], np.float32)
    return _fake_quantized(call, x, low, high)


@lowers("FakeQuantWithMinMaxVars")
def fake_quantize_between(call: Call, x: Value, low: Value, high: Value) -> Value:
    """Numbers as they come out of a few bits."""
    return _fake_quantized(call, x, low, high)


def _fake_quantized(call: Call, x: Value, low: Value, high: Value) -> Value:
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
