"""Boxes in images: which to keep, and what lies inside of them.

What each does is said by TensorFlow's op definitions (`core/ops/image_ops.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import sizes_of


def overlaps(xp: Any, boxes: Any) -> Any:
    """Intersection over union of every two boxes (`y1, x1, y2, x2`, corners in any order)."""
    low, high = xp.minimum(boxes[:, :2], boxes[:, 2:]), xp.maximum(boxes[:, :2], boxes[:, 2:])
    sizes = high - low
    area = sizes[:, 0] * sizes[:, 1]
    inner = xp.maximum(xp.minimum(high[:, None], high[None]) - xp.maximum(low[:, None], low[None]), 0)
    both = inner[..., 0] * inner[..., 1]
    either = area[:, None] + area[None] - both
    usable = (area[:, None] > 0) & (area[None] > 0)
    return xp.where(usable, both / xp.where(usable, either, 1), 0).astype(boxes.dtype)


def _greedy(
    overlap: Any, scores: Any, most: int, limit: float, least: float, sigma: float
) -> tuple[list[int], list[float]]:
    """Boxes in the order of their scores, each if it does not overlap too much with those taken before.

    With a `sigma`, overlapping boxes lose score instead, whatever the limit (Soft-NMS, https://arxiv.org/abs/1704.04503).
    """
    left = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] > least]
    if not sigma:
        taken: list[int] = []
        for i in left:
            if len(taken) == most:
                break
            if not any(overlap[i, j] > limit for j in taken):
                taken.append(i)
        return taken, [float(scores[i]) for i in taken]
    current = {i: float(scores[i]) for i in left}
    seen = dict.fromkeys(left, 0)
    taken, values = [], []
    while current and len(taken) < most:
        best = min(current, key=lambda i: (-current[i], i))
        before = current[best]
        dropped = False
        for j in reversed(taken[seen[best] :]):
            share = float(overlap[best, j])
            current[best] *= float(np.exp(-0.5 / sigma * share * share))
            if current[best] <= least:
                dropped = True
                break
        seen[best] = len(taken)
        if dropped:
            del current[best]
        elif current[best] == before:
            taken.append(best)
            values.append(current.pop(best))
    return taken, values


@op("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", host=True)
def non_max_suppression(call: Call, boxes: Any, scores: Any, most: Any, *given: Any) -> Any:
    """The indices of the boxes to keep."""
    if not isinstance(boxes, np.ndarray) or not isinstance(scores, np.ndarray):
        raise call.refusal("how many boxes it keeps depends on values that are not known while tracing")
    limit = float(given[0]) if given else call["iou_threshold"]
    least = float(given[1]) if len(given) > 1 else -np.inf
    taken, _ = _greedy(overlaps(np, boxes.astype(np.float32)), scores, int(most), limit, least, 0.0)
    return np.asarray(taken, np.int32)


@op("NonMaxSuppressionWithOverlaps", host=True)
def non_max_suppression_with_overlaps(
    call: Call, overlap: Any, scores: Any, most: Any, limit: Any, least: Any
) -> Any:
    """The same, with the overlaps given."""
    if not isinstance(overlap, np.ndarray) or not isinstance(scores, np.ndarray):
        raise call.refusal("how many boxes it keeps depends on values that are not known while tracing")
    return np.asarray(_greedy(overlap, scores, int(most), float(limit), float(least), 0.0)[0], np.int32)


@op("NonMaxSuppressionV4", "NonMaxSuppressionV5", known=(2, 3, 4, 5))
def non_max_suppression_padded(
    call: Call, boxes: Any, scores: Any, most: Any, limit: Any, least: Any, *sigma: Any
) -> tuple[Any, ...]:
    """The indices of the boxes to keep, filled up with zeros where asked for; their scores (V5); their number."""
    soft = float(sigma[0]) if sigma else 0.0
    if not isinstance(boxes, np.ndarray) or not isinstance(scores, np.ndarray):
        if not call["pad_to_max_output_size"] or soft:
            raise call.refusal("how many boxes it keeps depends on values that are not known while tracing")
        return _select_traced(call, boxes, scores, int(most), float(limit), float(least))
    taken, values = _greedy(
        overlaps(np, boxes.astype(np.float32)), scores, int(most), float(limit), float(least), soft
    )
    valid = np.asarray(len(taken), np.int32)
    if call["pad_to_max_output_size"]:
        missing = int(most) - len(taken)
        taken, values = taken + [0] * missing, values + [0.0] * missing
    indices = np.asarray(taken, np.int32)
    return (
        (indices, valid) if call.kind.endswith("V4") else (indices, np.asarray(values, scores.dtype), valid)
    )


def _select_traced(
    call: Call, boxes: Any, scores: Any, most: int, limit: float, least: float
) -> tuple[Any, ...]:
    """The same under JAX, where the number of results is fixed."""
    indices, values, valid = _select(call.xp, boxes, scores, most, limit, least)
    return (indices, valid) if call.kind.endswith("V4") else (indices, values, valid)


def _select(xp: Any, boxes: Any, scores: Any, most: int, limit: float, least: float) -> tuple[Any, Any, Any]:
    """Indices and scores of the boxes to keep, filled up with zeros, and how many there are; under JAX."""
    from jax import lax

    overlap = overlaps(xp, xp.asarray(boxes))
    scores = xp.asarray(scores)

    def step(i: Any, state: Any) -> Any:
        alive, indices, values, valid = state
        best = xp.argmax(xp.where(alive, scores, -np.inf))
        found = alive[best]
        indices = indices.at[i].set(xp.where(found, best, 0).astype(np.int32))
        values = values.at[i].set(xp.where(found, scores[best], 0))
        return (
            alive & (overlap[best] <= limit) & (xp.arange(alive.size) != best),
            indices,
            values,
            valid + found,
        )

    start = (scores > least, xp.zeros(most, np.int32), xp.zeros(most, scores.dtype), xp.asarray(0, np.int32))
    _, indices, values, valid = lax.fori_loop(0, most, step, start)
    return indices, values, valid


@op("CombinedNonMaxSuppression", known=(2, 3, 4, 5))
def combined_non_max_suppression(
    call: Call, boxes: Any, scores: Any, most: Any, total: Any, limit: Any, least: Any
) -> tuple[Any, ...]:
    """The best boxes of all classes of each image, filled up with zeros: boxes, scores, classes, how many there are.

    `core/kernels/image/non_max_suppression_op.cc`: each class is suppressed by itself.
    """
    xp = call.xp
    batch, count, own, _ = boxes.shape
    classes = scores.shape[2]
    most, total = min(int(most), count), int(total)
    size = min(total, int(most) * classes) if call["pad_per_class"] else total
    if not count or not classes:
        return _no_boxes(batch, size)
    of_class = xp.transpose(
        xp.broadcast_to(boxes, (batch, count, classes, 4)) if own == 1 else boxes, (0, 2, 1, 3)
    )
    rated = xp.transpose(scores, (0, 2, 1))
    found, values, numbers = _suppress_classes(xp, of_class, rated, most, float(limit), float(least))
    # Of equal scores the first class is first, and in it the box that was chosen first.
    flat = xp.where(np.arange(most) < numbers[..., None], values, -np.inf).reshape(batch, -1)
    # JAX's is stable by default, and NumPy 1 has no other word for it.
    order = (np.argsort(-flat, axis=1, kind="stable") if xp is np else xp.argsort(-flat, axis=1))[:, :size]
    kept = xp.minimum(numbers.sum(1), size).astype(np.int32)
    chosen = xp.take_along_axis(of_class, found[..., None], 2).reshape(batch, -1, 4)
    chosen = xp.take_along_axis(chosen, order[..., None], 1)
    if call["clip_boxes"]:
        chosen = xp.clip(chosen, 0, 1)
    valid = np.arange(order.shape[1]) < kept[:, None]
    missing = size - order.shape[1]
    filled = [
        xp.pad(xp.where(valid.reshape(valid.shape + (1,) * (part.ndim - 2)), part, 0),
               [(0, 0), (0, missing)] + [(0, 0)] * (part.ndim - 2)).astype(np.float32)
        for part in (chosen, xp.take_along_axis(flat, order, 1), order // most)
    ]  # fmt: skip
    return (*filled, kept)


def _no_boxes(batch: int, size: int) -> tuple[Any, ...]:
    values = np.zeros((batch, size), np.float32)
    return np.zeros((batch, size, 4), np.float32), values, values, np.zeros(batch, np.int32)


def _suppress_classes(
    xp: Any, boxes: Any, scores: Any, most: int, limit: float, least: float
) -> tuple[Any, Any, Any]:
    """The boxes to keep of each class of each image: indices and scores, filled up with zeros; how many there are."""
    if xp is not np:
        import jax

        of_class = jax.vmap(jax.vmap(lambda b, s: _select(xp, b, s, most, limit, least)))
        found: tuple[Any, Any, Any] = of_class(xp.asarray(boxes), xp.asarray(scores))
        return found
    shape = scores.shape[:2]
    indices, values = np.zeros((*shape, most), np.int32), np.zeros((*shape, most), scores.dtype)
    numbers = np.zeros(shape, np.int32)
    for place in np.ndindex(*shape):
        taken, rated = _greedy(overlaps(np, boxes[place]), scores[place], most, limit, least, 0.0)
        numbers[place] = len(taken)
        indices[place][: len(taken)], values[place][: len(taken)] = taken, rated
    return indices, values, numbers


@op("CropAndResize", known=(3,))
def crop_and_resize(call: Call, image: Any, boxes: Any, numbers: Any, size: Any) -> Any:
    """What lies in each box of an image of the batch, resized; what lies outside of the image is one value."""
    xp = call.xp
    height, width = sizes_of(size)
    image = image.astype(np.float32)
    _, h, w, _ = image.shape
    y = _positions(xp, boxes[:, 0], boxes[:, 2], height, h)
    x = _positions(xp, boxes[:, 1], boxes[:, 3], width, w)
    inside_y, inside_x = (y >= 0) & (y <= h - 1), (x >= 0) & (x <= w - 1)
    inside = (inside_y[:, :, None] & inside_x[:, None, :])[..., None]
    example = numbers[:, None, None]
    if call["method"] == "nearest":
        # Halves away from 0, as C's roundf.
        rows = xp.clip(xp.floor(y + 0.5), 0, h - 1).astype(np.int32)
        columns = xp.clip(xp.floor(x + 0.5), 0, w - 1).astype(np.int32)
        found = image[example, rows[:, :, None], columns[:, None, :]]
    else:
        found = _bilinear(xp, image, example, xp.clip(y, 0, h - 1), xp.clip(x, 0, w - 1))
    return xp.where(inside, found, np.float32(call["extrapolation_value"])).astype(np.float32)


def _positions(xp: Any, start: Any, end: Any, count: int, size: Any) -> Any:
    """Where the pixels of a crop lie in the image, along one axis, in pixels."""
    start, end = start[:, None], end[:, None]
    last = np.float32(1) * (size - 1)
    if count == 1:
        return np.float32(0.5) * (start + end) * last
    return start * last + np.arange(count, dtype=np.float32) * ((end - start) * last / np.float32(count - 1))


def _bilinear(xp: Any, image: Any, example: Any, y: Any, x: Any) -> Any:
    top, left = xp.floor(y).astype(np.int32), xp.floor(x).astype(np.int32)
    bottom, right = xp.ceil(y).astype(np.int32), xp.ceil(x).astype(np.int32)
    down, along = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
    rows, columns = (top[:, :, None], bottom[:, :, None]), (left[:, None, :], right[:, None, :])
    upper = image[example, rows[0], columns[0]] * (1 - along) + image[example, rows[0], columns[1]] * along
    lower = image[example, rows[1], columns[0]] * (1 - along) + image[example, rows[1], columns[1]] * along
    return upper * (1 - down) + lower * down
