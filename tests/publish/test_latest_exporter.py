"""hub.LatestModuleExporter with real Estimators."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish import programs

import tf1hub as hub
from tf1hub.errors import ExporterError, MissingDependencyError

tf1 = tf.compat.v1
ESTIMATOR = hasattr(tf1, "estimator")
with_estimator = pytest.mark.skipif(not ESTIMATOR, reason="this TensorFlow has no Estimator")


def serving_input_fn() -> Any:
    features = {"x": tf1.placeholder(tf.float32, [None])}
    return tf1.estimator.export.ServingInputReceiver(features, features)


def input_fn() -> Any:
    return tf.data.Dataset.from_tensors(({"x": [1.0]}, [0.0])).repeat()


def estimator(directory: pathlib.Path, averaged: bool = False, register: bool = True) -> Any:
    """Each step takes 1 from the scale, which starts at 2; each writes a checkpoint."""

    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        with tf1.variable_scope("model"):
            module = hub.Module(programs.scale_spec(), trainable=mode == tf1.estimator.ModeKeys.TRAIN)
        if register:
            hub.register_module_for_export(module, "scale")
        output = module(features["x"])
        if mode == tf1.estimator.ModeKeys.PREDICT:
            saver = tf1.train.Saver({"model/average": module.variables[0]}) if averaged else None
            return tf1.estimator.EstimatorSpec(mode, output, scaffold=tf1.train.Scaffold(saver=saver))
        average = tf1.get_variable("model/average", initializer=100.0)
        loss = tf.reduce_sum(output - labels) + 0 * average
        step = tf1.train.GradientDescentOptimizer(1.0).minimize(
            loss, tf1.train.get_global_step(), var_list=module.variables
        )
        return tf1.estimator.EstimatorSpec(mode, output, loss, step)

    config = tf1.estimator.RunConfig(
        str(directory), save_checkpoints_steps=1, save_summary_steps=None, keep_checkpoint_max=10
    )
    return tf1.estimator.Estimator(model_fn, config=config)


@with_estimator
def test_training_exports_after_each_evaluation_and_keeps_the_latest(tmp_path: pathlib.Path) -> None:
    trained = estimator(tmp_path)
    exporter = hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=2)
    seen = []

    class Watch(tf1.estimator.SessionRunHook):  # type: ignore[misc]
        def end(self, session: Any) -> None:  # noqa: ARG002
            exports = tmp_path / "export" / "modules"
            seen.append(sorted(os.listdir(exports)) if exports.exists() else [])

    tf1.estimator.train_and_evaluate(
        trained,
        tf1.estimator.TrainSpec(input_fn, max_steps=3),
        tf1.estimator.EvalSpec(
            input_fn, steps=1, hooks=[Watch()], exporters=exporter, throttle_secs=0, start_delay_secs=0
        ),
    )
    exports = sorted(os.listdir(tmp_path / "export" / "modules"))
    assert len(exports) == 2
    assert all(len(name) == 10 and name.isdigit() for name in exports)
    # After step 2 (scale 0) and step 3 (scale -1); the export of step 1 was there, and is gone.
    values = [
        programs.value(tmp_path / "export" / "modules" / name / "scale", [10.0]).tolist() for name in exports
    ]
    assert values == [[0.0], [-10.0]]
    assert len(seen[1]) == 1
    assert seen[1][0] not in exports


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("model")
    estimator(directory).train(input_fn, max_steps=2)
    return directory


@with_estimator
def test_the_checkpoint_can_be_chosen(trained: pathlib.Path, tmp_path: pathlib.Path) -> None:
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    values = [
        programs.value(os.path.join(path, "scale"), [10.0]).tolist()
        for path in (
            exporter.export(estimator(trained), str(tmp_path), str(trained / "model.ckpt-1")),
            exporter.export(estimator(trained), str(tmp_path)),
        )
    ]
    assert values == [[10.0], [0.0]]
    assert len(os.listdir(tmp_path)) == 2


@with_estimator
def test_a_saver_of_the_model_chooses_the_values(trained: pathlib.Path, tmp_path: pathlib.Path) -> None:
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    path = exporter.export(estimator(trained, averaged=True), str(tmp_path))
    np.testing.assert_array_equal(programs.value(os.path.join(path, "scale"), [1.0]), [100])


@with_estimator
def test_an_interrupted_export_is_not_seen(
    trained: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=1)
    before = exporter.export(estimator(trained), str(tmp_path))

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hub.ModuleSpec, "export", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exporter.export(estimator(trained), str(tmp_path))
    assert os.listdir(tmp_path) == [os.path.basename(before)]


@with_estimator
def test_a_model_without_registered_modules_trains_on(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    unregistered = estimator(tmp_path, register=False)
    tf1.estimator.train_and_evaluate(
        unregistered,
        tf1.estimator.TrainSpec(input_fn, max_steps=2),
        tf1.estimator.EvalSpec(input_fn, steps=1, exporters=exporter, throttle_secs=0, start_delay_secs=0),
    )
    assert unregistered.get_variable_value("global_step") == 2
    assert exporter.export(unregistered, str(tmp_path / "out")) is None
    assert not (tmp_path / "out").exists()
    assert (
        "No module was registered for export in the graph that the model_fn of the Estimator builds. "
        "Call tf1hub.register_module_for_export(module, export_name) there, in every mode."
    ) in caplog.messages


@with_estimator
def test_a_model_may_ask_for_the_global_step_and_the_seed(tmp_path: pathlib.Path) -> None:
    """As in training: a rate that decays is often made in every mode, by code that several models share."""
    seen = []

    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        step = tf1.train.get_global_step()
        rate = tf1.train.exponential_decay(1.0, step, 1, 0.5, staircase=True)
        module = hub.Module(programs.scale_spec(), trainable=mode == tf1.estimator.ModeKeys.TRAIN)
        hub.register_module_for_export(module, "scale")
        output = module(features["x"])
        seen.append((mode, step.name, tf1.get_default_graph().seed))
        if mode == tf1.estimator.ModeKeys.PREDICT:
            scaffold = tf1.train.Scaffold(saver=tf1.train.Saver())
            return tf1.estimator.EstimatorSpec(mode, output, scaffold=scaffold)
        loss = tf.reduce_sum(output - labels)
        training = tf1.train.GradientDescentOptimizer(rate).minimize(loss, step)
        return tf1.estimator.EstimatorSpec(mode, output, loss, training)

    config = tf1.estimator.RunConfig(str(tmp_path / "model"), tf_random_seed=7, save_summary_steps=None)
    decaying = tf1.estimator.Estimator(model_fn, config=config)
    decaying.train(input_fn, steps=2)
    exported = hub.LatestModuleExporter("modules", serving_input_fn).export(decaying, str(tmp_path / "out"))
    assert seen == [("train", "global_step:0", 7), ("infer", "global_step:0", 7)]
    # From 2, by steps of 1 and a half.
    assert programs.value(os.path.join(exported, "scale"), [10.0]).tolist() == [5.0]
    assert list(hub.read_variables(os.path.join(exported, "scale"))) == ["scale"]


@with_estimator
def test_an_estimator_that_was_not_trained_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ExporterError) as caught:
        hub.LatestModuleExporter("modules", serving_input_fn).export(
            estimator(tmp_path), str(tmp_path / "out")
        )
    assert str(caught.value) == f"There is no checkpoint in {tmp_path}. Train the Estimator before exporting."


@with_estimator
def test_a_number_of_exports_that_keeps_none_is_refused() -> None:
    with pytest.raises(ExporterError) as caught:
        hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=0)
    assert str(caught.value) == "exports_to_keep is 0; it must be a positive number, or None to keep all."


@pytest.mark.skipif(ESTIMATOR, reason="this TensorFlow has Estimators")
def test_without_estimators_it_says_what_to_call_instead() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        hub.LatestModuleExporter("modules", serving_input_fn)
    assert str(caught.value) == (
        f"LatestModuleExporter works with Estimators, which TensorFlow {tf.__version__} does not have. "
        "Use tf1hub.export_from_checkpoint(build_fn, checkpoint_path, export_dir), which exports the "
        "registered modules of any program."
    )
