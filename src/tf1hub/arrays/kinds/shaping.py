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


@op("UnravelIndex", known=(1,))
def unravel(call: Call, indices: Any, sizes: Any) -> Any:
    """The place along each axis of what lies at flat indices."""
    xp, numbers = call.xp, np.asarray(sizes).tolist()
    if xp is np:
        total = int(np.prod(numbers))
        if np.any((indices < 0) | (indices >= total)):
            raise ValueError(f"index is out of bound as with dims: an index is not in [0, {total})")
    found = []
    for size in reversed(numbers):
        here = xp.asarray(size, indices.dtype)
        found.append(indices % here)
        indices = indices // here
    return xp.stack(found[::-1])


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
        if not isinstance(count, int):
            x = _mirror_named(x, axis, edge, before, after)
            continue
        if max(before, after) > count - edge:
            raise ValueError(
                f"paddings must be no greater than the dimension size: {before}, {after} greater than {count - edge}"
            )
        places = [edge + i for i in reversed(range(before))]
        places += [*range(count), *(count - 1 - edge - i for i in range(after))]
        x = call.xp.take(x, np.asarray(places, np.int32), axis=axis)
    return x


def _mirror_named(x: Any, axis: int, edge: int, before: int, after: int) -> Any:
    """A tensor of JAX mirrored along an axis whose size only has a name."""
    import jax.numpy as jnp

    count = x.shape[axis]
    places = jnp.arange(before + count + after) - before
    places = jnp.where(places < 0, edge - 1 - places, places)
    places = jnp.where(places < count, places, 2 * count - 1 - edge - places)
    return jnp.take(x, places, axis=axis)


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


@op("Empty", known=(0,))
def empty(call: Call, dims: Any) -> Any:
    """A tensor whose content is not told; zeros."""
    return np.zeros(sizes_of(dims), call.dtype("dtype"))
