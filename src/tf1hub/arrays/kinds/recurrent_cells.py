"""Recurrent cells that are one op: LSTM (gates in the order i, c, f, o) and GRU."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes


def _sigmoid(xp: Any, x: Any) -> Any:
    half = x.dtype.type(0.5)
    return half * (xp.tanh(half * x) + x.dtype.type(1))


def _cell(
    xp: Any, attributes: Attributes, forget_bias: float, x: Any, cs: Any, h: Any, weights: Any
) -> list[Any]:
    """One step: the seven outputs of LSTMBlockCell."""
    w, wci, wcf, wco, b = weights
    number = x.dtype.type
    i, ci, f, o = xp.split(xp.matmul(xp.concatenate([x, h], 1), w) + b, 4, 1)
    f = f + number(forget_bias)
    if attributes["use_peephole"]:
        i, f = i + cs * wci, f + cs * wcf
    i, f, ci = _sigmoid(xp, i), _sigmoid(xp, f), xp.tanh(ci)
    cs = ci * i + cs * f
    if attributes["cell_clip"] > 0:
        clip = number(attributes["cell_clip"])
        cs = xp.clip(cs, -clip, clip)
    o = _sigmoid(xp, o + cs * wco if attributes["use_peephole"] else o)
    co = xp.tanh(cs)
    return [i, cs, f, o, ci, co, co * o]


@computes("LSTMBlockCell")
def lstm_cell(xp: Any, attributes: Attributes, x: Any, cs: Any, h: Any, *weights: Any) -> list[Any]:
    """One step of an LSTM: i, cs, f, o, ci, co, h."""
    return _cell(xp, attributes, attributes["forget_bias"], x, cs, h, weights)


@computes("BlockLSTM")
def lstm(xp: Any, attributes: Attributes, count: Any, xs: Any, cs: Any, h: Any, *weights: Any) -> list[Any]:
    """All steps of an LSTM, `[time, batch, ...]`; the state behind the last step that counts is zero."""
    bias = attributes.get("forget_bias", 0.0)
    if xp is not np:
        return _scan(xp, attributes, count, xs, cs, h, weights)
    steps: list[list[Any]] = []
    for x in xs[: int(count)]:
        steps.append(_cell(xp, attributes, bias, x, cs, h, weights))
        cs, h = steps[-1][1], steps[-1][6]
    rest = xp.zeros((xs.shape[0] - len(steps), *cs.shape), xs.dtype)
    if not steps:
        return [rest] * 7
    return [xp.concatenate([xp.stack([step[part] for step in steps]), rest]) for part in range(7)]


def _scan(xp: Any, attributes: Attributes, count: Any, xs: Any, cs: Any, h: Any, weights: Any) -> list[Any]:
    """The same in JAX, where the number of steps, and of those that count, may be known by name only."""
    from jax import lax

    bias = attributes.get("forget_bias", 0.0)

    def step(state: Any, x: Any) -> Any:
        cell, hidden = state
        parts = _cell(xp, attributes, bias, x, cell, hidden, weights)
        return (parts[1], parts[6]), parts

    _, parts = lax.scan(step, (xp.asarray(cs), xp.asarray(h)), xp.asarray(xs))
    counts = xp.arange(xs.shape[0]) < xp.asarray(count[()] if isinstance(count, np.ndarray) else count)
    return [xp.where(counts[:, np.newaxis, np.newaxis], part, xp.zeros_like(part)) for part in parts]


@computes("BlockLSTMV2")
def lstm_v2(
    xp: Any,
    attributes: Attributes,
    count: Any,
    xs: Any,
    cs: Any,
    h: Any,
    w: Any,
    wci: Any,
    wcf: Any,
    wco: Any,
    b: Any,
) -> list[Any]:
    """The same with the forget gate before the new input, and without a forget bias."""
    first, forget, new, last = xp.split(w, 4, 1)
    w = xp.concatenate([first, new, forget, last], 1)
    first, forget, new, last = xp.split(b, 4)
    b = xp.concatenate([first, new, forget, last])
    return list(lstm(xp, attributes, count, xs, cs, h, w, wci, wcf, wco, b))


@computes("GRUBlockCell")
def gru_cell(
    xp: Any, attributes: Attributes, x: Any, h: Any, w_ru: Any, w_c: Any, b_ru: Any, b_c: Any
) -> list[Any]:
    """One step of a GRU: r, u, c, h."""
    r, u = xp.split(_sigmoid(xp, xp.matmul(xp.concatenate([x, h], 1), w_ru) + b_ru), 2, 1)
    c = xp.tanh(xp.matmul(xp.concatenate([x, h * r], 1), w_c) + b_c)
    return [r, u, c, u * h + (x.dtype.type(1) - u) * c]
