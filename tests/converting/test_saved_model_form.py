"""Conversions to SavedModels: what serving tools find, what is compared, and what is refused."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.converting import converted_assets, saved_model_calls, saved_model_form
from tf1hub.converting.registry import FORMS
from tf1hub.errors import (
    ArgumentError,
    CheckFailedError,
    ExportError,
    InputError,
    NotAModuleError,
    UnknownNameError,
    UnknownSignatureError,
    WrongModeError,
)
from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1


def doubled() -> None:
    x = tf1.placeholder(tf.float32, [None])
    hub.add_signature(inputs={"x": x}, outputs=x * tf1.get_variable("factor", initializer=2.0))


def written(path: pathlib.Path, module_fn: Callable[[], None]) -> str:
    hub.load(hub.create_module_spec(module_fn)).export(path)
    return str(path)


def test_what_was_differentiated_before_is_converted(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        hub.add_signature(inputs=x, outputs=tf.tanh(x @ tf1.get_variable("w", initializer=[[1.0], [2.0]])))

    module = hub.load(hub.create_module_spec(module_fn))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module([[1.0, 1.0]]))
    assert tape.gradient(loss, module.trainable_variables)[0] is not None
    conversion = hub.convert(module, tmp_path / "out")
    assert [row.output for row in conversion.compared] == ["default"]
    assert conversion.all_compared


def test_serving_tools_find_every_signature_under_the_tag_serve(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(cases.load("image").path, tmp_path / "out")
    assert conversion.signatures == {
        "default": ("default",),
        "image_classification": ("images",),
        "image_feature_vector": ("images",),
        "serving_default": ("default",),
    }
    assert conversion.serving_default == "default"
    with tf.Graph().as_default(), tf1.Session() as session:
        meta_graph = tf1.saved_model.load(session, ["serve"], str(tmp_path / "out"))
        served = meta_graph.signature_def["serving_default"]
        assert served.inputs["default"].name == "serving_default_default:0"
        images = np.random.default_rng(0).random([1, 16, 16, 3], np.float32)
        result = session.run(served.outputs["default"].name, {served.inputs["default"].name: images})
        # What loads a SavedModel in a session also saves.
        saver = tf1.train.Saver(saver_def=meta_graph.saver_def)
        session.run(
            saver.saver_def.save_tensor_name, {saver.saver_def.filename_tensor_name: str(tmp_path / "again")}
        )
    np.testing.assert_allclose(result, hub.load(cases.load("image").path)(images), rtol=1e-5)
    out, again = (hub.read_variables(str(tmp_path / name)) for name in ("out/variables/variables", "again"))
    assert list(out) == list(again)
    for name in out:
        np.testing.assert_array_equal(out[name], again[name])


def test_functions_around_a_program_share_it_and_train_its_variables(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        y = x @ tf1.get_variable("kernel", [2, 1], initializer=tf1.ones_initializer())
        hub.add_signature(inputs=x, outputs=y)
        hub.add_signature("features", inputs={"images": x}, outputs={"default": y})
        hub.add_signature("more", inputs={"images": x}, outputs={"default": y, "x": x + 1.0})

    hub.convert(hub.create_module_spec(module_fn), tmp_path / "out")
    definition = SavedModel.FromString((tmp_path / "out" / "saved_model.pb").read_bytes())
    library = definition.meta_graphs[0].graph_def.library.function
    assert sum(any(node.op == "MatMul" for node in function.node_def) for function in library) == 2
    restored = tf.saved_model.load(str(tmp_path / "out"))
    for signature in ("default", "features", "more"):
        x = tf.constant([[1.0, 2.0]])
        for given in (x, {"default" if signature == "default" else "images": x}):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(restored(given, training=True, signature=signature))
            (gradient,) = tape.gradient(loss, restored.trainable_variables)
            assert gradient.numpy().tolist() == [[1.0], [2.0]]
    restored.variables[0].assign([[2.0], [0.0]])
    assert restored.signatures["features"](images=x)["default"].numpy() == 2.0
    # Saved once more, by TensorFlow alone, which takes the same signature for its default.
    tf.saved_model.save(restored, str(tmp_path / "again"))
    again = tf.saved_model.load(str(tmp_path / "again"))
    assert again(x).numpy() == again.signatures["serving_default"](x)["default"].numpy() == 2.0


def test_signatures_call_their_programs_directly(tmp_path: pathlib.Path) -> None:
    hub.convert(cases.load("image").path, tmp_path / "out")
    graph = SavedModel.FromString((tmp_path / "out" / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    functions = {function.signature.name: function for function in graph.library.function}

    def calls(nodes: Any) -> set[str]:
        return {node.attr["f"].func.name for node in nodes if node.op == "StatefulPartitionedCall"}

    served = calls(graph.node)
    assert len(served) == 3  # the one that is served by default too has ops of its own, and no function
    programs = {name for function in served for name in calls(functions[function].node_def)}
    assert programs
    assert not any(calls(functions[name].node_def) for name in programs)


def test_constants_that_are_the_same_are_one(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        threes = [tf.constant(3.0, name=f"three_{number}") for number in range(4)]
        stacked = tf.stack([*threes[2:], tf.constant(4.0)])
        hub.add_signature(inputs=x, outputs={"default": x * threes[0] + threes[1], "stacked": stacked})

    assert hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").all_compared
    graph = SavedModel.FromString((tmp_path / "out" / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    (program,) = (
        function for function in graph.library.function if any(node.op == "Mul" for node in function.node_def)
    )
    values = [node.attr["value"].tensor.float_val[:] for node in program.node_def if node.op == "Const"]
    assert sorted(values) == [[3.0], [4.0]]


def test_signatures_on_the_way_of_each_other_share_a_program(tmp_path: pathlib.Path) -> None:
    """What lies on the way to an output costs no program of its own; what has ops or gradients of its own does."""

    def module_fn(train: bool) -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        kernel = tf1.get_variable("kernel", [2, 2], initializer=tf1.ones_initializer())
        hidden = x @ kernel
        y = tf.reduce_sum(hidden, 1)
        log = tf.math.log(hidden)
        hub.add_signature(inputs=x, outputs=y)
        hub.add_signature("image", inputs={"images": x}, outputs={"default": y, "hidden": hidden})
        hub.add_signature("beside", inputs={"images": x}, outputs={"default": y, "log": log})
        stopped = tf.exp(tf.stop_gradient(log)) + hidden
        hub.add_signature("stopped", inputs={"images": x}, outputs={"default": stopped})
        hub.add_signature("before", inputs={"images": x}, outputs={"default": stopped, "log": log})
        if train:
            tf1.add_to_collection("update_ops", kernel.assign_add(tf.ones([2, 2])))

    spec = hub.create_module_spec(module_fn, [(set(), {"train": False}), ({"train"}, {"train": True})])
    assert hub.convert(spec, tmp_path / "out").all_compared
    definition = SavedModel.FromString((tmp_path / "out" / "saved_model.pb").read_bytes())
    library = definition.meta_graphs[0].graph_def.library.function
    assert sum(any(node.op == "MatMul" for node in function.node_def) for function in library) == 2 * 4
    restored, zeros = tf.saved_model.load(str(tmp_path / "out")), tf.zeros([1, 2])
    for signature in ("default", "image", "beside", "stopped", "before"):
        with tf.GradientTape() as tape:
            tape.watch(zeros)
            y = restored(zeros, signature=signature)
        # The logarithm has no gradient at 0, which only a caller of "beside" and "before" may find out.
        bad = bool(np.isnan(tape.gradient(y, zeros)).any())
        assert bad == (signature in ("beside", "before")), signature
    served = restored.signatures["image"](images=tf.ones([1, 2]))
    assert served["hidden"].numpy().tolist() == [[2.0, 2.0]]
    assert served["default"].numpy().tolist() == [4.0]
    assert restored(tf.ones([1, 2]), training=True, signature="default").numpy().tolist() == [4.0]
    assert restored.variables[0].numpy().tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_another_signature_may_be_served_by_default(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x + 1.0)
        hub.add_signature("doubled", inputs=x, outputs=x * 2.0)

    spec = hub.create_module_spec(module_fn)
    assert hub.convert(spec, tmp_path / "out", serving_default="doubled").serving_default == "doubled"
    served = tf.saved_model.load(str(tmp_path / "out")).signatures["serving_default"]
    assert served(default=tf.constant([5.0]))["default"].numpy().tolist() == [10.0]
    with pytest.raises(UnknownSignatureError, match=r"No signature 'fruit' in .* It has: default, doubled"):
        hub.convert(spec, tmp_path / "other", serving_default="fruit")
    assert os.listdir(tmp_path) == ["out"]


def test_the_only_signature_is_served_by_default_whatever_its_name(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature("rounded", inputs=x, outputs={"up": tf.math.ceil(x), "down": tf.floor(x)})

    conversion = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out")
    assert conversion.serving_default == "rounded"
    assert [row.output for row in conversion.compared] == ["down", "up"]


def test_a_fine_tuned_module_is_converted_with_its_values(tmp_path: pathlib.Path) -> None:
    module = hub.load(hub.create_module_spec(doubled))
    module.variables[0].assign(5.0)
    assert hub.convert(module, tmp_path / "out").module == "doubled()"
    np.testing.assert_array_equal(hub.load(tmp_path / "out")([1.0]), [5.0])
    np.testing.assert_array_equal(module([1.0]), [5.0])
    with pytest.raises(InputError, match=r"This module is loaded already: give them to tf1hub\.load instead"):
        hub.convert(module, tmp_path / "other", trainable=False)


def test_random_initial_values_are_the_same_on_both_sides(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        hub.add_signature(inputs=x, outputs=x @ tf1.get_variable("w", [4, 3]))

    (row,) = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    assert row.max_rel is not None
    assert row.max_rel < 1e-6
    assert len(row.inputs) == 2


def test_what_optimizers_see_can_be_chosen(tmp_path: pathlib.Path) -> None:
    path = cases.load("image").path
    hub.convert(path, tmp_path / "out", trainable=["logits"])
    names = [variable.name for variable in hub.load(tmp_path / "out").trainable_variables]
    assert names == ["logits/dense/kernel:0", "logits/dense/bias:0"]


def test_other_numbers_are_named_and_nothing_is_left(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "module", doubled)

    class Wrong(saved_model_calls.Inference):
        def __call__(self, *args: Any) -> Any:
            return [{"default": outputs["default"] + 0.5} for outputs in super().__call__(*args)]

    monkeypatch.setattr(saved_model_calls, "Inference", Wrong)
    with pytest.raises(CheckFailedError) as caught:
        hub.convert(path, tmp_path / "out")
    first, *rest = str(caught.value).splitlines()
    assert first == (
        f"The conversion of {path} does not compute what the module computes, so it was not kept:"
    )
    assert len(rest) == 2
    assert rest[0].startswith(
        "  - the signature 'default' gives an output 'default' that differs by up to 0.5, "
    )
    assert rest[0].endswith(" of its largest value (allowed: 0.0001), on x float32 [1]")
    assert os.listdir(tmp_path) == ["module"]


def test_a_conversion_that_fails_where_the_original_does_not_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise tf.errors.InternalError(None, None, "out of luck")

    monkeypatch.setattr(saved_model_calls.Inference, "__call__", fails)
    with pytest.raises(
        CheckFailedError,
        match=r"'default' fails on x float32 \[1\], on which the original does not: out of luck",
    ):
        hub.convert(hub.create_module_spec(doubled), tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_random_outputs_are_told_and_the_others_compared(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs={"noisy": x + tf.random.uniform(tf.shape(x)), "plain": x * 2.0})

    noisy, plain = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    assert noisy.max_abs is None
    assert noisy.not_compared == "it depends on chance: RandomUniform"
    assert (plain.max_abs, plain.not_compared) == (0.0, "")


def test_chance_that_happens_to_agree_is_no_fault(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=tf.round(tf.random.uniform([])) + 0.0 * x)

    for i in range(3):  # each time, two runs are the same half of the time
        (row,) = hub.convert(hub.create_module_spec(module_fn), tmp_path / f"out{i}").compared
        assert row.not_compared in ("it depends on chance: RandomUniform", "")


def test_training_is_compared_where_it_is_another_graph(tmp_path: pathlib.Path) -> None:
    rows = hub.convert(cases.load("image").path, tmp_path / "out").compared
    assert {row.variant for row in rows} == {"{}", "{'train'}"}
    assert all(row.max_rel is not None and row.max_rel < 1e-5 for row in rows)


def test_inputs_that_the_original_refuses_are_told_and_others_may_be_given(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        ids = tf1.placeholder(tf.int32, [None])
        with tf.control_dependencies([tf1.assert_greater(ids, 10, message="ids start at 11")]):
            hub.add_signature(inputs=ids, outputs=tf.identity(ids))

    spec = hub.create_module_spec(module_fn)
    (row,) = hub.convert(spec, tmp_path / "one").compared
    assert row.max_abs is None
    assert row.not_compared.startswith("the original itself fails on default int32 [")
    assert "ids start at 11" in row.not_compared
    conversion = hub.convert(spec, tmp_path / "two", examples={"default": [{"default": [11, 12]}]})
    assert conversion.all_compared
    assert conversion.compared[0].inputs == ("example 1",)


def test_open_dimensions_that_are_a_weights_in_truth_are_found(tmp_path: pathlib.Path) -> None:
    (row, _) = hub.convert(cases.load("sparse_io").path, tmp_path / "out").compared
    assert row.inputs == ("default sparse float32 [1, 10]", "default sparse float32 [3, 10]")


def test_ragged_inputs_and_outputs_are_served_part_by_part(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        words = tf1.ragged.placeholder(tf.float32, 1, [])
        scale = tf1.placeholder(tf.float32, [], name="scale")
        hub.add_signature(inputs={"words": words, "words_values": scale}, outputs=words * scale)

    conversion = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out")
    names = ("words_row_splits_", "words_values", "words_values_")
    assert conversion.signatures["serving_default"] == names
    assert conversion.all_compared
    served = tf.saved_model.load(str(tmp_path / "out")).signatures["serving_default"]
    outputs = served(
        words_values_=tf.constant([1.0, 2.0, 3.0]),
        words_row_splits_=tf.constant([0, 1, 3], tf.int64),
        words_values=tf.constant(10.0),
    )
    assert outputs["default_values"].numpy().tolist() == [10.0, 20.0, 30.0]
    assert outputs["default_row_splits"].numpy().tolist() == [0, 1, 3]


def test_a_reloaded_module_takes_composites_alone_and_in_dicts_beside_other_signatures(
    tmp_path: pathlib.Path,
) -> None:
    def module_fn() -> None:
        x = tf1.sparse_placeholder(tf.float32, [None, 3])
        hub.add_signature(inputs={"x": x}, outputs=tf.sparse.reduce_sum(x, 1))
        y = tf1.placeholder(tf.float32, [None])
        for i in range(6):  # more than ten forms, so that their order is seen to hold
            hub.add_signature(f"dense{i}", inputs={"y": y, "z": y + 0.0}, outputs=y * float(i))
        hub.add_signature("both", inputs={"x": x, "y": y}, outputs=tf.sparse.reduce_sum(x) * y)

    tf.saved_model.save(hub.load(hub.create_module_spec(module_fn)), str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    x = tf.sparse.from_dense([[1.0, 0.0, 2.0]])
    assert restored(x).numpy().tolist() == [3.0]
    assert restored({"x": x}).numpy().tolist() == [3.0]
    assert restored({"x": x, "y": tf.constant([2.0])}, signature="both").numpy().tolist() == [6.0]
    dense = {"y": np.float32([3.0]), "z": np.float32([0.0])}
    assert restored(dense, signature="dense2").numpy().tolist() == [6.0]


@pytest.mark.parametrize("by_convert", [True, False])
def test_a_signature_without_inputs_is_called_with_nothing_and_with_an_empty_dict(
    tmp_path: pathlib.Path, by_convert: bool
) -> None:
    def module_fn() -> None:
        x = tf1.sparse_placeholder(tf.float32, [None, 3])
        size = tf1.get_variable("size", initializer=2.0)
        hub.add_signature(inputs=x, outputs=tf.sparse.reduce_sum(x, 1) * size)
        hub.add_signature("info", inputs={}, outputs={"size": size * 3.0, "default": size + 0.5})

    loaded = hub.load(hub.create_module_spec(module_fn))
    if by_convert:
        hub.convert(loaded, tmp_path / "saved")
    else:
        tf.saved_model.save(loaded, str(tmp_path / "saved"))
    restored = hub.load(tmp_path / "saved")
    for module in (loaded, restored):
        for given in ({}, None):
            assert module(given, signature="info").numpy() == 2.5
            assert module(given, True, signature="info").numpy() == 2.5
            outputs = module(given, signature="info", as_dict=True)
            assert {name: value.numpy() for name, value in outputs.items()} == {"size": 6.0, "default": 2.5}
        assert module(signature="info").numpy() == 2.5
        assert module(tf.sparse.from_dense([[1.0, 0.0, 2.0]])).numpy().tolist() == [6.0]
        layer = hub.KerasLayer(module, signature="info", signature_outputs_as_dict=True)
        assert {name: np.asarray(value) for name, value in layer({}).items()} == {"size": 6.0, "default": 2.5}


def test_an_existing_path_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    (tmp_path / "out" / "variables").write_text("height, weight")
    with pytest.raises(ExportError, match=r"something is there already \(variables\)"):
        hub.convert(hub.create_module_spec(doubled), tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["thesis.txt", "variables"]


def test_other_files_stay_beside_what_is_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    hub.convert(hub.create_module_spec(doubled), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"
    assert tf.saved_model.load(str(tmp_path / "out")).signatures


def test_what_is_no_tf1_module_is_told_apart(tmp_path: pathlib.Path) -> None:
    new, old = str(tmp_path / "new"), str(tmp_path / "old")
    hub.convert(hub.create_module_spec(doubled), new)
    with pytest.raises(NotAModuleError) as caught:
        hub.convert(new, tmp_path / "out")
    assert str(caught.value) == (
        f"{new} is a SavedModel of TensorFlow 2 already: tf.saved_model.load and serving tools take it as it is."
    )
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None])
        tf1.saved_model.simple_save(session, old, {"x": x}, {"y": x * 2.0})
    with pytest.raises(NotAModuleError) as caught:
        hub.convert(old, tmp_path / "out")
    assert str(caught.value) == (
        f"{old} is a SavedModel of TensorFlow 1, not a TF1 Hub module. Make a module of it, and convert that, in "
        "Python:\n"
        f"    spec = tf1hub.create_module_spec_from_saved_model({old!r}, inference_tags={{'serve'}})\n"
        "    tf1hub.convert(spec, ...)"
    )
    spec = hub.create_module_spec_from_saved_model(old, inference_tags={"serve"})
    assert hub.convert(spec, tmp_path / "out").serving_default == "serving_default"


def test_an_unknown_form_lists_what_there_is(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        hub.convert(hub.create_module_spec(doubled), tmp_path / "out", to="fruit")
    assert (
        str(caught.value)
        == "A module cannot be converted to 'fruit'. There is: "
        + ", ".join(f"{form.name!r} ({form.words})" for form in FORMS)
        + "."
    )


def test_examples_that_a_signature_does_not_take_are_the_callers_fault(tmp_path: pathlib.Path) -> None:
    path, tokens = cases.load("lstm").path, np.ones((1, 2), np.int32)
    with pytest.raises(InputError, match=r"lacks 'sequence_len'"):
        hub.convert(path, tmp_path / "out", examples={"tokens": [{"tokens": tokens}]})
    with pytest.raises(InputError) as caught:
        hub.convert(path, tmp_path / "out", examples={"tokens": {"tokens": tokens, "sequence_len": [2]}})  # type: ignore[dict-item]
    assert str(caught.value) == (
        "examples= takes for each signature a list of dicts of inputs; for 'tokens' it was given dict. "
        "Write examples={'tokens': [{'sequence_len': ..., 'tokens': ...}]}."
    )
    assert not os.path.exists(tmp_path / "out")


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf"), "1e-3"])
def test_a_tolerance_is_a_number(tolerance: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError) as caught:
        hub.convert(cases.load("half_plus_two").path, tmp_path / "out", tolerance=tolerance)
    assert str(caught.value) == (
        "tolerance= is the largest difference relative to the largest value of an output: a number of 0 or more, "
        f"such as 0.0001. It was given {tolerance!r}."
    )


def test_what_cannot_be_converted_is_told_what_can(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        hub.convert(object(), tmp_path / "out")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "A module is named by a handle (a string) or a ModuleSpec, not by object. tf1hub.convert also takes what "
        "tf1hub.load gives. Of a KerasLayer give layer.resolved_object; of a tf1hub.Module its handle, or what module.export(path, session) "
        "wrote."
    )
    hub.convert(hub.create_module_spec(doubled), tmp_path / "converted")
    with pytest.raises(InputError) as caught:
        hub.convert(hub.load(tmp_path / "converted"), tmp_path / "out")
    assert str(caught.value) == (
        "tf1hub.convert was given what was loaded from a SavedModel of TensorFlow 2: that is converted already. "
        "To write it with the values that its variables have now: tf.saved_model.save(loaded, path)"
    )


def test_in_a_graph_it_says_what_to_do(tmp_path: pathlib.Path) -> None:
    with (
        tf.Graph().as_default(),
        pytest.raises(WrongModeError, match=r"tf1hub\.convert needs eager execution"),
    ):
        hub.convert(cases.load("half_plus_two").path, tmp_path / "out")


def test_the_answer_is_ready_for_json_and_reads_well(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(hub.create_module_spec(doubled), tmp_path / "out")
    document = json.loads(json.dumps(conversion.to_dict()))
    assert document["all_compared"] is True
    assert document["compared"][0]["signature"] == "default"
    assert repr(conversion).splitlines()[1] == "  {} default: default: the same in 2 runs>"


def test_a_conversion_may_go_to_remote_storage() -> None:
    path = "ram://test_convert/out"
    hub.convert(hub.create_module_spec(doubled), path)
    np.testing.assert_array_equal(tf.saved_model.load(path)(tf.constant([4.0])), [8.0])


def test_outputs_that_are_paths_of_files_or_are_made_of_them_are_compared(tmp_path: pathlib.Path) -> None:
    """`vocab_file` of BERT's modules, `spm_path` of the sentence encoder."""
    (tmp_path / "vocab.txt").write_text("the\nquick\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "vocab.txt").write_text("brown\nfox\n")

    def module_fn() -> None:
        files = [tf.constant(str(tmp_path / name)) for name in ("vocab.txt", "other/vocab.txt")]
        for file in files:
            tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        rows = tf1.placeholder(tf.int64, [None])
        outputs = {
            "vocab_file": files[0],
            "beside": tf.strings.join([tf.strings.regex_replace(files[0], "[^/]*$", ""), "merges.txt"]),
            "both": tf.stack(files),
            "in_a_batch": tf.gather(tf.stack(files), rows),
            "length": tf.strings.length(files[1]),
            "hash": tf.strings.to_hash_bucket_fast(files[1], 1000),
            "content": tf.io.read_file(files[1]),
            "do_lower_case": tf.constant(True),
        }
        hub.add_signature("tokenization_info", {}, {**outputs, "in_a_batch": files[0]})
        hub.add_signature(inputs=rows, outputs=outputs)

    path = written(tmp_path / "module", module_fn)
    conversion = hub.convert(path, tmp_path / "out")
    assert conversion.all_compared
    assert {row.max_abs for row in conversion.compared} == {0.0}
    assert {row.output for row in conversion.compared} >= {
        "vocab_file",
        "beside",
        "both",
        "in_a_batch",
        "hash",
    }
    os.rename(tmp_path / "out", tmp_path / "moved")
    told = hub.load(tmp_path / "moved")(signature="tokenization_info", as_dict=True)
    assert told["vocab_file"].numpy().decode() == str(tmp_path / "moved" / "assets" / "vocab.txt")
    assert told["content"].numpy() == b"brown\nfox\n"
    # Straight from the function too, whose files lie in two directories and have one name.
    assert hub.convert(hub.create_module_spec(module_fn), tmp_path / "direct").all_compared


def test_a_conversion_without_one_of_the_files_is_not_kept(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vocab.txt").write_text("the\n")

    def module_fn() -> None:
        file = tf.constant(str(tmp_path / "vocab.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        hub.add_signature(outputs=file)

    def changed(spec: Any, directory: str) -> Any:
        pathlib.Path(directory, "assets", "vocab.txt").write_text("The\n")
        return converted_assets.with_assets_of(spec, directory)

    monkeypatch.setattr(saved_model_form, "with_assets_of", changed)
    path = written(tmp_path / "module", module_fn)
    with pytest.raises(CheckFailedError) as caught:
        hub.convert(path, tmp_path / "out")
    assert str(caught.value) == (
        f"The conversion of {path} lacks its asset 'vocab.txt', so it was not kept. It has: vocab.txt."
    )
    assert not os.path.exists(tmp_path / "out")


def test_results_of_the_original_that_differ_from_run_to_run_are_told(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x + tf.cast(tf.timestamp() * 1e6 % 1000.0, tf.float32))

    (row,) = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    assert row.max_abs is None
    assert row.not_compared.startswith("the original's own results differ from run to run, by ")


def counting(is_training: bool = False) -> None:
    x = tf1.placeholder(tf.float32, [None])
    count = tf1.get_variable("count", initializer=1.0, trainable=False)
    y = x * tf1.get_variable("factor", initializer=3.0) + tf1.assign_add(count, 1.0)
    hub.add_signature(inputs=x, outputs=y + 100.0 if is_training else y)
    hub.add_signature("twice", inputs=x, outputs=2.0 * y)


@pytest.mark.parametrize(
    "variants", [None, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]]
)
@pytest.mark.parametrize("resource", [True, False])
def test_calls_that_leave_a_variable_changed_are_compared_each_from_the_stored_value(
    variants: Any, resource: bool, tmp_path: pathlib.Path
) -> None:
    def module_fn(is_training: bool = False) -> None:
        with tf1.variable_scope("", use_resource=resource):
            counting(is_training)

    spec = hub.create_module_spec(module_fn, variants)
    spec.export(tmp_path / "module", values={"count": 7.0, "factor": 3.0})
    conversion = hub.convert(tmp_path / "module", tmp_path / "out")
    assert conversion.all_compared
    assert [(row.signature, len(row.inputs), row.max_abs) for row in conversion.compared] == [
        ("default", 2, 0.0),
        ("twice", 2, 0.0),
    ] * (2 if variants else 1)
    converted = tf.saved_model.load(str(tmp_path / "out"))
    assert [converted([1.0]).numpy().tolist() for _ in range(2)] == [[11.0], [12.0]]


def test_a_state_that_differs_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    hub.create_module_spec(counting).export(tmp_path / "module", values={"count": 7.0, "factor": 3.0})
    monkeypatch.setattr(saved_model_calls.FirstValues, "restore", lambda _: None)
    with pytest.raises(CheckFailedError) as caught:
        hub.convert(tmp_path / "module", tmp_path / "out")
    assert "differs by up to " in str(caught.value)


def test_what_calls_leave_in_a_table_is_told(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [None])
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
        size = table.size()
        with tf.control_dependencies([size]):
            insert = table.insert(x, tf.cast(tf.strings.length(x), tf.int64))
        with tf.control_dependencies([insert]):
            hub.add_signature(inputs=x, outputs=tf.identity(size))

    spec = hub.create_module_spec(module_fn, drop_collections=["saveable_objects"])
    (row,) = hub.convert(spec, tmp_path / "out").compared
    assert row.not_compared.startswith("the original's own results differ from run to run, by ")


def test_batch_and_other_open_dimensions_take_two_values_each(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        ids = tf1.placeholder(tf.int32, [None, None])
        image = tf1.placeholder(tf.float32, [None, 256, 256, 3])
        hub.add_signature(inputs={"ids": ids}, outputs=tf.reduce_sum(ids, 1))
        hub.add_signature("image", inputs={"image": image}, outputs=tf.reduce_mean(image, [1, 2]))

    rows = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    assert [row.inputs for row in rows] == [
        ("ids int32 [1, 5]", "ids int32 [3, 9]"),
        ("image float32 [1, 256, 256, 3]", "image float32 [2, 256, 256, 3]"),
    ]


def test_a_signature_that_another_program_serves_is_tried_on_all_inputs(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        middle = tf.nn.relu(x)
        y = tf.tanh(middle)
        hub.add_signature(inputs=x, outputs=y)
        hub.add_signature("inner", inputs=x, outputs={"default": y, "middle": middle})
        hub.add_signature("other", inputs=x, outputs=tf.exp(x))

    rows = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    both = ("default float32 [1]", "default float32 [3]")
    assert {(row.signature, row.output): (row.inputs, row.max_abs) for row in rows} == {
        ("default", "default"): (both, 0.0),
        ("inner", "default"): (both, 0.0),
        ("inner", "middle"): (both, 0.0),
        ("other", "default"): (both, 0.0),
    }


def test_what_serving_tools_call_is_compared_too(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Restored:
        def __init__(self, restored: Any) -> None:
            self.restored = restored
            self.variables = restored.variables
            self.signatures = {name: lambda x: {"default": x * 3.0} for name in restored.signatures}

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return self.restored(*args, **kwargs)

    calls = saved_model_calls.SavedModelCalls
    monkeypatch.setattr(
        saved_model_calls, "SavedModelCalls", lambda module, *rest: calls(Restored(module), *rest)
    )
    with pytest.raises(CheckFailedError, match="gives an output 'default' that differs"):
        hub.convert(hub.create_module_spec(doubled), tmp_path / "out")


def test_a_signature_that_is_all_chance_runs_once_with_training_too(tmp_path: pathlib.Path) -> None:
    def module_fn(rate: float) -> None:
        x = tf1.placeholder(tf.float32, [None, None])
        hub.add_signature(inputs=x, outputs=tf1.nn.dropout(tf.tile(x + 1.0, [1, 64]), rate=rate))

    variants = [(set(), {"rate": 0.0}), ({"train"}, {"rate": 0.5})]
    plain, noisy = hub.convert(hub.create_module_spec(module_fn, variants), tmp_path / "out").compared
    assert plain.inputs == ("default float32 [1, 5]", "default float32 [3, 9]")
    assert (noisy.variant, noisy.inputs) == ("{'train'}", ())
    assert noisy.not_compared == "it depends on chance: RandomUniform"


def test_random_ops_without_effect_are_compared_on_all_inputs(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        noise = tf.cond(tf1.placeholder_with_default(False, []), lambda: tf.random.uniform([]), lambda: 0.0)
        hub.add_signature(inputs=x, outputs=x + noise)

    (row,) = hub.convert(hub.create_module_spec(module_fn), tmp_path / "out").compared
    assert row.inputs == ("default float32 [1]", "default float32 [3]")
    assert row.max_abs == 0.0


def test_a_signature_that_lost_its_outputs(tmp_path: pathlib.Path) -> None:
    shutil.copytree(cases.ROOT / "half_plus_two" / "module", tmp_path / "module")
    file = tmp_path / "module" / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["default"].outputs.clear()
    file.write_bytes(saved.SerializeToString())
    assert hub.convert(tmp_path / "module", tmp_path / "out").compared == ()
