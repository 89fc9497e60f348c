"""Boxes of a tensor: which of them make up the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf1hub.format.checkpoint import slices
from tf1hub.format.checkpoint.slices import Slice, cut, intersect, rows_in_order, why_no_tiling


def box(*sides: tuple[int, int]) -> Slice:
    return Slice(tuple(start for start, _ in sides), tuple(length for _, length in sides))


@pytest.mark.parametrize(
    ("shape", "boxes", "fault"),
    [
        ((4,), [box((0, 4))], None),
        ((4,), [box((2, 2)), box((0, 2))], None),
        ((2, 2), [box((0, 1), (0, 1)), box((0, 1), (1, 1)), box((1, 1), (0, 2))], None),
        ((0, 3), [box((0, 0), (0, 2))], None),
        ((4,), [box((0, 2)), box((2, 2)), box((4, 0))], None),
        ((4,), [], "its slices hold 0 of its 4 elements"),
        ((4,), [box((0, 2)), box((3, 1))], "its slices hold 3 of its 4 elements"),
        ((4,), [box((0, 3)), box((2, 2))], "its slices [0:3] and [2:4] overlap"),
        ((4,), [box((0, 2)), box((0, 2))], "its slices [0:2] and [0:2] overlap"),
        (
            (2, 2),
            [box((0, 2), (0, 1)), box((0, 1), (0, 2)), box((1, 1), (1, 1))],
            "its slices [0:2, 0:1] and [0:1, 0:2] overlap",
        ),
    ],
)
def test_slices_tile_or_the_fault_is_named(shape, boxes, fault):
    assert why_no_tiling(shape, boxes) == fault


def test_thousands_of_regular_slices_are_checked_at_once():
    boxes = [box((row, 1), (0, 5)) for row in range(20_000)]
    assert why_no_tiling((20_000, 5), boxes) is None


def test_too_many_irregular_slices_are_refused(monkeypatch):
    monkeypatch.setattr(slices, "MAX_IRREGULAR_SLICES", 2)
    boxes = [box((0, 1), (0, 1)), box((0, 1), (1, 1)), box((1, 1), (0, 2))]
    assert why_no_tiling((2, 2), boxes) == "its 3 slices do not form a regular grid"
    monkeypatch.setattr(slices, "MAX_IRREGULAR_SLICES", 3)
    assert why_no_tiling((2, 2), boxes) is None


SIDES = st.tuples(st.integers(0, 5), st.integers(0, 5))


@given(st.lists(st.tuples(SIDES, SIDES), max_size=6), st.integers(0, 10), st.integers(0, 10))
def test_verdict_is_that_of_counting_elements(sides, height, width):
    boxes = [
        box(*pair)
        for pair in sides
        if all(sum(side) <= end for side, end in zip(pair, (height, width), strict=True))
    ]
    count = np.zeros([height, width], int)
    for part in boxes:
        count[cut(part, Slice((0, 0), (height, width)))] += 1
    assert (why_no_tiling((height, width), boxes) is None) == bool((count == 1).all())


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_shared_box_has_the_elements_of_both(one, other):
    whole = Slice((0, 0), (10, 10))
    masks = [np.zeros([10, 10], bool) for _ in range(2)]
    for mask, sides in zip(masks, (one, other), strict=True):
        mask[cut(box(*sides), whole)] = True
    expected = np.zeros([10, 10], bool)
    shared = intersect(box(*one), box(*other))
    if shared:
        expected[cut(shared, whole)] = True
    np.testing.assert_array_equal(expected, masks[0] & masks[1])


def test_runs_of_whole_rows_are_put_in_order():
    boxes = [box((2, 1), (0, 5)), box((0, 2), (0, 5)), box((3, 4), (0, 5))]
    assert rows_in_order((7, 5), boxes) == [1, 0, 2]
    assert rows_in_order((7, 6), boxes) is None
    assert rows_in_order((), [box()]) is None
