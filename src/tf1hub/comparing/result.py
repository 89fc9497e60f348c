"""What a comparison found: rows, best first, as a table, a picture and a document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tf1hub.errors import MissingDependencyError


@dataclass(frozen=True)
class ComparedModule:
    """One module on one task.

    Attributes:
        handle: the module, as it was given.
        signature: the signature that was used.
        accuracy: of a linear classifier on its features, mean over the folds, in [0, 1].
        deviation: standard deviation of the accuracy over the folds.
        width: number of features.
        seconds_per_example: time of computing the features, on this machine.
        memory: bytes by which the process grew at most; None where the system does not tell.
        cached: the features, with their time and memory, are from an earlier comparison.
    """

    handle: str
    signature: str
    accuracy: float
    deviation: float
    width: int
    seconds_per_example: float
    memory: int | None
    cached: bool


@dataclass(frozen=True)
class Comparison:
    """Modules compared on one task, the best first.

    Attributes:
        task: the task's name.
        examples: how many examples it has.
        classes: how many classes it has.
        rows: one for each module, by falling accuracy; equal ones, the faster first.
    """

    task: str
    examples: int
    classes: int
    rows: tuple[ComparedModule, ...]

    @property
    def best(self) -> ComparedModule:
        """The module with the highest accuracy."""
        return self.rows[0]

    def __iter__(self) -> Iterator[ComparedModule]:
        return iter(self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text: accuracy, its deviation, width, time, memory, handle."""
        return [
            (
                f"{100 * row.accuracy:.1f} %",
                f"± {100 * row.deviation:.1f}",
                str(row.width),
                f"{1000 * row.seconds_per_example:.3f} ms",
                "-" if row.memory is None else f"{row.memory / 1e6:.0f} MB",
                row.handle,
            )
            for row in self.rows
        ]

    def __str__(self) -> str:
        lines = [HEADER, *self.cells()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER) - 1)]
        body = "\n".join(
            "  ".join([*(cell.rjust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
            for line in lines
        )
        return f"{self.task}: {self.examples} examples, {self.classes} classes\n{body}"

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types, as `tf1hub compare --json` prints it."""
        return asdict(self)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws accuracy over time per example; the ending of `path` says the format.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        try:
            # Not pyplot: that would choose a window system, and keep the figure for ever.
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError(
                "The picture is drawn by matplotlib, which is not installed. pip install 'tf1hub[compare]'"
            ) from error
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot()
        for row in self.rows:
            axes.errorbar(
                1000 * row.seconds_per_example, 100 * row.accuracy, yerr=100 * row.deviation,
                fmt="o", capsize=3, label=f"{row.handle} ({row.width} features)",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel("time per example (ms)")
        axes.set_ylabel("accuracy of a linear classifier (%)")
        axes.set_title(f"{self.task}: {self.examples} examples, {self.classes} classes")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        figure.savefig(path)


HEADER = ("accuracy", "", "width", "per example", "memory", "handle")
"""The titles of the columns."""
