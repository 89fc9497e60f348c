"""Recurrent cells that are one op: LSTM (gates in the order i, c, f, o) and GRU."""

from __future__ import annotations

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.traced_values import Value


@lowers("LSTMBlockCell")
def lstm_cell(
    call: LoweringCall,
    x: Value,
    cell: Value,
    hidden: Value,
    weights: Value,
    peephole_in: Value,
    peephole_forget: Value,
    peephole_out: Value,
    bias: Value,
) -> list[Value]:
    """One step of an LSTM: i, cs, f, o, ci, co, h."""
    graph, dtype = call.graph, x.dtype
    x, cell, hidden, weights, bias = (wide(graph, value) for value in (x, cell, hidden, weights, bias))

    def with_peephole(gate: Value, peephole: Value, state: Value) -> Value:
        if not call["use_peephole"]:
            return gate
        return graph.op("Add", gate, graph.op("Mul", state, wide(graph, peephole)))

    product = graph.op("MatMul", graph.concat([x, hidden], 1), weights)
    first, new, forget, last = graph.ops("Split", 4, graph.op("Add", product, bias), axis=1, num_outputs=4)
    forget = graph.op("Add", forget, graph.like(call["forget_bias"], x))
    first = graph.op("Sigmoid", with_peephole(first, peephole_in, cell))
    forget = graph.op("Sigmoid", with_peephole(forget, peephole_forget, cell))
    new = graph.op("Tanh", new)
    state = graph.op("Add", graph.op("Mul", new, first), graph.op("Mul", cell, forget))
    clip = call["cell_clip"]
    if clip > 0:
        state = graph.op("Clip", state, graph.like(-clip, x), graph.like(clip, x))
    last = graph.op("Sigmoid", with_peephole(last, peephole_out, state))
    shown = graph.op("Tanh", state)
    found = [first, state, forget, last, new, shown, graph.op("Mul", shown, last)]
    return [graph.cast(value, dtype) for value in found]


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
