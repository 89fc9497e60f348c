"""Ops that take elements by index, or put them there.

What each does is said by TensorFlow's op definitions (`core/ops/array_ops.cc`, `data_flow_ops.cc`). An index
out of range is an error where it is known (NumPy); where it is traced, JAX has no errors: what is read there is 0
and what is written there is dropped, as TensorFlow does it on GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import axis_of, sizes_of


def check_indices(indices: Any, size: int) -> None:
    """Raises where known indices are out of range.

    Raises:
        ValueError: one is negative or too large.
    """
    if isinstance(indices, np.ndarray | np.generic) and indices.size:
        low, high = indices.min(), indices.max()
        if low < 0 or high >= size:
            raise ValueError(f"indices = {low if low < 0 else high} is not in [0, {size})")


def take(xp: Any, x: Any, indices: Any, axis: int) -> Any:
    """Some of what lies along an axis, by index."""
    if isinstance(x.shape[axis], int):
        check_indices(indices, x.shape[axis])
    if xp is np:
        return np.take(x, indices, axis=axis)
    return xp.take(x, indices, axis=axis, mode="fill", fill_value=0)


@op("Gather", "GatherV2", known=(2,))
def gather(call: Call, x: Any, indices: Any, *axis: Any) -> Any:
    """Some of what lies along an axis; with `batch_dims`, from each example of a batch by its own indices."""
    xp = call.xp
    along = axis_of(axis[0], x.ndim) if axis else 0
    batch = call["batch_dims"] if call.kind == "GatherV2" else 0
    batch = batch + indices.ndim if batch < 0 else batch
    return gather_in_batch(xp, x, indices, along, batch)


def gather_in_batch(xp: Any, x: Any, indices: Any, axis: int, batch: int) -> Any:
    """Gathers along an axis; the first `batch` axes of both belong together."""
    if not batch:
        return take(xp, x, indices, axis)
    check_indices(indices, x.shape[axis])
    shared, own = x.shape[:batch], indices.shape[batch:]
    # The axis comes first, behind the batch; then each example's rows by its own indices.
    moved = xp.moveaxis(x, axis, batch)
    grid = np.indices(shared, sparse=True) if all(isinstance(n, int) for n in shared) else _grid(xp, shared)
    places = tuple(part.reshape(part.shape + (1,) * len(own)) for part in grid)
    found = moved[(*places, indices)]
    between = axis - batch
    # Now: batch, own indices, axes before the axis, axes after; wanted: batch, before, own indices, after.
    order = list(range(found.ndim))
    before = order[batch + len(own) : batch + len(own) + between]
    rest = order[batch + len(own) + between :]
    return xp.transpose(found, order[:batch] + before + order[batch : batch + len(own)] + rest)


def _grid(xp: Any, sizes: Sequence[Any]) -> list[Any]:
    """Positions along each axis, shaped to broadcast; sizes may be symbolic."""
    rank = len(sizes)
    return [xp.arange(n).reshape((1,) * i + (n,) + (1,) * (rank - 1 - i)) for i, n in enumerate(sizes)]


@op("GatherNd")
def gather_nd(call: Call, x: Any, indices: Any) -> Any:
    """Slices by their positions along the first axes."""
    return gather_slices(call.xp, x, indices)


def gather_slices(xp: Any, x: Any, indices: Any) -> Any:
    """What lies at each position that the last axis of `indices` gives."""
    depth = indices.shape[-1]
    if depth == 0:
        return xp.broadcast_to(x, (*indices.shape[:-1], *x.shape))
    for i in range(depth):
        if isinstance(x.shape[i], int):
            check_indices(indices[..., i], x.shape[i])
    places = tuple(indices[..., i] for i in range(depth))
    if xp is np:
        return x[places]
    return xp.asarray(x).at[places].get(mode="fill", fill_value=0)


_NAMES = {
    "Update": "set",
    "Add": "add",
    "Sub": "add",
    "Mul": "multiply",
    "Div": "divide",
    "Min": "min",
    "Max": "max",
}


def scatter(xp: Any, kind: str, x: Any, places: Any, updates: Any) -> Any:
    """`x` with updates written, added or otherwise joined at some places.

    Args:
        xp: the array namespace.
        kind: `Update`, `Add`, `Sub`, `Mul`, `Div`, `Min` or `Max`.
        x: the tensor; it stays as it is.
        places: an index of NumPy's for the first axes.
        updates: what comes there.
    """
    if kind == "Sub":
        updates = -updates
    if xp is not np:
        return getattr(xp.asarray(x).at[places], _NAMES[kind])(updates, mode="drop")
    result = np.array(x)
    if kind == "Update":
        result[places] = updates
        return result
    functions = {"Add": np.add, "Sub": np.add, "Mul": np.multiply, "Min": np.minimum, "Max": np.maximum}
    functions["Div"] = np.floor_divide if x.dtype.kind in "iu" else np.divide
    functions[kind].at(result, places, updates)
    return result


def scatter_slices(xp: Any, kind: str, x: Any, indices: Any, updates: Any) -> Any:
    """`x` with updates joined at the positions that the last axis of `indices` gives."""
    depth = indices.shape[-1]
    if depth == 0:
        return _scatter_whole(xp, kind, x, updates)
    for i in range(depth):
        check_indices(indices[..., i], x.shape[i])
    return scatter(xp, kind, x, tuple(indices[..., i] for i in range(depth)), updates)


def _scatter_whole(xp: Any, kind: str, x: Any, updates: Any) -> Any:
    """Updates of the whole tensor, one after another."""
    for update in updates.reshape((-1, *x.shape)):
        x = scatter(xp, kind, x, (), update)
    return x


@op("ScatterNd", known=(2,))
def scatter_nd(call: Call, indices: Any, updates: Any, sizes: Any) -> Any:
    """A tensor of zeros to which slices are added at some positions."""
    zeros = call.xp.zeros(sizes_of(sizes), updates.dtype)
    return scatter_slices(call.xp, "Add", zeros, indices, updates)


@op("ScatterNdNonAliasingAdd")
def scatter_nd_add(call: Call, x: Any, indices: Any, updates: Any) -> Any:
    """A tensor to which slices are added at some positions."""
    return scatter_slices(call.xp, "Add", x, indices, updates)


@op(*(f"TensorScatter{kind}" for kind in ("Update", "Add", "Sub", "Min", "Max")))
def tensor_scatter(call: Call, x: Any, indices: Any, updates: Any) -> Any:
    """A tensor with slices written, added or otherwise joined at some positions."""
    return scatter_slices(call.xp, call.kind.removeprefix("TensorScatter"), x, indices, updates)


# ------------------------------------------------------------------ slices


@op("Slice", known=(2,))
def slice_of(call: Call, x: Any, begin: Any, sizes: Any) -> Any:
    """A box, by where it begins and how large it is; -1 for all that is left."""
    widths = [
        x.shape[i] - (int(begin[i]) if _is_known(begin) else 0) if n == -1 else n
        for i, n in enumerate(sizes_of(sizes))
    ]
    if _is_known(begin):
        starts = sizes_of(begin)
        for i, (start, width) in enumerate(zip(starts, widths, strict=True)):
            if (
                isinstance(x.shape[i], int)
                and isinstance(width, int)
                and not 0 <= start <= start + width <= x.shape[i]
            ):
                raise ValueError(f"Expected size[{i}] in [0, {x.shape[i] - start}], but got {width}")
        return x[tuple(slice(start, start + width) for start, width in zip(starts, widths, strict=True))]
    from jax import lax

    return lax.dynamic_slice(call.xp.asarray(x), [begin[i] for i in range(x.ndim)], widths)


def _is_known(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)


def strided_index(call: Call, begin: Any, end: Any, strides: Any) -> tuple[Any, ...]:
    """The index of NumPy's that a StridedSlice means (`core/util/strided_slice_op.cc`).

    Bits of the masks say, for each part of the index: that it has no beginning or end, that it is `...`, a new
    axis, or a single position.
    """
    index: list[Any] = []
    for i in range(int(begin.shape[0])):
        bit = 1 << i
        if call["ellipsis_mask"] & bit:
            index.append(Ellipsis)
        elif call["new_axis_mask"] & bit:
            index.append(None)
        elif call["shrink_axis_mask"] & bit:
            index.append(_bound(begin[i]))
        else:
            ends = (
                None if call["begin_mask"] & bit else begin[i],
                None if call["end_mask"] & bit else end[i],
            )
            index.append(slice(*(_bound(n) for n in (*ends, strides[i]))))
    return tuple(index)


def _bound(n: Any) -> Any:
    return int(n) if isinstance(n, np.generic | np.ndarray) else n


@op("StridedSlice", known=(3,))
def strided_slice(call: Call, x: Any, begin: Any, end: Any, strides: Any) -> Any:
    """A part by beginnings, ends and steps, as Python's slices."""
    index = strided_index(call, begin, end, strides)
    if not (_is_known(begin) and _is_known(end)) or any(map(_is_named, index)):
        return _slice_traced(call, x, index)
    return x[index]


