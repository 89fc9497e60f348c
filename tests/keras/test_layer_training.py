"""`KerasLayer` in models of every kind: what trains, and what does not."""

from __future__ import annotations

import pathlib
from typing import Any

import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed_on_tensorflow
from golden import cases
from golden_models import IS_KERAS_3, KERAS_VERSION, keras, weights_by_name

import tf1hub as hub

tf1 = tf.compat.v1

X = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 0.0, 3.0], [2.0, 2.0, 2.0]], np.float32)
Y = np.zeros((4, 2), np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return keras_modules.export(keras_modules.normalized(), tmp_path_factory.mktemp("keras") / "module")


# What the original library had with Keras 2: the losses of a frozen layer are zeros.
FROZEN = [] if IS_KERAS_3 else [0.0]


def losses(model: Any) -> list[float]:
    return [float(loss) for loss in model.losses]


class Subclassed(keras.Model):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.features = layer

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self.features(inputs, training=training)


def sequential(layer: Any) -> Any:
    return keras.Sequential([layer])


def functional(layer: Any) -> Any:
    inputs = keras.Input([3])
    return keras.Model(inputs, layer(inputs))


def trained(model: Any, rate: float = 0.1) -> Any:
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)


@pytest.mark.parametrize("make", [sequential, functional, Subclassed])
def test_a_frozen_layer_keeps_all_weights_and_a_trainable_one_trains_in_every_kind_of_model(
    path: str, make: Any
) -> None:
    for trainable in (False, True):
        layer = hub.KerasLayer(path, trainable=trainable)
        model = make(layer)
        if trainable:
            history = trained(model)
            # The mean square of features whose mean is zero, and half the sum of 6 squared ones.
            hidden = X.sum(1) - X.sum(1).mean()
            np.testing.assert_allclose(history.history["loss"], [np.mean(hidden**2) + 3], rtol=1e-5)
            after = weights_by_name(layer)
            np.testing.assert_allclose(after["norm/moving_mean"], [X.sum(1).mean() * 0.5] * 2, rtol=1e-6)
            assert not np.allclose(after["dense/kernel"], 1)
        else:
            assert layer.trainable_weights == []
            model.compile(keras.optimizers.SGD(0.1), "mse")
            np.testing.assert_allclose(model.predict(X, verbose=0), np.stack([X.sum(1)] * 2, 1))
            # In inference the features are not normalized; and a frozen layer has no losses.
            np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), np.mean(X.sum(1) ** 2), rtol=1e-6)
            np.testing.assert_array_equal(weights_by_name(layer)["norm/moving_mean"], [0, 0])


def test_a_frozen_layer_under_a_classifier_runs_as_in_inference_while_the_classifier_trains(
    path: str,
) -> None:
    layer = hub.KerasLayer(path)
    model = keras.Sequential([keras.Input([3]), layer, keras.layers.Dense(2, kernel_initializer="ones")])
    history = trained(model)
    expected = np.mean((2 * X.sum(1)) ** 2)
    np.testing.assert_allclose(history.history["loss"], [expected], rtol=1e-6)
    after = weights_by_name(layer)
    np.testing.assert_array_equal(after["dense/kernel"], np.ones((3, 2)))
    np.testing.assert_array_equal(after["norm/moving_mean"], [0, 0])
    assert [tuple(w.shape) for w in model.trainable_weights] == [(2, 2), (2,)]


def test_trainable_may_be_changed_after_construction(path: str) -> None:
    layer = hub.KerasLayer(path)
    model = functional(layer)
    assert (model.trainable_weights, losses(model)) == ([], FROZEN)
    layer.trainable = True
    assert len(model.trainable_weights) == 2
    np.testing.assert_allclose(sum(float(loss) for loss in model.losses), 3)
    trained(model)
    assert not np.allclose(weights_by_name(layer)["dense/kernel"], 1)
    before = weights_by_name(layer)
    layer.trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.evaluate(X, Y, verbose=0)
    assert (model.trainable_weights, losses(model)) == ([], FROZEN)
    for name, value in weights_by_name(layer).items():
        np.testing.assert_array_equal(value, before[name])


