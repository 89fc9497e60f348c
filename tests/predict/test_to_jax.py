"""Golden modules as functions of JAX: every call, and one step of fine-tuning, eager and under `jit`. No TensorFlow.

`TF1HUB_JAX=all pytest tests/predict/test_to_jax.py` takes all of them, also those that are much like another one.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from golden import cases

import tf1hub as hub

jax = pytest.importorskip("jax")


def made(case: cases.Case, call: dict[str, Any]) -> tuple[Any, Any]:
    tags = set(call["tags"])
    return hub.to_jax(case.path, call["signature"], training="train" in tags)


def inputs_of(case: cases.Case, call: dict[str, Any]) -> dict[str, Any]:
    values = case.values(call["inputs"])
    return {
        name: hub.SparseArray(value["indices"], value["values"], value["dense_shape"]) if isinstance(value, dict) else value
        for name, value in values.items()
    }  # fmt: skip


ALL = os.environ.get("TF1HUB_JAX") == "all"
NAMES = [name for name in cases.NAMES if ALL or name not in ("launch_rnn", "tf112_rnn", "tf112_image")]


@pytest.mark.parametrize("compiled", [False, True] if ALL else [True])
@pytest.mark.parametrize("name", NAMES)
def test_calls_give_the_originals_outputs(name: str, compiled: bool) -> None:
    case = cases.load(name)
    for call in case.calls:
        function, params = made(case, call)
        run = jax.jit(function.run) if compiled else function.run
        outputs, _ = run(params, function.prepare(inputs_of(case, call)), jax.random.key(0))
        assert set(outputs) == set(call["outputs"])
        for output, key in call["outputs"].items():
            cases.assert_matches(outputs[output], case.value(key))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("name", NAMES)
def test_a_finetuning_step_gives_the_originals_loss_and_variables(name: str, compiled: bool) -> None:
    case = cases.load(name)
    step = case.finetune
    function, params = hub.to_jax(case.path, step["signature"], training=True)
    prepared = function.prepare(inputs_of(case, step))

    def loss_of(trainable: Any, others: Any, given: Any) -> Any:
        outputs, after = function.run({**trainable, **others}, given, jax.random.key(0))
        regularization = function.regularization({**trainable, **others})
        return (outputs["default"] ** 2).mean() + regularization, (regularization, after)

    def train(params: Any, given: Any) -> Any:
        trainable, others = function.split(params)
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (regularization, after)), gradients = gradient(trainable, others, given)
        stepped = {key: trainable[key] - step["lr"] * gradients[key] for key in trainable}
        return loss, regularization, {**after, **stepped}

    loss, regularization, after = (jax.jit(train) if compiled else train)(params, prepared)
    cases.assert_matches(np.asarray(loss), case.value(step["loss"]))
    cases.assert_matches(np.asarray(regularization), case.value(step["reg_loss"]))
    for variable, key in step["variables_after"].items():
        cases.assert_matches(np.asarray(after[variable]), case.value(key))
