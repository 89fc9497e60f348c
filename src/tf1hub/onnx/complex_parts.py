"""Complex numbers in ONNX: pairs in a last axis of 2."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value


def part_of(graph: Graph, value: Value, index: int) -> Value:
    """The real parts (0) or the imaginary ones (1)."""
    if value.known is not None:
        return graph.const(value.known.imag if index else value.known.real, np.float32)
    found = graph.op("Gather", value, graph.const(index, np.int64), axis=-1, dtype=np.float32)
    found.shape = value.shape
    return found


def pair_of(graph: Graph, real: Value, imaginary: Value) -> Value:
    """Complex numbers of their parts, which have one shape."""
    parts = [graph.op("Unsqueeze", part, graph.int64s(-1)) for part in (real, imaginary)]
    found = graph.op("Concat", *parts, axis=-1)
    found.dtype = np.dtype(np.complex64)
    found.shape = real.shape
    return found
