"""Ragged tensors: rows of different lengths, as their splits and the values of all."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes, text_bytes
from tf1hub.arrays.op_table import computes
from tf1hub.errors import InputError


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


@computes("RaggedTensorToTensor", host=True)
def to_dense(
    xp: Any, attributes: Attributes, shape: Any, values: Any, default: Any, *parts: Any
) -> list[Any]:
    """The elements in a dense tensor; what lies beyond its sizes is left out, and the default fills the rest.

    Raises:
        InputError: the wanted shape has another number of dimensions.
    """
    kinds = [text_bytes(kind).decode() for kind in attributes["row_partition_types"]]
    has_count = kinds[0] == "FIRST_DIM_SIZE"
    first = int(parts[0]) if has_count else _count_rows(kinds[0], parts[0])
    owners = [
        _find_owners(kind, part) for kind, part in zip(kinds[has_count:], parts[has_count:], strict=True)
    ]
    natural, columns = [first], []
    for each in owners:
        starts = np.searchsorted(each, np.arange(len(each) and int(each[-1]) + 1))
        columns.append(np.arange(len(each)) - starts[each] if len(each) else each)
        natural.append(int(columns[-1].max(initial=-1)) + 1)
    wanted = np.asarray(shape)
    sizes = [*natural, *values.shape[1:]]
    if wanted.ndim:
        if len(wanted) != len(sizes):
            raise InputError(
                f"RaggedTensorToTensor: the shape {wanted.tolist()} has {len(wanted)} dimensions, and the ragged tensor "
                f"{len(sizes)}."
            )
        sizes = [
            size if given < 0 else int(given) for given, size in zip(wanted.tolist(), sizes, strict=True)
        ]
    places: list[Any] = []
    rows = np.arange(len(values))
    for each, column in zip(reversed(owners), reversed(columns), strict=True):
        places.insert(0, column[rows])
        rows = each[rows]
    places.insert(0, rows)
    outer = sizes[: len(places)]
    inside = np.all([place < size for place, size in zip(places, outer, strict=True)], axis=0)
    out = np.empty(sizes, values.dtype)
    out[...] = default[()] if default.ndim == 0 else default
    out[tuple(place[inside] for place in places)] = values[inside]
    return [out]


def _count_rows(kind: str, part: Any) -> int:
    return len(part) - 1 if kind == "ROW_SPLITS" else len(part)


def _find_owners(kind: str, part: Any) -> Any:
    """For each element the row that it is in."""
    if kind == "VALUE_ROWIDS":
        return np.asarray(part, np.int64)
    lengths = np.diff(part) if kind == "ROW_SPLITS" else np.asarray(part)
    return np.arange(len(lengths)).repeat(lengths)
