"""Random numbers: their distribution is TensorFlow's, the numbers are not."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.traced_values import Value

_SEEDS = 1 << 20
"""ONNX has a seed as a 32-bit float, which tells so many whole numbers apart."""


def _seed(call: LoweringCall) -> float | None:
    lowering = call.scope.lowering
    if lowering.seed is not None:
        lowering.seed += 1
        return float(lowering.seed % _SEEDS)
    seed = call.get("seed", 0) or call.get("seed2", 0)
    return float(seed % _SEEDS) if seed else None


def _uniform(call: LoweringCall, sizes: Value) -> Value:
    graph = call.graph
    shape = graph.zeros(sizes, np.float32)
    result = graph.op("RandomUniformLike", shape, seed=_seed(call))
    result.shape = shape.shape
    return result


def _normal(call: LoweringCall, sizes: Value) -> Value:
    graph = call.graph
    shape = graph.zeros(sizes, np.float32)
    result = graph.op("RandomNormalLike", shape, seed=_seed(call))
    result.shape = shape.shape
    return result


@lowers("RandomUniform")
def uniform(call: LoweringCall, sizes: Value) -> Value:
    """Numbers from 0 to 1."""
    return call.graph.cast(_uniform(call, sizes), call["dtype"])


@lowers("RandomStandardNormal")
def normal(call: LoweringCall, sizes: Value) -> Value:
    """Numbers of the normal distribution."""
    return call.graph.cast(_normal(call, sizes), call["dtype"])


@lowers("RandomUniformInt")
def whole(call: LoweringCall, sizes: Value, low: Value, high: Value) -> Value:
    """Whole numbers from `low` to below `high`."""
    graph = call.graph
    width = graph.cast(graph.op("Sub", high, low), np.float64)
    drawn = graph.op("Mul", graph.cast(_uniform(call, sizes), np.float64), width)
    last = graph.op("Sub", width, graph.const(1, np.float64))
    steps = graph.op("Min", graph.op("Floor", drawn), last)
    return graph.op("Add", graph.cast(steps, low.dtype), low)


@lowers("TruncatedNormal")
def truncated_normal(call: LoweringCall, sizes: Value) -> Value:
    """Numbers of the normal distribution that lie within two standard deviations.

    By the inverse of the distribution function, as a rational function of the uniform number would have it, ONNX
    has none; so of several draws the first that lies within is taken. One of twelve always does, but for one in
    10^16.
    """
    graph = call.graph
    two = graph.const(2, np.float32)
    found = graph.op("Clip", _normal(call, sizes), graph.const(-2, np.float32), two)
    for _ in range(11):
        drawn = _normal(call, sizes)
        inside = graph.op("Less", graph.op("Abs", drawn), two)
        found = graph.op("Where", inside, drawn, found)
    return graph.cast(found, call["dtype"])


@lowers("Multinomial")
def classes(call: LoweringCall, logits: Value, count: Value) -> Value:
    """Classes drawn by their log-probabilities: the largest after Gumbel noise was added (Gumbel, 1954)."""
    graph = call.graph
    wanted = graph.reshape(graph.int64(count), [1])
    rows, kinds = graph.size_of(logits, 0), graph.size_of(logits, 1)
    drawn = _uniform(call, graph.concat([rows, wanted, kinds], 0))
    safe = graph.op("Clip", drawn, graph.const(1e-20, np.float32), graph.const(1 - 6e-8, np.float32))
    noise = graph.op("Neg", graph.op("Log", graph.op("Neg", graph.op("Log", safe))))
    scores = graph.op("Add", graph.cast(graph.unsqueeze(logits, 1), np.float32), noise)
    return graph.cast(graph.op("ArgMax", scores, axis=2, keepdims=0), call["output_dtype"])


@lowers("RandomShuffle")
def shuffle(call: LoweringCall, x: Value) -> Value:
    """The rows of a tensor in random order."""
    graph = call.graph
    count = graph.size_of(x, 0)
    _, order = graph.ops("TopK", 2, _uniform(call, count), count, axis=0)
    return graph.op("Gather", x, order, axis=0)