def test_empty_tags_train_the_graph_for_inference_as_a_module_without_tags_is_trained(
    path: str, tmp_path: pathlib.Path
) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(path, trainable=True)
        loss = tf1.losses.mean_squared_error(Y, module(X)) + tf1.losses.get_regularization_loss()
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(tf1.global_variables_initializer())
        first, _ = session.run([loss, step])
        expected = session.run(module.variable_map)
    layer = hub.KerasLayer(path, tags=[], trainable=True)
    np.testing.assert_allclose(layer(X, training=True), X.sum(1, keepdims=True).repeat(2, 1))
    model = sequential(layer)
    np.testing.assert_allclose(trained(model).history["loss"], [first], rtol=1e-6)
    for name, value in weights_by_name(layer).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(weights_by_name(layer)["norm/moving_mean"], [0, 0])
    again = hub.KerasLayer.from_config(layer.get_config())
    assert again.get_config()["tags"] == []
    np.testing.assert_allclose(again(X, training=True), X.sum(1, keepdims=True).repeat(2, 1))
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.layers[0].resolved_object.variant(training=True).tags == set()
    for one, other in zip(trained(restored).history["loss"], trained(model).history["loss"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_regularization_counts_once_where_a_layer_is_applied_twice(path: str) -> None:
    layer = hub.KerasLayer(path, trainable=True)
    one, two = keras.Input([3]), keras.Input([3])
    model = keras.Model([one, two], keras.layers.Add()([layer(one), layer(two)]))
    model([tf.constant(X), tf.constant(X)], training=True)
    np.testing.assert_allclose(sum(float(loss) for loss in model.losses), 3)


@pytest.mark.parametrize("form", ["module", "saved_model"])
def test_two_layers_over_one_loaded_module_train_it_once(form: str, tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 1])
        w = tf1.get_variable("w", initializer=[[1.0]], regularizer=tf.reduce_sum)
        hub.add_signature(inputs=x, outputs={"default": x @ w, "twice": 2 * (x @ w)})

    module = hub.load(hub.create_module_spec(module_fn))
    if form == "saved_model":
        tf.saved_model.save(module, str(tmp_path / "saved"))
        module = hub.load(str(tmp_path / "saved"))
    layers = [hub.KerasLayer(module), hub.KerasLayer(module, output_key="twice")]
    for layer in layers:
        layer.trainable = True
    inputs = keras.Input([1])
    model = keras.Model(inputs, keras.layers.Add()([layer(inputs) for layer in layers]))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    # Keras 2 asks each layer for its losses, and Keras 3 each weight.
    losses = 1 if IS_KERAS_3 else 2
    np.testing.assert_allclose(module.variables[0].numpy(), [[1 - 0.01 * (2 * 3 * 3 + losses)]], rtol=1e-6)
    assert (len(model.trainable_weights), model.count_params()) == (1, 1)


def test_training_argument_is_told_apart_from_being_trainable(path: str) -> None:
    layer = hub.KerasLayer(path, trainable=True)
    hidden = np.stack([X.sum(1)] * 2, 1)
    np.testing.assert_allclose(layer(X), hidden)
    np.testing.assert_allclose(layer(X, training=False), hidden)
    np.testing.assert_allclose(layer(X, training=True), hidden - hidden.mean(0))
    decided = tf.function(lambda training: layer(X, training=training))
    assert not np.allclose(decided(tf.constant(True)), decided(tf.constant(False)))


def test_i_want_to_train_only_some_layers(path: str) -> None:
    for handle in (hub.load(path), path):
        for chosen in (["norm"], "norm", ["norm/shift"], lambda name: name.startswith("norm/")):
            layer = hub.KerasLayer(handle, trainable=chosen)
            assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(2,)]
            assert len(layer.weights) == 3
    trained(sequential(layer))
    after = weights_by_name(layer)
    np.testing.assert_array_equal(after["dense/kernel"], np.ones((3, 2)))
    with pytest.raises(hub.errors.UnknownNameError) as caught:
        hub.KerasLayer(path, trainable=["blocks"])
    assert str(caught.value) == (
        f"trainable= names 'blocks', which {path} does not have. "
        "Its variables are: dense/kernel, norm/moving_mean, norm/shift."
    )
    with pytest.raises(hub.errors.UnknownNameError) as caught:
        hub.KerasLayer(hub.load(path), trainable=["blocks", "norm"])
    assert str(caught.value) == (
        "trainable= names 'blocks', which an object of the class LoadedModule does not have. "
        "Its trainable variables are: dense/kernel, norm/shift."
    )


def test_a_choice_that_leaves_nothing_to_train_is_refused(path: str) -> None:
    for handle, place in ((path, path), (hub.load(path), "an object of the class LoadedModule")):
        with pytest.raises(hub.errors.LayerError) as caught:
            hub.KerasLayer(handle, trainable=lambda name: name.startswith("logits"))
        assert str(caught.value) == (
            f"trainable= chooses no variable of {place} that the outputs of this layer depend on. Choose others, or give "
            "trainable=False."
        )


def test_a_choice_may_name_what_another_signature_reads(tmp_path: pathlib.Path) -> None:
    module = hub.load(cases.load("image").path)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    for handle in (cases.load("image").path, module, str(tmp_path / "saved")):
        layer = hub.KerasLayer(handle, trainable=["block0/conv2d", "logits"])
        assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(3, 3, 3, 8)]
        with pytest.raises(hub.errors.LayerError, match="that the outputs of this layer depend on"):
            hub.KerasLayer(handle, trainable=["logits"])


def test_variables_that_the_outputs_do_not_need_are_not_trained() -> None:
    layer = hub.KerasLayer(cases.load("image").path, trainable=True, signature="image_feature_vector")
    assert not any("logits" in _name(weight) for weight in layer.trainable_weights)
    assert any("logits" in _name(weight) for weight in layer.weights)


def _name(weight: Any) -> str:
    return getattr(weight, "path", weight.name)


