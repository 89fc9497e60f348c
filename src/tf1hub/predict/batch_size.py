"""`batch_size="auto"`: how many rows to compute at once, measured on real rows."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

LARGEST = 8192
_SECONDS = 2.0
_LEAST = 0.02
"""Seconds that each size is measured for, so that the clock and a busy moment matter little."""
_NEAR = 0.95
_FALLS = 2
_SHARE = 4
"""The part of the free memory that a batch may take is one in so many."""


def measure_batch_size(run: Callable[[int], Any], rows: int, seconds: float = _SECONDS) -> int:
    """The smallest number of rows whose rate is within 5 % of the best.

    Sizes are doubled until two in a row are slower than the best, until the rows, the memory or the time are used up.

    Args:
        run: computes that many rows.
        rows: how many there are to measure with.
        seconds: how long to measure.
    """
    deadline = time.perf_counter() + seconds
    run(1)  # what engines prepare at the first call
    rates: dict[int, float] = {}
    size, falls = 1, 0
    while size <= min(rows, LARGEST):
        before = _held_bytes()
        took = _time_of(run, size, deadline)
        rates[size] = size / took
        best = max(rates.values())
        falls = falls + 1 if rates[size] < best else 0
        free = _free_bytes()
        grown = _held_bytes() - before
        if falls >= _FALLS or (free and grown * 2 > free / _SHARE):
            break
        # The next size is run once to warm up and once to be measured; it may well take twice as long.
        if time.perf_counter() + 2 * took * 2 > deadline:
            break
        size *= 2
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate >= best * _NEAR)


def _time_of(run: Callable[[int], Any], size: int, deadline: float) -> float:
    """Seconds of one run: the shortest of several, the first of which does not count if there is time for others."""
    started = time.perf_counter()
    run(size)
    least = time.perf_counter() - started
    ends = min(time.perf_counter() + max(_LEAST, 2 * least), deadline)
    again = False
    while time.perf_counter() < ends:
        started = time.perf_counter()
        run(size)
        took = time.perf_counter() - started
        least, again = (min(least, took) if again else took), True
    return max(least, 1e-9)


def _held_bytes() -> int:
    """The memory that this process holds; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _free_bytes() -> int:
    """The memory that is free here; 0 where the system does not tell."""
    found = []
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo") as file:
        lines = dict(line.split(":", 1) for line in file)
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        with open("/sys/fs/cgroup/memory.max") as file:
            most = int(file.read())
        with open("/sys/fs/cgroup/memory.current") as file:
            found.append(max(most - int(file.read()), 1))
    return min(found, default=0)
