"""Operators of one tensor and of two that broadcast, as ONNX Runtime computes them. Images stay channels-first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value

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


def arithmetic(
    call: LoweringCall, kind: str, x: Value, y: Value, result: npt.DTypeLike | None = None
) -> Value:
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
