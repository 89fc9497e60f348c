"""Elements that are different, and sets of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes


def _first_seen(rows: list[Any]) -> tuple[list[int], list[int], list[int]]:
    """For rows that can be hashed: where each is first seen, the number of each, and how often each is there."""
    numbers: dict[Any, int] = {}
    firsts: list[int] = []
    counts: list[int] = []
    each: list[int] = []
    for index, row in enumerate(rows):
        number = numbers.setdefault(row, len(firsts))
        if number == len(firsts):
            firsts.append(index)
            counts.append(0)
        counts[number] += 1
        each.append(number)
    return firsts, each, counts


def _unique(x: Any, axis: int | None, attributes: Attributes) -> list[Any]:
    dtype = attributes.get("out_idx", np.dtype(np.int32))
    moved = x if axis is None else np.moveaxis(x, axis, 0)
    if moved.ndim == 1:
        rows = moved.tolist()
    else:
        rows = [row.tobytes() if not x.dtype.hasobject else tuple(row.reshape(-1)) for row in moved]
    firsts, each, counts = _first_seen(rows)
    found = moved[np.array(firsts, np.int64)]
    values = found if axis is None else np.moveaxis(found, 0, axis)
    return [values, np.array(each, dtype), np.array(counts, dtype)]


@computes("Unique", host=True)
def unique(xp: Any, attributes: Attributes, x: Any) -> list[Any]:
    """The different elements of a vector, in the order in which they are first seen, and for each element which it is."""
    return _unique(x, None, attributes)[:2]


@computes("UniqueWithCounts", host=True)
def unique_with_counts(xp: Any, attributes: Attributes, x: Any) -> list[Any]:
    """The same, and how often each is there."""
    return _unique(x, None, attributes)


def _axis(x: Any, axis: Any) -> int | None:
    """The `axis` of the newer ops: a vector of one number, or empty for that of a vector."""
    return int(np.reshape(axis, -1)[0]) % x.ndim if np.size(axis) else None


@computes("UniqueV2", host=True)
def unique_along(xp: Any, attributes: Attributes, x: Any, axis: Any) -> list[Any]:
    """The different slices along an axis."""
    return _unique(x, _axis(x, axis), attributes)[:2]


@computes("UniqueWithCountsV2", host=True)
def unique_along_with_counts(xp: Any, attributes: Attributes, x: Any, axis: Any) -> list[Any]:
    """The same, and how often each is there."""
    return _unique(x, _axis(x, axis), attributes)


@computes("ListDiff", host=True)
def difference(xp: Any, attributes: Attributes, x: Any, y: Any) -> list[Any]:
    """The elements of a vector that another one lacks, in their order, and where they are."""
    other = set(y.tolist())
    places = np.array([index for index, value in enumerate(x.tolist()) if value not in other], np.int64)
    return [x[places], places.astype(attributes.get("out_idx", np.int32))]


_SETS: dict[str, Callable[[set[Any], set[Any]], set[Any]]] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}
_Rows = dict[tuple[int, ...], set[Any]]


def _dense_rows(values: Any) -> tuple[_Rows, tuple[int, ...]]:
    rows = {index: set(values[index].tolist()) for index in np.ndindex(*values.shape[:-1])}
    return rows, values.shape[:-1]


def _sparse_rows(indices: Any, values: Any, shape: Any) -> tuple[_Rows, tuple[int, ...]]:
    rows: _Rows = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        rows.setdefault(tuple(index[:-1]), set()).add(value)
    return rows, tuple(shape.tolist()[:-1])


def _combine(first: tuple[_Rows, Any], second: tuple[_Rows, Any], attributes: Attributes) -> list[Any]:
    """The sets of all rows as a sparse tensor: sorted within each row."""
    operation = _SETS[attributes["set_operation"]]
    (mine, shape), (its, _) = first, second
    indices: list[tuple[int, ...]] = []
    values: list[Any] = []
    widest = 0
    for row in sorted(mine.keys() | its.keys()):
        found = sorted(operation(mine.get(row, set()), its.get(row, set())))
        widest = max(widest, len(found))
        indices += [(*row, column) for column in range(len(found))]
        values += found
    array = np.empty(len(values), attributes["T"])
    array[:] = values
    return [
        np.array(indices, np.int64).reshape(len(values), len(shape) + 1),
        array,
        np.array([*shape, widest], np.int64),
    ]


@computes("DenseToDenseSetOperation", host=True)
def dense_sets(xp: Any, attributes: Attributes, x: Any, y: Any) -> list[Any]:
    """Sets in the last dimension of two tensors: union, intersection, differences."""
    return _combine(_dense_rows(x), _dense_rows(y), attributes)


@computes("DenseToSparseSetOperation", host=True)
def dense_and_sparse_sets(xp: Any, attributes: Attributes, x: Any, *sparse: Any) -> list[Any]:
    """The same of a tensor and a sparse tensor."""
    return _combine(_dense_rows(x), _sparse_rows(*sparse), attributes)


@computes("SparseToSparseSetOperation", host=True)
def sparse_sets(xp: Any, attributes: Attributes, *sparse: Any) -> list[Any]:
    """The same of two sparse tensors."""
    return _combine(_sparse_rows(*sparse[:3]), _sparse_rows(*sparse[3:]), attributes)


@computes("SetSize", host=True)
def set_size(xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any) -> list[Any]:
    """How many different elements each row of a sparse tensor has."""
    rows, outer = _sparse_rows(indices, values, shape)
    found = np.zeros(outer, np.int32)
    for row, elements in rows.items():
        found[row] = len(elements)
    return [found]


@computes("Bucketize")
def bucketize(xp: Any, attributes: Attributes, x: Any) -> list[Any]:
    """The number of boundaries that are not above each number."""
    boundaries = np.array(attributes["boundaries"], np.float32)
    return [xp.searchsorted(boundaries, x.astype(np.float32), side="right").astype(np.int32)]
