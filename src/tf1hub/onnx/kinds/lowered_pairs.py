"""Functions of the elements of two or more inputs: arithmetic, comparisons, choices."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.broadcasting import arithmetic, wide
from tf1hub.onnx.complex_parts import pair_of, part_of
from tf1hub.onnx.fused_patterns import layer_norm
from tf1hub.onnx.kinds.lowered_elementwise import log1p
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value

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
def binary(call: LoweringCall, x: Value, y: Value) -> Value:
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


def _complex(call: LoweringCall, kind: str, x: Value, y: Value) -> Value:
    """Arithmetic with complex numbers, whose parts lie in a last axis."""
    graph = call.graph
    if kind not in ("Add", "Sub", "Mul") or y.dtype != x.dtype:
        raise CannotLower("computes with complex numbers")
    if kind != "Mul" and x.known is None and y.known is None:
        return graph.op(kind, x, y, dtype=x.dtype)
    (a, b), (c, d) = ([part_of(graph, value, index) for index in (0, 1)] for value in (x, y))
    if kind != "Mul":
        return pair_of(graph, graph.op(kind, a, c), graph.op(kind, b, d))
    real = graph.op("Sub", graph.op("Mul", a, c), graph.op("Mul", b, d))
    imaginary = graph.op("Add", graph.op("Mul", a, d), graph.op("Mul", b, c))
    return pair_of(graph, real, imaginary)


@lowers("FloorDiv")
def floor_divide(call: LoweringCall, x: Value, y: Value) -> Value:
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
def floor_modulo(call: LoweringCall, x: Value, y: Value) -> Value:
    """The remainder that has the divisor's sign."""
    graph = call.graph
    if x.dtype.kind != "f":
        return arithmetic(call, "Mod", x, y)
    remainder = graph.op("Mod", x, y, fmod=1)
    zero = graph.like(0, x)
    other_sign = graph.op("Less", graph.op("Mul", graph.op("Sign", remainder), graph.op("Sign", y)), zero)
    return graph.op("Where", other_sign, graph.op("Add", remainder, y), remainder)


@lowers("Mod", "TruncateMod")
def truncate_modulo(call: LoweringCall, x: Value, y: Value) -> Value:
    """The remainder that has the dividend's sign."""
    graph = call.graph
    return graph.cast(graph.op("Mod", wide(graph, x), wide(graph, y), fmod=1), x.dtype)


@lowers("SquaredDifference")
def squared_difference(call: LoweringCall, x: Value, y: Value) -> Value:
    """`(x - y)**2`."""
    difference = arithmetic(call, "Sub", x, y)
    return arithmetic(call, "Mul", difference, difference)


@lowers("DivNoNan")
def divide_no_nan(call: LoweringCall, x: Value, y: Value) -> Value:
    """The quotient, 0 where the divisor is."""
    graph = call.graph
    is_zero = graph.op("Equal", y, graph.like(0, y))
    safe = graph.op("Where", is_zero, graph.like(1, y), y)
    return graph.op("Where", is_zero, graph.like(0, x), graph.op("Div", x, safe))


@lowers("MulNoNan")
def multiply_no_nan(call: LoweringCall, x: Value, y: Value) -> Value:
    """The product, 0 where `y` is."""
    graph = call.graph
    is_zero = graph.op("Equal", y, graph.like(0, y))
    return graph.op("Where", is_zero, graph.like(0, x), graph.op("Mul", x, y))


@lowers("Xdivy", "Xlogy", "Xlog1py")
def zero_where_zero(call: LoweringCall, x: Value, y: Value) -> Value:
    """`x / y`, `x log(y)` and `x log(1 + y)`, 0 where `x` is."""
    graph = call.graph
    is_zero = graph.op("Equal", x, graph.like(0, x))
    if call.kind == "Xdivy":
        found = graph.op("Div", x, y)
    else:
        found = graph.op("Mul", x, log1p(call, y) if call.kind == "Xlog1py" else graph.op("Log", y))
    return graph.op("Where", is_zero, graph.like(0, x), found)


@lowers("Atan2")
def atan2(call: LoweringCall, y: Value, x: Value) -> Value:
    """The angle of a point, from -pi to pi."""
    return angle_of(call.graph, y, x)


