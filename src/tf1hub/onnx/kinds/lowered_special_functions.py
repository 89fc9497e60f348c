"""The gamma function's logarithm and its derivative, and Bessel's functions: in double precision, by their series."""

from __future__ import annotations

import math

import numpy as np

from tf1hub.onnx.broadcasting import map_image
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value

_FAR = 10
"""From where the series of `Lgamma` and `Digamma` are as exact as double precision (DLMF 5.11.1 and 5.11.2)."""


class _Doubles:
    """Arithmetic of tensors and numbers in double precision."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def number(self, value: Value | float) -> Value:
        return value if isinstance(value, Value) else self._graph.const(value, np.float64)

    def __call__(self, kind: str, *given: Value | float) -> Value:
        return self._graph.op(kind, *(self.number(value) for value in given))

    def series(self, x: Value, *coefficients: float) -> Value:
        """A polynomial, the last coefficient that of the highest power."""
        total = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self("Add", self("Mul", total, x), coefficient)
        return total

    def move_far(self, given: Value) -> tuple[Value, list[tuple[Value, Value]], Value]:
        """Numbers as large as the series of the gamma function's logarithm want them: what is not above 0 mirrored, then 1 added.

        Returns:
            Whether each was mirrored; for each time, whether 1 was added, and to what; and where they are then.
        """
        mirrored = self("LessOrEqual", given, 0.0)
        at = self("Where", mirrored, self("Sub", 1.0, given), given)
        steps = []
        for _ in range(_FAR):
            is_low = self("Less", at, float(_FAR))
            steps.append((is_low, at))
            at = self("Where", is_low, self("Add", at, 1.0), at)
        return mirrored, steps, at


@lowers("Lgamma")
def log_gamma(call: LoweringCall, x: Value) -> Value:
    """The logarithm of the absolute value of the gamma function; of what is not above 0, by its reflection."""
    graph = call.graph
    do = _Doubles(graph)

    def run(value: Value) -> Value:
        given = graph.cast(value, np.float64)
        mirrored, steps, z = do.move_far(given)
        product = do.number(1.0)
        for is_low, at in steps:
            product = do("Mul", product, do("Where", is_low, at, 1.0))
        inverse = do("Reciprocal", z)
        square = do("Mul", inverse, inverse)
        rest = do("Mul", inverse, do.series(square, 1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188))
        log = do("Log", z)
        main = do("Sub", do("Mul", do("Sub", z, 0.5), log), do("Sub", z, math.log(2 * math.pi) / 2))
        # Of infinity the difference would be none.
        main = do("Where", do("Equal", z, np.inf), z, main)
        far = do("Sub", do("Add", main, rest), do("Log", product))
        whole = do("Round", given)
        # The sine of what is left, which is exact near whole numbers.
        sine = do("Abs", do("Sin", do("Mul", do("Sub", given, whole), math.pi)))
        back = do("Sub", do("Sub", math.log(math.pi), do("Log", sine)), far)
        back = do("Where", do("Equal", given, -np.inf), np.inf, back)
        return graph.cast(do("Where", mirrored, back, far), value.dtype)

    return map_image(graph, x, run)


@lowers("Digamma")
def digamma(call: LoweringCall, x: Value) -> Value:
    """The derivative of `Lgamma`; none at 0 and at negative whole numbers."""
    graph = call.graph
    do = _Doubles(graph)

    def run(value: Value) -> Value:
        given = graph.cast(value, np.float64)
        mirrored, steps, z = do.move_far(given)
        below = do.number(0.0)
        for is_low, at in steps:
            below = do("Add", below, do("Where", is_low, do("Reciprocal", at), 0.0))
        inverse = do("Reciprocal", do("Mul", z, z))
        series = do("Mul", inverse, do.series(inverse, 1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132))
        far = do("Sub", do("Sub", do("Log", z), do("Div", 0.5, z)), do("Add", series, below))
        angle = do("Mul", do("Sub", given, do("Round", given)), math.pi)
        back = do("Sub", far, do("Div", do("Mul", do("Cos", angle), math.pi), do("Sin", angle)))
        back = do("Where", do("Equal", do("Floor", given), given), np.nan, back)
        return graph.cast(do("Where", mirrored, back, far), value.dtype)

    return map_image(graph, x, run)


_BESSEL_FAR = 30.0
_POINTS = 96


@lowers("BesselI0e", "BesselI1e")
def bessel(call: LoweringCall, x: Value) -> Value:
    """Scaled modified Bessel functions of the first kind.

    Near 0 the mean of `exp(|x| (cos t - 1)) cos(n t)` over half a turn (DLMF 10.32.3), for which the midpoint rule is
    exact; far from it the series of DLMF 10.40.1.
    """
    graph = call.graph
    do = _Doubles(graph)
    order = int(call.kind == "BesselI1e")
    t = (np.arange(_POINTS) + 0.5) * (np.pi / _POINTS)
    given = do("Abs", graph.cast(x, np.float64))
    near_only = do("Min", given, _BESSEL_FAR)
    turned = do("Mul", graph.unsqueeze(near_only, call.rank(x)), graph.const(np.cos(t) - 1))
    terms = do("Mul", do("Exp", turned), graph.const(np.cos(order * t)))
    near = graph.op("ReduceMean", terms, graph.int64s(-1), keepdims=0)
    far_only = do("Max", given, _BESSEL_FAR)
    factors, factor = [1.0], 1.0
    for k in range(1, 13):
        factor *= -(4 * order**2 - (2 * k - 1) ** 2) / (8 * k)
        factors.append(factor)
    far = do(
        "Div", do.series(do("Reciprocal", far_only), *factors), do("Sqrt", do("Mul", far_only, 2 * math.pi))
    )
    found = do("Where", do("Less", given, _BESSEL_FAR), near, far)
    found = do("Where", graph.op("IsNaN", given), given, found)
    if order:
        found = do("Mul", found, do("Sign", graph.cast(x, np.float64)))
    return graph.cast(found, x.dtype)
