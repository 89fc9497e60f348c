"""Sparse tensors: indices, values and a dense shape, each an input or output of its own."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.string_arrays import string_array
from tf1hub.errors import InputError


def _flat(indices: Any, shape: Any) -> Any:
    """The place of each element in the dense tensor, counted row by row."""
    sizes = [int(size) for size in shape]
    steps = np.array([prod(sizes[axis + 1 :]) for axis in range(len(sizes))], np.int64)
    return np.asarray(indices, np.int64).reshape(len(indices), len(sizes)) @ steps


def _unflat(places: Any, shape: Any) -> Any:
    """The indices of places that `_flat` counted."""
    if not len(shape):
        return np.zeros((len(places), 0), np.int64)
    return (
        np.stack(np.unravel_index(places, tuple(int(size) for size in shape)), 1)
        .astype(np.int64)
        .reshape(-1, len(shape))
    )


def _sort(indices: Any, values: Any, shape: Any) -> tuple[Any, Any]:
    order = np.argsort(_flat(indices, shape), kind="stable")
    return indices[order], values[order]


def _default(dtype: Any) -> Any:
    return b"" if dtype.hasobject else np.zeros((), dtype)


@computes("SparseToDense", known=(0, 1))
def to_dense(
    xp: Any, attributes: Attributes, indices: Any, shape: Any, values: Any, default: Any
) -> list[Any]:
    """A dense tensor with values at some places; indices of a scalar, a vector, or a row for each.

    Raises:
        InputError: an index lies outside of the shape, or, where they are to be validated, they are not sorted.
    """
    sizes = tuple(np.asarray(shape).tolist())
    rows = np.asarray(indices)
    rows = rows.reshape(-1, 1) if rows.ndim < 2 else rows
    if rows.size and ((rows < 0).any() or (rows >= np.array(sizes)).any()):
        raise InputError(f"SparseToDense: an index lies outside of the shape {list(sizes)}.")
    if (
        attributes.get("validate_indices", True)
        and len(rows) > 1
        and (np.diff(_flat(rows, sizes)) <= 0).any()
    ):
        raise InputError("SparseToDense: the indices are not sorted, or one is there twice.")
    where = tuple(rows.T)
    if xp is np:
        dense = np.empty(sizes, values.dtype)
        dense[...] = default[()] if values.dtype.hasobject else default
        dense[where] = values[()] if values.ndim == 0 else values
        return [dense]
    return [xp.broadcast_to(xp.asarray(default), sizes).at[where].set(values)]


@computes("SparseTensorDenseMatMul", known=(2,))
def matmul(xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, dense: Any) -> list[Any]:
    """A sparse matrix times a dense one; either may be adjoint."""
    rows, columns = indices[:, 0], indices[:, 1]
    height = int(shape[0])
    if attributes["adjoint_a"]:
        rows, columns, height = columns, rows, int(shape[1])
        values = xp.conj(values)
    if attributes["adjoint_b"]:
        dense = xp.conj(dense).T
    products = values[:, None] * dense[columns]
    if xp is np:
        out = np.zeros((height, dense.shape[1]), products.dtype)
        np.add.at(out, rows, products)
        return [out]
    return [xp.zeros((height, dense.shape[1]), products.dtype).at[rows].add(products)]


def _has_each_row(rows: Any, count: int) -> bool:
    """Whether sorted elements leave no row empty: then each lies in the row of the one before it, or in the next."""
    if not len(rows) or rows[0] != 0 or rows[-1] != count - 1:
        return False
    steps = rows[1:] - rows[:-1]
    # Without a sign, a step back is a large one.
    return bool(steps.view(np.uint64).max(initial=0) <= 1)


@computes("SparseFillEmptyRows", host=True)
def fill_empty_rows(
    xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, default: Any
) -> list[Any]:
    """One element, the default, in each row that has none.

    Returns:
        Indices and values, whether each row was empty, and where each element went.
    """
    count = int(shape[0])
    rows = indices[:, 0]
    if _has_each_row(rows, count):
        return [indices, values, np.zeros(count, bool), np.arange(len(rows))]
    filled = np.zeros(count, bool)
    filled[rows] = True
    empty = np.flatnonzero(~filled)
    added = np.zeros((len(empty), indices.shape[1]), np.int64)
    added[:, 0] = empty
    fill = np.empty(len(empty), values.dtype)
    fill[:] = default[()]
    all_indices, all_values = np.concatenate([indices, added]), np.concatenate([values, fill])
    order = np.argsort(all_indices[:, 0], kind="stable")
    went = np.empty(len(order), np.int64)
    went[order] = np.arange(len(order))
    return [all_indices[order], all_values[order], ~filled, went[: len(values)]]


def fill_rows(
    xp: Any,
    attributes: Attributes,
    indices: Any,
    values: Any,
    shape: Any,
    default: Any,
    is_filled: bool,
    *,
    as_list: bool,
    count: int,
) -> list[Any]:
    """`fill_empty_rows`, where it is known whether a row is empty.

    Args:
        values: an array, or a list of strings.
        is_filled: whether each row has an element.
        as_list: whether to give strings as a list, too.
        count: how many outputs are wanted.
    """
    if is_filled:
        if not as_list and isinstance(values, list):
            values = string_array(values)
        if count == 2:
            return [indices, values]
        return [indices, values, np.zeros(int(shape[0]), bool), np.arange(len(indices))]
    given = string_array(values) if isinstance(values, list) else values
    indices, found, *more = fill_empty_rows(xp, attributes, indices, given, shape, default)
    return [indices, found.tolist() if as_list else found, *more][:count]


@computes("SparseReorder", host=True)
def reorder(xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any) -> list[Any]:
    """The elements row by row."""
    return list(_sort(indices, values, shape))


@computes("SparseReshape", host=True)
def reshape(xp: Any, attributes: Attributes, indices: Any, shape: Any, new: Any) -> list[Any]:
    """Indices and shape of the same elements in another shape, one size of which may be -1."""
    sizes = np.array(new, np.int64)
    if (sizes < 0).any():
        known = prod(int(size) for size in sizes if size >= 0)
        sizes[sizes < 0] = prod(int(size) for size in shape) // known if known else 0
    return [_unflat(_flat(indices, shape), sizes), sizes]


@computes("SparseConcat", host=True)
def concatenate(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """Sparse tensors one behind the other along an axis."""
    count = attributes["N"]
    parts, values, shapes = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    axis = attributes["concat_dim"] % len(shapes[0])
    shape = np.array(shapes[0], np.int64)
    shape[axis] = sum(int(each[axis]) for each in shapes)
    offset = 0
    moved = []
    for part, each in zip(parts, shapes, strict=True):
        part = np.array(part)
        part[:, axis] += offset
        offset += int(each[axis])
        moved.append(part)
    return [*_sort(np.concatenate(moved), np.concatenate(values), shape), shape]


@computes("SparseSlice", host=True)
def cut(
    xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, start: Any, size: Any
) -> list[Any]:
    """The elements of a box, counted from its corner."""
    end = np.minimum(start + size, shape)
    inside = ((indices >= start) & (indices < end)).all(1)
    return [indices[inside] - start, values[inside], np.maximum(end - start, 0).astype(np.int64)]


@computes("SparseSplit", host=True)
def split(xp: Any, attributes: Attributes, axis: Any, indices: Any, values: Any, shape: Any) -> list[Any]:
    """Equal parts along an axis; the first parts are longer by one where it does not divide."""
    count, along = attributes["num_split"], int(axis) % len(shape)
    size, more = divmod(int(shape[along]), count)
    parts = []
    begin = 0
    for number in range(count):
        length = size + (number < more)
        inside = (indices[:, along] >= begin) & (indices[:, along] < begin + length)
        part = np.array(indices[inside])
        part[:, along] -= begin
        outer = np.array(shape, np.int64)
        outer[along] = length
        parts.append((part, values[inside], outer))
        begin += length
    return [part[index] for index in range(3) for part in parts]


@computes("SparseAdd", host=True)
def add(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """The sum of two sparse tensors; elements that are smaller than a threshold are left out."""
    (i1, v1, shape), (i2, v2, _), threshold = inputs[:3], inputs[3:6], inputs[6]
    both = np.concatenate([_flat(i1, shape), _flat(i2, shape)])
    places, number = np.unique(both, return_inverse=True)
    sums = np.zeros(len(places), v1.dtype)
    np.add.at(sums, number.reshape(-1), np.concatenate([v1, v2]))
    kept = np.abs(sums) >= threshold
    return [_unflat(places[kept], shape), sums[kept], shape]


def _with_dense(function: Callable[[Any, Any], Any]) -> Callable[..., list[Any]]:
    def combine(
        xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, dense: Any
    ) -> list[Any]:
        other = np.broadcast_to(dense, tuple(shape.tolist()))
        return [function(values, other[tuple(indices.T)])]

    return combine


computes("SparseDenseCwiseMul", host=True)(_with_dense(lambda x, y: x * y))
computes("SparseDenseCwiseAdd", host=True)(_with_dense(lambda x, y: x + y))
computes("SparseDenseCwiseDiv", host=True)(_with_dense(lambda x, y: x / y if x.dtype.kind == "f" else x // y))


@computes("SparseTensorDenseAdd", known=(0, 2))
def add_dense(
    xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, dense: Any
) -> list[Any]:
    """A dense tensor with the elements of a sparse one added."""
    where = tuple(np.asarray(indices).T)
    if xp is np:
        out = np.array(dense)
        np.add.at(out, where, values)
        return [out]
    return [xp.asarray(dense).at[where].add(values)]


def _reduce_by(reduce: Any, start: Callable[[Any], Any]) -> Callable[..., list[Any]]:
    def along(xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any, axes: Any) -> list[Any]:
        rank = len(shape)
        gone = {int(axis) % rank for axis in np.reshape(axes, -1)} if np.size(axes) else set(range(rank))
        kept = [axis for axis in range(rank) if axis not in gone]
        sizes = tuple(int(shape[axis]) for axis in kept)
        out = np.full(prod(sizes), start(values.dtype), values.dtype)
        touched = np.zeros(prod(sizes), bool)
        places = _flat(indices[:, kept], sizes)
        reduce.at(out, places, values)
        touched[places] = True
        out[~touched] = 0
        full = tuple(1 if axis in gone else int(shape[axis]) for axis in range(rank))
        return [out.reshape(full if attributes["keep_dims"] else sizes)]

    return along


computes("SparseReduceSum", host=True)(_reduce_by(np.add, lambda _: 0))
computes("SparseReduceMax", host=True)(
    _reduce_by(np.maximum, lambda dtype: -np.inf if dtype.kind == "f" else np.iinfo(dtype).min)
)


@computes("SparseSoftmax", host=True)
def softmax(xp: Any, attributes: Attributes, indices: Any, values: Any, shape: Any) -> list[Any]:
    """The softmax of each row's elements, in the last dimension; places without one do not count."""
    rows = _flat(indices[:, :-1], shape[:-1])
    _, number = np.unique(rows, return_inverse=True)
    number = number.reshape(-1)
    count = int(number.max(initial=-1)) + 1
    largest = np.full(count, -np.inf, values.dtype)
    np.maximum.at(largest, number, values)
    powers = np.exp(values - largest[number])
    sums = np.zeros(count, values.dtype)
    np.add.at(sums, number, powers)
    return [powers / sums[number]]


def _extreme(function: Callable[[Any, Any], Any]) -> Callable[..., list[Any]]:
    def combine(
        xp: Any, attributes: Attributes, i1: Any, v1: Any, shape: Any, i2: Any, v2: Any, _: Any
    ) -> list[Any]:
        first = dict(zip(_flat(i1, shape).tolist(), v1, strict=True))
        second = dict(zip(_flat(i2, shape).tolist(), v2, strict=True))
        zero = _default(v1.dtype)
        places = sorted(first.keys() | second.keys())
        values = [function(first.get(place, zero), second.get(place, zero)) for place in places]
        return [_unflat(np.array(places, np.int64), shape), np.array(values, v1.dtype)]

    return combine


computes("SparseSparseMaximum", host=True)(_extreme(max))
computes("SparseSparseMinimum", host=True)(_extreme(min))