def _is_named(part: Any) -> bool:
    """Whether a place is a size that JAX knows by name only: it slices by such, and takes no element by them."""
    if part is None or part is Ellipsis or isinstance(part, slice | int | np.ndarray | np.generic):
        return False
    from jax import export

    return bool(export.is_symbolic_dim(part))


def _slice_traced(call: Call, x: Any, index: tuple[Any, ...]) -> Any:
    """A slice whose beginning is traced: its size has to be known, as that of a single position is."""
    xp, x = call.xp, call.xp.asarray(x)
    given = sum(part is not None and part is not Ellipsis for part in index)
    axis, whole = 0, list[Any]()
    shrunk: list[int] = []
    out = 0
    for part in index:
        if part is Ellipsis:
            skipped = x.ndim - given
            whole.extend([slice(None)] * skipped)
            axis, out = axis + skipped, out + skipped
        elif part is None:
            whole.append(None)
            out += 1
        else:
            start = part.start if isinstance(part, slice) else part
            if not isinstance(part, slice):
                start = xp.asarray(start)
                place = xp.where(start < 0, start + x.shape[axis], start)
                x = xp.take(x, xp.reshape(place, (1,)), axis=axis, mode="clip")
                whole.append(slice(None))
                shrunk.append(out)
            elif all(_is_static(n) for n in (part.start, part.stop, part.step)):
                whole.append(part)
            else:
                raise call.refusal(
                    "the size of its result depends on values that are not known while tracing"
                )
            axis, out = axis + 1, out + 1
    return xp.squeeze(x[tuple(whole)], tuple(shrunk))


