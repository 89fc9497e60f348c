"""What the benchmarks have in common: fresh processes, run in turn, and rows of the table.

A file `bench_*.py` has a function `rows(bench)` that yields `Row`s, and where it
is to run in another environment than the rest, that one's name as `ENVIRONMENT`. What it
measures are its other functions: `bench.run("bench_graph:first_use", ...)` calls
one in a fresh process and returns the figures that it returns, together with

    peak_bytes   the most memory that the process held
    process_s    the seconds from its start to its end, as seen from outside
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = 500_000_000  # bytes, of the module "big"
LIBRARIES = {"ours": "tf1hub", "original": "tensorflow_hub"}
FIRST = "c0f16ab"
"""The commit of this library that conversions are held against: the last one before modules of others were looked at."""
_SOURCES = {
    "ours": ROOT / "src",
    "original": ROOT / ".venv" / "original",
    "first": ROOT / ".venv" / "first" / "src",
}


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, its target, and what it was computed from."""

    what: str
    ours: str
    original: str
    figure: str
    target: str
    reached: bool


def python_of(environment: str | None) -> str:
    """The interpreter of one of the environments of `make`; without a name, the one that runs this."""
    return sys.executable if environment is None else str(ROOT / ".venv" / environment / "bin" / "python")


class Bench:
    """Runs measurements, each in a process of its own, and tells which one is under way.

    Attributes:
        python: the interpreter that measures.
    """

    def __init__(self, workdir: Path, repeats: int, say: Callable[[str], None]) -> None:
        self.workdir = workdir
        self.python = sys.executable
        self._repeats = repeats
        self._say = say
        self._modules: dict[str, Path] = {}

    def module(self, kind: str, side: str = "original") -> Path:
        """The path of a module of `make_module.py`, made by the original, which favours neither."""
        if kind not in self._modules:
            self._say(f"making the module '{kind}'")
            path = self.workdir / kind
            command = [self.python, "-W", "ignore", "-m", "benchmarks.make_module", kind, str(path)]
            run_process([*command, "--library", LIBRARIES[side]], side)
            self._modules[kind] = path
        return self._modules[kind]

    def run(self, measurement: str, repeats: int | None = None, **given: Any) -> Figures:
        """Runs one measurement several times, each in a fresh process.

        Args:
            measurement: "bench_file:function".
            repeats: fewer of them than `make bench` was asked for, where one takes long.
            given: goes to the function.
        """
        return self.in_turn(measurement, {"": {}}, repeats, **given)[""]

    def compare(self, measurement: str, repeats: int | None = None, **given: Any) -> dict[str, Figures]:
        """The same with "ours" and "original" in turn: a slow minute of the machine hits both.

        The measurement is given the package's name as `library`.
        """
        sides = {side: {"library": library} for side, library in LIBRARIES.items()}
        return self.in_turn(measurement, sides, repeats, **given)

    def in_turn(
        self, measurement: str, sides: dict[str, dict[str, str]], repeats: int | None = None, **given: Any
    ) -> dict[str, Figures]:
        """The same with any sides, each with what it is given beyond the others."""
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        rounds = min(repeats or self._repeats, self._repeats)
        for i in range(rounds):
            for side, extra in sides.items():
                self._say(" ".join([measurement, *extra.values(), f"run {i + 1} of {rounds}"]))
                runs[side].append(measure(self.python, measurement, side, {**given, **extra}))
        return {side: Figures(found) for side, found in runs.items()}


class Figures:
    """What the runs of one measurement gave."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self.runs = runs

    def __getitem__(self, name: str) -> float:
        """The median of a figure over the runs."""
        return statistics.median(run[name] for run in self.runs)


def measure(python: str, measurement: str, side: str, given: dict[str, Any]) -> dict[str, Any]:
    """One fresh process; its last line is the figures as JSON."""
    command = [python, "-W", "ignore", "-m", "benchmarks.measure", measurement]
    started = time.perf_counter()
    printed = run_process([*command, json.dumps(given, default=str)], side)
    process_s = time.perf_counter() - started
    figures: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return {**figures, "process_s": process_s}


def run_process(command: list[str], side: str = "ours") -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    environment["PYTHONPATH"] = str(_SOURCES.get(side, _SOURCES["ours"]))
    # As in an installed package, no run but the first compiles.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def has_first_version() -> bool:
    """Whether the side "first" runs: takes that commit out of the repository, where it is one and has it."""
    source = _SOURCES["first"]
    if not source.exists():
        git = ["git", "archive", "--format=tar", FIRST, "src"]
        archive = subprocess.run(git, capture_output=True, check=False, cwd=ROOT)
        if archive.returncode != 0:
            return False
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as opened:
            opened.extractall(source.parent, filter="data")
    return True


def faster(what: str, ours: float, original: float, at_least: float) -> Row:
    """A row for two times in seconds."""
    ratio = original / ours
    return Row(
        what, seconds(ours), seconds(original), f"{ratio:.1f} x", f">= {at_least:g} x", ratio >= at_least
    )


def at_most(what: str, ours: float, limit: float, show: Callable[[float], str], original: str = "") -> Row:
    """A row for a figure of ours that must not pass a limit."""
    return Row(what, show(ours), original, show(ours), f"<= {show(limit)}", ours <= limit)


def at_least(what: str, ours: float, least: float, show: Callable[[float], str], original: str = "") -> Row:
    """A row for a figure of ours that must reach a limit."""
    return Row(what, show(ours), original, show(ours), f">= {show(least)}", ours >= least)


def seconds(value: float) -> str:
    if value < 0.01:
        return f"{value * 1000:.2f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def megabytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB"


def times(value: float) -> str:
    return f"{value:.2f} x"


def share(value: float) -> str:
    return f"{value:.2f}"
