"""Regularization losses of a conversion: one for each of the module, though TensorFlow saved one of each kind."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1
SHAPES = {"a": [2, 3], "b": [3, 2], "c": [3, 3], "bias": [4], "other": [4]}


def network() -> None:
    x = tf1.placeholder(tf.float32, [None, 2])
    made = {
        name: tf1.get_variable(
            name, shape, initializer=tf1.random_normal_initializer(seed=len(name) + sum(shape))
        )
        for name, shape in SHAPES.items()
    }
    hub.add_signature(inputs=x, outputs=x @ made["a"] @ made["c"] @ made["b"])
    add = functools.partial(tf1.add_to_collection, tf1.GraphKeys.REGULARIZATION_LOSSES)
    for name in ("a", "b", "c", "bias", "other"):
        with tf1.name_scope(f"{name}/decay"):
            add(tf.multiply(0.5, tf.nn.l2_loss(made[name])))
    add(tf.multiply(0.25, tf.nn.l2_loss(made["b"])))
    add(tf.nn.l2_loss(made["bias"] - made["other"]))
    add(tf.reduce_sum(made["a"] ** 2, axis=0))
    add(tf.reduce_sum(made["b"] ** 2, axis=0))
    add(tf.size(made["a"], out_type=tf.int64))
    add(tf.size(made["b"], out_type=tf.int64))
    add(tf.cond(made["bias"][0] > 0, lambda: tf.reduce_sum(made["bias"]), lambda: 0.0))
    add(tf.cond(made["other"][0] > 0, lambda: tf.reduce_sum(made["other"]), lambda: 0.0))


def found(losses: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
    """Of each loss its value, and its gradients."""
    results = []
    for loss in losses:
        with tf.GradientTape() as tape:
            value = tf.cast(loss(), tf.float32)
        results.append([value, *tape.gradient(value, variables)])
    return results


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        # What is compared here is the losses.
        patch.setattr("tf1hub.converting.saved_model_form.SavedModelForm.compare", lambda *_: iter(()))
        path = tmp_path_factory.mktemp("losses")
        hub.create_module_spec(network).export(
            path / "module",
            values={
                name: np.random.default_rng(number).standard_normal(shape).astype(np.float32)
                for number, (name, shape) in enumerate(SHAPES.items())
            },
        )
        hub.convert(path / "module", path / "out")
    return str(path)


def test_each_loss_has_the_value_and_the_gradients_of_its_own_variables(converted: str) -> None:
    module, restored = hub.load(f"{converted}/module"), tf.saved_model.load(f"{converted}/out")
    ours = found(module.regularization_losses, module.variables)
    theirs = found(restored.regularization_losses, restored.variables)
    assert [variable.name for variable in restored.variables] == [
        variable.name for variable in module.variables
    ]
    assert len(ours) == len(theirs) == 13
    for one, other in zip(ours, theirs, strict=True):
        assert [value is None for value in one] == [value is None for value in other]
        for value, another in zip(one, other, strict=True):
            if value is not None:
                np.testing.assert_allclose(
                    tf.convert_to_tensor(another), tf.convert_to_tensor(value), rtol=1e-6
                )


def test_losses_that_differ_by_their_variable_are_saved_once_and_named_for_it(converted: str) -> None:
    model = SavedModel.FromString(pathlib.Path(converted, "out", "saved_model.pb").read_bytes())
    functions = {f.signature.name: f for f in model.meta_graphs[0].graph_def.library.function}
    kinds = [
        name
        for name in functions
        if "regularization_loss" in name and functions.keys() & {f"{name}_1", f"{name}_2"}
    ]
    nodes = [{node.name.rsplit("/", 1)[-1] for node in functions[kind].node_def} for kind in kinds]
    assert sum("L2Loss" in names for names in nodes) == 2  # of three matrices, and of two vectors
    losses = tf.saved_model.load(f"{converted}/out").regularization_losses
    for name, loss in zip(("a", "b", "c", "bias", "other"), losses, strict=False):
        operations = [operation.name for operation in loss.concrete_functions[0].graph.get_operations()]
        assert [op for op in operations if op.endswith("/decay/Mul")] == [f"module/{name}/decay/Mul"]


def test_a_loaded_conversion_is_trained_with_its_losses_and_saved_again(
    converted: str, tmp_path: pathlib.Path
) -> None:
    restored = tf.saved_model.load(f"{converted}/out")

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.add_n(
                [tf.cast(tf.reduce_sum(one()), tf.float32) for one in restored.regularization_losses]
            )
        for variable, gradient in zip(
            restored.variables, tape.gradient(loss, restored.variables), strict=True
        ):
            variable.assign_sub(0.1 * gradient)
        return loss

    assert step() > step()
    tf.saved_model.save(restored, str(tmp_path / "again"))
    again = tf.saved_model.load(str(tmp_path / "again"))
    for one, other in zip(restored.regularization_losses, again.regularization_losses, strict=True):
        np.testing.assert_array_equal(one(), other())
