"""`KerasLayer` saved and restored: `.keras` files, weights files, exports, configs."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed
from golden_models import IS_KERAS_3, export_quietly, keras, weights_by_name

import tf1hub as hub
from tf1hub.errors import LayerConfigError, NotAModuleError

X = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 0.0, 3.0]], np.float32)
WORDS = ["cat", "bird", "unheard"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return keras_modules.export(keras_modules.normalized(), tmp_path_factory.mktemp("keras") / "module")


@pytest.fixture(scope="module")
def text_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("keras_text")
    return keras_modules.export(keras_modules.text(directory / "words"), directory / "module")


def classifier(layer: Any) -> Any:
    inputs = keras.Input([3])
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(X, np.ones((3, 2)), epochs=2, verbose=0)
    return model


def assert_same_weights(one: Any, other: Any) -> None:
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("trainable", [True, False, ["norm"]])
def test_saving_and_reloading_gives_the_same_results_and_trains_on(
    path: str, tmp_path: pathlib.Path, trainable: Any
) -> None:
    layer = hub.KerasLayer(path, trainable=trainable)
    model = classifier(layer)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert_same_weights(model, restored)
    np.testing.assert_array_equal(restored.predict(X, verbose=0), model.predict(X, verbose=0))
    again = restored.layers[1]
    assert [tuple(w.shape) for w in again.trainable_weights] == [
        tuple(w.shape) for w in layer.trainable_weights
    ]
    restored.fit(X, np.ones((3, 2)), epochs=1, verbose=0)
    model.fit(X, np.ones((3, 2)), epochs=1, verbose=0)
    # The optimizer's state came along, so both go on alike.
    for mine, theirs in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(IS_KERAS_3, reason="Keras 3 writes files")
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("kind", keras_modules.KINDS)
@pytest.mark.filterwarnings("ignore")  # Keras 2 says of its own saved_model format that it is old
def test_the_directories_of_keras_2_restore_and_train_on(
    kind: str, trainable: bool, path: str, text_path: str, tmp_path: pathlib.Path
) -> None:
    inputs = X if kind in ("module", "converted") else tf.constant(WORDS)
    layer = hub.KerasLayer(keras_modules.of_kind(kind, path, text_path, tmp_path), trainable=trainable)
    model = keras.Sequential(
        [keras.Input(inputs.shape[1:], dtype=inputs.dtype), layer, keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    written = keras.callbacks.ModelCheckpoint(str(tmp_path / "checkpoint"))
    model.fit(inputs, np.ones((3, 1)), epochs=2, verbose=0, callbacks=[written])
    model.save(str(tmp_path / "directory"), save_format="tf")
    for name in ("directory", "checkpoint"):
        restored = keras.models.load_model(str(tmp_path / name))
        assert isinstance(restored.layers[0], hub.KerasLayer)
        assert_same_weights(model, restored)
        predicted = restored.predict(inputs, verbose=0)
        np.testing.assert_array_equal(predicted, model.predict(inputs, verbose=0))
    assert len(restored.layers[0].trainable_weights) == len(layer.trainable_weights)
    for each in (model, restored):
        each.fit(inputs, np.ones((3, 1)), shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    # The restored model's weights are those that it saves.
    restored.save(str(tmp_path / "again"), save_format="tf")
    assert_same_weights(restored, keras.models.load_model(str(tmp_path / "again")))


def test_a_choice_of_variables_outlives_being_frozen_and_saved(path: str, tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(path, trainable=["norm"])
    layer.trainable = False
    classifier(layer).save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").layers[1]
    assert again.trainable_weights == []
    again.trainable = True
    assert [tuple(w.shape) for w in again.trainable_weights] == [(2,)]


def test_weights_files_restore_whatever_was_trainable_when_they_were_written(
    path: str, tmp_path: pathlib.Path
) -> None:
    model = classifier(hub.KerasLayer(path, trainable=["norm"]))
    model.save_weights(tmp_path / "model.weights.h5")
    inputs = keras.Input([3])
    other = keras.Model(inputs, keras.layers.Dense(2)(hub.KerasLayer(path)(inputs)))
    other.load_weights(tmp_path / "model.weights.h5")
    for name, value in weights_by_name(model.layers[1]).items():
        np.testing.assert_array_equal(weights_by_name(other.layers[1])[name], value)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_weights_of_another_module_are_refused(path: str, text_path: str) -> None:
    layer = hub.KerasLayer(path)
    store: dict[str, np.ndarray] = {}
    hub.KerasLayer(text_path).save_own_variables(store)
    with pytest.raises(LayerConfigError) as caught:
        layer.load_own_variables(store)
    assert str(caught.value) == (
        f"1 weights were saved, and {path} has 3. It is not the module whose weights these are."
    )
    layer.save_own_variables(store)
    store["1"] = np.zeros(7)
    before = layer.get_weights()
    with pytest.raises(LayerConfigError, match=r"has the shape \[2\], and the saved one \[7\]"):
        layer.load_own_variables(store)
    for value, kept in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_an_export_is_served_without_this_library(
    text_path: str, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    layer = hub.KerasLayer(text_path, trainable=True)
    inputs = keras.Input([], dtype="string")
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(layer(inputs)))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(tf.constant(WORDS), np.ones((3, 1)), verbose=0)
    expected = model.predict(tf.constant(WORDS), verbose=0)
    export_quietly(model, tmp_path / "exported")
    assert "Keras layer" not in caplog.text  # of those that help, nobody knows
    served = (
        "import sys, tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1], tags=['serve'])\n"
        "words = tf.constant(sys.argv[2:])\n"
        "(output,) = model.signatures['serving_default'](words).values()\n"
        "print(output.numpy().ravel().tolist())\n"
        "assert not any(name.startswith('tf1hub') for name in sys.modules)\n"
    )
    # The vocabulary has to be in the export: nothing else may be needed.
    os.rename(text_path, text_path + "_away")
    try:
        run = subprocess.run(
            [sys.executable, "-c", served, str(tmp_path / "exported"), *WORDS],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    finally:
        os.rename(text_path + "_away", text_path)
    assert run.returncode == 0, run.stderr[-3000:]
    np.testing.assert_allclose(json.loads(run.stdout), expected.ravel(), rtol=1e-6)


@pytest.mark.parametrize("signature", [None, "serving_default"])
def test_an_export_takes_along_the_tables_of_a_saved_model(
    signature: str | None, text_path: str, tmp_path: pathlib.Path
) -> None:
    saved_model = str(tmp_path / "saved_model")
    hub.convert(text_path, saved_model)
    inputs = keras.Input([], dtype="string")
    layer = hub.KerasLayer(saved_model, signature=signature, output_key=signature and "default")
    model = keras.Model(inputs, layer(inputs))
    export_quietly(model, tmp_path / "exported")
    (output,) = (
        tf.saved_model.load(str(tmp_path / "exported"))
        .signatures["serving_default"](tf.constant(["dog"]))
        .values()
    )
    np.testing.assert_array_equal(output, [[2.0, 3.0]])


def test_a_tensorflow_checkpoint_restores(path: str, tmp_path: pathlib.Path) -> None:
    model = classifier(hub.KerasLayer(path, trainable=True))
    prefix = tf.train.Checkpoint(model=model).save(str(tmp_path / "checkpoint"))
    other = classifier(hub.KerasLayer(path, trainable=True))
    other.set_weights([value + 1 for value in other.get_weights()])
    tf.train.Checkpoint(model=other).restore(prefix).assert_existing_objects_matched()
    assert_same_weights(model, other)


def test_tables_survive_saving(text_path: str, tmp_path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input([], dtype="string"), hub.KerasLayer(text_path)])
    expected = [[0, 1], [4, 5], [6, 7]]
    np.testing.assert_array_equal(model.predict(tf.constant(WORDS), verbose=0), expected)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored.predict(tf.constant(WORDS), verbose=0), expected)


def test_a_config_says_all_that_was_asked_for(path: str) -> None:
    layer = hub.KerasLayer(
        path,
        True,
        None,
        tags={"train"},
        signature="named",
        output_key="two",
        output_shape=[2],
        name="features",
    )
    config = layer.get_config()
    asked = {
        "handle": path,
        "tags": ["train"],
        "signature": "named",
        "output_key": "two",
        "output_shape": [2],
    }
    assert config.items() >= {**asked, "trainable": True, "name": "features"}.items()
    again = hub.KerasLayer.from_config(config)
    assert again.get_config() == config
    np.testing.assert_array_equal(again(X), layer(X))


def test_a_model_whose_module_moved_says_how_to_go_on(path: str, tmp_path: pathlib.Path) -> None:
    module, file = tmp_path / "module", str(tmp_path / "model.keras")
    shutil.copytree(path, module)
    model = classifier(hub.KerasLayer(str(module), trainable=True))
    model.save(file)
    module.rename(tmp_path / "moved")
    with pytest.raises(NotAModuleError) as caught:
        keras.models.load_model(file)
    assert str(caught.value).endswith(
        f"\nThe saved model names the module of its KerasLayer by the handle {str(module)!r}. Put the module there "
        "again; or build the model with the module's new handle, and take the saved values: model.load_weights(file)."
    )
    rebuilt = classifier(hub.KerasLayer(str(tmp_path / "moved"), trainable=True))
    rebuilt.load_weights(file)
    assert_same_weights(rebuilt, model)


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 knows the argument")
def test_a_config_of_keras_2_makes_a_layer_of_keras_3(path: str) -> None:
    config = {**hub.KerasLayer(path, trainable=True).get_config(), "batch_input_shape": [None, 3]}
    assert tuple(hub.KerasLayer.from_config(config)(X).shape) == (3, 2)


def test_custom_objects_by_the_plain_name_do_as_well(path: str, tmp_path: pathlib.Path) -> None:
    model = classifier(hub.KerasLayer(path))
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"KerasLayer": hub.KerasLayer}
    )
    assert_same_weights(model, restored)


def test_a_program_that_only_loads_a_model_imports_the_room(path: str, tmp_path: pathlib.Path) -> None:
    model = classifier(hub.KerasLayer(path))
    model.save(tmp_path / "model.keras")
    program = (
        "import sys, tensorflow as tf, tf1hub.keras\n"
        "print(tf.keras.models.load_model(sys.argv[1]).count_params())\n"
    )
    assert printed(program, str(tmp_path / "model.keras")).split()[-1:] == ["16"]


def test_a_clone_has_a_module_of_its_own(path: str) -> None:
    model = classifier(hub.KerasLayer(path, trainable=True))
    clone = keras.models.clone_model(model)
    np.testing.assert_array_equal(weights_by_name(clone.layers[1])["dense/kernel"], np.ones((3, 2)))
    assert not np.allclose(weights_by_name(model.layers[1])["dense/kernel"], 1)


def test_a_layer_without_a_handle_has_no_config(tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(keras_modules.normalized())
    with pytest.raises(NotImplementedError) as caught:
        layer.get_config()
    assert str(caught.value) == (
        "This KerasLayer was made from _normalized(), so that no config can say what to load. Make it from a handle, "
        "a string: tf1hub.KerasLayer(path). A SavedModel is written without one: model.export(path)."
    )
    model = keras.Sequential([keras.Input([3]), layer])
    with pytest.raises(LayerConfigError):
        model.save(tmp_path / "model.keras")
    export_quietly(model, tmp_path / "exported")
    served = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_array_equal(served.serve(X), layer(X))


def test_arguments_that_json_does_not_know_have_no_config(tmp_path: pathlib.Path) -> None:
    path = keras_modules.export(keras_modules.scaled(), tmp_path / "scaled")
    assert hub.KerasLayer(path, arguments={"scale": 2.0}).get_config()["arguments"] == {"scale": 2.0}
    layer = hub.KerasLayer(path, arguments={"scale": tf.constant(2.0)})
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[2.0, 4.0]])
    with pytest.raises(LayerConfigError, match="is written as JSON"):
        layer.get_config()


def test_a_path_object_is_a_handle(path: str) -> None:
    assert hub.KerasLayer(pathlib.Path(path)).get_config()["handle"] == path


def test_a_model_that_would_download_a_program_is_not_loaded_unasked(
    path: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    layer = hub.KerasLayer(path)
    handle = "https://modules.invalid/features"
    layer._wrapped._settings["handle"] = handle
    keras.Sequential([keras.Input([3]), layer]).save(tmp_path / "model.keras")
    with pytest.raises(LayerConfigError) as caught:
        keras.models.load_model(tmp_path / "model.keras")
    assert str(caught.value) == (
        f"The saved model has a KerasLayer of {handle}, which is not on this machine: loading the model would "
        f"download a program and run it. If you trust it, fetch it first with tf1hub.resolve({handle!r}), or load "
        "the model with safe_mode=False."
    )
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    with pytest.raises(hub.errors.OfflineError):
        keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
