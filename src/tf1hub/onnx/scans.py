"""What is computed slice by slice along an axis, each with what the one before left: ONNX's `Scan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from onnx import helper

from tf1hub.onnx.branches_and_loops import give_result
from tf1hub.onnx.onnx_graph import Graph, type_of
from tf1hub.onnx.traced_values import Value

ScanStep: TypeAlias = "Callable[[Graph, Sequence[Value], Value], tuple[list[Value], list[Value]]]"
"""Lowers one step into the graph that it is given, for the states and a slice: the next states, and what it gives."""


def scan(
    graph: Graph, states: Sequence[Value], rows: Value, step: ScanStep, axis: int = 0, backwards: bool = False
) -> list[Value]:
    """What the steps gave, stacked along the same axis.

    Args:
        graph: where it stands.
        states: before the first slice; their dtypes and shapes stay.
        rows: the tensor.
        step: one step.
        axis: along which it is cut, counted from the front.
        backwards: whether the last slice is the first one.
    """
    length = None if rows.shape is None else rows.shape[axis]
    if length is None or length == 0:
        # ONNX Runtime's Scan fails without a slice, so there is one more, which comes last and is cut off.
        rows = _add_slice(graph, rows, axis, backwards)
    inner = graph.inner(is_loop=True)
    names = [graph.names.free("state") for _ in states]
    before = [Value(state.dtype, state.shape, name, inner) for name, state in zip(names, states, strict=True)]
    shape = None if rows.shape is None else (*rows.shape[:axis], *rows.shape[axis + 1 :])
    row = Value(rows.dtype, shape, graph.names.free("slice"), inner)
    after, given = step(inner, before, row)
    inputs = [helper.make_value_info(value.name, type_of(value)) for value in (*before, row)]
    outputs = [give_result(inner, value, state.shape) for value, state in zip(after, states, strict=True)]
    outputs += [give_result(inner, value, value.shape) for value in given]
    body = helper.make_graph(inner.nodes, graph.names.free("body"), inputs, outputs)
    results = [graph.names.free("scanned") for _ in outputs]
    node = helper.make_node(
        "Scan",
        [graph.name_of(value) for value in (*states, rows)],
        results,
        name=results[0],
        body=body,
        num_scan_inputs=1,
        scan_input_axes=[axis],
        scan_input_directions=[int(backwards)],
        scan_output_axes=[axis] * len(given),
        scan_output_directions=[int(backwards)] * len(given),
    )
    graph.nodes.append(node)
    stacked = []
    for name, value in zip(results[len(states) :], given, strict=True):
        found = Value(value.dtype, None, name, graph)
        if value.shape is not None:
            found.shape = (*value.shape[:axis], None, *value.shape[axis:])
        if length is None or length == 0:
            found = graph.slice(found, int(backwards), None if backwards else -1, axis)
        if value.shape is not None:
            found.shape = (*value.shape[:axis], length, *value.shape[axis:])
        stacked.append(found)
    return stacked


def _add_slice(graph: Graph, rows: Value, axis: int, first: bool) -> Value:
    shape = rows.shape
    count = len(shape or ())
    pads = [0] * (2 * count)
    pads[axis if first else count + axis] = 1
    wide = graph.op("Pad", rows, graph.int64s(*pads))
    wide.shape = None if shape is None else (*shape[:axis], None, *shape[axis + 1 :])
    return wide
