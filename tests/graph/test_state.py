"""The state of a Module: created once, under its own names, in the right collections."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, run, tf1

import tf1hub as hub
from tf1hub.graphdef import restoring


def names(variables: list[object]) -> list[str]:
    return [variable.name for variable in variables]  # type: ignore[attr-defined]


def vocabulary(path: pathlib.Path, *words: str) -> str:
    path.write_text("".join(word + "\n" for word in words))
    return str(path)


def lookup(vocabulary_file: str) -> None:
    words = tf1.placeholder(tf.string, [None])
    initializer = tf.lookup.TextFileInitializer(
        vocabulary_file,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    hub.add_signature(inputs=words, outputs=tf.lookup.StaticHashTable(initializer, -1).lookup(words))


@pytest.mark.parametrize("use_resource", [True, False])
def test_second_instance_does_not_share_variables(tmp_path: pathlib.Path, use_resource: bool) -> None:
    path = export(affine(use_resource=use_resource), tmp_path / "m")
    with tf.Graph().as_default():
        first, second = hub.Module(path), hub.Module(path)
        changed = tf1.assign(first.variable_map["a"], 10.0)
        with tf1.Session() as session:
            initialize(session)
            session.run(changed)
            assert session.run(first([1.0])) == [11.0]
            assert session.run(second([1.0])) == [3.0]
        assert names(second.variables) == ["module_1/a:0", "module_1/b:0"]


def test_second_instance_does_not_share_tables(tmp_path: pathlib.Path) -> None:
    specs = [
        hub.create_module_spec(lambda f=file: lookup(f))
        for file in (vocabulary(tmp_path / "a.txt", "x", "y"), vocabulary(tmp_path / "b.txt", "y", "x"))
    ]
    with tf.Graph().as_default():
        # The same spec twice, and another whose graph has the same names.
        outputs = [hub.Module(spec)(["x", "y"]) for spec in (specs[0], specs[0], specs[1])]
        values = run(*outputs)
    np.testing.assert_array_equal(values, [[0, 1], [0, 1], [1, 0]])


def test_tables_that_change_are_not_shared() -> None:
    def module_fn() -> None:
        keys = tf1.placeholder(tf.int64, [None])
        table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, -1, name="counts")
        hub.add_signature("insert", {"keys": keys}, {"done": _after(table.insert(keys, keys * 10), keys)})
        hub.add_signature(inputs=keys, outputs=table.lookup(keys))

    def _after(operation: object, value: object) -> object:
        with tf.control_dependencies([operation]):
            return tf.identity(value)

    spec = hub.create_module_spec(module_fn, drop_collections=["saveable_objects"])
    with tf.Graph().as_default():
        first, second = hub.Module(spec), hub.Module(spec)
        insert = first({"keys": [3]}, signature="insert", as_dict=True)["done"]
        with tf1.Session() as session:
            session.run(insert)
            assert session.run(first([3])) == [30]
            assert session.run(second([3])) == [-1]


def test_variable_scope_and_name_scope_agree() -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default():
        assert names(hub.Module(spec).variables) == ["module/a:0", "module/b:0"]
        assert names(hub.Module(spec).variables) == ["module_1/a:0", "module_1/b:0"]
        assert names(hub.Module(spec, name="other").variables) == ["other/a:0", "other/b:0"]
        with tf1.variable_scope("outer"):
            assert names(hub.Module(spec).variables) == ["outer/module/a:0", "outer/module/b:0"]
        # Entered again, the name scope is outer_1, but the variable scope is outer.
        with tf1.variable_scope("outer"):
            assert names(hub.Module(spec).variables) == ["outer/module_1/a:0", "outer/module_1/b:0"]


def test_a_taken_name_scope_is_stepped_over() -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default():
        with tf1.name_scope("module"):
            tf.constant(1)
        assert names(hub.Module(spec).variables) == ["module_1/a:0", "module_1/b:0"]
        assert names(hub.Module(spec).variables) == ["module_2/a:0", "module_2/b:0"]


def test_a_name_scope_reaches_applications_but_not_state() -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default():
        with tf1.name_scope("block"):
            module = hub.Module(spec)
            assert module([1.0]).op.name.startswith("block/module_apply_default/")
        assert names(module.variables) == ["module/a:0", "module/b:0"]


@pytest.mark.parametrize("trainable", [False, True])
def test_variables_join_the_collections_of_the_variant(trainable: bool) -> None:
    def module_fn() -> None:
        affine()()
        tf1.add_to_collection("model_variables", tf1.global_variables()[0])

    with tf.Graph().as_default() as graph:
        hub.Module(hub.create_module_spec(module_fn), trainable=trainable)
        assert names(graph.get_collection("variables")) == ["module/a:0", "module/b:0"]
        assert names(graph.get_collection("model_variables")) == ["module/a:0"]
        assert names(graph.get_collection("trainable_variables")) == (["module/a:0"] if trainable else [])
        losses = tf1.losses.get_regularization_losses()
        assert len(losses) == (1 if trainable else 0)
        if trainable:
            assert run(losses[0]) == 2.0


def test_active_control_dependencies_do_not_reach_state() -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default():
        with tf.control_dependencies([tf.constant(1, name="before")]):
            module = hub.Module(spec)
            y = module([1.0])
        assert [op.name for op in module.variable_map["a"].initializer.control_inputs] == []
        assert [op.name for op in module.variable_map["a"].op.control_inputs] == []
        assert "before" in {op.name for op in y.op.control_inputs}


def test_with_a_checkpoint_one_restore_feeds_all_variables_and_no_initializer_is_imported(
    tmp_path: pathlib.Path,
) -> None:
    def module_fn() -> None:
        for i in range(20):
            tf1.get_variable(f"v{i}", [3], initializer=tf1.random_normal_initializer(seed=i))
        x = tf1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=x + tf.add_n(tf1.global_variables()))

    path = export(module_fn, tmp_path / "m")
    with tf.Graph().as_default() as graph:
        module = hub.Module(path)
        ops = [op.type for op in graph.get_operations()]
        values = run(module.variable_map)
    assert ops.count("RestoreV2") == 1
    assert "RandomStandardNormal" not in ops
    stored = hub.read_variables(path)
    assert {name: value.tolist() for name, value in values.items()} == {
        n: a.tolist() for n, a in stored.items()
    }


def test_big_checkpoints_are_restored_in_parts(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(affine(5.0, 6.0), tmp_path / "m")
    monkeypatch.setattr(restoring, "_RESTORE_BYTES", 1)
    with tf.Graph().as_default() as graph:
        module = hub.Module(path)
        assert [op.type for op in graph.get_operations()].count("RestoreV2") == 2
        assert run(module([1.0])) == [11.0]


def test_a_spec_without_checkpoint_uses_its_own_initializers() -> None:
    with tf.Graph().as_default():
        assert run(hub.Module(hub.create_module_spec(affine(3.0, 4.0)))([1.0])) == [7.0]


@pytest.mark.parametrize("use_resource", [True, False])
def test_the_programs_own_checkpoint_overrides_the_modules_values(
    tmp_path: pathlib.Path, use_resource: bool
) -> None:
    path = export(affine(use_resource=use_resource), tmp_path / "m")
    prefix = str(tmp_path / "own")
    with tf.Graph().as_default():
        module = hub.Module(path)
        with tf1.Session() as session:
            initialize(session)
            session.run(tf1.assign(module.variable_map["b"], 100.0))
            tf1.train.Saver().save(session, prefix)
    with tf.Graph().as_default():
        y = hub.Module(path)([1.0])
        with tf1.Session() as session:
            initialize(session)
            tf1.train.Saver().restore(session, prefix)
            assert session.run(y) == [102.0]


def test_state_and_applications_obey_device_scopes(tmp_path: pathlib.Path) -> None:
    path = export(affine(), tmp_path / "m")
    with tf.Graph().as_default() as graph:
        with tf.device("/job:ps/task:1"):
            module = hub.Module(path)
        with tf.device("/job:worker"):
            y = module([1.0])
        assert module.variable_map["a"].device == "/job:ps/task:1"
        restore = next(op for op in graph.get_operations() if op.type == "RestoreV2")
        assert restore.device == "/job:ps/task:1/device:CPU:0"
        assert y.device == "/job:worker"


def test_partitioned_variables_are_lists_of_parts(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        ids = tf1.placeholder(tf.int64, [None])
        table = tf1.get_variable(
            "table",
            [5, 2],
            initializer=tf1.random_uniform_initializer(seed=1),
            partitioner=tf1.fixed_size_partitioner(3),
        )
        hub.add_signature(inputs=ids, outputs=tf1.nn.embedding_lookup(table, ids, partition_strategy="div"))

    path = export(module_fn, tmp_path / "m")
    with tf.Graph().as_default():
        module = hub.Module(path)
        parts = module.variable_map["table"]
        assert names(parts) == [f"module/table/part_{i}:0" for i in range(3)]
        assert names(module.variables) == names(parts)
        values, looked_up = run(parts, module([0, 4]))
    whole = np.concatenate(values)
    np.testing.assert_array_equal(whole, hub.read_variables(path)["table"])
    np.testing.assert_array_equal(looked_up, whole[[0, 4]])
