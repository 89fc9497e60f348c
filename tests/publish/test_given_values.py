"""Modules made without a session: from given values, a checkpoint, initializers, or a mixture."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import ExportError, WrongModeError
from tf1hub.format.checkpoint import CheckpointWriter

tf1 = tf.compat.v1


def layer(is_training: bool = False) -> None:
    x = tf1.placeholder(tf.float32, [None, 2])
    kernel = tf1.get_variable("kernel", [2, 1])
    bias = tf1.get_variable("bias", initializer=0.25)
    rate = tf1.get_variable("rate", initializer=1.0, trainable=False) if is_training else 1.0
    hub.add_signature(inputs=x, outputs=(x @ kernel + bias) * rate)


BOTH = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
VALUES = {"kernel": np.float32([[1.0], [2.0]]), "bias": np.float32(0.5), "rate": np.float32(3.0)}


def in_graph_mode(path: object, tags: object = None) -> list[list[float]]:
    with hub.eval_function_for_module(str(path), tags=tags) as module:
        result: list[list[float]] = module([[1.0, 1.0]]).tolist()
        return result


@pytest.fixture
def spec() -> hub.ModuleSpec:
    return hub.create_module_spec(layer, BOTH)


def test_given_values_are_those_of_the_module(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    spec.export(tmp_path / "module", values=VALUES)
    assert in_graph_mode(tmp_path / "module") == [[3.5]]
    assert in_graph_mode(tmp_path / "module", {"train"}) == [[10.5]]
    assert hub.load(tmp_path / "module")([[1.0, 1.0]], training=True).numpy().tolist() == [[10.5]]


def test_numbers_and_lists_take_the_modules_dtype(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    spec.export(tmp_path / "module", values={"kernel": [[1], [2]], "bias": 0.5, "rate": 3})
    assert in_graph_mode(tmp_path / "module") == [[3.5]]


def test_variables_of_tensorflow_2_know_their_names(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    module = hub.load(spec)
    for variable in module.variables:
        variable.assign(VALUES[variable.name.removesuffix(":0")])
    spec.export(tmp_path / "module", values=module.variables)
    assert in_graph_mode(tmp_path / "module") == [[3.5]]


def test_initializers_give_what_was_not_given(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    initial = hub.initial_values(spec)
    assert sorted(initial) == ["bias", "kernel", "rate"]
    assert initial["bias"] == 0.25
    assert initial["kernel"].shape == (2, 1)
    assert initial["kernel"].any()
    spec.export(tmp_path / "module", values={**initial, "kernel": VALUES["kernel"]})
    assert in_graph_mode(tmp_path / "module") == [[3.25]]
    # A module on disk starts from its checkpoint.
    np.testing.assert_array_equal(hub.initial_values(tmp_path / "module")["kernel"], VALUES["kernel"])


def test_given_values_go_before_those_of_a_checkpoint(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    with CheckpointWriter(tmp_path / "ckpt") as writer:
        for name in ("kernel", "rate"):
            writer.add("ema/" + name, VALUES[name])
    spec.export(
        tmp_path / "module",
        checkpoint_path=str(tmp_path / "ckpt"),
        name_transform_fn="ema/{}".format,
        values={"bias": np.float32(4.0)},
    )
    assert in_graph_mode(tmp_path / "module") == [[7.0]]
    stored = hub.load_module_spec(tmp_path / "module")
    stored.export(tmp_path / "again", values={"bias": np.float32(5.0)})
    assert in_graph_mode(tmp_path / "again") == [[8.0]]


def test_all_that_does_not_fit_is_named_and_nothing_is_left(
    spec: hub.ModuleSpec, tmp_path: pathlib.Path
) -> None:
    wrong = {"kernel": np.float32([1.0, 2.0]), "bias": np.float64(0.5), "kernels": [[1.0]]}
    with pytest.raises(ExportError) as caught:
        spec.export(tmp_path / "module", values=wrong)
    assert str(caught.value) == (
        f"Cannot export {spec.name}: the values that were given do not fit:\n"
        "  rate: no value was given\n"
        "  kernels: the module has no such variable\n"
        "  bias: float64 was given, float32 in the module\n"
        "  kernel: shape [2] was given, [2, 1] in the module"
    )
    with pytest.raises(ExportError, match=r"bias: no array can be made of what was given \(.*'much'\)"):
        spec.export(tmp_path / "module", values={**VALUES, "bias": "much"})
    assert os.listdir(tmp_path) == []


def test_a_partitioned_variable_is_given_whole_or_in_parts(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        partitioner = tf1.fixed_size_partitioner(2)
        table = tf1.get_variable("table", [4, 2], partitioner=partitioner)
        ids = tf1.placeholder(tf.int64, [None])
        hub.add_signature(inputs=ids, outputs=tf1.nn.embedding_lookup(table, ids, partition_strategy="div"))

    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    spec = hub.create_module_spec(module_fn)
    assert hub.initial_values(spec)["table"].shape == (4, 2)
    parts = {"table/part_0": table[:2], "table/part_1": table[2:]}
    for name, values in (("whole", {"table": table}), ("parts", parts)):
        spec.export(tmp_path / name, values=values)
        with hub.eval_function_for_module(str(tmp_path / name)) as module:
            assert module([3, 0]).tolist() == [[6.0, 7.0], [0.0, 1.0]]
        np.testing.assert_array_equal(hub.load(tmp_path / name)([1]), [[2.0, 3.0]])
    with pytest.raises(ExportError, match=r"\n  table: no value was given$"):
        spec.export(tmp_path / "other", values={"table/part_0": table[:2]})
    with pytest.raises(ExportError, match=r"table/part_1: shape \[1, 2\] was given, \[2, 2\] in the module"):
        spec.export(tmp_path / "other", values={**parts, "table/part_1": table[:1]})


def test_files_of_tables_come_along(tmp_path: pathlib.Path) -> None:
    (tmp_path / "words.txt").write_text("zero\none\ntwo\n")

    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(tmp_path / "words.txt"),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            1,
        )
        weights = tf1.get_variable("weights", [4])
        hub.add_signature(inputs=words, outputs=tf.gather(weights, table.lookup(words)))

    spec = hub.create_module_spec(module_fn)
    spec.export(tmp_path / "module", values={"weights": [0.5, 1.5, 2.5, 9.0]})
    (tmp_path / "words.txt").unlink()
    with hub.eval_function_for_module(str(tmp_path / "module")) as module:
        assert module(["two", "what"]).tolist() == [2.5, 9.0]


def test_without_variables_nothing_is_to_be_given(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x * 2.0)

    spec = hub.create_module_spec(module_fn)
    with pytest.raises(ExportError, match="w: the module has no such variable"):
        spec.export(tmp_path / "module", values={"w": 1.0})
    spec.export(tmp_path / "module", values={})
    assert hub.load(tmp_path / "module")([1.0]).numpy().tolist() == [2.0]
    assert hub.initial_values(spec) == {}


def test_initial_values_in_a_graph_say_what_to_do(spec: hub.ModuleSpec) -> None:
    with tf.Graph().as_default(), pytest.raises(WrongModeError, match=r"tf1hub\.initial_values needs eager"):
        hub.initial_values(spec)
