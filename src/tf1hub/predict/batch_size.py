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
_SWEEP = 0.6
"""The part of the time in which sizes are doubled; in the rest, those that may be the best are measured again."""
_BRIEF, _RUNS, _LONG = 1 / 160, 2, 5
"""Each measurement of a size takes this part of the time, and so many runs, and ends when it took so many times as long."""
_CHEAP = 0.004
"""Seconds of a run below which it costs nothing to look at further sizes."""
_PART, _LEAST_SECONDS = 0.1, 0.05
"""Where it is known how many rows there are, the measuring takes this part of their time, but so many seconds at least."""
_NEAR = 0.95
_FALLEN = 0.8
"""A size whose rate is below this part of the best is no longer looked at."""
_FALLS = 2
_FLAT = 0.97
"""A doubling that leaves more than this part of the best time of a row gains nothing."""
_FLATS = 2
"""So many of them in a row, and what a batch costs beside its rows is spread over enough of them."""
_STEADY = 0.99
"""A time that another round leaves above this part of itself has not changed."""
_ROUNDS = 5
"""So many rounds without a change end the measuring before the time is up."""
_PATIENCE = 4
"""On a busy machine, the clock may tell of so many times the time."""
_SHARE = 4
"""The part of the free memory that a batch may take is one in so many."""


def measure_batch_size(
    run: Callable[[int], Any],
    rows: int,
    seconds: float = SECONDS,
    total: int | None = None,
    *,
    accelerated: bool = False,
) -> int:
    """The smallest number of rows whose rate is within 5 % of the best.

    Sizes are doubled until two in a row are much slower or gain nothing, until the rows, the memory or the time are used up. Those near the
    best are then measured in turn until their times no longer change. The rate is that of rows per second of this
    process's processors, which other processes hardly disturb; with an accelerator, of the clock.

    Args:
        run: computes that many rows.
        rows: how many there are to measure with.
        seconds: how long to measure. Where other processes keep the machine busy, it takes up to four times as long, but no
            more than 1.6 s, or these seconds if they are more.
        total: how many rows are to be computed, if that is known: the measuring then takes a small part of their time.
        accelerated: whether anything but processors computes; see `has_accelerator`.
    """
    sizes = _Sizes(run, seconds, total, accelerated)
    run(1)  # what engines prepare at the first call
    size, falls, flats = 1, 0, 0
    while size <= min(rows, LARGEST):
        before, best = _held_bytes(), min(sizes.least.values(), default=float("inf"))
        run(size)  # what it prepares for a size
        sizes.measure(size)
        if sizes.has_fallen(size):
            # A moment in which others used the processor must not decide.
            sizes.measure(size)
        falls = falls + 1 if sizes.is_slow(size) else 0
        flats = flats + 1 if sizes.least[size] > best * _FLAT else 0
        grown, free = _held_bytes() - before, _free_bytes()
        if falls >= _FALLS or flats >= _FLATS or (free and grown * 2 > free / _SHARE):
            break
        # The next size may well take twice as long, and runs twice at least.
        if 4 * sizes.lasted[size] > sizes.seconds_left() - (1 - _SWEEP) * sizes.seconds:
            break
        size *= 2
    sizes.settle()
    return min(size for size, took in sizes.least.items() if took <= min(sizes.least.values()) / _NEAR)


class _Sizes:
    """What is known of sizes.

    Args:
        run: computes that many rows.
        seconds: how long to measure.
        total: how many rows are to be computed; None where that is not known.
        accelerated: whether anything but processors computes.

    Attributes:
        least: the shortest time of a row, by size.
        lasted: seconds that the last measurement took.
    """

    def __init__(
        self, run: Callable[[int], Any], seconds: float, total: int | None, accelerated: bool
    ) -> None:
        self._run = run
        self._clock = time.perf_counter if accelerated else time.process_time
        self._most = seconds
        self._total = total
        # How long all rows take is not known before sizes were doubled.
        self._brief = _BRIEF * (seconds if total is None else min(seconds, _LEAST_SECONDS))
        self._began, self._began_clock = time.perf_counter(), self._clock()
        self.least: dict[int, float] = {}
        self.lasted: dict[int, float] = {}

    @property
    def seconds(self) -> float:
        """Seconds that the measuring may take, as far as is known how long the rows take."""
        if self._total is None:
            return self._most
        whole = self._total * min(self.least.values(), default=0.0)
        return min(self._most, max(_PART * whole, _LEAST_SECONDS))

    def seconds_left(self) -> float:
        """Seconds until the measuring ends.

        Were they of the clock alone, a busy machine would end it at the first sizes; were they of the processors alone, many
        threads would.
        """
        passed = time.perf_counter() - self._began
        spent = self._clock() - self._began_clock
        longest = max(self.seconds, min(_PATIENCE * self.seconds, SECONDS))
        return min(self.seconds - min(passed, spent), longest - passed)

    def measure(self, size: int) -> bool:
        """Runs a size for a while; whether its shortest time is now another one."""
        began = time.perf_counter()
        before = self.least.get(size, float("inf"))
        least, runs, spent = before, 0, 0.0
        # By the processor's time, of which a busy machine gives little in a moment; but not for ever.
        while runs < _RUNS or (spent < self._brief and time.perf_counter() - began < _LONG * self._brief):
            started = self._clock()
            self._run(size)
            took = max(self._clock() - started, 1e-9)
            least, runs, spent = min(least, took / size), runs + 1, spent + took
            if self.seconds_left() < 0:
                break
        took = time.perf_counter() - began
        self.least[size], self.lasted[size] = least, max(min(spent, took), took / _PATIENCE)
        return least < before * _STEADY

    def has_fallen(self, size: int) -> bool:
        """Whether a size is much slower than the best."""
        return self.least[size] > min(self.least.values()) / _FALLEN

    def is_slow(self, size: int) -> bool:
        """Whether a size has fallen, and takes so long that looking further costs something."""
        return self.has_fallen(size) and self.least[size] * size > _CHEAP

    def settle(self) -> None:
        """Measures the sizes near the best in turn, so that a slow moment of the machine hits all of them."""
        steady = 0
        self._brief = _BRIEF * self.seconds
        while steady < _ROUNDS:
            near = [size for size in self.least if not self.has_fallen(size)]
            some, changed = False, False
            for size in near:
                if self.lasted[size] < self.seconds_left():
                    some = True
                    changed |= self.measure(size)
            if not some or len(near) == 1:
                return
            steady = 0 if changed else steady + 1


def has_accelerator(engine: str) -> bool:
    """Whether an engine computes on anything but processors.

    Args:
        engine: its name. Another library that is imported is not asked: that would make it look for its devices.
    """
    with contextlib.suppress(Exception):  # whatever they say of a driver that does not fit
        if engine == "tensorflow":
            return bool(sys.modules["tensorflow"].config.list_physical_devices("GPU"))
        return engine == "jax" and sys.modules["jax"].default_backend() != "cpu"
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
