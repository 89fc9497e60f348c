"""A second variant over the state of a module that exists, and variable scopes that do not give one."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, run, tf1

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError, WrongModeError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Scaled by parts and normalized; trained by its mean, with words, a counter and a loss, some in one variant only."""
    directory = tmp_path_factory.mktemp("shared")
    (directory / "words.txt").write_text("a\nb\n")

    def module_fn(is_training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None])
        regularizer = (lambda w: 0.5 * tf.reduce_sum(w * w)) if is_training else None
        with tf1.variable_scope("scale", partitioner=tf1.fixed_size_partitioner(2), regularizer=regularizer):
            factors = tf.convert_to_tensor(tf1.get_variable("factors", initializer=tf.constant([1.0, 2.0])))
        average = tf1.get_variable("average", initializer=0.0, trainable=False)
        words = tf.lookup.TextFileInitializer(
            str(directory / "words.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        line = tf.cast(tf.lookup.StaticHashTable(words, -1).lookup(tf.constant("b")), tf.float32)
        if is_training:
            steps = tf1.get_variable("steps", initializer=0.0, trainable=False)
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, steps.assign_add(1.0))
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, average.assign(tf.reduce_mean(x)))
            hub.add_signature(inputs=x, outputs=tf.reduce_sum(factors) * x + line)
        else:
            bias = tf1.get_variable("bias", initializer=0.5)
            hub.add_signature(inputs=x, outputs=tf.reduce_sum(factors) * (x - average) + line + bias)

    spec = hub.create_module_spec(
        module_fn, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )
    spec.export(
        directory / "m", values={"scale/factors": [1.0, 2.0], "average": 0.0, "steps": 0.0, "bias": 0.5}
    )
    return str(directory / "m")


def test_inference_sees_what_training_trains(path: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        with tf1.variable_scope("model"):
            trained = hub.Module(path, trainable=True, tags={"train"})
        loss = tf.reduce_sum(trained([2.0, 4.0])) + tf1.losses.get_regularization_loss()
        with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
            step = tf1.train.GradientDescentOptimizer(0.5).minimize(loss)
        evaluated = hub.Module(trained, tags=set())
        outputs = [evaluated([2.0]), evaluated([4.0])]
        assert evaluated.name == trained.name == "model/module"
        assert {variable.op.name for variable in tf1.global_variables()} == {
            f"model/module/{name}"
            for name in ("scale/factors/part_0", "scale/factors/part_1", "average", "steps", "bias")
        }
        assert sorted(evaluated.variable_map) == ["average", "bias", "scale/factors"]
        assert sorted(trained.variable_map) == ["average", "scale/factors", "steps"]
        for ours, theirs in zip(
            evaluated.variable_map["scale/factors"], trained.variable_map["scale/factors"], strict=True
        ):
            assert ours is theirs
        assert len(tf1.get_collection(tf1.GraphKeys.TABLE_INITIALIZERS)) == 1
        assert len(tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS)) == 1
        assert len(tf1.losses.get_regularization_losses()) == 2
        assert len(tf1.trainable_variables()) == 2
        initialize(session)
        assert session.run(outputs) == [[7.5], [13.5]]
        session.run(step)
        # Each factor loses 0.5 * (2 + 4 + itself), and the average becomes 3.
        total = (1 - 3.5) + (2 - 4)
        assert session.run(outputs) == [[total * -1 + 1.5], [total * 1 + 1.5]]
        evaluated.export(tmp_path / "tuned", session)
        trained.export(tmp_path / "same", session)
    for name in ("tuned", "same"):
        values = hub.read_variables(tmp_path / name)
        assert {key: values[key].tolist() for key in values} == {
            "scale/factors": [-2.5, -2.0],
            "average": 3.0,
            "steps": 1.0,
            "bias": 0.5,
        }


def test_training_over_the_state_of_inference(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        first = hub.Module(path, trainable=True)
        assert tf1.losses.get_regularization_losses() == []
        second = hub.Module(first, trainable=True, tags={"train"})
        assert len(tf1.losses.get_regularization_losses()) == 2
        loss = tf.reduce_sum(second([1.0])) + tf1.losses.get_regularization_loss()
        assert len(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)) == 2
        initialize(session)
        assert session.run([loss, first([1.0])]) == [6.5, [4.5]]