def angle_of(graph: Graph, y: Value, x: Value) -> Value:
    """The same for what is no op of its own."""
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
def compare(call: LoweringCall, x: Value, y: Value) -> Value:
    """Comparisons."""
    return arithmetic(call, _COMPARISONS[call.kind], x, y, bool)


@lowers("NotEqual")
def not_equal(call: LoweringCall, x: Value, y: Value) -> Value:
    """`x != y`."""
    return call.graph.op("Not", arithmetic(call, "Equal", x, y, bool))


@lowers("ApproximateEqual")
def approximately(call: LoweringCall, x: Value, y: Value) -> Value:
    """Whether two numbers are nearer than a tolerance."""
    graph = call.graph
    return graph.op("Less", graph.op("Abs", graph.op("Sub", x, y)), graph.like(call["tolerance"], x))


@lowers("LogicalAnd", "LogicalOr")
def logical(call: LoweringCall, x: Value, y: Value) -> Value:
    """And, or."""
    return call.graph.op("And" if call.kind == "LogicalAnd" else "Or", x, y)


@lowers("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(call: LoweringCall, x: Value, y: Value) -> Value:
    """Bit by bit."""
    return call.graph.op(call.kind, x, y)


@lowers("LeftShift", "RightShift")
def shift(call: LoweringCall, x: Value, by: Value) -> Value:
    """Bits moved; no further than all but one of them. Those of a negative number bring its sign along."""
    graph = call.graph
    bits = x.dtype.itemsize * 8
    if x.dtype.kind == "u":
        direction = "LEFT" if call.kind == "LeftShift" else "RIGHT"
        kind = np.dtype(np.uint32 if bits < 32 else x.dtype)
        given, steps = (graph.cast(value, kind) for value in (x, by))
        steps = graph.op("Min", steps, graph.const(bits - 1, kind))
        return graph.cast(graph.op("BitShift", given, steps, direction=direction), x.dtype)
    steps = graph.op(
        "Min", graph.op("Max", graph.int64(by), graph.const(0, np.int64)), graph.const(bits - 1, np.int64)
    )
    # Two to the power, looked up: the highest is negative, and wraps as the bit that it stands for does.
    powers = graph.const(np.left_shift(np.int64(1), np.arange(64)), np.int64)
    power, given = graph.op("Gather", powers, steps, axis=0), graph.int64(x)
    if call.kind == "LeftShift":
        return graph.cast(graph.op("Mul", given, power), x.dtype)
    # Division rounds towards zero, so a negative number is turned into what is left of it below zero, and back.
    is_negative = graph.op("Less", given, graph.const(0, np.int64))
    above = graph.op("Where", is_negative, graph.op("BitwiseNot", given), given)
    found = graph.op("Div", above, power)
    return graph.cast(graph.op("Where", is_negative, graph.op("BitwiseNot", found), found), x.dtype)


@lowers("AddN", "AccumulateNV2")
def add_all(call: LoweringCall, *values: Value) -> Value:
    """The sum of some tensors of one shape."""
    total = values[0]
    for value in values[1:]:
        total = arithmetic(call, "Add", total, value)
    return total


@lowers("Select", "SelectV2")
def select(call: LoweringCall, condition: Value, x: Value, y: Value) -> Value:
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


@lowers("Bucketize")
def bucketize(call: LoweringCall, x: Value) -> Value:
    """The number of boundaries that are not above each number."""
    graph = call.graph
    boundaries = graph.const(np.array(call["boundaries"], np.float32))
    given = graph.unsqueeze(graph.cast(x, np.float32), call.rank(x))
    # As a search for the first boundary above it: none is above what is no number.
    below = graph.op("Not", graph.op("Less", given, boundaries))
    counted = graph.op("ReduceSum", graph.cast(below, np.int32), graph.int64s(-1), keepdims=0)
    return graph.cast(counted, np.int32)


@lowers("LowerBound", "UpperBound")
def search_sorted(call: LoweringCall, rows: Value, values: Value) -> Value:
    """Where values would go into sorted rows: how many elements are smaller, or not larger."""
    graph = call.graph
    kind = "Less" if call.kind == "LowerBound" else "LessOrEqual"
    before = graph.op(kind, graph.unsqueeze(wide(graph, rows), 1), graph.unsqueeze(wide(graph, values), 2))
    counted = graph.op("ReduceSum", graph.cast(before, np.int64), graph.int64s(-1), keepdims=0)
    return graph.cast(counted, call["out_type"])
