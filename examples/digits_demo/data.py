"""The data: 1,797 scans of handwritten digits, which scikit-learn carries. Nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

PUBLISHER_CLASSES = range(6)
CONSUMER_CLASSES = range(6, 10)


@dataclass(frozen=True)
class Digits:
    """Images as the common image signatures want them, and their labels.

    Attributes:
        images: float32 [N, 8, 8, 3], RGB values in [0, 1].
        labels: int32 [N], counted from 0.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> Digits:
        return Digits(self.images[chosen], self.labels[chosen])


def digits_of(classes: range) -> Digits:
    """All scans of some digits, in an order of their own."""
    scans = load_digits()
    wanted = np.flatnonzero(np.isin(scans.target, classes))
    wanted = np.random.default_rng(0).permutation(wanted)
    gray = (scans.images[wanted] / 16.0).astype(np.float32)
    images = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    return Digits(images, (scans.target[wanted] - classes.start).astype(np.int32))


def split_few(digits: Digits, per_class: int, seed: int) -> tuple[Digits, Digits]:
    """Picks `per_class` labelled images of each class; the second part is all the others."""
    rng = np.random.default_rng(seed)
    classes = np.unique(digits.labels)
    few = np.concatenate(
        [rng.choice(np.flatnonzero(digits.labels == c), per_class, replace=False) for c in classes]
    )
    others = np.setdiff1d(np.arange(len(digits)), few)
    return digits.take(few), digits.take(others)