@pytest.mark.parametrize("stored", [True, False])
def test_networks_that_share_a_state_are_exported_whole(stored: bool, tmp_path: pathlib.Path) -> None:
    def module_fn(network: str) -> None:
        x = tf1.placeholder(tf.float32, [None])
        made = x * tf1.get_variable("gen", initializer=2.0, trainable=network == "gen")
        if network == "disc":
            made = made * tf1.get_variable("disc", initializer=3.0)
        hub.add_signature(inputs=x, outputs=made)

    spec = hub.create_module_spec(module_fn, [({name}, {"network": name}) for name in ("gen", "disc")])
    if stored:
        spec.export(tmp_path / "m", values={"gen": 2.0, "disc": 3.0})
    handle: Any = str(tmp_path / "m") if stored else spec
    with tf.Graph().as_default(), tf1.Session() as session:
        gen = hub.Module(handle, tags={"gen"}, trainable=True)
        disc = hub.Module(gen, tags={"disc"}, trainable=True)
        assert [variable.op.name for variable in tf1.trainable_variables()] == ["module/gen", "module/disc"]
        step = tf1.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(disc([1.0])))
        initialize(session)
        session.run(step)
        gen.export(tmp_path / "tuned", session)
    assert dict(hub.read_variables(tmp_path / "tuned")) == {"gen": 0.5, "disc": 2.0}


def test_a_variable_that_only_the_second_variant_trains_is_trained() -> None:
    def module_fn(frozen: bool) -> None:
        a = tf1.get_variable("a", initializer=2.0, trainable=not frozen)
        hub.add_signature(outputs=tf.identity(a))

    spec = hub.create_module_spec(module_fn, [(set(), {"frozen": True}), ({"train"}, {"frozen": False})])
    with tf.Graph().as_default():
        first = hub.Module(spec, trainable=True)
        assert tf1.trainable_variables() == []
        hub.Module(first, trainable=True, tags={"train"})
        assert tf1.trainable_variables() == first.variables
        assert first.variables[0].trainable


def test_a_variable_scope_that_reuses_variables_says_what_to_write(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        with tf1.variable_scope("model", reuse=tf1.AUTO_REUSE):
            first = hub.Module(path, trainable=True, tags={"train"})
        text = (
            "In the variable scope 'model' variables are reused, but a tf1hub.Module is not: this second one has "
            "variables of its own with the module's stored values, not those of 'model/module'. To apply "
            "'model/module' again, call it again; for another variant over the same variables write\n"
            "    second = tf1hub.Module(first, tags=...)    # the module that exists in place of the handle"
        )
        with tf1.variable_scope("model", reuse=True), pytest.warns(UserWarning, match="reused") as caught:
            second = hub.Module(path)
        assert [str(warning.message) for warning in caught] == [text]
        assert caught[0].filename == __file__
        assert second.name == "model/module_1"
        with tf1.variable_scope("model", reuse=True):
            second = hub.Module(first, tags=set())
            other = hub.Module(hub.create_module_spec(affine()))
        assert (second.name, other.name) == ("model/module", "model/module_2")
        initialize(session)
        session.run(first.variable_map["scale/factors"][0].assign([5.0]))
        assert session.run(second([1.0])) == [8.5]


def test_a_module_is_shared_in_its_own_graph(path: str) -> None:
    with tf.Graph().as_default():
        module = hub.Module(path)
    with tf.Graph().as_default(), pytest.raises(WrongModeError) as caught:
        hub.Module(module, tags={"train"})
    assert str(caught.value) == (
        "The module 'module' lives in another graph than the one in which it is called. "
        "Create it inside the same `with graph.as_default():` as its calls."
    )


def test_what_is_not_trained_is_not_shared_for_training(path: str) -> None:
    with tf.Graph().as_default():
        module = hub.Module(path)
        with pytest.raises(WrongModeError) as caught:
            hub.Module(module, trainable=True, tags={"train"})
    assert str(caught.value) == (
        f"variant {{'train'}} of {path} cannot be trained over the state of a module that was made with "
        "trainable=False. Make that one with trainable=True too: module = tf1hub.Module(handle, trainable=True, ...)"
    )


def test_state_that_differs_is_not_shared() -> None:
    def module_fn(value: float) -> None:
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [value]), 0.0)
        hub.add_signature(outputs=table.lookup(tf.constant("a")))

    spec = hub.create_module_spec(module_fn, [(set(), {"value": 1.0}), ({"train"}, {"value": 2.0})])
    with tf.Graph().as_default():
        module = hub.Module(spec)
        with pytest.raises(UnsupportedGraphError) as caught:
            hub.Module(module, tags={"train"})
        assert str(caught.value) == (
            "variant {'train'} of module_fn() cannot share the state of variant {} of module_fn(): 'hash_table' is not "
            "the same in both. Make a module with its own state: tf1hub.Module(module.spec, tags={'train'})"
        )
        apart = hub.Module(module.spec, tags={"train"})
        np.testing.assert_array_equal(run(module(), apart()), [1.0, 2.0])


def test_the_same_variant_may_be_shared_and_applied_again_and_again(tmp_path: pathlib.Path) -> None:
    path = export(affine(2.0, 1.0), tmp_path / "m")
    with tf.Graph().as_default():
        first = hub.Module(path)
        second = hub.Module(first)
        third = hub.Module(second)
        assert first.variables == second.variables == third.variables
        assert (
            run(*(module([x]) for module in (first, second, third) for x in (1.0, 2.0))) == [[3.0], [5.0]] * 3
        )
