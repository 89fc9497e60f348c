"""Borders around tensors, elements moved along axes, and blocks of space."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


def _pads(call: LoweringCall, paddings: Value) -> Value:
    """TensorFlow's pairs as ONNX has them: all that comes before, then all that comes after."""
    graph = call.graph
    pairs = graph.int64(paddings)
    if pairs.known is not None:
        return graph.int64s(*(int(n) for n in pairs.known.T.ravel()))
    turned = graph.transpose(pairs, [1, 0])
    return graph.reshape(turned, [-1])


def _pad_with(call: LoweringCall, x: Value, paddings: Value, value: Value | None, mode: str) -> Value:
    graph = call.graph
    small = {"bool": np.uint8, "int16": np.int32, "uint16": np.int32}.get(x.dtype.name)
    source = x if small is None else graph.cast(x, small)
    filler = None if value is None else graph.reshape(value, []) if value.shape != () else value
    if filler is not None and small is not None:
        filler = graph.cast(filler, small)
    pairs = paddings.known
    if x.first is not None and not x.is_made and pairs is not None and len(pairs) == x.rank:
        order = [0, len(pairs) - 1, *range(1, len(pairs) - 1)]
        turned = graph.int64s(*(int(n) for n in np.asarray(pairs)[order].T.ravel()))
        return graph.channels_last(graph.op("Pad", x.first, turned, filler, mode=mode))
    result = graph.op("Pad", source, _pads(call, paddings), filler, mode=mode)
    if x.shape is not None:
        known = None if pairs is None else [int(pair.sum()) for pair in np.asarray(pairs)]
        result.shape = tuple(
            None if n is None or known is None else n + known[axis] for axis, n in enumerate(x.shape)
        )
    return graph.cast(result, x.dtype)


@lowers("Pad")
def pad(call: LoweringCall, x: Value, paddings: Value) -> Value:
    """Zeros around a tensor."""
    return _pad_with(call, x, paddings, None, "constant")


@lowers("PadV2")
def pad_with(call: LoweringCall, x: Value, paddings: Value, value: Value) -> Value:
    """A value around a tensor."""
    return _pad_with(call, x, paddings, value, "constant")


@lowers("MirrorPad")
def mirror_pad(call: LoweringCall, x: Value, paddings: Value) -> Value:
    """A tensor mirrored at its borders, which are doubled in the mode SYMMETRIC."""
    if call["mode"] == "REFLECT":
        return _pad_with(call, x, paddings, None, "reflect")
    graph = call.graph
    pairs = call.require(paddings, "how far to mirror")
    result = x
    for axis, (before, after) in enumerate(pairs.tolist()):
        parts = []
        if before:
            parts.append(_reverse(call, graph.slice(result, 0, before, axis), axis))
        parts.append(result)
        if after:
            parts.append(_reverse(call, graph.slice(result, -after, None, axis), axis))
        result = graph.concat(parts, axis)
    return result


def _reverse(call: LoweringCall, x: Value, axis: int) -> Value:
    graph = call.graph
    far = np.iinfo(np.int64).min
    return graph.op("Slice", x, graph.int64s(-1), graph.int64s(far), graph.int64s(axis), graph.int64s(-1))


@lowers("ReverseV2")
def reverse(call: LoweringCall, x: Value, axes: Value) -> Value:
    """Backwards along some axes."""
    result = x
    for axis in call.axes(axes, x.rank):
        result = _reverse(call, result, axis)
    return result


@lowers("Reverse")
def reverse_chosen(call: LoweringCall, x: Value, chosen: Value) -> Value:
    """Backwards along the axes that are chosen by a truth for each."""
    result = x
    for axis in np.flatnonzero(call.require(chosen, "its axes")).tolist():
        result = _reverse(call, result, axis)
    return result


@lowers("ReverseSequence")
def reverse_sequence(call: LoweringCall, x: Value, lengths: Value) -> Value:
    """The first elements of each sequence backwards."""
    graph = call.graph
    time, batch = call["seq_dim"], call["batch_dim"]
    count = call.rank(x)
    order = [time, batch, *(axis for axis in range(count) if axis not in (time, batch))]
    back = [order.index(axis) for axis in range(count)]
    turned = graph.transpose(x, order)
    found = graph.op("ReverseSequence", turned, graph.int64(lengths), time_axis=0, batch_axis=1)
    return graph.transpose(found, back)


