"""Ragged tensors: rows of different lengths, as their splits and the values of all."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes


@computes("RaggedRange", host=True)
def ranges(xp: Any, attributes: Attributes, starts: Any, limits: Any, deltas: Any) -> list[Any]:
    """A range in each row."""
    each = zip(*map(np.atleast_1d, np.broadcast_arrays(starts, limits, deltas)), strict=True)
    rows = [np.arange(start, limit, delta, dtype=attributes["T"]) for start, limit, delta in each]
    splits = np.cumsum([0, *map(len, rows)])
    values = np.concatenate(rows) if rows else np.zeros(0, attributes["T"])
    return [splits.astype(attributes.get("Tsplits", np.int64)), values]


@computes("RaggedTensorToSparse", host=True)
def to_sparse(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """The elements as a sparse tensor."""
    *nested, values = inputs
    inner = values.shape[1:]
    owners = np.arange(len(values))
    sizes: list[int] = []
    indices: list[Any] = []
    for splits in reversed(nested):
        lengths = np.diff(splits)
        row = np.repeat(np.arange(len(lengths)), lengths)
        indices.insert(0, (np.arange(len(row)) - np.asarray(splits)[row])[owners])
        sizes.insert(0, int(lengths.max(initial=0)))
        owners = row[owners]
    rows = [owners, *indices]
    flat = np.stack(rows, 1).astype(np.int64)
    if inner:
        places = np.stack(np.unravel_index(np.arange(int(np.prod(inner))), inner), 1)
        flat = np.concatenate([np.repeat(flat, len(places), 0), np.tile(places, (len(flat), 1))], 1)
    shape = np.array([len(nested[0]) - 1, *sizes, *inner], np.int64)
    return [flat, values.reshape(-1), shape]


@computes("RaggedGather", host=True)
def gather(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """Some rows of a ragged tensor."""
    *nested, values, indices = inputs
    chosen = np.asarray(indices).reshape(-1)
    found: list[Any] = []
    for splits in nested:
        starts, ends = splits[chosen], splits[chosen + 1]
        lengths = ends - starts
        found.append(np.concatenate([[0], np.cumsum(lengths)]).astype(splits.dtype))
        pieces = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        chosen = np.concatenate(pieces).astype(np.int64) if pieces else np.zeros(0, np.int64)
    return [*found, values[chosen]]
