"""`batch_size="auto"`: how many rows to compute at once, measured on real rows."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

LARGEST = 8192
SECONDS = 1.6
"""The last measurement may take longer than expected, and all of it no more than two seconds."""
_LEAST = 0.02
"""Seconds that each size is measured for, so that the clock and a busy moment matter little."""
_NEAR = 0.95
_FALLEN = 0.8
"""A size whose rate is below this part of the best is no longer looked at."""
_FALLS = 2
_ROUNDS = 3
_SHARE = 4
"""The part of the free memory that a batch may take is one in so many."""


def measure_batch_size(run: Callable[[int], Any], rows: int, seconds: float = SECONDS) -> int:
    """The smallest number of rows whose rate is within 5 % of the best.

    Sizes are doubled until two in a row are much slower, until the rows, the memory or the time are used up. The rate
    is that of rows per second of this process's processors, which other processes hardly disturb; with an accelerator, of
    the clock.

    Args:
        run: computes that many rows.
        rows: how many there are to measure with.
        seconds: how long to measure.
    """
    deadline = time.perf_counter() + seconds
    clock = time.perf_counter if _has_accelerator() else time.process_time
    run(1)  # what engines prepare at the first call
    least: dict[int, float] = {}
    size, falls = 1, 0
    while size <= min(rows, LARGEST):
        before = _held_bytes()
        started = time.perf_counter()
        least[size] = _time_of(run, size, deadline, clock) / size
        took = time.perf_counter() - started
        falls = falls + 1 if least[size] > min(least.values()) / _FALLEN else 0
        grown, free = _held_bytes() - before, _free_bytes()
        if falls >= _FALLS or (free and grown * 2 > free / _SHARE):
            break
        # The next size may well take twice as long.
        if time.perf_counter() + 2 * took > deadline:
            break
        size *= 2
    for _ in range(_ROUNDS):
        # A moment in which others used the processor must not decide.
        for size in [size for size, took in least.items() if took < min(least.values()) / _FALLEN]:
            if time.perf_counter() + 3 * least[size] * size < deadline:
                least[size] = min(least[size], _time_of(run, size, deadline, clock) / size)
    return min(size for size, took in least.items() if took <= min(least.values()) / _NEAR)


def _time_of(run: Callable[[int], Any], size: int, deadline: float, clock: Callable[[], float]) -> float:
    """Seconds of one run: the shortest of several, the first of which does not count if there is time for others."""
    least, runs = float("inf"), 0
    ends = time.perf_counter() + _LEAST
    while runs < 3 or time.perf_counter() < ends:
        if runs and time.perf_counter() > deadline:
            break
        started = clock()
        run(size)
        took = clock() - started
        least = min(least, took) if runs > 1 else took
        runs += 1
    return max(least, 1e-9)


def _has_accelerator() -> bool:
    """Whether TensorFlow or JAX, where they are loaded, compute on anything but processors."""
    tensorflow, jax = sys.modules.get("tensorflow"), sys.modules.get("jax")
    with contextlib.suppress(Exception):  # whatever they say of a driver that does not fit
        if tensorflow is not None and tensorflow.config.list_physical_devices("GPU"):
            return True
        return jax is not None and bool(jax.default_backend() != "cpu")
    return False


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
