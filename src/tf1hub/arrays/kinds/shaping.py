"""Ops that change shapes, or put tensors together and take them apart.

What each does is said by TensorFlow's op definitions (`core/ops/array_ops.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import axes_of, axis_of, namespace_for, numbers_of, shape_array, sizes_of


@op("Shape", "ShapeN")
def shape(call: Call, *tensors: Any) -> Any:
    """The sizes of the axes, which are known while tracing."""
    dtype = call.attributes["out_type"]
    found = tuple(shape_array(x.shape, dtype) for x in tensors)
    return found if call.kind == "ShapeN" else found[0]


@op("Size")
def size(call: Call, x: Any) -> Any:
    """The number of elements."""
    return shape_array(x.size, call.attributes["out_type"])


@op("Rank")
def rank(call: Call, x: Any) -> Any:
    """The number of axes."""
    return np.asarray(x.ndim, np.int32)


@op("Reshape", known=(1,))
def reshape(call: Call, x: Any, wanted: Any) -> Any:
    """The same elements in another shape; one size may be -1, which is computed."""
    sizes = sizes_of(wanted)
    if x.size == 0 and -1 in sizes:
        # NumPy cannot say what -1 is where other sizes are 0; TensorFlow takes it for 0 then.
        rest = int(np.prod([n for n in sizes if n != -1]))
        sizes = tuple((x.size // rest if rest else 0) if n == -1 else n for n in sizes)
    return x.reshape(sizes)


@op("ExpandDims", known=(1,))
def expand_dims(call: Call, x: Any, axis: Any) -> Any:
    """A new axis of size 1."""
    return call.xp.expand_dims(x, axis_of(axis, x.ndim + 1))


@op("Squeeze")
def squeeze(call: Call, x: Any) -> Any:
    """Without the axes of size 1, or without some of them."""
    axes = axes_of(call["squeeze_dims"], x.ndim)
    return call.xp.squeeze(x, axes or tuple(i for i, n in enumerate(x.shape) if n == 1))


@op("Transpose", "ConjugateTranspose", known=(1,))
def transpose(call: Call, x: Any, order: Any) -> Any:
    """The axes in another order."""
    moved = call.xp.transpose(x, axes_of(order, x.ndim))
    return call.xp.conj(moved) if call.kind == "ConjugateTranspose" else moved


@op("InvertPermutation")
def invert_permutation(call: Call, x: Any) -> Any:
    """Where each number is."""
    return call.xp.argsort(x).astype(x.dtype)


@op("Tile", known=(1,))
def tile(call: Call, x: Any, times: Any) -> Any:
    """Several copies along each axis."""
    sizes = sizes_of(times)
    return namespace_for(call.xp, sizes).tile(x, sizes)


@op("BroadcastTo", known=(1,))
def broadcast_to(call: Call, x: Any, wanted: Any) -> Any:
    """Copies along axes of size 1 and new ones."""
    sizes = sizes_of(wanted)
    return namespace_for(call.xp, sizes).broadcast_to(x, sizes)


@op("BroadcastArgs", known=(0, 1))
def broadcast_args(call: Call, first: Any, second: Any) -> Any:
    """The shape of two shapes broadcast."""
    return np.asarray(np.broadcast_shapes(sizes_of(first), sizes_of(second)), first.dtype)


@op("BroadcastGradientArgs", known=(0, 1))
def broadcast_gradient_args(call: Call, first: Any, second: Any) -> tuple[Any, Any]:
    """The axes along which each of two shapes is broadcast to the other."""
    one, two = sizes_of(first), sizes_of(second)
    rank_of_both = max(len(one), len(two))
    one, two = ((1,) * (rank_of_both - len(sizes)) + sizes for sizes in (one, two))
    both = np.broadcast_shapes(one, two)
    same = [i for i in range(rank_of_both) if one[i] == two[i] == 1]
    axes = ([i for i in range(rank_of_both) if n[i] != both[i] or i in same] for n in (one, two))
    found = [np.asarray(axis, first.dtype) for axis in axes]
    return found[0], found[1]


@op("Fill", known=(0,))
def fill(call: Call, dims: Any, value: Any) -> Any:
    """A tensor of one value."""
    if value.dtype == object:
        return np.full(sizes_of(dims), value.item(), object)
    sizes = sizes_of(dims)
    return namespace_for(call.xp, sizes).broadcast_to(value, sizes)


@op("Range", known=(0, 1, 2))
def arange(call: Call, start: Any, limit: Any, delta: Any) -> Any:
    """Numbers from a start in steps up to a limit, which is left out."""
    if object in (start.dtype, limit.dtype, delta.dtype):
        import jax.numpy as jnp

        return jnp.arange(start.item(), limit.item(), delta.item()).astype(np.int32)
    if start.dtype.kind in "iu":
        return np.arange(int(start), int(limit), int(delta)).astype(start.dtype)
    count = max(0, int(np.ceil(np.abs((np.float64(limit) - np.float64(start)) / np.float64(delta)))))
    if (limit - start) * delta < 0:
        count = 0
    return (start + np.arange(count).astype(start.dtype) * delta).astype(start.dtype)


@op("LinSpace", known=(2,))
def linspace(call: Call, start: Any, stop: Any, count: Any) -> Any:
    """Numbers at equal distances, both ends among them."""
    xp, number = call.xp, int(count)
    if number == 1:
        return xp.reshape(start, (1,))
    step = (stop - start) / np.asarray(number - 1, start.dtype)
    inner = start + step * np.arange(number - 1).astype(start.dtype)
    return xp.concatenate([inner, xp.reshape(stop, (1,))]).astype(start.dtype)


# ------------------------------------------------------------------ together and apart


@op("Concat", known=(0,))
@op("ConcatV2", known=(-1,))
def concat(call: Call, *inputs: Any) -> Any:
    """Tensors one after another along an axis."""
    tensors, axis = (inputs[1:], inputs[0]) if call.kind == "Concat" else (inputs[:-1], inputs[-1])
    return call.xp.concatenate(tensors, axis_of(axis, tensors[0].ndim))


@op("ConcatOffset")
def concat_offset(call: Call, axis: Any, *shapes: Any) -> tuple[Any, ...]:
    """Where each of several tensors begins in their concatenation."""
    along, found, start = axis_of(axis, len(shapes[0])), [], 0
    for sizes in shapes:
        offset = np.zeros_like(sizes)
        offset[along] = start
        found.append(offset)
        start += int(sizes[along])
    return tuple(found)


@op("Pack")
def pack(call: Call, *tensors: Any) -> Any:
    """Tensors stacked along a new axis."""
    given = [numbers_of(call.xp, x) for x in tensors]
    return call.xp.stack(given, axis_of(call["axis"], tensors[0].ndim + 1))


@op("ParallelConcat")
def parallel_concat(call: Call, *tensors: Any) -> Any:
    """Tensors whose first axis has size 1, one after another."""
    return call.xp.concatenate(tensors, 0)


@op("Unpack")
def unpack(call: Call, x: Any) -> tuple[Any, ...]:
    """The parts along an axis, without it."""
    axis = axis_of(call["axis"], x.ndim)
    before = (slice(None),) * axis
    return tuple(x[(*before, i)] for i in range(call["num"]))


@op("Split", known=(0,))
def split(call: Call, axis: Any, x: Any) -> tuple[Any, ...]:
    """Equal parts along an axis."""
    return tuple(call.xp.split(x, call["num_split"], axis_of(axis, x.ndim)))


@op("SplitV", known=(1, 2))
def split_v(call: Call, x: Any, lengths: Any, axis: Any) -> tuple[Any, ...]:
    """Parts of given lengths along an axis, one of which may be -1: the rest."""
    along, sizes = axis_of(axis, x.ndim), list(sizes_of(lengths))
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[along] - sum(sizes) - 1
    if sum(sizes) != x.shape[along]:
        raise ValueError(f"The parts {sizes} do not make up the size {x.shape[along]} of axis {along}.")
    return tuple(call.xp.split(x, np.cumsum(sizes)[:-1].tolist(), along))


# ------------------------------------------------------------------ borders


@op("Pad", "PadV2", known=(1,))
def pad(call: Call, x: Any, paddings: Any, *value: Any) -> Any:
    """A border of zeros, or of a given value."""
    widths = np.asarray(paddings)
    if value and not isinstance(value[0], np.ndarray):
        zeros = call.xp.pad(x, widths)
        inside = np.pad(np.ones(x.shape, bool), widths)
        return call.xp.where(inside, zeros, value[0])
    if x.ndim == 0:
        return x
    filling = value[0] if value else (b"" if x.dtype == object else np.asarray(0, x.dtype))
    return call.xp.pad(x, widths, constant_values=filling)


@op("MirrorPad", known=(1,))
def mirror_pad(call: Call, x: Any, paddings: Any) -> Any:
    """A border of the tensor mirrored, with the edge itself (`SYMMETRIC`) or without it (`REFLECT`)."""
    widths = np.asarray(paddings)
    for axis, (before, after) in enumerate(widths.tolist()):
        # By index: NumPy would repeat what is narrower than its border, and has no way for empty ones.
        count, edge = x.shape[axis], 1 if call["mode"] == "REFLECT" else 0
        if max(before, after) > count - edge:
            raise ValueError(
                f"paddings must be no greater than the dimension size: {before}, {after} greater than {count - edge}"
            )
        places = [edge + i for i in reversed(range(before))]
        places += [*range(count), *(count - 1 - edge - i for i in range(after))]
        x = call.xp.take(x, np.asarray(places, np.int32), axis=axis)
    return x


# ------------------------------------------------------------------ order


@op("Reverse", known=(1,))
def reverse(call: Call, x: Any, chosen: Any) -> Any:
    """Some axes from the end, chosen by a truth for each."""
    return call.xp.flip(x, tuple(np.flatnonzero(np.asarray(chosen)).tolist()))


@op("ReverseV2", known=(1,))
def reverse_v2(call: Call, x: Any, axes: Any) -> Any:
    """Some axes from the end."""
    return call.xp.flip(x, axes_of(axes, x.ndim))


@op("Roll", known=(2,))
def roll(call: Call, x: Any, shift: Any, axis: Any) -> Any:
    """Elements moved along axes; what leaves at one end enters at the other. An axis may be given twice."""
    for amount, along in zip(np.ravel(shift), np.ravel(axis).tolist(), strict=True):
        x = call.xp.roll(x, amount, axis_of(along, x.ndim))
    return x


# ------------------------------------------------------------------ space, batch and depth


def _blocks(call: Call, block: Any) -> list[int]:
    return [int(n) for n in np.ravel(block)]


@op("SpaceToBatchND", "SpaceToBatch", known=(1, 2))
def space_to_batch(call: Call, x: Any, *given: Any) -> Any:
    """Blocks of positions become examples of the batch."""
    if call.kind == "SpaceToBatch":
        sizes, paddings = [call["block_size"]] * 2, np.asarray(given[0])
    else:
        sizes, paddings = _blocks(call, given[0]), np.asarray(given[1])
    xp, count = call.xp, len(sizes)
    rest = x.shape[1 + count :]
    x = xp.pad(x, [(0, 0), *paddings.tolist(), *((0, 0) for _ in rest)])
    batch = x.shape[0]
    split_sizes = [part for n, b in zip(x.shape[1 : 1 + count], sizes, strict=True) for part in (n // b, b)]
    apart = x.reshape((batch, *split_sizes, *rest))
    order = [*range(2, 2 + 2 * count, 2), 0, *range(1, 1 + 2 * count, 2), *range(1 + 2 * count, apart.ndim)]
    moved = xp.transpose(apart, order)
    return moved.reshape((batch * int(np.prod(sizes)), *split_sizes[::2], *rest))


@op("BatchToSpaceND", "BatchToSpace", known=(1, 2))
def batch_to_space(call: Call, x: Any, *given: Any) -> Any:
    """Examples of the batch become blocks of positions again."""
    if call.kind == "BatchToSpace":
        sizes, crops = [call["block_size"]] * 2, np.asarray(given[0])
    else:
        sizes, crops = _blocks(call, given[0]), np.asarray(given[1])
    xp, count = call.xp, len(sizes)
    batch = x.shape[0] // int(np.prod(sizes))
    spatial, rest = x.shape[1 : 1 + count], x.shape[1 + count :]
    apart = x.reshape((*sizes, batch, *spatial, *rest))
    pairs = [place for i in range(count) for place in (1 + count + i, i)]
    moved = xp.transpose(apart, [count, *pairs, *range(1 + 2 * count, apart.ndim)])
    whole = moved.reshape((batch, *(n * b for n, b in zip(spatial, sizes, strict=True)), *rest))
    kept = [slice(before, whole.shape[1 + i] - after) for i, (before, after) in enumerate(crops.tolist())]
    return whole[(slice(None), *kept)]


@op("SpaceToDepth")
def space_to_depth(call: Call, x: Any) -> Any:
    """Blocks of positions become channels."""
    if call["data_format"] == "NCHW":
        return _channels_second(call, _space_to_depth(call, _channels_last(call, x)))
    return _space_to_depth(call, x)


def _space_to_depth(call: Call, x: Any) -> Any:
    b = call["block_size"]
    n, h, w, c = x.shape
    apart = call.xp.transpose(x.reshape((n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return apart.reshape((n, h // b, w // b, b * b * c))


@op("DepthToSpace")
def depth_to_space(call: Call, x: Any) -> Any:
    """Channels become blocks of positions."""
    if call["data_format"] == "NCHW":
        return _channels_second(call, _depth_to_space(call, _channels_last(call, x)))
    return _depth_to_space(call, x)


def _depth_to_space(call: Call, x: Any) -> Any:
    b = call["block_size"]
    n, h, w, c = x.shape
    apart = call.xp.transpose(x.reshape((n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
    return apart.reshape((n, h * b, w * b, c // (b * b)))


def _channels_last(call: Call, x: Any) -> Any:
    return call.xp.moveaxis(x, 1, -1)


def _channels_second(call: Call, x: Any) -> Any:
    return call.xp.moveaxis(x, -1, 1)


# ------------------------------------------------------------------ parts of matrices


@op("Diag", "MatrixDiag")
def diag(call: Call, diagonal: Any) -> Any:
    """A tensor with a given diagonal: of the whole (`Diag`), or of each matrix (`MatrixDiag`)."""
    xp = call.xp
    if call.kind == "Diag":
        flat = xp.diag(diagonal.reshape(-1))
        return flat.reshape((*diagonal.shape, *diagonal.shape))
    n = diagonal.shape[-1]
    return xp.where(np.eye(n, dtype=bool), diagonal[..., np.newaxis], np.asarray(0, diagonal.dtype))


@op("DiagPart", "MatrixDiagPart")
def diag_part(call: Call, x: Any) -> Any:
    """The diagonal of the whole, or of each matrix."""
    if call.kind == "DiagPart":
        half = x.shape[: x.ndim // 2]
        n = int(np.prod(half))
        return call.xp.diagonal(x.reshape((n, n))).reshape(half)
    return call.xp.diagonal(x, axis1=-2, axis2=-1)


def _diagonals(k: Any) -> tuple[int, int]:
    given = np.ravel(k).tolist()
    return int(given[0]), int(given[-1])


def _place_in_band(align: str, d: int, low: int, high: int, rows: int, columns: int) -> tuple[int, int]:
    """Where diagonal `d` lies in the packed form: its length, and how far from the left it starts."""
    length = min(rows + min(0, d), columns - max(0, d))
    longest = min(rows + min(0, high), columns + min(0, -low))
    above, below = align.split("_")
    side = above if d > 0 else below if d < 0 else "LEFT"
    if d == 0 and length != longest:
        side = above
    return length, (longest - length if side == "RIGHT" else 0)


def _align(call: Call) -> str:
    return str(call["align"]) if call.kind.endswith("V3") else "LEFT_LEFT"


@op("MatrixDiagPartV2", "MatrixDiagPartV3", known=(1,))
def matrix_diag_part(call: Call, x: Any, k: Any, padding: Any) -> Any:
    """Some diagonals of each matrix, as rows that are padded to one length."""
    xp = call.xp
    low, high = _diagonals(k)
    rows, columns = x.shape[-2:]
    longest = min(rows + min(0, high), columns + min(0, -low))
    packed = []
    for d in range(high, low - 1, -1):
        length, start = _place_in_band(_align(call), d, low, high, rows, columns)
        line = xp.diagonal(x, d, -2, -1)
        sides = [
            xp.broadcast_to(xp.reshape(padding, (1,) * x.ndim)[..., 0], (*x.shape[:-2], n))
            for n in (start, longest - length - start)
        ]
        packed.append(xp.concatenate([sides[0], line, sides[1]], -1))
    return packed[0] if low == high else xp.stack(packed, -2)


def _set_band(call: Call, x: Any, diagonals: Any, k: Any) -> Any:
    xp = call.xp
    low, high = _diagonals(k)
    rows, columns = x.shape[-2:]
    row, column = np.indices((rows, columns))
    for number, d in enumerate(range(high, low - 1, -1)):
        _, start = _place_in_band(_align(call), d, low, high, rows, columns)
        line = diagonals if low == high else diagonals[..., number, :]
        place = np.clip(np.minimum(row, column) + start, 0, line.shape[-1] - 1)
        x = xp.where(column - row == d, line[..., place], x)
    return x


@op("MatrixSetDiag")
def matrix_set_diag(call: Call, x: Any, diagonal: Any) -> Any:
    """Each matrix with another main diagonal."""
    return _set_band(call, x, diagonal, 0)


@op("MatrixSetDiagV2", "MatrixSetDiagV3", known=(2,))
def matrix_set_diagonals(call: Call, x: Any, diagonals: Any, k: Any) -> Any:
    """Each matrix with some other diagonals."""
    return _set_band(call, x, diagonals, k)


@op("MatrixDiagV2", "MatrixDiagV3", known=(1, 2, 3))
def matrix_diag(call: Call, diagonals: Any, k: Any, rows: Any, columns: Any, padding: Any) -> Any:
    """Matrices with given diagonals, and `padding` elsewhere."""
    xp = call.xp
    low, high = _diagonals(k)
    longest = diagonals.shape[-1]
    least = (longest - min(high, 0), longest + max(low, 0))
    height, width = int(rows), int(columns)
    if height == -1 and width == -1:
        height = width = max(least)
    elif height == -1:
        height = least[0]
    elif width == -1:
        width = least[1]
    batch = diagonals.shape[: -1 if low == high else -2]
    return _set_band(call, xp.broadcast_to(padding, (*batch, height, width)), diagonals, k)


@op("MatrixBandPart")
def matrix_band_part(call: Call, x: Any, lower: Any, upper: Any) -> Any:
    """Each matrix without what lies far from its diagonal; a negative number keeps all of a side."""
    row, column = np.indices(x.shape[-2:])
    below, above = row - column, column - row
    kept = ((lower < 0) | (below <= lower)) & ((upper < 0) | (above <= upper))
    return call.xp.where(kept, x, np.asarray(0, x.dtype))


@op("Empty", known=(0,))
def empty(call: Call, dims: Any) -> Any:
    """A tensor whose content is not told; zeros."""
    return np.zeros(sizes_of(dims), call.dtype("dtype"))
