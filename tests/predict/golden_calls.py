"""Calls of golden modules through `hub.Predictor`, in a process that cannot import TensorFlow."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from golden import cases

import tf1hub as hub


def values(case: cases.Case, keys: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a call as a Predictor takes them."""
    return {
        name: hub.SparseArray(value["indices"], value["values"], value["dense_shape"])
        if isinstance(value, dict)
        else value
        for name, value in case.values(keys).items()
    }


def check_calls(name: str, engine: str, root: pathlib.Path = cases.ROOT) -> int:
    """Makes all calls of one case and compares what comes out; returns how many there are."""
    case = cases.load(name, root)
    for call in case.calls:
        predictor = hub.Predictor(case.path, call["signature"], call["tags"], engine)
        outputs = predictor(values(case, call["inputs"]))
        expected = case.values(call["outputs"])
        assert outputs.keys() == expected.keys() == predictor.outputs.keys()
        for output, wanted in expected.items():
            cases.assert_matches(outputs[output], wanted)
            if not isinstance(wanted, dict):
                assert isinstance(outputs[output], np.ndarray)
                assert outputs[output].dtype == (object if wanted.dtype.kind in "SU" else wanted.dtype)
    return len(case.calls)
