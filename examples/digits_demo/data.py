"""The data: 1,797 scans of handwritten digits, which scikit-learn carries. Nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits


@dataclass(frozen=True)
class Digits:
    """Images as the common image signatures want them, and their labels.

    Attributes:
        images: float32 [N, 8, 8, 3], RGB values in [0, 1].
        labels: int32 [N].
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray | slice) -> Digits:
        return Digits(self.images[chosen], self.labels[chosen])


def publishers_digits() -> Digits:
    """The first 1,000 scans, each labelled with its digit."""
    return scans(slice(0, 1000))


def consumers_digits() -> Digits:
    """The other 797 scans, each labelled 0 where the digit is even, 1 where it is odd."""
    digits = scans(slice(1000, None))
    return Digits(digits.images, digits.labels % 2)


def scans(chosen: slice) -> Digits:
    data = load_digits()
    gray = (data.images[chosen] / 16.0).astype(np.float32)
    return Digits(np.repeat(gray[..., np.newaxis], 3, axis=-1), data.target[chosen].astype(np.int32))


def split_few(digits: Digits, per_class: int, seed: int) -> tuple[Digits, Digits]:
    """Picks `per_class` labelled images of each class; the second part is all the others."""
    rng = np.random.default_rng(seed)
    classes = np.unique(digits.labels)
    few = np.concatenate(
        [rng.choice(np.flatnonzero(digits.labels == c), per_class, replace=False) for c in classes]
    )
    others = np.setdiff1d(np.arange(len(digits)), few)
    return digits.take(few), digits.take(others)
