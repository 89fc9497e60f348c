"""SavedModels of TF1 modules that earlier versions wrote are read as such."""

from __future__ import annotations

import pathlib

import keras_modules
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import UnsupportedFormatError
from tf1hub.keras.restored import RestoredSource, restored_source
from tf1hub.tf2 import saving

STORED = pathlib.Path(__file__).resolve().parents[1] / "artefacts"
X = tf.constant([[1.0, 1.0], [2.0, 0.0]])


@pytest.fixture(params=range(saving.SAVED_VERSION + 1))
def stored(request: pytest.FixtureRequest) -> str:
    """A SavedModel of each version."""
    return str(STORED / f"converted_{request.param}")


def test_a_saved_model_of_each_version_is_a_layer_with_all_signatures(stored: str) -> None:
    layer = hub.KerasLayer(stored, trainable=True)
    with tf.GradientTape() as tape:
        y = layer(X)
    assert y.numpy().tolist() == [[3.0], [2.0]]
    assert tape.gradient(y, layer.trainable_variables)[0].numpy().tolist() == [[3.0], [1.0]]
    both = hub.KerasLayer(stored, signature="both", signature_outputs_as_dict=True)
    assert both(X)["twice"].numpy().tolist() == [[6.0], [4.0]]


def test_a_saved_model_of_each_version_is_known_as_a_module(stored: str) -> None:
    module = restored_source(tf.saved_model.load(stored), "the module")
    assert isinstance(module, RestoredSource)
    assert module.signature_names == ["both", "default"]


def test_a_saved_model_says_its_version_to_any_program(stored: str) -> None:
    loaded = tf.saved_model.load(stored)
    version = int(loaded.tf1hub_version(saving.SAVED_VERSION)) if hasattr(loaded, "tf1hub_version") else 0
    assert stored.endswith(f"_{version}")


def test_a_saved_model_of_a_newer_version_says_what_reads_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = saving.SAVED_VERSION + 1
    monkeypatch.setattr(saving, "SAVED_VERSION", newer)
    path = str(tmp_path / "newer")
    tf.saved_model.save(hub.load(keras_modules.scaled()), path)
    with pytest.raises(UnsupportedFormatError) as caught:
        hub.KerasLayer(path)
    assert str(caught.value) == (
        f"The SavedModel of a TF1 module {path} is of version {newer}, and this tf1hub reads versions up to "
        f"{newer - 1}. Use the tf1hub that saved it, or a newer one."
    )
