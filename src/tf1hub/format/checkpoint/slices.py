"""Slices of partitioned tensors: boxes that together make up the whole tensor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import prod
from typing import NamedTuple

__all__ = ["Slice", "cut", "intersect", "is_within", "rows_in_order", "whole", "why_no_tiling"]

# Slices that are not a regular grid are compared in pairs.
MAX_IRREGULAR_SLICES = 2048


class Slice(NamedTuple):
    """A box of a tensor's elements.

    Example:
        >>> str(Slice((0, 2), (4, 3)))
        '[0:4, 2:5]'
    """

    start: tuple[int, ...]
    length: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.length)

    def __str__(self) -> str:
        sides = (f"{start}:{start + length}" for start, length in zip(self.start, self.length, strict=True))
        return f"[{', '.join(sides)}]"


def whole(shape: Sequence[int]) -> Slice:
    """Returns the box that is all of a tensor."""
    return Slice((0,) * len(shape), tuple(shape))


def is_within(box: Slice, shape: Sequence[int]) -> bool:
    """Says whether a box has a tensor's dimensions and lies within them."""
    return len(box.start) == len(box.length) == len(shape) and all(
        start >= 0 and length >= 0 and start + length <= side
        for start, length, side in zip(*box, shape, strict=True)
    )


def intersect(one: Slice, other: Slice) -> Slice | None:
    """Returns the box that two boxes share, or None."""
    start = tuple(map(max, one.start, other.start))
    ends = (min(a + n, b + m) for a, n, b, m in zip(*one, *other, strict=True))
    length = tuple(end - begin for begin, end in zip(start, ends, strict=True))
    return Slice(start, length) if all(side > 0 for side in length) else None


def cut(inner: Slice, outer: Slice) -> tuple[slice, ...]:
    """Returns NumPy's index of `inner`, a box of the whole tensor, in an array that holds only `outer`."""
    return tuple(
        slice(start - origin, start - origin + length)
        for start, length, origin in zip(inner.start, inner.length, outer.start, strict=True)
    )


def rows_in_order(shape: Sequence[int], slices: Sequence[Slice]) -> list[int] | None:
    """Returns the slices' numbers in the order of their rows, if each is a run of whole rows (or None).

    Args:
        shape: of the whole tensor.
        slices: which tile it.
    """
    if not shape or any(part.length[1:] != tuple(shape[1:]) for part in slices):
        return None
    return sorted(range(len(slices)), key=lambda number: slices[number].start[0])


def why_no_tiling(shape: Sequence[int], slices: Sequence[Slice]) -> str | None:
    """Returns what is wrong if some element is in no slice or in two; None if the slices tile the tensor.

    Args:
        shape: of the whole tensor.
        slices: boxes that lie within it.
    """
    boxes = [part for part in slices if part.size]
    covered, needed = sum(part.size for part in boxes), prod(shape)
    if covered < needed:
        return f"its slices hold {covered} of its {needed} elements"
    if _is_grid(boxes):
        return None
    if len(boxes) > MAX_IRREGULAR_SLICES:
        return f"its {len(boxes)} slices do not form a regular grid"
    for one, other in combinations(boxes, 2):
        if intersect(one, other):
            return f"its slices {one} and {other} overlap"
    return None


def _is_grid(boxes: Sequence[Slice]) -> bool:
    """Says whether boxes are disjoint because they are cells of one grid: the case of every partitioner."""
    if len({box.start for box in boxes}) < len(boxes):
        return False
    for axis in range(len(boxes[0].start) if boxes else 0):
        starts = sorted({box.start[axis] for box in boxes})
        ends = dict(pairwise(starts))
        if any(box.start[axis] + box.length[axis] > ends.get(box.start[axis], 1 << 64) for box in boxes):
            return False
    return True
