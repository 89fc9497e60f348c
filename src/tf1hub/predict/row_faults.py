"""Which rows of a batch are at fault: found by halving it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tf1hub.errors import CheckFailedError, InputError

_T = TypeVar("_T")
FAULTS = (InputError, CheckFailedError)
"""What a row may be at fault for. All other errors are of the set-up: the module, the machine, the network."""


def find_faults(run: Callable[[int, int], Any], start: int, stop: int) -> dict[int, str]:
    """The rows that cannot be computed, each with what is wrong with it.

    A row is at fault if it fails alone. Where all rows do well alone, the result is empty: then it is not a row that is
    wrong.

    Args:
        run: computes the rows from the first number up to the second.
        start: the first row of a batch that failed.
        stop: the row behind its last one.
    """
    if stop - start == 1:
        sentence = _failure(run, start, stop)
        return {} if sentence is None else {start: sentence}
    middle = (start + stop) // 2
    faults: dict[int, str] = {}
    if _failure(run, start, middle) is not None:
        faults = find_faults(run, start, middle)
        if _failure(run, middle, stop) is None:
            return faults
    # Where the first half does well, the second one need not be tried: it is the one that fails.
    return {**faults, **find_faults(run, middle, stop)}


def _failure(run: Callable[[int, int], Any], start: int, stop: int) -> str | None:
    try:
        run(start, stop)
    except FAULTS as error:
        return str(error)
    return None


def stand_ins(count: int, faults: dict[int, str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The numbers of the rows to compute, where a good row stands in for each faulty one.

    So the batch stays as long as it was, and the good rows get to the bit the numbers that they have without faults.
    """
    rows = np.arange(count, dtype=np.int64)
    good = next(row for row in range(count) if row not in faults)
    rows[list(faults)] = good
    return rows
