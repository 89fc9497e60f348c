"""The golden cases: modules that the original library wrote, with what it computed. It runs on Python 3.6."""

import json
import pathlib
from typing import Any, NamedTuple

import numpy as np

ROOT = pathlib.Path(__file__).parent / "modules"
NAMES = sorted(path.name for path in ROOT.iterdir() if (path / "case.json").exists())
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}


class Case(NamedTuple):
    """One golden module: where it lies, and what is expected of it."""

    name: str
    path: str
    calls: list
    finetune: Any  # a dict, or None
    arrays: dict

    def value(self, key: Any) -> Any:
        """The array behind a key of case.json; a dict of arrays for a sparse or ragged tensor."""
        if isinstance(key, dict):
            return {part: self.arrays[name] for part, name in key.items()}
        return self.arrays[key]

    def values(self, keys: dict) -> dict:
        """The arrays behind a dict of keys."""
        return {name: self.value(key) for name, key in keys.items()}


def load(name: str, root: pathlib.Path = ROOT) -> Case:
    """Reads one case."""
    directory = root / name
    case = json.loads((directory / "case.json").read_text())
    with np.load(directory / "expected.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    return Case(name, str(directory / "module"), case["calls"], case["finetune"], arrays)


def assert_matches(actual: Any, expected: Any) -> None:
    """Compares an output with the original's, sparse ones part by part."""
    if isinstance(expected, dict):
        for part, array in expected.items():
            assert_matches(getattr(actual, part), array)
    elif expected.dtype.kind in "SUO":
        np.testing.assert_array_equal(actual, expected)
    else:
        np.testing.assert_allclose(actual, expected, **TOLERANCE)
