"""The golden modules in a graph: every call and every fine-tuning step gives the original's numbers."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub

tf1 = tf.compat.v1


@pytest.fixture(params=["v1", "v2"])
def control_flow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Programs run with v2 behaviour off (TF1 mode), or on as TensorFlow 2 starts."""
    if request.param == "v1":
        tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


def feed(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tf.SparseTensor(**v) if isinstance(v, dict) else tf.constant(v) for k, v in values.items()}


def initialize(session: Any) -> None:
    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])


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
    for call in case.calls:
        with tf.Graph().as_default():
            module = hub.Module(path, tags=set(call["tags"]))
            outputs = module(feed(case.values(call["inputs"])), signature=call["signature"], as_dict=True)
            with tf1.Session() as session:
                initialize(session)
                values = session.run(outputs)
        assert set(values) == set(call["outputs"])
        for name, key in call["outputs"].items():
            cases.assert_matches(values[name], case.value(key))


def check_finetuning_step(case: cases.Case, path: str) -> None:
    step = case.finetune
    assert step is not None
    with tf.Graph().as_default():
        module = hub.Module(path, trainable=True, tags=set(step["tags"]))
        inputs = feed(case.values(step["inputs"]))
        output = module(inputs, signature=step["signature"], as_dict=True)["default"]
        regularization = tf.add_n([*tf1.losses.get_regularization_losses(), tf.constant(0.0)])
        loss = tf.reduce_mean(tf.square(output)) + regularization
        variables = tf1.trainable_variables()
        pairs = [
            (variable, tf.convert_to_tensor(gradient))
            for variable, gradient in zip(variables, tf1.gradients(loss, variables), strict=True)
            if gradient is not None
        ]
        gradients = [gradient for _, gradient in pairs]
        with tf.control_dependencies([*gradients, loss, regularization]):
            updates = [
                tf.identity(update) if isinstance(update, tf.Tensor) else update
                for update in tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
            ]
        with tf.control_dependencies([*updates, *gradients, loss, regularization]):
            train = [tf1.assign_sub(variable, step["lr"] * gradient) for variable, gradient in pairs]
        with tf1.Session() as session:
            initialize(session)
            loss_value, regularization_value, _ = session.run([loss, regularization, tf.group(*train)])
            after = {
                name: np.concatenate(session.run(value)) if isinstance(value, list) else session.run(value)
                for name, value in module.variable_map.items()
            }
    np.testing.assert_allclose(loss_value, case.value(step["loss"]), **cases.TOLERANCE)
    np.testing.assert_allclose(regularization_value, case.value(step["reg_loss"]), **cases.TOLERANCE)
    assert set(after) == set(step["variables_after"])
    for name, key in step["variables_after"].items():
        cases.assert_matches(after[name], case.value(key))


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.usefixtures("control_flow")
def test_calls_give_the_originals_outputs(name: str) -> None:
    case = cases.load(name)
    check_calls(case, case.path)


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.usefixtures("control_flow")
def test_a_finetuning_step_gives_the_originals_loss_and_variables(name: str) -> None:
    case = cases.load(name)
    check_finetuning_step(case, case.path)


@pytest.mark.parametrize("name", cases.NAMES)
def test_exported_again_it_gives_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    case = cases.load(name)
    path = exported_again(case.path, tmp_path)
    check_calls(case, path)
    check_finetuning_step(case, path)


def test_no_golden_module_is_missing() -> None:
    assert cases.NAMES == [
        "dropout_cond",
        "half_plus_two",
        "image",
        "image_ref_variables",
        "lstm",
        "nested",
        "ref_variables_mlp",
        "sparse_io",
        "text_embedding",
        "text_embedding_partitioned",
    ]