def _is_static(n: Any) -> bool:
    return n is None or isinstance(n, int) or _is_named(n)


@op("TensorStridedSliceUpdate")
def strided_update(call: Call, x: Any, begin: Any, end: Any, strides: Any, value: Any) -> Any:
    """A tensor with a strided slice replaced."""
    return scatter(call.xp, "Update", x, strided_index(call, begin, end, strides), value)


# ------------------------------------------------------------------ by value


@op("OneHot", known=(1,))
def one_hot(call: Call, indices: Any, depth: Any, on: Any, off: Any) -> Any:
    """A new axis that is `on` at the index and `off` elsewhere; an index out of range is `off` everywhere."""
    xp, classes = call.xp, int(depth)
    axis = axis_of(call["axis"], indices.ndim + 1)
    numbers = np.arange(classes).reshape((classes,) + (1,) * (indices.ndim - axis))
    chosen = xp.expand_dims(indices, axis) == numbers.astype(indices.dtype)
    if indices.dtype == np.uint8 and classes > 256:
        chosen = chosen & (numbers < 256)
    return xp.where(chosen, on, off)


@op("Where", host=True)
def where(call: Call, condition: Any) -> Any:
    """The positions of what is not 0."""
    if call.xp is not np:
        raise call.refusal("how many positions it gives depends on values that are not known while tracing")
    return np.argwhere(condition).reshape((-1, condition.ndim)).astype(np.int64)


