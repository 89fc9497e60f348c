"""Ops that reduce axes: sums and their kin, cumulative ones, the largest elements, segments.

What each does is said by TensorFlow's op definitions (`core/ops/math_ops.cc`, `nn_ops.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import (
    axes_of,
    axis_of,
    constant,
    is_complex,
    is_float,
    is_integer,
    size_of,
)

_NARROW = ("float16", "bfloat16")


@op("Sum", "Prod", "Mean", "Max", "Min", "All", "Any", "EuclideanNorm", known=(1,))
def reduce(call: Call, x: Any, axes: Any) -> Any:
    """One value for each position along the other axes; a mean of nothing is NaN, a maximum of nothing the least value."""
    axis, keep = axes_of(axes, x.ndim), bool(call["keep_dims"])
    if not axis:  # NumPy takes no axes for all of them
        return call.xp.abs(x) if call.kind == "EuclideanNorm" and not is_complex(x) else x
    wide = x.astype(np.float32) if str(x.dtype) in _NARROW else x
    found = _REDUCE[call.kind](call.xp, wide, axis, keep)
    if x.dtype == object and not isinstance(found, np.ndarray):
        # Sizes that JAX knows by name: NumPy gives the element itself, not an array of it.
        alone = np.empty((), object)
        alone[()] = found
        return alone
    return found.astype(x.dtype)


def _mean(xp: Any, x: Any, axis: tuple[int, ...], keep: bool) -> Any:
    total = xp.sum(x, axis=axis, keepdims=keep, dtype=x.dtype)
    count: Any = 1
    for i in axis:
        count = count * x.shape[i]
    if not isinstance(count, int):
        return total / xp.asarray(count, x.dtype)  # a size that JAX knows by name
    if is_integer(x):
        return _truncate(xp, total, count)
    return total / constant(count, x)


def _truncate(xp: Any, total: Any, count: int) -> Any:
    if not count:
        return total
    whole = xp.abs(total) // constant(count, total)
    return xp.sign(total) * whole


def _extreme(name: str) -> Any:
    def run(xp: Any, x: Any, axis: tuple[int, ...], keep: bool) -> Any:
        if is_integer(x):
            info = np.iinfo(x.dtype)
            least: float = info.min if name == "max" else info.max
        else:
            least = -np.inf if name == "max" else np.inf
        return getattr(xp, name)(x, axis=axis, keepdims=keep, initial=constant(least, x))

    return run


def _euclidean_norm(xp: Any, x: Any, axis: tuple[int, ...], keep: bool) -> Any:
    squares = xp.sum(x * xp.conj(x), axis=axis, keepdims=keep, dtype=x.dtype)
    return xp.sqrt(squares.astype(np.float64) if is_integer(x) else squares)


_REDUCE = {
    "Sum": lambda xp, x, axis, keep: xp.sum(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "Prod": lambda xp, x, axis, keep: xp.prod(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "Mean": _mean,
    "Max": _extreme("max"),
    "Min": _extreme("min"),
    "All": lambda xp, x, axis, keep: xp.all(x, axis=axis, keepdims=keep),
    "Any": lambda xp, x, axis, keep: xp.any(x, axis=axis, keepdims=keep),
    "EuclideanNorm": _euclidean_norm,
}


@op("ArgMax", "ArgMin", known=(1,))
def arg_extreme(call: Call, x: Any, axis: Any) -> Any:
    """The index of the first largest or least element along an axis."""
    xp = call.xp
    if is_float(x):
        # A NaN is never the largest, as in the loop of TensorFlow's kernel.
        worst = constant(-np.inf if call.kind == "ArgMax" else np.inf, x)
        x = xp.where(xp.isnan(x), worst, x)
    function = xp.argmax if call.kind == "ArgMax" else xp.argmin
    return function(x, axis=axis_of(axis, x.ndim)).astype(call.dtype("output_type"))


@op("Cumsum", "Cumprod", "CumulativeLogsumexp", known=(1,))
def cumulative(call: Call, x: Any, axis: Any) -> Any:
    """Running sums or products, `exclusive` of the element itself, or from the end with `reverse`."""
    xp, along = call.xp, axis_of(axis, x.ndim)
    turned = xp.flip(x, along) if call["reverse"] else x
    if call["exclusive"]:
        start = {"Cumsum": 0, "Cumprod": 1, "CumulativeLogsumexp": -np.inf}[call.kind]
        shape = (*x.shape[:along], 1, *x.shape[along + 1 :])
        first = xp.full(shape, constant(start, x))
        rest = turned[(slice(None),) * along + (slice(None, -1),)]
        turned = xp.concatenate([first, rest], along) if x.shape[along] else turned
    if call.kind == "CumulativeLogsumexp":
        result = _running_logsumexp(xp, turned, along)
    else:
        function = xp.cumsum if call.kind == "Cumsum" else xp.cumprod
        wide = turned.astype(np.float32) if str(x.dtype) in _NARROW else turned
        result = function(wide, axis=along, dtype=wide.dtype).astype(x.dtype)
    return xp.flip(result, along) if call["reverse"] else result


def _running_logsumexp(xp: Any, x: Any, axis: int) -> Any:
    if xp is np:
        return np.logaddexp.accumulate(x, axis=axis, dtype=x.dtype)
    from jax import lax

    return lax.cumlogsumexp(x, axis=axis)


@op("TopK", "TopKV2", known=(1,))
def top_k(call: Call, x: Any, *count: Any) -> tuple[Any, Any]:
    """The largest elements of each last axis, sorted, the first of equal ones first; and their indices."""
    k = size_of(count[0]) if count else call["k"]
    if k > x.shape[-1]:
        raise ValueError(f"input must have at least k columns. Had {x.shape[-1]}, needed {k}")
    if call.xp is not np:
        from jax import lax

        values, indices = lax.top_k(x, k)
    else:
        order = np.argsort(
            -x if not np.issubdtype(x.dtype, np.unsignedinteger) else x.max(initial=0) - x,
            axis=-1,
            kind="stable",
        )
        indices = order[..., :k]
        values = np.take_along_axis(x, indices, -1)
    return values, indices.astype(np.int32)


@op("InTopK", "InTopKV2")
def in_top_k(call: Call, predictions: Any, targets: Any, *count: Any) -> Any:
    """Whether each target is among the k largest predictions of its row; ties count as being among them."""
    xp = call.xp
    k = count[0] if count else call["k"]
    classes = predictions.shape[1]
    inside = (targets >= 0) & (targets < classes)
    rows = xp.arange(predictions.shape[0])
    chosen = predictions[rows, xp.where(inside, targets, 0)]
    better = xp.sum(predictions > chosen[:, np.newaxis], 1)
    finite = xp.all(xp.isfinite(predictions) | (predictions <= chosen[:, np.newaxis]), 1) & xp.isfinite(
        chosen
    )
    return inside & finite & (better < k)


@op("NthElement", known=(1,))
def nth_element(call: Call, x: Any, n: Any) -> Any:
    """The n-th least element of each last axis, or the n-th largest."""
    ordered = call.xp.sort(x, axis=-1)
    return ordered[..., -1 - int(n)] if call["reverse"] else ordered[..., int(n)]


# ------------------------------------------------------------------ segments

_SEGMENTS = {"Sum": "add", "Prod": "multiply", "Max": "max", "Min": "min"}


def _start(kind: str, x: Any) -> Any:
    if kind in ("Sum", "Mean"):
        return constant(0, x)
    if kind == "Prod":
        return constant(1, x)
    if is_integer(x):
        info = np.iinfo(x.dtype)
        return constant(info.min if kind == "Max" else info.max, x)
    # The least finite number, not infinity, as `segment_reduction_ops.h` has it.
    import ml_dtypes

    limit = ml_dtypes.finfo(x.dtype).max  # type: ignore[no-untyped-call]
    return constant(-limit if kind == "Max" else limit, x)


def reduce_segments(xp: Any, kind: str, x: Any, ids: Any, count: int, start: Any) -> Any:
    """Rows of `x` gathered into `count` results by `ids`; ids that are negative are dropped."""
    ids = ids.astype(np.int32) if xp is not np else ids
    shape = (count, *x.shape[ids.ndim :])
    rows, ids = x.reshape((-1, *shape[1:])) if ids.size else x.reshape((0, *shape[1:])), ids.reshape(-1)
    if xp is np:
        kept = ids >= 0
        if np.any(ids >= count):
            raise ValueError(f"A segment id is out of range [0, {count}).")
        result = np.full(shape, start, x.dtype)
        function = {"Sum": np.add, "Prod": np.multiply, "Max": np.maximum, "Min": np.minimum}[kind]
        if not kept.all():
            ids, rows = ids[kept], rows[kept]
        if rows.ndim == 1 or not ids.size:
            function.at(result, ids, rows)
            return result
        # Rows that lie together are reduced some three times as fast.
        if (ids[1:] < ids[:-1]).any():
            order = np.argsort(ids, kind="stable")
            ids, rows = ids[order], rows[order]
        starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
        result[ids[starts]] = function(result[ids[starts]], function.reduceat(rows, starts, axis=0))
        return result
    ids = xp.where(ids < 0, count, ids)
    result = xp.full(shape, start, x.dtype)
    return getattr(result.at[ids], _SEGMENTS[kind])(rows, mode="drop")


@op(*(f"UnsortedSegment{kind}" for kind in _SEGMENTS), known=(2,))
def unsorted_segments(call: Call, x: Any, ids: Any, count: Any) -> Any:
    """Rows reduced by the segment that each says it belongs to; negative ids are dropped."""
    kind = call.kind.removeprefix("UnsortedSegment")
    return reduce_segments(call.xp, kind, x, ids, size_of(count), _start(kind, x))


@op(*(f"Segment{kind}" for kind in (*_SEGMENTS, "Mean")), known=(1,))
def sorted_segments(call: Call, x: Any, ids: Any) -> Any:
    """Rows reduced by segment; a segment without rows gives 0 (1 for `Prod`)."""
    xp = call.xp
    kind = call.kind.removeprefix("Segment")
    # How many there are shows in the ids alone, so these have to be known.
    number = int(np.asarray(ids)[-1]) + 1 if ids.size else 0
    if kind == "Mean":
        total = reduce_segments(xp, "Sum", x, ids, number, constant(0, x))
        sizes = _sizes(xp, ids, number, x)
        return xp.where(sizes > 0, total / xp.maximum(sizes, constant(1, x)), constant(0, x))
    found = reduce_segments(xp, kind, x, ids, number, _start(kind, x))
    sizes = _sizes(xp, ids, number, x)
    return xp.where(sizes > 0, found, constant(kind == "Prod", x))


def _sizes(xp: Any, ids: Any, count: int, x: Any) -> Any:
    ones = xp.ones(ids.shape, np.int32)
    sizes = reduce_segments(xp, "Sum", ones, ids, count, np.asarray(0, np.int32))
    return sizes.reshape((count,) + (1,) * (x.ndim - 1)).astype(x.dtype)


@op(
    *(f"SparseSegment{kind}" for kind in ("Sum", "Mean", "SqrtN")),
    known=(2,),
)
@op(*(f"SparseSegment{kind}WithNumSegments" for kind in ("Sum", "Mean", "SqrtN")), known=(3,))
def sparse_segments(call: Call, x: Any, indices: Any, ids: Any, *count: Any) -> Any:
    """Chosen rows, reduced by segment: their sum, their mean, or their sum over the root of their number."""
    xp = call.xp
    kind = call.kind.removeprefix("SparseSegment").removesuffix("WithNumSegments")
    number = size_of(count[0]) if count else (int(np.asarray(ids)[-1]) + 1 if ids.size else 0)
    total = reduce_segments(xp, "Sum", xp.take(x, indices, axis=0), ids, number, constant(0, x))
    if kind == "Sum":
        return total
    sizes = xp.maximum(_sizes(xp, ids, number, x), constant(1, x))
    return total / (sizes if kind == "Mean" else xp.sqrt(sizes))


@op("HistogramFixedWidth", known=(2,))
def histogram(call: Call, values: Any, ends: Any, bins: Any) -> Any:
    """How many numbers lie in each of some bins of one width; what lies outside counts for the first or the last."""
    xp, number = call.xp, int(bins)
    wide = np.float64 if xp is np else np.float32
    if xp is np and not ends[0] < ends[1]:
        raise ValueError(
            f"value_range should satisfy value_range[0] < value_range[1], but got {ends.tolist()}"
        )
    step = (ends[1] - ends[0]).astype(wide) / wide(number)
    places = (xp.maximum(values, ends[0]) - ends[0]).astype(wide) / step
    places = xp.minimum(places, wide(number - 1)).astype(np.int32).reshape(-1)
    ones = xp.ones(places.shape, np.int32)
    return reduce_segments(xp, "Sum", ones, places, number, np.asarray(0, np.int32)).astype(
        call.dtype("dtype")
    )


@op("Bincount", "DenseBincount", known=(1,))
def bincount(call: Call, values: Any, size: Any, weights: Any) -> Any:
    """How often each number from 0 occurs, or the sum of its weights; numbers from `size` on are dropped."""
    xp, number = call.xp, int(size)
    rows = values.reshape(-1) if call.kind == "Bincount" or values.ndim == 1 else values
    dtype = call.dtype("T")
    binary = call.kind == "DenseBincount" and bool(call["binary_output"])

    def count(row: Any, its_weights: Any) -> Any:
        given = its_weights if its_weights.size and not binary else xp.ones(row.shape, dtype)
        ids = xp.where((row >= 0) & (row < number), row, -1)
        found = reduce_segments(xp, "Sum", given.reshape(-1), ids, number, np.asarray(0, dtype))
        return (found > 0).astype(dtype) if binary else found

    if rows.ndim == 1:
        return count(rows, weights)
    return xp.stack([count(row, weights[i] if weights.size else weights) for i, row in enumerate(rows)])
