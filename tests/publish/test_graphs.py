"""Bare graphs, frozen graphs and checkpoints become modules."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish.worlds import applied, tf1
from tf2.old_graphs import control_flow

import tf1hub as hub
from tf1hub.errors import CheckpointError, CreationError, ExportError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.messages_pb2 import WhileContextDef
from tf1hub.publish import from_checkpoint, from_frozen_graph, from_graph_def

X = [[1.0, 2.0]]


@dataclass
class Program:
    """A training program's graph, its checkpoint and what it computes for X."""

    graph: Any
    checkpoint: str
    frozen: Any
    output: np.ndarray
    after_twice: np.ndarray


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Program:
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        twice = tf.multiply(x, 2.0, name="twice")
        weights = tf1.get_variable("weights", [2, 3], partitioner=tf1.fixed_size_partitioner(2))
        scale = tf1.get_variable("scale", initializer=5.0, use_resource=False)
        mean = tf1.get_variable("moving_mean", initializer=[1.0, 2.0, 3.0], use_resource=True)
        y = tf.identity(tf.matmul(twice, weights) * scale + mean, name="y")
        tf1.train.AdamOptimizer().minimize(tf.reduce_sum(y))
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            (tmp_path / "run").mkdir()
            prefix = tf1.train.Saver().save(session, str(tmp_path / "run" / "model"))
            output, after_twice = session.run(y, {x: X}), session.run(y, {twice: X})
            frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    return Program(graph, prefix, frozen, output, after_twice)


def test_a_graph_with_a_checkpoint_keeps_its_variables_and_loses_its_training_ops(
    program: Program, tmp_path: pathlib.Path
) -> None:
    spec = from_graph_def(program.graph.as_graph_def(), {"x": "x:0"}, "y", checkpoint=tmp_path / "run")
    result = applied(spec, X)
    np.testing.assert_allclose(result.outputs["default"], program.output, rtol=1e-6)
    assert result.trainable == result.gradients == ["scale", "weights/part_0", "weights/part_1"]
    nodes = {node.name for node in spec.saved_model.meta_graphs[0].graph_def.node}
    assert not [name for name in nodes if name.startswith(("save", "gradients", "Adam"))]
    spec.export(tmp_path / "module")
    assert sorted(hub.read_variables(tmp_path / "module")) == ["moving_mean", "scale", "weights"]


def test_any_tensor_may_be_the_input(program: Program) -> None:
    spec = from_graph_def(program.graph, "twice:0", "y", checkpoint=program.checkpoint)
    assert repr(spec.get_input_info_dict()) == "{'default': <float32 [?, 2]>}"
    np.testing.assert_allclose(applied(spec, X).outputs["default"], program.after_twice, rtol=1e-6)


def test_without_a_checkpoint_the_initializers_stay_and_export_wants_one(
    program: Program, tmp_path: pathlib.Path
) -> None:
    spec = from_graph_def(
        program.graph, "x", "y", signatures={"mean": (None, "moving_mean/Read/ReadVariableOp")}
    )
    assert applied(spec, None, "mean").outputs["default"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ExportError) as caught:
        spec.export(tmp_path / "module")
    assert str(caught.value) == (
        "Cannot export the GraphDef: it has 4 variables and came without values. Give them: "
        "spec.export(path, checkpoint_path=...) or spec.export(path, values=...). Those that a session has trained "
        "are written by module.export(path, session); those that the initializers give, untrained, by "
        "tf1hub.load(spec).export(path)."
    )


def test_a_graph_cut_to_inference_needs_a_checkpoint(program: Program) -> None:
    cut = tf1.graph_util.extract_sub_graph(program.graph.as_graph_def(), ["y"])
    with pytest.raises(CreationError) as caught:
        from_graph_def(cut, "x", "y")
    assert str(caught.value) == (
        "4 variables of the GraphDef have no initializer: moving_mean, scale, weights/part_0, weights/part_1. "
        "Give their values: from_graph_def(..., checkpoint=...)."
    )
    spec = from_graph_def(
        cut, "x", "y", checkpoint=program.checkpoint, trainable=lambda name: name == "scale"
    )
    result = applied(spec, X)
    np.testing.assert_allclose(result.outputs["default"], program.output, rtol=1e-6)
    assert result.trainable == ["scale"]


def test_a_name_that_is_not_there_is_told_with_those_that_are(program: Program) -> None:
    with pytest.raises(CreationError) as caught:
        from_graph_def(program.frozen, "images", "y")
    assert str(caught.value) == (
        "The input 'default' of the signature 'default' is 'images:0', which the GraphDef does not have. It has "
        f"{len(program.frozen.node)} nodes; its placeholders: x; its last nodes: y."
    )


