"""`KerasLayer` in graphs of TensorFlow 1: models of Keras 2 with eager execution off, layers of Keras 3."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, tf1
from fresh_process import printed_on_tensorflow
from golden import cases
from golden_models import IS_KERAS_3, functional

import tf1hub as hub

# Keras 2 says it of itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`Model.state_updates` will be removed:UserWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
]

keras = tf.keras
only_keras_2 = pytest.mark.skipif(IS_KERAS_3, reason="Keras 3 has no models in graphs")
CASES = [
    "half_plus_two",
    "image_ref_variables",
    "lstm",
    "dropout_cond",
    "tf112_text",
    "text_embedding_partitioned",
]


def arrays(case: cases.Case, keys: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of a call for a model, and those that have no batch size: constants of the layer."""
    values = case.values(keys)
    return (
        {name: value for name, value in values.items() if value.ndim},
        {name: value.item() for name, value in values.items() if not value.ndim},
    )


@pytest.fixture
def _all_intermediates() -> Iterator[None]:
    # Without it, TensorFlow changes loops in conds where they are differentiated, and says so where a session has run.
    tf1.experimental.output_all_intermediates(True)
    yield
    tf1.experimental.output_all_intermediates(None)


@only_keras_2
@pytest.mark.usefixtures("_all_intermediates")
@pytest.mark.parametrize("name", CASES)
def test_one_step_of_fit_is_the_originals(name: str) -> None:
    case = cases.load(name)
    step = case.finetune
    assert step is not None
    inputs, arguments = arrays(case, step["inputs"])
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.keras.backend.set_session(session)
        layer = hub.KerasLayer(
            case.path, trainable=True, signature=step["signature"], arguments=arguments or None
        )
        model = functional(layer, {key: tf.constant(value) for key, value in inputs.items()})
        # Keras initializes variables by itself, and here in a session that runs before there is a gradient.
        session.run(tf1.tables_initializer())
        model.compile(keras.optimizers.legacy.SGD(step["lr"]), "mse")
        output = model.predict(inputs)
        batch = len(output)
        loss = model.fit(inputs, np.zeros_like(output), batch_size=batch, verbose=0).history["loss"][0]
        after = session.run(dict(layer.resolved_object.variable_map))
    cases.assert_matches(loss, case.value(step["loss"]))
    for variable, key in step["variables_after"].items():
        value = after[variable]
        cases.assert_matches(np.concatenate(value) if isinstance(value, list) else value, case.value(key))


@only_keras_2
def test_a_frozen_layer_predicts_and_its_model_is_saved(tmp_path: pathlib.Path) -> None:
    path = export(affine(2.0, 1.0), tmp_path / "m")
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.keras.backend.set_session(session)
        first, second = (hub.KerasLayer(path, name=name, input_shape=[]) for name in ("first", "second"))
        model = keras.Sequential([first, second])
        assert [len(layer.weights) for layer in model.layers] == [2, 2]
        assert model.trainable_weights == []
        assert model.predict(np.array([3.0], np.float32)) == [15.0]
        session.run(second.weights[0].assign(10.0))
        model.save(tmp_path / "model.h5")
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.keras.backend.set_session(session)
        restored = keras.models.load_model(tmp_path / "model.h5")
        assert restored.predict(np.array([3.0], np.float32)) == [71.0]


@only_keras_2
def test_a_choice_of_variables_is_trained_and_kept_in_the_config(tmp_path: pathlib.Path) -> None:
    path = export(affine(2.0, 1.0), tmp_path / "m")
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.keras.backend.set_session(session)
        hub.KerasLayer(path)  # so that the variables of the next one have other names in the graph
        layer = hub.KerasLayer(path, trainable=["a"])
        assert [variable.name for variable in layer.trainable_weights] == ["a_1:0"]
        config = layer.get_config()
        assert config["trainable_variables"] == ["a"]
        again = hub.KerasLayer.from_config(config)
        assert [variable.name for variable in again.trainable_weights] == ["a_2:0"]


_PROGRAM = """
import sys
import numpy as np, tensorflow as tf, tf1hub as hub
tf1, keras = tf.compat.v1, tf.keras
getattr(tf1, sys.argv[2])()
layer = hub.KerasLayer(sys.argv[1], trainable=True)
model = keras.Sequential([layer])
model.compile(keras.optimizers.legacy.SGD(0.1), "mse")
x = np.ones([4, 1], np.float32)
before = model.predict(x)
model.fit(x, 0 * x, batch_size=4, verbose=0)
print(before[0], [float(value) for value in tf1.keras.backend.get_session().run(layer.weights)])
"""


@only_keras_2
@pytest.mark.parametrize("switch", ["disable_eager_execution", "disable_v2_behavior"])
def test_programs_with_eager_execution_off_train(switch: str) -> None:
    # a x + b on ones: a and b, which start at 0.5 and 2, each lose 0.1 * 2 * 2.5.
    assert printed_on_tensorflow(_PROGRAM, cases.load("half_plus_two").path, switch) == "[2.5] [0.0, 1.5]\n"


def test_a_layer_is_called_and_trained_without_a_model(tmp_path: pathlib.Path) -> None:
    path = export(affine(2.0, 1.0), tmp_path / "m")
    with tf.Graph().as_default(), tf1.Session() as session:
        layer = hub.KerasLayer(path, trainable=True)
        y = layer(tf.constant([3.0]))
        loss = tf.reduce_sum(y) + tf.add_n(layer.losses)
        module = layer.resolved_object
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=module.trainable_variables)
        initialize(session)
        assert session.run(loss) == 9.0
        session.run(step)
        np.testing.assert_allclose(session.run(y), [3 * (2 - 0.1 * 5) + 1], rtol=1e-6)
