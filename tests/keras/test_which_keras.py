"""Which Keras the layer is made for, and what is said where none will do."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import MissingDependencyError, WrongModeError
from tf1hub.keras.layer import layer_class
from tf1hub.keras.which import keras_of_tensorflow


def test_the_layer_is_one_of_the_keras_that_tensorflow_uses() -> None:
    assert issubclass(hub.KerasLayer, tf.keras.layers.Layer)
    assert layer_class(tf.keras) is hub.KerasLayer
    assert hub.keras.KerasLayer is hub.KerasLayer
    tf.keras.Sequential([hub.KerasLayer(cases.load("half_plus_two").path)])


def test_another_keras_beside_it_has_a_layer_of_its_own() -> None:
    class Layer:
        pass

    other = types.SimpleNamespace(
        layers=types.SimpleNamespace(Layer=Layer),
        utils=types.SimpleNamespace(register_keras_serializable=lambda *_: lambda created: created),
        backend=types.SimpleNamespace(backend=lambda: "jax"),
    )
    assert issubclass(layer_class(other), Layer)
    assert layer_class(other) is not hub.KerasLayer
    with pytest.raises(WrongModeError) as caught:
        layer_class(other)("module")
    assert str(caught.value) == (
        "tf1hub.KerasLayer runs TensorFlow graphs, and this Keras runs on the backend 'jax'. Choose the backend "
        "'tensorflow' before Keras is imported:\n"
        '    os.environ["KERAS_BACKEND"] = "tensorflow"      # or "backend": "tensorflow" in ~/.keras/keras.json\n'
        "Without Keras there is m = tf1hub.load(handle); y = m(x)"
    )


@pytest.mark.parametrize(
    ("package", "environment", "cure"),
    [
        (
            "keras",
            {},
            "Install it with: pip install keras\nWithout Keras there is m = tf1hub.load(handle); y = m(x)",
        ),
        (
            "keras",
            {"KERAS_BACKEND": "jax"},
            "KERAS_BACKEND=jax is set. Only the backend 'tensorflow' runs TensorFlow graphs; choose it before Keras "
            'is imported: os.environ["KERAS_BACKEND"] = "tensorflow"',
        ),
        (
            "tf_keras",
            {"TF_USE_LEGACY_KERAS": "1"},
            "TF_USE_LEGACY_KERAS=1 is set, so that this is tf_keras. Install it with: pip install tf-keras\n"
            "Or unset TF_USE_LEGACY_KERAS before TensorFlow is imported, for Keras 3.",
        ),
    ],
)
def test_a_keras_that_is_missing_is_named_with_its_cure(
    package: str, environment: dict[str, str], cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError) as caught:
        keras_of_tensorflow()
    assert str(caught.value) == (
        "tf1hub.KerasLayer is a layer of the Keras that TensorFlow uses, which cannot be imported: "
        f"import of {package} halted; None in sys.modules\n{cure}"
    )


def test_nothing_of_keras_is_imported_before_the_layer_is_used() -> None:
    program = "import sys, tf1hub; sys.exit(bool({'keras', 'tf_keras', 'tensorflow'} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.returncode == 0
