"""`hub.load` in a graph of TensorFlow 1: the original's numbers, and training too, from the graph's own initializers."""

from __future__ import annotations

import copy
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, tf1
from golden import cases

import tf1hub as hub
from tf1hub.errors import ExportError, WrongModeError


@pytest.fixture
def _old_control_flow() -> Iterator[None]:
    tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


def feeds(case: cases.Case, keys: dict[str, Any]) -> Any:
    values = {
        name: tf.SparseTensor(**value) if isinstance(value, dict) else tf.constant(value)
        for name, value in case.values(keys).items()
    }
    return next(iter(values.values())) if len(values) == 1 else values


@pytest.mark.parametrize("name", cases.NAMES)
def test_calls_give_the_originals_numbers(name: str) -> None:
    case = cases.load(name)
    for training in (False, True):
        calls = [call for call in case.calls if bool(call["tags"]) == training]
        for call in calls:
            with tf.Graph().as_default(), tf1.Session() as session:
                module = hub.load(case.path)
                outputs = module(
                    feeds(case, call["inputs"]), training=training, signature=call["signature"], as_dict=True
                )
                initialize(session)
                found = session.run(outputs)
            for key, expected in case.values(call["outputs"]).items():
                cases.assert_matches(found[key], expected)


@pytest.mark.usefixtures("_old_control_flow")
@pytest.mark.parametrize("name", cases.NAMES)
def test_a_fine_tuning_step_is_exact_in_a_session_that_has_run_before(name: str) -> None:
    # Otherwise TensorFlow changes its own conds and loops where they are differentiated, too late for a session.
    tf1.experimental.output_all_intermediates(True)
    case = cases.load(name)
    step = case.finetune
    assert step is not None
    try:
        with tf.Graph().as_default(), tf1.Session() as session:
            module = hub.load(case.path)
            trainable = list(module.trainable_variables)
            output = module(feeds(case, step["inputs"]), training=True, signature=step["signature"])
            regularization = tf.add_n([loss() for loss in module.regularization_losses] + [tf.zeros([])])
            loss = tf.reduce_mean(tf.square(output)) + regularization
            initialize(session)
            train = tf1.train.GradientDescentOptimizer(step["lr"]).minimize(loss, var_list=trainable)
            values = session.run([loss, regularization, train])
            after = session.run(dict(module.variable_map))
    finally:
        tf1.experimental.output_all_intermediates(None)
    cases.assert_matches(values[0], case.value(step["loss"]))
    cases.assert_matches(values[1], case.value(step["reg_loss"]))
    for variable, key in step["variables_after"].items():
        value = after[variable]
        cases.assert_matches(np.concatenate(value) if isinstance(value, list) else value, case.value(key))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(affine(2.0, 1.0), tmp_path_factory.mktemp("in_graphs") / "m")