@op("LowerBound", "UpperBound")
def search_sorted(call: Call, rows: Any, values: Any) -> Any:
    """Where values would go into sorted rows."""
    side = "left" if call.kind == "LowerBound" else "right"
    found = [call.xp.searchsorted(row, its, side=side) for row, its in zip(rows, values, strict=True)]
    stacked = call.xp.stack(found) if found else np.zeros(values.shape)
    return stacked.astype(call.dtype("out_type"))


@op("DynamicPartition", known=(1,))
def dynamic_partition(call: Call, data: Any, partitions: Any) -> tuple[Any, ...]:
    """Rows by the number of the part that each goes to."""
    if not _is_known(partitions):
        raise call.refusal("the sizes of its parts depend on values that are not known while tracing")
    count = call["num_partitions"]
    check_indices(partitions, count)
    rows = data.reshape((partitions.size, *data.shape[partitions.ndim :]))
    flat = partitions.reshape(-1)
    return tuple(rows[np.flatnonzero(flat == number)] for number in range(count))


@op("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(call: Call, *given: Any) -> Any:
    """Rows put where each index says; the last of several for one place stays."""
    count = call["N"]
    indices, data = given[:count], given[count:]
    xp = call.xp
    if not all(_is_known(index) for index in indices):
        return _stitch_traced(call, indices, data)
    size = max((int(index.max()) + 1 for index in indices if index.size), default=0)
    rest = data[0].shape[indices[0].ndim :]
    flat = [index.reshape(-1) for index in indices]
    rows = [x.reshape((index.size, *rest)) for x, index in zip(data, indices, strict=True)]
    if xp is np:
        result = (
            np.zeros((size, *rest), data[0].dtype)
            if data[0].dtype != object
            else np.full((size, *rest), b"", object)
        )
        for index, x in zip(flat, rows, strict=True):
            result[index] = x
        return result
    # The last row for each place, so that nothing is written twice and gradients are right.
    last = np.full(size, -1)
    numbers = np.concatenate(flat)
    last[numbers] = np.arange(numbers.size)
    return take_or_zero(xp, xp.concatenate(rows), last)


def take_or_zero(xp: Any, rows: Any, places: Any) -> Any:
    """Rows by index, zeros where it is -1."""
    missing = (places < 0).reshape((-1,) + (1,) * (rows.ndim - 1))
    return xp.where(missing, np.asarray(0, rows.dtype), rows[np.where(places < 0, 0, places)])


def _stitch_traced(call: Call, indices: Sequence[Any], data: Sequence[Any]) -> Any:
    """Without known indices, the rows are taken to fill the result without gap or repetition, as after a partition."""
    xp = call.xp
    flat = xp.concatenate([xp.reshape(index, -1) for index in indices])
    rest = data[0].shape[indices[0].ndim :]
    rows = xp.concatenate(
        [xp.reshape(x, (index.size, *rest)) for x, index in zip(data, indices, strict=True)]
    )
    return xp.zeros((flat.shape[0], *rest), rows.dtype).at[flat].set(rows)


@op("ReverseSequence")
def reverse_sequence(call: Call, x: Any, lengths: Any) -> Any:
    """The first elements of each example in the other order, as many as it says."""
    xp = call.xp
    sequence, batch = call["seq_dim"] % x.ndim, call["batch_dim"] % x.ndim
    moved = xp.moveaxis(x, (batch, sequence), (0, 1))
    steps = np.arange(moved.shape[1]) if isinstance(moved.shape[1], int) else xp.arange(moved.shape[1])
    bounds = xp.expand_dims(lengths, 1)
    places = xp.where(steps < bounds, bounds - 1 - steps, steps)
    places = places.reshape(places.shape + (1,) * (moved.ndim - 2))
    return xp.moveaxis(xp.take_along_axis(moved, places, axis=1), (0, 1), (batch, sequence))
