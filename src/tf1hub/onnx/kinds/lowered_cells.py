"""Recurrent cells that are one op: LSTM (gates in the order i, c, f, o) and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.scans import scan
from tf1hub.onnx.traced_values import Poison, Value


class _Weights(NamedTuple):
    """What an LSTM computes with; the gates lie in the order i, c, f, o."""

    kernel: Value
    peepholes: tuple[Value, Value, Value] | None
    bias: Value


def _weights_of(
    call: LoweringCall, kernel: Value, first: Value, forget: Value, last: Value, bias: Value
) -> _Weights:
    graph = call.graph
    used = tuple(wide(graph, peephole) for peephole in (first, forget, last))
    peepholes = (used[0], used[1], used[2]) if call["use_peephole"] else None
    return _Weights(wide(graph, kernel), peepholes, wide(graph, bias))


def _step(
    graph: Graph, call: LoweringCall, x: Value, cell: Value, hidden: Value, of: _Weights
) -> list[Value]:
    """One step of an LSTM: i, cs, f, o, ci, co, h."""

    def with_peephole(gate: Value, number: int, state: Value) -> Value:
        if of.peepholes is None:
            return gate
        return graph.op("Add", gate, graph.op("Mul", state, of.peepholes[number]))

    product = graph.op("MatMul", graph.concat([x, hidden], 1), of.kernel)
    first, new, forget, last = graph.ops("Split", 4, graph.op("Add", product, of.bias), axis=1, num_outputs=4)
    forget_bias = call.get("forget_bias", 0.0)
    if forget_bias:
        forget = graph.op("Add", forget, graph.like(forget_bias, x))
    first = graph.op("Sigmoid", with_peephole(first, 0, cell))
    forget = graph.op("Sigmoid", with_peephole(forget, 1, cell))
    new = graph.op("Tanh", new)
    state = graph.op("Add", graph.op("Mul", new, first), graph.op("Mul", cell, forget))
    clip = call["cell_clip"]
    if clip > 0:
        state = graph.op("Clip", state, graph.like(-clip, x), graph.like(clip, x))
    last = graph.op("Sigmoid", with_peephole(last, 2, state))
    shown = graph.op("Tanh", state)
    return [first, state, forget, last, new, shown, graph.op("Mul", shown, last)]


@lowers("LSTMBlockCell")
def lstm_cell(call: LoweringCall, x: Value, cell: Value, hidden: Value, *given: Value) -> list[Value]:
    """One step of an LSTM: i, cs, f, o, ci, co, h."""
    graph = call.graph
    of = _weights_of(call, *given)
    given_x, state, shown = (wide(graph, value) for value in (x, cell, hidden))
    found = _step(graph, call, given_x, state, shown, of)
    return [graph.cast(value, x.dtype) for value in found]


@lowers("BlockLSTM", "BlockLSTMV2")
def lstm(call: LoweringCall, count: Value, xs: Value, cell: Value, hidden: Value, *given: Value) -> list[Any]:
    """All steps of an LSTM, `[time, batch, ...]`; what lies behind the last step that counts is zero.

    Where nothing but the outputs is used, it is ONNX's own `LSTM`; else a `Scan` that gives all seven parts.
    """
    graph = call.graph
    if call.kind.endswith("V2"):
        # It has the forget gate before the new input.
        given = (
            _order_gates(graph, given[0], _FORGET_SECOND),
            *given[1:4],
            _order_gates(graph, given[4], _FORGET_SECOND),
        )
    of = _weights_of(call, *given)
    rows, first_cell, first_hidden = (wide(graph, value) for value in (xs, cell, hidden))
    only_outputs = not any(call.scope.uses((call.op.node.name, part)) for part in range(6))
    if only_outputs and call["cell_clip"] <= 0 and rows.dtype == np.float32:
        outputs = _by_operator(call, count, rows, first_cell, first_hidden, of)
        return [*[Poison()] * 6, graph.cast(outputs, xs.dtype)]
    now = graph.reshape(graph.int64(count), [1])
    taken = graph.op("Slice", rows, graph.int64s(0), now, graph.int64s(0))
    taken.shape = None if xs.shape is None else (None, *xs.shape[1:])

    def step(inner: Graph, states: Sequence[Value], x: Value) -> tuple[list[Value], list[Value]]:
        parts = _step(inner, call, x, states[0], states[1], of)
        return [parts[1], parts[6]], parts

    parts = scan(graph, [first_cell, first_hidden], taken, step)
    missing = graph.op("Sub", graph.size_of(rows, 0), graph.size_of(taken, 0))
    pads = graph.concat([graph.int64s(0, 0, 0), missing, graph.int64s(0, 0)], 0)
    found = []
    for part in parts:
        padded = graph.op("Pad", part, pads)
        if xs.shape is not None and cell.shape is not None:
            padded.shape = (*xs.shape[:2], cell.shape[1])
        found.append(graph.cast(padded, xs.dtype))
    return found


_FORGET_SECOND = (0, 2, 1, 3)
_OPERATOR = (0, 3, 2, 1)
"""Where ONNX's gates i, o, f, c stand among TensorFlow's."""


def _order_gates(graph: Graph, value: Value, order: Sequence[int]) -> Value:
    """Weights with the gates in another order; those that are known are put in order now."""
    if value.known is not None:
        gates = np.split(value.known, 4, -1)
        return graph.const(np.concatenate([gates[number] for number in order], -1), label=value.label)
    parts = graph.ops("Split", 4, value, axis=-1, num_outputs=4)
    return graph.concat([parts[number] for number in order], (value.rank or 1) - 1)


def _by_operator(
    call: LoweringCall, count: Value, xs: Value, cell: Value, hidden: Value, of: _Weights
) -> Value:
    """The outputs of all steps, by ONNX's `LSTM`."""
    graph = call.graph
    if xs.shape is None or xs.shape[2] is None or of.bias.shape is None or of.bias.shape[0] is None:
        raise CannotLower("has inputs or a state of a size that the module leaves open")
    width, size = int(xs.shape[2]), int(of.bias.shape[0]) // 4
    kernel = _order_gates(graph, of.kernel, _OPERATOR)
    of_input, of_state = (
        graph.unsqueeze(graph.transpose(part, [1, 0]), 0)
        for part in (graph.slice(kernel, 0, width, 0), graph.slice(kernel, width, None, 0))
    )
    bias = of.bias
    forget_bias = call.get("forget_bias", 0.0)
    if forget_bias:
        more = graph.const(np.repeat([0, 0, forget_bias, 0], size), np.float32)
        bias = graph.const(bias.known + more.known) if bias.known is not None else graph.op("Add", bias, more)
    bias = _order_gates(graph, bias, _OPERATOR)
    biases = graph.unsqueeze(graph.concat([bias, graph.const(np.zeros(4 * size), np.float32)], 0), 0)
    peepholes = None
    if of.peepholes is not None:
        first, forget, last = of.peepholes
        peepholes = graph.unsqueeze(graph.concat([first, last, forget], 0), 0)
    number = graph.reshape(graph.cast(count, np.int32), [1])
    lengths = graph.op("Expand", number, graph.size_of(xs, 1))
    found = graph.op(
        "LSTM", xs, of_input, of_state, biases, lengths,
        graph.unsqueeze(hidden, 0), graph.unsqueeze(cell, 0), peepholes, hidden_size=size,
    )  # fmt: skip
    return graph.squeeze(found, 1)


@lowers("GRUBlockCell")
def gru_cell(
    call: LoweringCall,
    x: Value,
    hidden: Value,
    gate_weights: Value,
    weights: Value,
    gate_bias: Value,
    bias: Value,
) -> list[Value]:
    """One step of a GRU: r, u, c, h."""
    graph, dtype = call.graph, x.dtype
    product = graph.op("MatMul", graph.concat([x, hidden], 1), gate_weights)
    gates = graph.op("Sigmoid", graph.op("Add", product, gate_bias))
    reset, update = graph.ops("Split", 2, gates, axis=1, num_outputs=2)
    kept = graph.concat([x, graph.op("Mul", hidden, reset)], 1)
    new = graph.op("Tanh", graph.op("Add", graph.op("MatMul", kept, weights), bias))
    rest = graph.op("Sub", graph.like(1, x), update)
    after = graph.op("Add", graph.op("Mul", update, hidden), graph.op("Mul", rest, new))
    return [graph.cast(value, dtype) for value in (reset, update, new, after)]
