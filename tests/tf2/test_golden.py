"""The golden modules in TensorFlow 2: the original's numbers in every way of calling and training."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from golden.in_tensorflow2 import check_calls, check_finetuning, check_served, feeds, restorer

from tf1hub.converting.convert import convert
from tf1hub.format.module_reader import read_module
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tf2.load import load


@pytest.mark.parametrize("name", cases.NAMES)
def test_eager_calls_give_the_originals_numbers(name: str) -> None:
    case = cases.load(name)
    module = load(case.path)
    check_calls(case, module, restorer(module))


@pytest.mark.parametrize("name", cases.NAMES)
def test_calls_inside_a_function_give_the_originals_numbers(name: str) -> None:
    case = cases.load(name)
    module = load(case.path)
    check_calls(case, tf.function(module.__call__, autograph=False), restorer(module))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases.NAMES)
def test_a_fine_tuning_step_is_exact(name: str, compiled: bool) -> None:
    case = cases.load(name)
    check_finetuning(case, load(case.path), compiled)


@pytest.mark.parametrize("name", cases.NAMES)
def test_a_saved_copy_calls_and_trains_the_same_and_needs_no_original(
    name: str, tmp_path: pathlib.Path
) -> None:
    case = cases.load(name)
    copy = shutil.copytree(case.path, tmp_path / "module")
    module = load(copy)
    saved = str(tmp_path / "saved")
    tf.saved_model.save(module, saved)
    shutil.rmtree(copy)
    restored = load(saved)
    check_calls(case, restored, restorer(restored))
    check_finetuning(case, restored)
    assert list(restored.signatures) == ["serving_default"]


@pytest.mark.parametrize("name", cases.NAMES)
def test_an_exported_copy_calls_and_trains_the_same(name: str, tmp_path: pathlib.Path) -> None:
    case = cases.load(name)
    path = tmp_path / "exported"
    load(case.path).export(path)
    module = load(path)
    check_calls(case, module, restorer(module))
    check_finetuning(case, module)


@pytest.mark.parametrize("name", cases.NAMES)
def test_a_conversion_calls_serves_and_trains_the_same(name: str, tmp_path: pathlib.Path) -> None:
    case = cases.load(name)
    path = str(tmp_path / "converted")
    conversion = convert(case.path, path)
    assert conversion.all_compared
    restored = tf.saved_model.load(path)
    check_calls(case, restored, restorer(restored))
    check_served(case, restored.signatures)
    check_finetuning(case, load(path))


def in_parts(inputs: dict[str, Any]) -> dict[str, Any]:
    """The dense tensors of sparse inputs, as TensorFlow's loader calls them."""
    parts: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, tf.SparseTensor):
            parts[f"{name}_indices"], parts[f"{name}_values"] = value.indices, value.values
            parts[f"{name}_dense_shape"] = value.dense_shape
        else:
            parts[name] = value
    return parts


@pytest.mark.parametrize("name", cases.NAMES)
def test_signatures_are_those_of_tensorflows_own_loader(name: str) -> None:
    case = cases.load(name)
    signatures = load(case.path).signatures
    for call in case.calls:
        if not call["tags"]:
            outputs = signatures[call["signature"]](**in_parts(feeds(case, call["inputs"])))
            for output, expected in case.values(call["outputs"]).items():
                cases.assert_matches(outputs[output], expected)


def test_a_fine_tuned_module_is_exported_with_its_new_values(tmp_path: pathlib.Path) -> None:
    module = load(cases.load("half_plus_two").path)
    module.variables[0].assign(3.0)
    module.export(tmp_path / "exported")
    np.testing.assert_array_equal(load(tmp_path / "exported")([[1.0]]), [[5.0]])


def test_variables_have_the_modules_names_in_its_order() -> None:
    module = load(cases.load("image_ref_variables").path)
    names = [variable.name for variable in module.variables]
    assert names[:2] == ["block0/conv2d/kernel:0", "block0/batch_normalization/gamma:0"]
    assert "block0/batch_normalization/moving_mean:0" not in [v.name for v in module.trainable_variables]


def test_only_the_named_layers_train() -> None:
    path = cases.load("image").path
    assert {v.name for v in load(path, trainable=["block1"]).trainable_variables} == {
        "block1/conv2d/kernel:0",
        "block1/batch_normalization/gamma:0",
        "block1/batch_normalization/beta:0",
    }
    by_predicate = load(path, trainable=lambda name: name.startswith("logits/"))
    assert [v.name for v in by_predicate.trainable_variables] == [
        "logits/dense/kernel:0",
        "logits/dense/bias:0",
    ]
    assert list(load(path, trainable=False).trainable_variables) == []
    assert [v.name for v in load(path, trainable=["logits/dense/bias"]).trainable_variables] == [
        "logits/dense/bias:0"
    ]


def test_variables_of_a_module_inside_a_tf_module_are_found() -> None:
    outer = tf.Module()
    outer.embedding = load(cases.load("half_plus_two").path)
    assert [v.name for v in outer.trainable_variables] == ["a:0", "b:0"]


def test_a_checkpoint_of_a_loaded_module_restores(tmp_path: pathlib.Path) -> None:
    path = cases.load("half_plus_two").path
    module = load(path)
    module.variables[0].assign(7.0)
    prefix = tf.train.Checkpoint(module).save(str(tmp_path / "checkpoint"))
    restored = load(path)
    tf.train.Checkpoint(restored).restore(prefix).assert_consumed()
    assert restored.variables[0].numpy() == 7.0


def test_training_may_be_decided_when_the_program_runs() -> None:
    case = cases.load("image")
    module = load(case.path)
    images = feeds(case, case.calls[0]["inputs"])["default"]
    decide = tf.function(lambda x, training: module(x, training=training))
    cases.assert_matches(decide(images, tf.constant(False)), case.value(case.calls[0]["outputs"]["default"]))
    cases.assert_matches(decide(images, tf.constant(True)), case.value(case.calls[3]["outputs"]["default"]))


def test_a_spec_loads_like_its_path() -> None:
    case = cases.load("half_plus_two")
    module = load(ModuleSpec.from_stored(read_module(case.path)))
    check_calls(case, module, restorer(module))


def test_repr_lists_signatures_and_variables() -> None:
    text = repr(load(cases.load("dropout_cond").path))
    assert (
        "signature 'controlled': (is_training: bool [], x: float32 [?, 6]) -> (default: float32 [?, 4])"
        in text
    )
    assert "1 variables, 1 of them trainable" in text
