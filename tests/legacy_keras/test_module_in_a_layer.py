"""A hub.Module made in the `build` of a Keras layer, as the copied BERT and ELMo layers do, under Keras's optimizers."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export, tf1

import tf1hub as hub

keras = tf1.keras

# Keras 2 says so itself, in a graph, whenever a model predicts.
pytestmark = pytest.mark.filterwarnings("ignore:`Model.state_updates` will be removed")

WORDS = np.random.RandomState(1).uniform(-1, 1, (10, 4)).astype(np.float32)
POOLER = np.random.RandomState(2).uniform(-1, 1, (4, 3)).astype(np.float32)
IDS = np.random.RandomState(3).randint(0, 10, (8, 5))
LABELS = (IDS[:, :1] > 4).astype(np.float32)


def pooled(ids: Any) -> Any:
    words = tf1.get_variable("bert/embeddings", initializer=WORDS, use_resource=True)
    pooler = tf1.get_variable("bert/pooler", initializer=POOLER, use_resource=True)
    tf1.get_variable("cls/unused", [2], use_resource=True)
    hidden = tf.reduce_mean(tf.nn.embedding_lookup(words, ids), axis=1)
    return tf.tanh(tf.matmul(hidden, pooler))


def module_fn() -> None:
    ids = tf1.placeholder(tf.int32, [None, None])
    hub.add_signature("tokens", {"input_ids": ids}, {"pooled_output": pooled(ids)})


class BertLayer(keras.layers.Layer):
    """With the lists of weights filled by hand."""

    def __init__(self, path: str, **kwargs: Any) -> None:
        self.path = path
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        self.bert = hub.Module(self.path, trainable=self.trainable, name=f"{self.name}_module")
        self._trainable_weights.extend(
            variable for variable in self.bert.variables if "/cls/" not in variable.name
        )
        for variable in self.bert.variables:
            if not any(variable is weight for weight in self._trainable_weights):
                self._non_trainable_weights.append(variable)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        ids = keras.backend.cast(inputs, dtype="int32")
        return self.bert({"input_ids": ids}, signature="tokens", as_dict=True)["pooled_output"]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], 3)


class ElmoLayer(BertLayer):
    """With the weights found by their scope."""

    def build(self, input_shape: Any) -> None:
        self.bert = hub.Module(self.path, trainable=self.trainable, name=f"{self.name}_module")
        scope = f"^{self.name}_module/.*"
        self._trainable_weights += [
            variable for variable in tf1.trainable_variables(scope=scope) if "/cls/" not in variable.name
        ]
        keras.layers.Layer.build(self, input_shape)


class PlainLayer(BertLayer):
    """The same model without a module."""

    def build(self, input_shape: Any) -> None:
        keras.layers.Layer.build(self, input_shape)

    def call(self, inputs: Any) -> Any:
        with tf1.variable_scope("plain"):
            result = pooled(keras.backend.cast(inputs, dtype="int32"))
        self._trainable_weights += [
            variable for variable in tf1.trainable_variables("plain") if "/cls/" not in variable.name
        ]
        return result


def trained(make_layer: Callable[[], Any], optimizer: Any) -> list[Any]:
    with tf.Graph().as_default(), tf1.Session() as session:
        keras.backend.set_session(session)
        inputs = keras.layers.Input((5,), dtype="int32")
        layer = make_layer()
        ones = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")
        model = keras.Model(inputs, ones(layer(inputs)))
        model.compile(loss="binary_crossentropy", optimizer=optimizer())
        assert len(model.trainable_weights) == 4
        session.run(tf1.global_variables_initializer())
        history = model.fit(IDS, LABELS, epochs=3, batch_size=4, shuffle=False, verbose=0)
        weights = {weight.op.name.rpartition("/")[2]: weight for weight in layer.trainable_weights}
        values = session.run(weights)
        predicted = model.predict(IDS)
        # What `save_weights` wrote comes back.
        before = model.get_weights()
        model.set_weights([np.zeros_like(value) for value in before])
        model.set_weights(before)
        np.testing.assert_array_equal(model.predict(IDS), predicted)
        return [history.history["loss"], predicted, values["embeddings"], values["pooler"]]


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.1),
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.1, centered=True, momentum=0.5),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adadelta": lambda: keras.optimizers.Adadelta(10.0),
    "adamax": lambda: keras.optimizers.Adamax(0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.1),
    "ftrl": lambda: keras.optimizers.Ftrl(0.1),
    "v1_adam": lambda: tf1.train.AdamOptimizer(0.1),
}


@pytest.mark.parametrize(
    ("layer_class", "name"), [*((BertLayer, name) for name in OPTIMIZERS), (ElmoLayer, "adam")]
)
def test_the_copied_layers_train_as_a_layer_of_plain_variables(
    tmp_path: pathlib.Path, layer_class: Any, name: str
) -> None:
    path = export(module_fn, tmp_path / "m")
    of_module = trained(lambda: layer_class(path), OPTIMIZERS[name])
    of_plain = trained(lambda: PlainLayer(path), OPTIMIZERS[name])
    for found, expected in zip(of_module, of_plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(of_module[3] - POOLER).max() > 1e-3


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_minimize_takes_a_function_for_the_loss(name: str) -> None:
    def minimized(make: Callable[[], Callable[[Any], Any]]) -> Any:
        with tf.Graph().as_default(), tf1.Session() as session:
            keras.backend.set_session(session)
            apply = make()
            variables = [v for v in tf1.trainable_variables() if "/cls/" not in v.name]
            step = OPTIMIZERS[name]().minimize(lambda: tf.reduce_sum(apply(IDS) ** 2), variables)
            session.run(tf1.global_variables_initializer())
            session.run(step)
            return session.run(variables)

    def module() -> Callable[[Any], Any]:
        made = hub.Module(hub.create_module_spec(module_fn), trainable=True)
        return lambda ids: made({"input_ids": ids}, signature="tokens", as_dict=True)["pooled_output"]

    def plain() -> Callable[[Any], Any]:
        with tf1.variable_scope("plain"):
            pooled(IDS)

        def apply(ids: Any) -> Any:
            with tf1.variable_scope("plain", reuse=True):
                return pooled(ids)

        return apply

    for found, expected, start in zip(minimized(module), minimized(plain), (WORDS, POOLER), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        assert np.abs(found - start).max() > 1e-3