@lowers("Roll")
def roll(call: LoweringCall, x: Value, shift: Value, axis: Value) -> Value:
    """Elements moved along axes; what leaves at one end comes in at the other."""
    graph = call.graph
    result = x
    shifts = graph.reshape(graph.int64(shift), [-1])
    for place, number in enumerate(call.axes(axis, x.rank)):
        size_here = graph.size_of(result, number)
        by = graph.op(
            "Mod", graph.slice(shifts, place, place + 1, 0), graph.op("Max", size_here, graph.int64s(1))
        )
        cut = graph.op("Sub", size_here, by)
        on = graph.int64s(number)
        tail = graph.op("Slice", result, cut, graph.int64s(np.iinfo(np.int64).max), on)
        head = graph.op("Slice", result, graph.int64s(0), cut, on)
        result = graph.concat([tail, head], number)
    return result


@lowers("SpaceToDepth", "DepthToSpace")
def depth_and_space(call: LoweringCall, x: Value) -> Value:
    """Blocks of pixels as channels, and back; channels are ordered by the place in the block first."""
    graph, block = call.graph, call["block_size"]
    layout = call.get("data_format", "NHWC")
    if layout not in ("NHWC", "NCHW"):
        raise CannotLower(f"has the data format {layout}")
    options = {"mode": "DCR"} if call.kind == "DepthToSpace" else {}
    if layout == "NCHW":
        return graph.op(call.kind, x, blocksize=block, **options)
    return graph.channels_last(graph.op(call.kind, graph.channels_first(x), blocksize=block, **options))


def _blocks(call: LoweringCall, given: tuple[Value, ...]) -> tuple[list[int], Value]:
    """The sizes of a block, and the borders, which are the last input."""
    if len(given) == 1:
        return [int(call["block_size"])] * 2, given[0]
    return [int(n) for n in call.require(given[0], "the block")], given[1]


@lowers("SpaceToBatchND", "SpaceToBatch")
def space_to_batch(call: LoweringCall, x: Value, *given: Value) -> Value:
    """Blocks of space as parts of the batch."""
    graph = call.graph
    blocks, paddings = _blocks(call, given)
    count, inner = call.rank(x), len(blocks)
    pairs = graph.int64(paddings)
    around = [graph.const(np.zeros((n, 2), np.int64)) for n in (1, count - inner - 1)]
    padded = graph.op("Pad", x, _pads(call, graph.concat([around[0], pairs, around[1]], 0)))
    parts: list[Value] = [graph.size_of(padded, 0)]
    for axis, n in enumerate(blocks):
        parts += [_divide(call, graph.size_of(padded, axis + 1), n), graph.int64s(n)]
    rest = [graph.size_of(padded, axis) for axis in range(inner + 1, count)]
    split_up = graph.reshape(padded, graph.concat([*parts, *rest], 0))
    order = [*range(2, 2 * inner + 1, 2), 0, *range(1, 2 * inner, 2), *range(2 * inner + 1, count + inner)]
    turned = graph.transpose(split_up, order)
    sizes = [graph.int64s(-1), *parts[1::2], *rest]
    return graph.reshape(turned, graph.concat(sizes, 0))


@lowers("BatchToSpaceND", "BatchToSpace")
def batch_to_space(call: LoweringCall, x: Value, *given: Value) -> Value:
    """Parts of the batch as blocks of space."""
    graph = call.graph
    blocks, crops = _blocks(call, given)
    count, inner = call.rank(x), len(blocks)
    batch = _divide(call, graph.size_of(x, 0), int(np.prod(blocks)))
    rest = [graph.size_of(x, axis) for axis in range(1, count)]
    split_up = graph.reshape(x, graph.concat([graph.int64s(*blocks), batch, *rest], 0))
    order = [inner]
    for axis in range(inner):
        order += [inner + 1 + axis, axis]
    order += range(2 * inner + 1, count + inner)
    turned = graph.transpose(split_up, order)
    sizes = [batch]
    for axis, n in enumerate(blocks):
        sizes.append(graph.op("Mul", rest[axis], graph.int64s(n)) if rest[axis].known is None else graph.int64s(int(rest[axis].known[0]) * n))  # type: ignore[index]  # fmt: skip
    joined = graph.reshape(turned, graph.concat([*sizes, *rest[inner:]], 0))
    if crops.known is None:
        cuts = graph.int64(crops)
        starts = graph.gather(cuts, graph.const(0, np.int64), axis=1)
        ends = graph.op(
            "Sub", graph.concat(sizes[1:], 0), graph.gather(cuts, graph.const(1, np.int64), axis=1)
        )
        return graph.op("Slice", joined, starts, ends, graph.int64s(*range(1, inner + 1)))
    for axis, (before, after) in enumerate(np.asarray(crops.known).tolist()):
        if before or after:
            joined = graph.slice(joined, before, -after or None, axis + 1)
    return joined


def _divide(call: LoweringCall, sizes: Value, by: int) -> Value:
    graph = call.graph
    if sizes.known is not None:
        return graph.int64s(int(sizes.known[0]) // by)
    return graph.op("Div", sizes, graph.int64s(by))
