"""A linear probe: how well a linear classifier tells the classes apart by the features."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.errors import MissingDependencyError

FOLDS = 5


def accuracies(features: Any, labels: Any, seed: int) -> list[float]:
    """The accuracy of logistic regression on each fold of a stratified cross-validation.

    Features are standardized with the statistics of the training folds. The split depends on the
    labels and the seed alone, so that all modules are tested on the same examples.

    Args:
        features: an array [n, width].
        labels: an array [n]; each class at least twice.
        seed: of the split.

    Returns:
        An accuracy in [0, 1] for each of 5 folds; fewer, where a class has fewer examples.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    check_installed()
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, counts = np.unique(labels, return_counts=True)
    folds = StratifiedKFold(min(FOLDS, int(counts.min())), shuffle=True, random_state=seed)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return [float(score) for score in cross_val_score(probe, features, labels, cv=folds)]


def check_installed() -> None:
    """Says what to install, before anything is computed.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "The linear probe is scikit-learn's, which is not installed. pip install 'tf1hub[compare]'"
        ) from error