def test_programs_for_inference_run_the_initializers_of_tables_alone(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        y = hub.load(path)([3.0])
        session.run(tf1.tables_initializer())
        assert session.run(y) == [7.0]


def test_the_initializers_of_tables_undo_no_restored_checkpoint(path: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        module = hub.load(path)
        y = module([3.0])
        saver = tf1.train.Saver({"theirs": module.variable_map["a"]})
        with tf1.Session() as session:
            initialize(session)
            session.run(module.variable_map["a"].assign(10.0))
            checkpoint = saver.save(session, str(tmp_path / "model"))
        with tf1.Session() as session:
            saver.restore(session, checkpoint)
            session.run(tf1.tables_initializer())
            assert session.run(y) == [31.0]


def test_several_loads_have_variables_of_their_own_which_only_they_train(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        with tf.name_scope("names"):
            first, second = hub.load(path), hub.load(path, trainable=["a"])
        assert tf1.trainable_variables() == []
        assert [variable.name for variable in first.trainable_variables] == ["names/a:0"]
        assert [variable.name for variable in second.trainable_variables] == ["names/a_1:0"]
        assert len(tf1.global_variables()) == 4
        outputs = [first([1.0]), second([1.0])]
        step = tf1.train.GradientDescentOptimizer(0.5).minimize(
            tf.reduce_sum(outputs), var_list=second.trainable_variables
        )
        initialize(session)
        session.run(step)
        assert session.run(outputs) == [[3.0], [2.5]]


def test_update_ops_run_before_outputs_and_in_their_order() -> None:
    def module_fn(is_training: bool) -> None:
        count = tf1.get_variable("count", initializer=0.0, trainable=False)
        if is_training:
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, count.assign_add(1.0))
        hub.add_signature(outputs=tf.constant(5.0))

    spec = hub.create_module_spec(
        module_fn, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.load(spec)
        training = tf1.placeholder(tf.bool, [])
        fixed, decided = module(training=True), module(training=training)
        initialize(session)
        counts = []
        for run, fed in ((fixed, True), (decided, True), (decided, False)):
            assert session.run(run, {training: fed}) == 5.0
            counts.append(float(session.run(module.variables[0])))
    assert counts == [1.0, 2.0, 2.0]


def test_a_definition_starts_from_what_its_initializers_give() -> None:
    def module_fn() -> None:
        with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
            rows = tf1.get_variable("rows", [4], initializer=tf1.random_normal_initializer(5.0, 1.0))
        hub.add_signature(outputs=tf.convert_to_tensor(rows))

    with tf.Graph().as_default(), tf1.Session() as session:
        y = hub.load(hub.create_module_spec(module_fn))()
        initialize(session)
        values = session.run(y)
        np.testing.assert_array_equal(session.run(y), values)
    assert len(set(values)) == 4
    assert values.min() > 0.0


def test_signatures_and_functions_and_datasets_of_the_graph(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.load(path)
        x = tf.constant([3.0])
        outputs = [
            module.signatures["default"](x)["default"],
            tf.function(module)(x),
            tf.cond(tf.constant(True), lambda: module(x), lambda: x),
            tf.map_fn(module, tf.constant([[3.0]]))[0],
        ]
        dataset = tf1.data.make_initializable_iterator(tf.data.Dataset.from_tensors([3.0]).map(module))
        outputs.append(dataset.get_next())
        initialize(session)
        session.run(dataset.initializer)
        assert session.run(outputs) == [[7.0]] * 5


def test_a_tuned_module_is_exported_with_the_values_of_a_session(path: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.load(path)
        initialize(session)
        session.run(module.variable_map["a"].assign(10.0))
        text = (
            "The module was loaded in a graph, where the values of its variables are in a session, and none was given. "
            f"Write: m.export({str(tmp_path / 'tuned')!r}, session)"
        )
        with pytest.raises(ExportError) as caught:
            module.export(tmp_path / "tuned")
        assert str(caught.value) == text
        module.export(tmp_path / "tuned", session)
    assert hub.load(tmp_path / "tuned")([3.0]).numpy() == [31.0]
    assert sorted(os.listdir(tmp_path)) == ["tuned"]


def test_a_module_of_a_graph_is_not_copied(path: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        m = hub.load(path)
        with pytest.raises(WrongModeError) as caught:
            copy.deepcopy(m)
        assert str(caught.value) == (
            "The module was loaded in a graph, and cannot be copied or pickled: its values are those of a session. Write "
            "them, m.export(path, session), and load them where they are needed: tf1hub.load(path)"
        )
        initialize(session)
        m.export(tmp_path / "copy", session)
    assert hub.load(tmp_path / "copy")([3.0]).numpy() == [7.0]


def test_a_module_is_called_where_it_was_loaded(path: str, tmp_path: pathlib.Path) -> None:
    eager = hub.load(path)
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.load(path)
        with pytest.raises(WrongModeError) as caught:
            eager(tf.constant([1.0]))
        assert str(caught.value) == (
            f"{path} was loaded in eager mode, where its variables are, and is called in a graph (a tf.Graph, or after "
            "tf.compat.v1.disable_eager_execution). Load it inside of the graph: module = tf1hub.load(handle); "
            "outputs = module(inputs)"
        )
        text = (
            f"{path} was loaded in a graph, where its variables are, and is called in {{where}}. Load it where it is "
            "called; or write its values, module.export(path, session), and load these: module = tf1hub.load(path)"
        )
        with tf.Graph().as_default(), pytest.raises(WrongModeError) as caught:
            module(tf.constant([1.0]))
        assert str(caught.value) == text.format(where="another graph")
        initialize(session)
        module.export(tmp_path / "tuned", session)
    with pytest.raises(WrongModeError) as caught:
        module(tf.constant([1.0]))
    assert str(caught.value) == text.format(where="eager mode")
    assert hub.load(tmp_path / "tuned")(tf.constant([1.0])).numpy() == [3.0]