def test_weights_have_the_modules_names_and_are_its_variables(path: str) -> None:
    layer = hub.KerasLayer(path, trainable=True, name="features")
    names = ["dense/kernel", "norm/moving_mean", "norm/shift"]
    prefix, suffix = ("features/", "") if IS_KERAS_3 else ("", ":0")
    assert sorted(_name(weight) for weight in layer.weights) == [prefix + name + suffix for name in names]
    layer.set_weights([value + 1 for value in layer.get_weights()])
    module = layer.resolved_object
    np.testing.assert_array_equal(module.variables[0].numpy(), np.full((3, 2), 2))
    module.variables[0].assign(np.zeros((3, 2)))
    np.testing.assert_array_equal(layer(X), np.ones((4, 2)) - 1)
    assert layer.count_params() == 10


def test_a_variable_of_text_stays_with_the_module(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 3])
        tag = tf1.get_variable("tag", initializer=tf.constant("v1.0"), trainable=False)
        weight = tf1.get_variable("w", initializer=2.0)
        hub.add_signature(inputs=x, outputs={"default": x[:, :2] * weight, "tag": tag})

    handle = keras_modules.export(hub.create_module_spec(module_fn), tmp_path / "module")
    model = sequential(hub.KerasLayer(handle, trainable=True))
    trained(model)
    model.summary(print_fn=lambda *_, **__: None)
    model.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored(X), model(X))
    assert restored.layers[-1].resolved_object(X, as_dict=True)["tag"] == b"v1.0"


def test_the_summary_counts_the_parameters(path: str) -> None:
    lines: list[str] = []
    model = functional(hub.KerasLayer(path, trainable=True))
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert "Total params: 10" in text
    assert "Non-trainable params: 2" in text


def test_optimizers_with_state_train_the_modules_variables(path: str) -> None:
    layer = hub.KerasLayer(path, trainable=True)
    model = sequential(layer)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    # Adam's first steps are as long as its rate.
    assert 0.01 < np.abs(weights_by_name(layer)["dense/kernel"] - 1).max() < 0.05


def test_a_model_is_compiled_with_xla_where_the_user_says_that_the_module_can_be(path: str) -> None:
    layer = hub.KerasLayer(path, trainable=True)
    model = functional(layer)
    if IS_KERAS_3:
        # On GPUs, Keras 3 would otherwise compile what it does not know.
        assert not layer.supports_jit
        layer.supports_jit = True
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    assert model.jit_compile
    loss = model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history["loss"]
    hidden = X.sum(1) - X.sum(1).mean()
    np.testing.assert_allclose(loss, [np.mean(hidden**2) + 3], rtol=1e-5)


_REPLICAS = """
import sys
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import tf1hub as hub

tf1 = tf.compat.v1
keras = tf.keras
path = sys.argv[1]
rng = np.random.default_rng(0)
x = rng.normal(size=(4, 3)).astype("float32")
y = rng.normal(size=(4, 2)).astype("float32")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = hub.KerasLayer(path, trainable=True)
    model = keras.Sequential([keras.Input([3]), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
loss = model.fit(data.with_options(options), verbose=0).history["loss"][0]
# Each replica normalizes by the mean of its own half.
halves = [x[:2].sum(1), x[2:].sum(1)]
outputs = np.concatenate([np.stack([h - h.mean()] * 2, 1) for h in halves])
kernel = np.ones((3, 2)) - 0.1 * (
    np.ones((3, 2)) + sum(
        (part - part.mean(0)).T @ (2 * (out - target) / 8)
        for part, out, target in zip((x[:2], x[2:]), (outputs[:2], outputs[2:]), (y[:2], y[2:]))))
variables = {v.name.removesuffix(":0"): v.numpy() for v in layer.resolved_object.variables}
np.testing.assert_allclose(variables["dense/kernel"], kernel, rtol=1e-4, atol=1e-5)
np.testing.assert_allclose(variables["norm/moving_mean"], [x.sum(1).mean() / 2] * 2, rtol=1e-5)
np.testing.assert_allclose(loss, np.mean((outputs - y) ** 2) + 3, rtol=1e-4)
print("replicas agree")
"""


@pytest.mark.skipif(
    (3, 0) <= KERAS_VERSION < (3, 8), reason="this Keras does not average gradients over replicas"
)
@pytest.mark.parametrize("form", ["module", "saved_model"])
def test_distribution_strategies_train_on_all_replicas(form: str, path: str, tmp_path: pathlib.Path) -> None:
    if form == "saved_model":
        tf.saved_model.save(hub.load(path), str(tmp_path / "saved"))
        path = str(tmp_path / "saved")
    assert printed_on_tensorflow(_REPLICAS, path).endswith("replicas agree\n")


def test_a_trained_module_goes_back_into_the_format(path: str, tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(path, trainable=True)
    trained(sequential(layer))
    layer.resolved_object.export(tmp_path / "tuned")
    again = hub.KerasLayer(str(tmp_path / "tuned"))
    np.testing.assert_array_equal(again(X), hub.load(tmp_path / "tuned")(X))
    for name, value in weights_by_name(layer).items():
        np.testing.assert_array_equal(value, weights_by_name(again)[name])
