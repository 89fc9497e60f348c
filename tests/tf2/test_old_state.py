"""Variables, update ops, tables and functions of old graphs, held against graph mode."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph, Tensors, assert_same
from tf2.test_control_flow import FEEDS, GRAPHS, inputs, weight

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError
from tf1hub.graph import Module
from tf1hub.tf2.load import load

tf1 = tf.compat.v1
X = FEEDS["first"]

FUNCTIONAL = sorted(
    set(GRAPHS)
    # Graph mode keeps no TensorArray handles in functions, and a Switch by hand is what it is.
    - {"tensor_array_through_a_cond", "switch_and_merge_by_hand"}
)


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional_control_flow_gives_graph_modes_numbers_and_gradients(name: str) -> None:
    old = OldGraph(lambda: GRAPHS[name](True), version=2)
    assert_same(old, *({"x": x} for x in FEEDS.values()))


@pytest.mark.parametrize(
    "name", ["two_conds_on_one_predicate_in_a_row", "cond_with_many_outputs", "loop_in_cond_in_loop"]
)
def test_no_contexts_are_needed(name: str) -> None:
    old = OldGraph(lambda: GRAPHS[name](True), drop=("cond_context", "while_context"))
    assert_same(old, {"x": X})


@pytest.mark.parametrize("resource", [True, False])
def test_update_ops_run_in_training_only(resource: bool) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight(resource=resource)
        count = tf1.get_variable("count", initializer=0, trainable=False, use_resource=resource)
        mean = tf1.get_variable("mean", initializer=tf.zeros([3]), trainable=False, use_resource=resource)
        rows = tf1.get_variable("rows", initializer=tf.ones([4, 3]), trainable=False, use_resource=resource)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_add(count, 2))
        tf1.add_to_collection(
            tf1.GraphKeys.UPDATE_OPS, tf1.assign_sub(mean, (mean - tf.reduce_mean(x, 0)) * 0.5).op
        )
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.scatter_add(rows, [1, 3], x))
        return {"x": x}, {"default": tf.matmul(x, w) + mean}

    old = OldGraph(build)
    module = assert_same(old, {"x": X}, update=True)
    before = [variable.numpy() for variable in module.variables]
    module(X)
    for variable, value in zip(module.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("resource", [True, False])
def test_a_read_that_depends_on_a_write_sees_it(resource: bool) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight(resource=resource)
        count = tf1.get_variable("count", initializer=1.0, trainable=False, use_resource=resource)
        before = count.read_value() * 1.0  # a ref variable's bare read would change with the write
        with tf.control_dependencies([before]):
            write = tf1.assign_add(count, 5.0)
        with tf.control_dependencies([write]):
            after = count.read_value()
        return {"x": x}, {"default": tf.matmul(x, w) * after, "before": before}

    assert_same(OldGraph(build), {"x": X})


def handle_out_of_a_cond(v: tf.Variable, x: tf.Tensor) -> Any:
    handle = tf.cond(x[0, 0] > 0.0, lambda: tf.identity(v.handle), lambda: tf.identity(v.handle))
    return tf.raw_ops.AssignAddVariableOp(resource=handle, value=1.0)


def handle_carried_by_a_loop(v: tf.Variable, x: tf.Tensor) -> Any:
    def body(i: tf.Tensor, handle: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.control_dependencies([tf.raw_ops.AssignAddVariableOp(resource=handle, value=x[0, 0])]):
            return i + 1, handle

    return tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), v.handle))[0].op


def handle_out_of_a_function(v: tf.Variable, _: tf.Tensor) -> Any:
    same = tf.function(lambda handle: tf.identity(handle), autograph=False)
    return tf.raw_ops.AssignAddVariableOp(resource=same(v.handle), value=1.0)


def ref_out_of_a_cond(v: tf.Variable, x: tf.Tensor) -> Any:
    off, on = tf.raw_ops.RefSwitch(data=v._variable, pred=x[0, 0] > 0.0)
    return tf.raw_ops.AssignAdd(ref=tf.raw_ops.RefMerge(inputs=[off, on])[0], value=1.0).op


@pytest.mark.parametrize(
    "write", [handle_out_of_a_cond, handle_carried_by_a_loop, handle_out_of_a_function, ref_out_of_a_cond]
)
def test_a_write_is_seen_wherever_its_handle_comes_from(write: Callable[..., Any]) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.float32, [2, 3], name="x")
        resource = write is not ref_out_of_a_cond
        v = tf1.get_variable("v", initializer=1.0, use_resource=resource, trainable=False)
        before = v.read_value() + 0.0
        with tf.control_dependencies([before]):
            written = write(v, x)
        with tf.control_dependencies([written]):
            after = v.read_value() + 0.0
        return {"x": x}, {"before": before, "default": after}

    assert_same(OldGraph(build), {"x": X})


def test_a_counter_in_a_loop_is_written_each_time() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        count = tf1.get_variable("count", initializer=0.0, trainable=False, use_resource=True)

        def body(i: Any, y: Any) -> Any:
            with tf.control_dependencies([count.assign_add(1.0)]):
                return i + 1, tf.tanh(tf.matmul(y, w))

        _, y = tf.while_loop(lambda i, _: i < 3, body, (0, x))
        with tf.control_dependencies([y]):
            return {"x": x}, {"default": y, "count": count.read_value()}

    assert_same(OldGraph(build), {"x": X})


def test_an_update_op_whose_placeholder_is_not_fed_is_left_out_and_said_so() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        other = tf1.placeholder(tf.float32, [], name="other")
        total = tf1.get_variable("total", initializer=0.0, trainable=False, use_resource=True)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, total.assign_add(other).op)
        return {"x": x}, {"default": tf.matmul(x, w)}

    module = OldGraph(build).load()
    with pytest.warns(
        UserWarning, match="is left out: it needs 'other', which the signature 'default' does not feed"
    ):
        module(X, training=True)
    assert module.variables[1].numpy() == 0.0


def test_gathers_inside_and_outside_of_loops() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        ids = tf.constant([2, 0])
        _, y = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, y + tf.gather(w, ids)), (0, x))
        return {"x": x}, {"default": y * tf.gather(w, ids), "nd": tf.gather_nd(w, [[0, 1]])}

    assert_same(OldGraph(build), {"x": X})


@pytest.mark.parametrize("version", [1, 2])
def test_tables_made_in_the_graph(version: int, tmp_path: pathlib.Path) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.string, [None], name="x")
        fixed = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([10, 20], tf.int64)), -1
        )
        w = tf1.get_variable("w", initializer=tf.ones([32]), use_resource=True)
        ids = fixed.lookup(x)
        return {"x": x}, {"default": tf.gather(w, tf.maximum(ids, 0)), "ids": ids}

    module = assert_same(OldGraph(build, version), {"x": np.array(["a", "z", "b"])})
    tf.saved_model.save(module, str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_array_equal(restored(tf.constant(["b", "?"]), as_dict=True)["ids"], [20, -1])
    # Many programs keep a signature and nothing else.
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    np.testing.assert_array_equal(served(x=tf.constant(["b", "?"]))["ids"], [20, -1])


def test_outputs_have_the_shapes_that_the_module_declares(tmp_path: pathlib.Path) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.string, [None], name="x")
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([1, 2], tf.int64)), 0
        )
        ids = table.lookup(x)  # of a shape that TensorFlow forgets when it reads the graph again
        return {"x": x}, {"default": tf.gather(tf.ones([3, 4]), ids), "ids": ids}

    module = OldGraph(build).load()
    tf.saved_model.save(module, str(tmp_path / "saved"))
    for loaded in (module, tf.saved_model.load(str(tmp_path / "saved"))):
        call = tf.function(lambda x, loaded=loaded: loaded(x, as_dict=True))
        outputs = call.get_concrete_function(tf.TensorSpec([None], tf.string)).structured_outputs
        assert {key: value.shape.as_list() for key, value in outputs.items()} == {
            "default": [None, 4],
            "ids": [None],
        }


def test_a_constant_of_a_function_is_not_the_asset_of_the_same_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")

    def module_fn() -> None:
        file = tf.constant(str(tmp_path / "words.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        x = tf1.placeholder(tf.string, [None])
        exclaim = tf.function(lambda x: tf.strings.join([x, tf.constant("!")]), autograph=False)
        hub.add_signature(inputs=x, outputs={"default": exclaim(x), "file": tf.io.read_file(file)})

    outputs = hub.load(hub.create_module_spec(module_fn))(["q"], as_dict=True)
    np.testing.assert_array_equal(outputs["default"], [b"q!"])
    np.testing.assert_array_equal(outputs["file"], b"a\nb\n")


def test_two_loads_do_not_share_tables(tmp_path: pathlib.Path) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.string, [None], name="x")
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
        known = table.size()
        with tf.control_dependencies([known]):
            insert = table.insert(x, tf.cast(tf.strings.length(x), tf.int64))
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, insert)
        return {"x": x}, {"default": table.lookup(x), "known": known}

    old = OldGraph(build)
    first, second = old.load(), old.load()
    first(tf.constant(["abc", "de"]), training=True)
    np.testing.assert_array_equal(first(tf.constant(["abc", "de"])), [3, 2])
    np.testing.assert_array_equal(second(tf.constant(["abc", "de"])), [0, 0])
    tf.saved_model.save(first, str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_array_equal(restored(tf.constant(["abc", "de"])), [3, 2])


def test_old_tables_with_string_handles() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.string, [None], name="x")
        table = tf.raw_ops.HashTable(key_dtype=tf.string, value_dtype=tf.int64)
        fill = tf.raw_ops.InitializeTable(
            table_handle=table, keys=tf.constant(["a", "b"]), values=tf.constant([5, 6], tf.int64)
        )
        tf1.add_to_collection(tf1.GraphKeys.TABLE_INITIALIZERS, fill)
        found = tf.raw_ops.LookupTableFind(
            table_handle=table, keys=x, default_value=tf.constant(-1, tf.int64)
        )
        return {"x": x}, {"default": found}

    np.testing.assert_array_equal(OldGraph(build).load()(tf.constant(["b", "c", "a"])), [6, -1, 5])


def test_functions_called_by_name_and_by_op() -> None:
    from tensorflow.python.framework import function

    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()

        @function.Defun(tf.float32, tf.float32)
        def old_style(a: Any, b: Any) -> Any:
            return tf.tanh(tf.matmul(a, b))

        @tf.function(autograph=False)
        def new_style(a: Any) -> Any:
            return tf.matmul(a, w) + tf.nn.relu(a)

        return {"x": x}, {"default": new_style(old_style(x, w))}

    old = OldGraph(build)
    expected = old.run({"x": X})[0]["default"]
    np.testing.assert_allclose(old.load()(X), expected, rtol=2e-4)
    with tf.Graph().as_default(), tf1.Session() as session:
        module = Module(old.spec)
        outputs = [module(X), module(X)]
        session.run(tf1.global_variables_initializer())
        for output in session.run(outputs):
            np.testing.assert_allclose(output, expected, rtol=2e-4)


def test_initial_values_come_from_the_initializers_without_a_session() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = inputs()
        first = tf1.get_variable("first", initializer=tf.range(3.0), use_resource=True)
        second = tf1.get_variable("second", initializer=first.read_value() * 2.0, use_resource=True)
        parts = tf1.get_variable(
            "parts",
            [4, 3],
            initializer=tf1.ones_initializer(),
            partitioner=tf1.fixed_size_partitioner(2),
            use_resource=True,
        )
        return {"x": x}, {"default": x * second + tf.reduce_sum(tf.convert_to_tensor(parts))}

    values = {v.name: v.numpy() for v in OldGraph(build).load().variables}
    np.testing.assert_array_equal(values["second:0"], [0.0, 2.0, 4.0])
    assert values["parts/part_1:0"].shape == (2, 3)


def test_inputs_may_be_any_outputs_of_their_nodes() -> None:
    def build() -> tuple[Tensors, Tensors]:
        whole, w = tf1.placeholder(tf.float32, [None, 6], name="whole"), weight()
        left, right = tf.split(whole, 2, axis=1)
        first = tf.identity(left)
        return (
            {"right": right, "left": left},
            {"default": tf.matmul(right, w) - first, "first": first, "right": right},
        )

    assert_same(OldGraph(build), {"right": X, "left": 3.0 * X})


@pytest.mark.parametrize("called", [False, True])
def test_a_node_of_which_one_output_is_fed_computes_the_others(called: bool) -> None:
    def build() -> tuple[Tensors, Tensors]:
        whole, w = tf1.placeholder(tf.float32, [None, 6], name="whole"), weight()
        split = tf.function(lambda x: tf.split(x, 2, axis=1), autograph=False)
        left, right = split(whole) if called else tf.split(whole, 2, axis=1)
        return (
            {"whole": whole, "right": right},
            {"default": tf.matmul(right, w), "sum": right + left, "left": left, "right": right},
        )

    assert_same(OldGraph(build), {"whole": np.concatenate([X, -X], axis=1), "right": 3.0 * X})


def test_a_control_edge_to_a_fed_node_waits_for_what_is_fed() -> None:
    def build() -> tuple[Tensors, Tensors]:
        left, right = tf.split(tf1.placeholder(tf.float32, [None, 6]), 2, axis=1)
        with tf.control_dependencies([left]):
            return {"right": right}, {"default": right * 2.0}

    np.testing.assert_array_equal(OldGraph(build).load()({"right": X}), 2.0 * X)


def test_the_placeholder_behind_an_unfed_output_is_missed() -> None:
    def build() -> tuple[Tensors, Tensors]:
        whole = tf1.placeholder(tf.float32, [None, 6], name="whole")
        left, right = tf.split(whole, 2, axis=1)
        return {"right": right}, {"default": left + right}

    with pytest.raises(UnsupportedGraphError, match="needs 'whole', placeholders that none of its inputs"):
        OldGraph(build).load()({"right": X})


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("shape", [tf.TensorShape([None, 3]), tf.TensorShape(None)])
def test_variables_take_values_of_all_shapes_that_the_graph_allows(
    resource: bool, shape: tf.TensorShape, tmp_path: pathlib.Path
) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        if shape.rank is None:
            initial = tf1.placeholder_with_default(tf.zeros([1, 3]), None)
            last = tf1.Variable(
                initial, validate_shape=False, use_resource=resource, trainable=False, name="last"
            )
        else:
            last = tf1.Variable(np.zeros([1, 3], np.float32), shape=shape, trainable=False, name="last")
        update = tf1.assign(last, x, validate_shape=False)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update.op)
        return {"x": x}, {"default": tf.matmul(x, w) + tf.reduce_sum(last.read_value(), 0)}

    module = assert_same(OldGraph(build), {"x": X}, update=True)
    assert module.variables[1].shape.is_compatible_with(shape)
    module(X, training=True)
    module.export(tmp_path / "exported")
    tf.saved_model.save(module, str(tmp_path / "saved"))
    for copy in (load(tmp_path / "exported"), tf.saved_model.load(str(tmp_path / "saved"))):
        np.testing.assert_allclose(copy(X), module(X))
        copy(X[:1], training=True)
        np.testing.assert_array_equal(copy.variables[1], X[:1])
