"""What a golden case expects of a module in a graph."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from golden import cases
from interop.running import initialize, run_call, run_finetuning_step

import tf1hub as hub

tf1 = tf.compat.v1


def exported_again(path: str, directory: pathlib.Path) -> str:
    """Uses the module in a graph of its own and exports it from there."""
    spec = hub.load_module_spec(path)
    tags = {"train"} if frozenset({"train"}) in spec.get_tags() else None
    with tf.Graph().as_default():
        module = hub.Module(spec, tags=tags)
        with tf1.Session() as session:
            initialize(session)
            module.export(directory / "again", session)
    return str(directory / "again")


def check_calls(case: cases.Case, path: str) -> None:
    """Compares the outputs of all calls."""
    for call in case.calls:
        values = run_call(hub, path, set(call["tags"]), call["signature"], case.values(call["inputs"]))
        assert set(values) == set(call["outputs"])
        for name, key in call["outputs"].items():
            cases.assert_matches(values[name], case.value(key))


def check_finetuning_step(case: cases.Case, path: str) -> None:
    """Compares the losses of one step, and all variables after it."""
    step = case.finetune
    assert step is not None
    found = run_finetuning_step(hub, path, step, case.values(step["inputs"]))
    np.testing.assert_allclose(found["loss"], case.value(step["loss"]), **cases.TOLERANCE)
    np.testing.assert_allclose(found["reg_loss"], case.value(step["reg_loss"]), **cases.TOLERANCE)
    after = found["variables_after"]
    assert set(after) == set(step["variables_after"])
    for name, key in step["variables_after"].items():
        cases.assert_matches(after[name], case.value(key))
