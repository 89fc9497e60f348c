"""`hub.load` while a function is traced: as `tf.saved_model.load`, wherever that works."""

from __future__ import annotations

import gc
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


def module_fn() -> None:
    x = tf1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=2.0))


def test_loading_inside_a_function_is_not_rewritten(
    caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    hub.load(hub.create_module_spec(module_fn)).export(tmp_path / "module")
    kept = []

    @tf.function
    def call(x: Any) -> Any:
        if not kept:
            kept.append(hub.load(tmp_path / "module"))
        return kept[0](x)

    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    try:
        assert call(tf.constant([1.0])).numpy().tolist() == [2.0]
    finally:
        logger.removeHandler(caplog.handler)
    assert "AutoGraph" not in caplog.text


def with_a_table() -> None:
    x = tf1.placeholder(tf.float32, [None])
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["one"], [1.0]), -1.0)
    w = tf1.get_variable("w", initializer=2.0)
    hub.add_signature(inputs=x, outputs=w * x + table.lookup(tf.constant("one")))


@pytest.fixture(params=["stored", "definition", "SavedModel"])
def loads(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Callable[[], Any]:
    """Loads a module; as TensorFlow's loader of SavedModels loads it, where plain TensorFlow is to show what is right."""
    spec = hub.create_module_spec(with_a_table)
    if request.param == "definition":
        return lambda: hub.load(spec)
    if request.param == "stored":
        hub.load(spec).export(tmp_path / "module")
        return lambda: hub.load(tmp_path / "module")
    tf.saved_model.save(hub.load(spec), str(tmp_path / "saved"))
    return lambda: tf.saved_model.load(str(tmp_path / "saved"))


def test_loading_each_time_that_a_function_is_traced(loads: Callable[[], Any]) -> None:
    @tf.function
    def call(x: Any) -> Any:
        return loads()(x)

    for _ in range(2):
        for x in [1.0], [1.0, 2.0]:
            assert call(tf.constant(x)).numpy().tolist() == [2.0 * value + 1.0 for value in x]
            gc.collect()


def test_loading_in_init_scope_when_a_function_is_traced_again(loads: Callable[[], Any]) -> None:
    kept: list[Any] = []

    @tf.function
    def call(x: Any) -> Any:
        if x.shape[0] == 1:
            return x
        if not kept:
            with tf.init_scope():
                kept.append(loads())
        return kept[0](x)

    assert call(tf.constant([1.0])).numpy().tolist() == [1.0]
    assert call(tf.constant([1.0, 2.0])).numpy().tolist() == [3.0, 5.0]
    (variable,) = kept[0].variables
    variable.assign(3.0)
    assert call(tf.constant([1.0, 2.0])).numpy().tolist() == [4.0, 7.0]


def test_an_object_that_a_pipeline_tracks_over_several_traces(loads: Callable[[], Any]) -> None:
    """As TensorFlow Transform does it: traced again and again, with one object made in the first."""
    tracked: list[Any] = []

    def make_and_track_object(factory: Callable[[], Any]) -> Any:
        if not tracked:
            with tf.init_scope():
                tracked.append(factory())
        return tracked[0]

    def preprocess(x: Any) -> Any:
        return make_and_track_object(loads)(x)

    for _ in range(2):
        function = tf.function(
            preprocess, input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False
        )
        assert function.get_concrete_function()(tf.constant([1.0])).numpy() == [3.0]


def test_loading_in_a_branch_and_in_a_dataset(loads: Callable[[], Any]) -> None:
    branch = tf.function(lambda x: tf.cond(x[0] > 0, lambda: loads()(x), lambda: x))
    dataset = tf.data.Dataset.from_tensors([1.0]).map(lambda x: loads()(x))
    gc.collect()
    assert branch(tf.constant([1.0])).numpy() == [3.0]
    assert [x.numpy() for x in dataset] == [[3.0]]


def test_creators_of_variables_see_those_of_a_module_and_no_others(loads: Callable[[], Any]) -> None:
    seen = []

    def creator(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        seen.append(next_creator(**arguments))
        return seen[-1]

    with tf.variable_creator_scope(creator):
        module = loads()
    assert [id(variable) for variable in seen] == [id(variable) for variable in module.variables]


def test_a_wrapped_function_knows_the_variables_of_a_module(loads: Callable[[], Any]) -> None:
    function = tf1.wrap_function(lambda x: loads()(x), [tf.TensorSpec([None], tf.float32)])
    gc.collect()
    assert function(tf.constant([1.0])).numpy() == [3.0]
    assert [variable.name for variable in function.graph.variables] == ["w:0"]


def test_a_function_keeps_the_variables_of_what_it_loads() -> None:
    spec = hub.create_module_spec(with_a_table)
    function = tf.function(lambda x: hub.load(spec)(x)).get_concrete_function(tf.TensorSpec([None]))
    gc.collect()
    assert [variable.name for variable in function.variables] == ["w:0"]


def test_loading_a_definition_inside_a_function_once_is_fine() -> None:
    spec = hub.create_module_spec(module_fn)
    kept: list[Any] = []

    @tf.function
    def call(x: Any) -> Any:
        if not kept:
            kept.append(hub.load(spec))
        return kept[0](x)

    for x in [1.0], [1.0, 2.0]:
        assert call(tf.constant(x)).numpy().tolist() == [2.0 * value for value in x]
