"""How far apart two results are, whatever infinities and gaps they have in common."""

from __future__ import annotations

import numpy as np

from tf1hub.trial import distance as room
from tf1hub.trial.distance import Distance, distance


def test_what_both_have_of_nan_and_infinity_hides_no_difference() -> None:
    for same in (np.nan, np.inf, -np.inf):
        found = distance(np.float32([same, 1.0, 10.0]), np.float32([same, 2.0, 10.0]))
        assert found == Distance(1.0, 0.1)


def test_nan_or_infinity_on_one_side_is_as_far_as_can_be() -> None:
    for only in (np.nan, np.inf):
        assert distance([only, 1.0], [0.0, 1.0]) == Distance(np.inf, 1.0)
    assert distance([np.inf], [-np.inf]) == Distance(np.inf, 1.0)


def test_large_arrays_are_compared_to_the_end() -> None:
    ours = np.zeros(2 * room._PIECE + 3, np.float32)
    theirs = ours.copy()
    theirs[0], ours[0] = 8.0, 8.0
    theirs[-1] = 2.0
    assert distance(ours, theirs) == Distance(2.0, 0.25)
    assert distance(ours, ours.copy()) == Distance(0.0, 0.0)
