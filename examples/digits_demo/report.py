"""The table of accuracies, and the picture of the learning curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
import numpy as np
from rich.table import Table

Curve = list[tuple[int, float]]


@dataclass
class Results:
    """Learning curves by approach and by the number of labels per class, one for each seed."""

    curves: dict[tuple[str, int], list[Curve]] = field(default_factory=dict)

    def add(self, approach: str, per_class: int, curve: Curve) -> None:
        self.curves.setdefault((approach, per_class), []).append(curve)

    def approaches(self) -> list[str]:
        return list(dict.fromkeys(approach for approach, _ in self.curves))

    def labels_per_class(self) -> list[int]:
        return sorted({per_class for _, per_class in self.curves})

    def final(self, approach: str, per_class: int) -> np.ndarray:
        """The accuracies at the end of training, one for each seed."""
        return np.array([curve[-1][1] for curve in self.curves[approach, per_class]])

    def mean_curve(self, approach: str, per_class: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps, and the accuracies there, averaged over the seeds."""
        curves = np.array(self.curves[approach, per_class])
        return curves[0, :, 0], curves[:, :, 1].mean(axis=0)


def accuracy_table(results: Results, title: str) -> Table:
    table = Table(title=title)
    table.add_column("labels per class")
    for per_class in results.labels_per_class():
        table.add_column(str(per_class), justify="right")
    for approach in results.approaches():
        finals = [results.final(approach, per_class) for per_class in results.labels_per_class()]
        table.add_row(approach, *(f"{100 * f.mean():.1f} ± {100 * f.std():.1f}" for f in finals))
    return table


def draw(results: Results, title: str, path: Path) -> None:
    """Writes a picture: accuracy as training goes on, and at its end for each number of labels."""
    matplotlib.use("Agg")  # a file, not a window
    import matplotlib.pyplot as plt

    counts = results.labels_per_class()
    shown = counts[len(counts) // 2]
    figure, (during, at_end) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for approach in results.approaches():
        steps, accuracies = results.mean_curve(approach, shown)
        during.plot(steps, 100 * accuracies, label=approach)
        finals = [100 * results.final(approach, per_class) for per_class in counts]
        at_end.errorbar(
            counts,
            [f.mean() for f in finals],
            [f.std() for f in finals],
            marker="o",
            capsize=3,
            label=approach,
        )
    during.set(xlabel="training steps", ylabel="accuracy on unseen images, %")
    during.set_title(f"with {shown} labelled images of each class")
    at_end.set(
        xlabel="labelled images of each class", xscale="log", xticks=counts, xticklabels=map(str, counts)
    )
    at_end.minorticks_off()
    at_end.set_title("at the end of training")
    for axes in (during, at_end):
        axes.grid(alpha=0.3)
    at_end.legend(loc="lower right")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