def test_a_table_of_a_bare_graph_comes_with_its_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    with tf.Graph().as_default() as graph:
        words = tf1.placeholder(tf.string, [None], name="words")
        index = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
        )
        tf.identity(tf.lookup.StaticHashTable(initializer, -1).lookup(words), name="ids")
    from_graph_def(graph.as_graph_def(), "words", "ids").export(tmp_path / "module")
    (tmp_path / "words.txt").unlink()
    assert applied(str(tmp_path / "module"), ["b", "z"]).outputs["default"].tolist() == [1, -1]


def test_constants_of_a_frozen_graph_become_variables_where_wanted(
    program: Program, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "frozen.pb"
    path.write_bytes(program.frozen.SerializeToString())
    assert applied(from_frozen_graph(path, "x", "y"), X).trainable == []
    spec = from_frozen_graph(
        path, "x", "y", variables=lambda _, value: value.ndim >= 1 and value.dtype == np.float32
    )
    result = applied(spec, X)
    np.testing.assert_allclose(result.outputs["default"], program.output, rtol=1e-6)
    assert result.trainable == result.gradients == ["weights/part_0", "weights/part_1"]
    spec.export(tmp_path / "module")
    assert sorted(hub.read_variables(tmp_path / "module")) == [
        "moving_mean",
        "weights/part_0",
        "weights/part_1",
    ]


def test_a_frozen_graph_as_text_is_read_and_other_files_are_told(
    program: Program, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "frozen.pbtxt").write_text(str(program.frozen))
    result = applied(from_frozen_graph(tmp_path / "frozen.pbtxt", "x", "y"), X)
    np.testing.assert_allclose(result.outputs["default"], program.output, rtol=1e-6)
    path = tmp_path / "saved_model.pb"
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(CreationError) as caught:
        from_frozen_graph(path, "x", "y")
    assert str(caught.value) == (
        f"{path} is not a frozen graph: its 3 bytes are not a GraphDef message. A frozen graph is a .pb file (or "
        ".pbtxt, as text); for a SavedModel call tf1hub.create_module_spec_from_saved_model with its directory."
    )
    with pytest.raises(CreationError, match=r"nowhere\.pb cannot be read: "):
        from_frozen_graph(tmp_path / "nowhere.pb", "x", "y")


def module_fn() -> None:
    x = tf1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=1.0))


def test_a_checkpoint_gives_a_graph_function_its_values(tmp_path: pathlib.Path) -> None:
    with CheckpointWriter(tmp_path / "ckpt") as writer:
        writer.add("w", np.float32(3.0))
        writer.add("w/ExponentialMovingAverage", np.float32(4.0))
    assert applied(from_checkpoint(module_fn, tmp_path / "ckpt"), [1.0]).outputs["default"].tolist() == [3.0]
    averaged = from_checkpoint(
        module_fn, tmp_path / "ckpt", name_transform_fn="{}/ExponentialMovingAverage".format
    )
    averaged.export(tmp_path / "module")
    assert applied(str(tmp_path / "module"), [1.0]).outputs["default"].tolist() == [4.0]
    with pytest.raises(CheckpointError, match="other: not in the checkpoint"):
        from_checkpoint(module_fn, tmp_path / "ckpt", name_transform_fn=lambda _: "other")
    with pytest.raises(CheckpointError, match="is a directory without a checkpoint"):
        from_checkpoint(module_fn, tmp_path)


def test_the_loops_of_a_frozen_graph_are_trained(tmp_path: pathlib.Path) -> None:
    """It has no contexts, and of what a loop carries only what somebody uses; the module has all that a reader needs."""
    with tf.Graph().as_default() as graph, control_flow(1), tf1.Session(graph=graph) as session:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        w = tf1.get_variable("w", initializer=[[0.5, -1.0], [2.0, 0.25]])

        def step(i: Any, h: Any, sums: Any) -> Any:
            h = tf.tanh(tf.matmul(h, w) + tf.cond(i > 1, lambda: x, lambda: x * w[0]))
            return i + 1, h, sums + h

        _, _, sums = tf1.while_loop(lambda i, *_: i < 3, step, (0, x, tf.zeros_like(x)))
        y = tf.identity(sums, name="y")
        session.run(tf1.global_variables_initializer())
        expected = session.run(tf1.gradients(y, w)[0], {x: X})
        frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    assert sum(node.op == "Exit" for node in frozen.node) == 1
    spec = from_frozen_graph(frozen, "x", "y", variables=lambda name, _: name == "w")
    spec.export(tmp_path / "m")
    saved = hub.load_module_spec(tmp_path / "m")
    (context,) = saved.variant().collection_bytes("while_context")
    assert len(WhileContextDef.FromString(context).loop_exit_names) == 3
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(saved, trainable=True)
        found = tf1.gradients(module(X), module.variables)
        session.run(tf1.global_variables_initializer())
        np.testing.assert_allclose(session.run(found[0]), expected, rtol=1e-6)
