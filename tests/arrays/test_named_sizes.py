"""Arithmetic with sizes that have names: right for all numbers, and what was added cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tf1hub.arrays.named_sizes import compute_with_sizes, divide, find_larger, find_remainder, find_smaller

pytest.importorskip("jax")
from jax import export

WORDS = {"floordiv": lambda a, b: a // b, "mod": lambda a, b: a % b, "max": max, "min": min}


@pytest.mark.parametrize(
    "compute",
    [
        lambda h, w: divide(6 * h * w - 3 * w + 7 - h, 3),
        lambda h, w: divide(-h, 2) + divide(h, w),
        lambda h, w: find_remainder(h * h + w, 2),
        lambda h, w: find_remainder(4 - find_remainder(h + w, 4), 4),
        lambda h, w: divide(3 * find_larger(h - 5, 0) + find_smaller(w, 4), 3),
        lambda h, w: find_remainder(h, w) + divide(h + 1, -2),
    ],
)
def test_a_size_is_what_integers_would_give(compute: Callable[[Any, Any], Any]) -> None:
    size = compute(*export.symbolic_shape("(h, w)"))
    for h in range(1, 9):
        for w in range(1, 9):
            assert eval(str(size).replace("^", "**"), {"h": h, "w": w, **WORDS}) == compute_plain(
                compute, h, w
            )


def compute_plain(compute: Callable[[Any, Any], Any], h: int, w: int) -> Any:
    return int(compute(np.int64(h), np.int64(w)))


@pytest.mark.parametrize("by", [2, 3, 8])
def test_what_is_added_for_a_multiple_cancels(by: int) -> None:
    (size,) = export.symbolic_shape("(h,)")
    more = find_remainder(by - find_remainder(size + 2 * by, by), by)
    assert divide(size + 2 * by + more, by) * by - more - 2 * by == size


def test_only_arrays_with_names_are_computed_so() -> None:
    (size,) = export.symbolic_shape("(h,)")
    one = np.asarray([size, 3], object)
    assert compute_with_sizes("FloorDiv", one, np.asarray(2)).tolist() == [size // 2, 1]
    assert compute_with_sizes("FloorDiv", np.asarray([4]), np.asarray(2)) is None
    assert compute_with_sizes("Sub", one, np.asarray(2)) is None
