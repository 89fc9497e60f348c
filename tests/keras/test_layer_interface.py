"""What `KerasLayer` takes and gives: signatures, inputs, outputs, shapes, dtypes, and what it refuses."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from golden_models import IS_KERAS_3, KERAS_VERSION, keras

import tf1hub as hub
from tf1hub import errors

X = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], np.float32)
HIDDEN = np.array([[6.0, 6.0], [6.0, 6.0]])
# Whether a Sequential model is built without an Input or data, from its first layer's shape alone.
ASKS_THE_FIRST_LAYER = KERAS_VERSION >= (3, 5)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return keras_modules.export(keras_modules.normalized(), tmp_path_factory.mktemp("keras") / "module")


@pytest.fixture(scope="module")
def reusable(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A TF2 SavedModel as publishers of reusable ones write it."""

    class Reusable(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = tf.Variable(3.0, name="scale")
            self.calls = tf.Variable(0.0, trainable=False, name="calls")
            self.regularization_losses = [self.loss]

        @tf.function(input_signature=[])
        def loss(self) -> tf.Tensor:
            return self.scale * self.scale

        @tf.function
        def __call__(self, x: tf.Tensor, training: bool = False, power: float = 1.0) -> tf.Tensor:
            if training:
                self.calls.assign_add(1.0)
            return {"out": self.scale * tf.pow(x, power), "pooled": tf.reduce_sum(x, -1)}

    module = Reusable()
    spec = tf.TensorSpec([None, 3], tf.float32)
    for training in (False, True):
        for power in (1.0, 2.0):
            module.__call__.get_concrete_function(spec, training=training, power=power)
    serve = tf.function(lambda x: {"out": module.scale * x, "twice": 2.0 * x}, input_signature=[spec])
    path = tmp_path_factory.mktemp("keras") / "reusable"
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve.get_concrete_function()})
    return str(path)


@pytest.fixture(scope="module")
def signatures_only(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SavedModel as TensorFlow 1 wrote it."""
    path = str(tmp_path_factory.mktemp("keras") / "v1")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 3])
        y = x * tf.compat.v1.get_variable("scale", initializer=3.0)
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(path)
        signature = tf.compat.v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    return path


def test_which_signature_and_which_output(path: str) -> None:
    np.testing.assert_array_equal(hub.KerasLayer(path)(X), HIDDEN)
    every = hub.KerasLayer(path, signature_outputs_as_dict=True)(X)
    assert sorted(every) == ["default", "hidden"]
    layer = hub.KerasLayer(path, signature="named", output_key="two")
    np.testing.assert_array_equal(layer({"features": X}), HIDDEN)
    np.testing.assert_array_equal(layer(X), HIDDEN)


def refusal(kind: type[Exception], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(kind) as caught:
        hub.KerasLayer(*args, **kwargs)
    assert isinstance(caught.value, errors.Error)
    return str(caught.value)


def test_unknown_names_list_those_that_there_are(path: str) -> None:
    assert refusal(errors.UnknownSignatureError, path, signature="fruit") == (
        f"No signature 'fruit' in variant {{}} of {path}. It has: default, named."
    )
    assert refusal(errors.UnknownTagsError, path, tags={"tpu"}) == (
        f"No graph variant with tags {{'tpu'}} in {path}. It has: {{}}, {{'train'}}. "
        "Leave tags out, or write tags={'train'}."
    )
    assert refusal(errors.UnknownNameError, path, output_key="logits") == (
        f"No output 'logits' in the signature 'default' of variant {{}} of {path}. It has: default, hidden."
    )
    assert refusal(errors.UnknownNameError, path, signature="named") == (
        f"No output 'default' in the signature 'named' of variant {{}} of {path}. It has: one, two. Choose one with "
        "output_key=..., or all with signature_outputs_as_dict=True."
    )
    assert refusal(errors.LayerError, path, arguments={"scale": 1}) == (
        f"arguments= has 'scale', and the inputs of the signature 'default' of variant {{}} of {path} are "
        "'default': float32 [?, 3]."
    )


def test_settings_that_do_not_go_together(path: str, reusable: str, signatures_only: str) -> None:
    assert refusal(ValueError, path, signature_outputs_as_dict=True, output_key="hidden") == (
        "signature_outputs_as_dict=True returns all outputs and output_key='hidden' one of them. "
        "Give one of the two."
    )
    assert refusal(ValueError, signatures_only, trainable=True, signature="serving_default") == (
        "trainable=True does not go with signature='serving_default': the signatures of a SavedModel are for "
        f"inference. {signatures_only} has nothing else. Make a module of it: tf1hub.KerasLayer("
        f"tf1hub.create_module_spec_from_saved_model({signatures_only!r}), tags={{'serve'}}, "
        "signature='serving_default', trainable=True); or use it frozen: trainable=False."
    )
    assert refusal(ValueError, reusable, trainable=True, signature="serving_default") == (
        "trainable=True does not go with signature='serving_default': the signatures of a SavedModel are for "
        f"inference. Leave signature= out: {reusable} can be called, and trained so."
    )
    assert refusal(ValueError, path, load_options={"a": 1}) == (
        "load_options= is a tf.saved_model.LoadOptions, or None; it was given {'a': 1}."
    )
    with tf.Graph().as_default():
        module = hub.Module(path)
    assert refusal(errors.HandleError, module) == (
        "tf1hub.KerasLayer was given a tf1hub.Module, which is a part of its tf.Graph. Give the handle that the "
        "Module was made from; or what module.export(path, session) wrote, with the values of the session."
    )
    assert refusal(ValueError, reusable, signature_outputs_as_dict=True) == (
        f"signature_outputs_as_dict=True is for a signature, and none is chosen of {reusable}, which returns what it "
        "returns. Leave it out, or choose one with signature=..."
    )
    assert refusal(ValueError, path, False, None, "default") == (
        "Give what follows arguments= by keyword: KerasLayer(handle, signature=..., output_key=...)."
    )
    assert refusal(ValueError, hub.load(path), tags={"train"}) == (
        "tags= and load_options= are for loading, and tf1hub.KerasLayer was given an object that is loaded. "
        "Pass them to tf1hub.load."
    )


def test_object_is_not_callable_says_which_signatures_there_are(signatures_only: str) -> None:
    assert refusal(ValueError, signatures_only) == (
        f"{signatures_only} cannot be called; it has signatures only: serving_default. Choose one with "
        "signature=..., and output_key=... or signature_outputs_as_dict=True."
    )
    assert refusal(TypeError, 3) == (
        "A module is named by a handle (a string) or a ModuleSpec, not by 3. tf1hub.KerasLayer also takes what can be "
        "called, such as tf1hub.load(handle) gives."
    )


def test_a_saved_model_of_signatures_only_is_a_frozen_layer(signatures_only: str) -> None:
    layer = hub.KerasLayer(signatures_only, signature="serving_default")
    np.testing.assert_array_equal(layer(X), 3 * X)
    np.testing.assert_array_equal(layer({"x": X.astype(np.float64)}), 3 * X)
    layer.trainable = True
    assert (len(layer.weights), layer.trainable_weights) == (1, [])
    with pytest.raises(errors.InputError, match="takes a dict with the inputs x; it was given y"):
        layer({"y": X})
    message = refusal(errors.UnknownSignatureError, signatures_only, signature="fruit")
    assert message == f"No signature 'fruit' in {signatures_only}. It has: serving_default."


def test_a_reusable_saved_model_trains_with_its_losses_and_is_told_of_training(reusable: str) -> None:
    layer = hub.KerasLayer(reusable, trainable=True, output_key="out")
    model = keras.Sequential([keras.Input([3]), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    loss = model.fit(X, X, batch_size=2, verbose=0).history["loss"]
    np.testing.assert_allclose(loss, [np.mean((2 * X) ** 2) + 9], rtol=1e-5)
    scale, calls = layer.resolved_object.scale, layer.resolved_object.calls
    np.testing.assert_allclose(scale.numpy(), 3 - 0.1 * (2 * 3 + 2 * np.mean(2 * X * X)), rtol=1e-5)
    assert calls.numpy() == 1
    layer.trainable = False
    layer(X, training=True)
    assert calls.numpy() == 1


def test_arguments_are_passed_on(reusable: str, tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(reusable, arguments={"power": 2.0}, output_key="out")
    np.testing.assert_allclose(layer(X), 3 * X**2, rtol=1e-6)
    path = keras_modules.export(keras_modules.scaled(), tmp_path / "scaled")
    scaled = hub.KerasLayer(path, arguments={"scale": 2.0})
    np.testing.assert_array_equal(scaled([[1.0, 2.0]]), [[2.0, 4.0]])


def test_any_callable_is_a_layer() -> None:
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    layer = hub.KerasLayer(lambda x: x * 2.0)
    np.testing.assert_array_equal(layer(X), 2 * X)

    class Twice(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(2.0)

        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return x * self.weight

    layer = hub.KerasLayer(Twice(), trainable=True)
    np.testing.assert_array_equal(layer(X), 2 * X)
    assert len(layer.trainable_weights) == 1


def test_symbolic_outputs_have_the_signatures_shapes(path: str) -> None:
    layer = hub.KerasLayer(path, signature_outputs_as_dict=True)
    outputs = layer(keras.Input([3]))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "default": (None, 2),
        "hidden": (None, 2),
    }
    assert tuple(hub.KerasLayer(path).compute_output_shape((8, 3))) in ((8, 2), (None, 2))
    image = hub.KerasLayer(cases.load("image").path, signature="image_feature_vector")
    assert tuple(image(keras.Input([16, 16, 3])).shape) == (None, 16)
    assert tuple(image.compute_output_shape((None, 16, 16, 3))) == (None, 16)


@pytest.fixture(scope="module")
def converted(path: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The module as a SavedModel of TensorFlow 2."""
    return hub.convert(path, tmp_path_factory.mktemp("keras") / "converted").path


@pytest.mark.parametrize(
    "choice",
    [
        {"output_key": "hidden"},
        {"signature": "default", "output_key": "hidden"},
        # As a SavedModel is called that one knows no more about.
        {"arguments": {"signature": "default", "as_dict": True}, "output_key": "hidden"},
    ],
)
def test_a_converted_module_is_the_layer_that_the_module_is(
    choice: dict[str, Any], path: str, converted: str
) -> None:
    layer = hub.KerasLayer(converted, trainable=True, **choice)
    np.testing.assert_allclose(layer(X), HIDDEN)
    assert tuple(layer(keras.Input([3])).shape) == (None, 2)
    module = hub.KerasLayer(path, trainable=True, output_key="hidden")
    np.testing.assert_array_equal(layer(X, training=True), module(X, training=True))
    assert [weight.shape for weight in layer.trainable_weights] == [
        weight.shape for weight in module.trainable_weights
    ]
    outputs = hub.KerasLayer(converted, arguments={"as_dict": True})(X)
    assert sorted(outputs) == sorted(hub.KerasLayer(converted, signature_outputs_as_dict=True)(X))
    with pytest.raises(errors.InputError, match=r"is float32 \[\?, 3\]; it was given float32 \[2, 4\]"):
        layer(np.ones([2, 4], np.float32))


def test_a_converted_module_trains_what_the_signature_reads(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "image")
    module = hub.load(cases.load("image").path)
    tf.saved_model.save(module, path)
    for signature, trained in (("default", 6), ("image_classification", 8)):
        assert len(hub.KerasLayer(path, True, signature=signature).trainable_weights) == trained
        assert len(hub.KerasLayer(module, True, signature=signature).trainable_weights) == trained
    layer = hub.KerasLayer(path, trainable=["block0/conv2d"])
    assert [weight.shape for weight in layer.trainable_weights] == [(3, 3, 3, 8)]


def test_numbers_among_the_arguments_of_a_converted_module_are_inputs(tmp_path: pathlib.Path) -> None:
    module = hub.load(keras_modules.export(keras_modules.scaled(), tmp_path / "scaled"))
    tf.saved_model.save(module, str(tmp_path / "saved"))
    layer = hub.KerasLayer(str(tmp_path / "saved"), arguments={"scale": 2})
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[2.0, 4.0]])


def test_a_signature_for_inference_only_is_not_run_in_training(tmp_path: pathlib.Path) -> None:
    def module_fn(training: bool) -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None, 2])
        weight = tf.compat.v1.get_variable("weight", initializer=3.0)
        hub.add_signature(inputs=x, outputs=x * weight)
        if not training:
            hub.add_signature("plain", inputs=x, outputs=x + weight)

    spec = hub.create_module_spec(module_fn, [(set(), {"training": False}), ({"train"}, {"training": True})])
    saved = str(tmp_path / "saved")
    tf.saved_model.save(hub.load(spec), saved)
    layer = hub.KerasLayer(saved, trainable=True, signature="plain")
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[4.0, 5.0]])
    assert layer.trainable_weights == []
    with pytest.raises(errors.UnknownSignatureError) as caught:
        layer([[1.0, 2.0]], training=True)
    # Keras may say around it what it called.
    sentence = f"The signature 'plain' of {saved} is for inference only. In training there are: default."
    assert sentence in str(caught.value)


def test_a_module_that_was_converted_without_its_training_variant_trains_the_one_for_inference(
    tmp_path: pathlib.Path,
) -> None:
    def module_fn(training: bool) -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        w = tf.compat.v1.get_variable("w", initializer=3.0)
        y = tf.numpy_function(np.square, [x], tf.float32) if training else w * x
        hub.add_signature(inputs=x, outputs=y)

    spec = hub.create_module_spec(module_fn, [(set(), {"training": False}), ({"train"}, {"training": True})])
    saved = str(tmp_path / "saved")
    tf.saved_model.save(hub.load(spec, tags=[]), saved)
    layer = hub.KerasLayer(saved, trainable=True)
    assert layer([1.0, 2.0], training=True).numpy().tolist() == [3.0, 6.0]
    assert len(layer.trainable_weights) == 1


def test_unknown_names_of_a_converted_module_list_those_that_there_are(converted: str) -> None:
    assert refusal(errors.UnknownSignatureError, converted, signature="fruit") == (
        f"No signature 'fruit' in {converted}. It has: default, named, serving_default."
    )
    assert refusal(errors.UnknownSignatureError, converted, trainable=True, signature="fruit") == (
        f"No signature 'fruit' in {converted}. It has: default, named, serving_default."
    )
    assert refusal(errors.UnknownNameError, converted, output_key="fruit") == (
        f"No output 'fruit' in the signature 'default' of {converted}. It has: default, hidden."
    )
    assert refusal(ValueError, converted, arguments={"fruit": 1}) == (
        f"arguments= has 'fruit', and the inputs of the signature 'default' of {converted} are "
        "'default': float32 [?, 3]."
    )
    assert refusal(ValueError, converted, True, signature="serving_default") == (
        "trainable=True does not go with signature='serving_default': the signatures of a SavedModel are for "
        "inference. This one was made of a TF1 module, and is trained by these: default, named."
    )
    served = hub.KerasLayer(converted, signature="serving_default", output_key="hidden")
    np.testing.assert_allclose(served(X), HIDDEN)


@pytest.mark.parametrize("shape", [2, np.int64(2), [2], (2,), tf.TensorShape([2])])
def test_an_output_shape_is_written_in_any_way(shape: Any, path: str) -> None:
    layer = hub.KerasLayer(path, output_shape=shape)
    config = json.loads(json.dumps(layer.get_config()))
    assert tuple(hub.KerasLayer.from_config(config)(X).shape) == (2, 2)


def test_numpys_scalars_are_arguments_that_a_config_knows(tmp_path: pathlib.Path) -> None:
    scaled = keras_modules.export(keras_modules.scaled(), tmp_path / "scaled")
    inputs = np.ones((3, 2), np.float32)
    layer = hub.KerasLayer(scaled, arguments={"scale": np.float32(3.0)})
    again = hub.KerasLayer.from_config(layer.get_config())
    np.testing.assert_array_equal(again({"x": inputs}), 3.0 * inputs)


def test_an_output_shape_stands_in_for_one_that_is_not_known() -> None:
    def open_shape(x: tf.Tensor) -> tf.Tensor:
        return tf.py_function(lambda value: value, [x], tf.float32)

    layer = hub.KerasLayer(open_shape, output_shape=[3])
    assert tuple(layer(keras.Input([3])).shape) == (None, 3)
    np.testing.assert_array_equal(layer(X), X)
    wrong = hub.KerasLayer(lambda x: x, output_shape=[4])
    with pytest.raises(errors.LayerError) as caught:
        wrong(X)
    assert "output_shape= is [?, 4], and the output has the shape [2, 3]." in str(caught.value)
    if IS_KERAS_3:
        with pytest.raises(errors.LayerError, match="does not tell the number of dimensions of its output"):
            hub.KerasLayer(open_shape)(keras.Input([3]))


def test_inputs_of_other_precision_are_cast_and_others_refused(path: str) -> None:
    layer = hub.KerasLayer(path)
    for dtype in (np.float64, np.float16, np.int32, np.uint8):
        np.testing.assert_array_equal(layer(X.astype(dtype)), HIDDEN)
    np.testing.assert_array_equal(layer([[1, 2, 3], [3, 2, 1]]), HIDDEN)
    with pytest.raises(errors.InputError, match="it was given string"):
        layer(tf.constant([["a", "b", "c"]]))
    with pytest.raises(errors.InputError, match=r"is float32 \[\?, 3\]; it was given float32 \[2, 4\]"):
        layer(np.ones((2, 4), np.float32))


def test_mixed_precision_around_a_module_leaves_it_in_float32(path: str) -> None:
    before = keras.mixed_precision.dtype_policy() if IS_KERAS_3 else keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = hub.KerasLayer(path, trainable=True)
        model = keras.Sequential([keras.Input([3]), layer, keras.layers.Dense(2)])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        model.fit(X, HIDDEN, verbose=0)
        assert layer(tf.cast(X, tf.float16)).dtype == tf.float32
        assert {v.dtype for v in layer.resolved_object.variables} == {tf.float32}
        assert model(X).dtype == tf.float16
    finally:
        keras.mixed_precision.set_global_policy(before)


def test_texts_go_in_as_they_are(tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(keras_modules.text(tmp_path / "words"), trainable=True)
    np.testing.assert_array_equal(layer(["dog", "cat"]), [[2, 3], [0, 1]])
    np.testing.assert_array_equal(layer(np.array(["dog", "cat"])), [[2, 3], [0, 1]])
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(tf.constant(["dog", "cat", "bird"]), np.ones(3), verbose=0)
    assert model.predict(tf.constant(["dog"]), verbose=0).shape == (1, 1)


def test_the_originals_way_to_write_a_text_classifier(tmp_path: pathlib.Path) -> None:
    path = keras_modules.export(keras_modules.text(tmp_path / "words"), tmp_path / "module")
    layer = hub.KerasLayer(path, input_shape=[], dtype=tf.string, trainable=True)
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    if not IS_KERAS_3 or ASKS_THE_FIRST_LAYER:
        assert tuple(model.output_shape) == (None, 1)
    model.compile("adam", "mse")
    model.fit(tf.constant(["dog", "cat", "bird"]), np.ones(3), verbose=0)
    assert tuple(model.output_shape) == (None, 1)


def test_a_sequential_model_is_built_from_the_signature_alone(path: str) -> None:
    model = keras.Sequential([hub.KerasLayer(path), keras.layers.Dense(4)])
    if ASKS_THE_FIRST_LAYER:
        assert model.output_shape == (None, 4)
    assert model(X).shape == (2, 4)


def test_sparse_and_ragged_tensors() -> None:
    case = cases.load("sparse_io")
    call = case.calls[0]
    value = tf.SparseTensor(**case.value(call["inputs"]["default"]))
    layer = hub.KerasLayer(case.path, signature_outputs_as_dict=True)
    for output, expected in case.values(call["outputs"]).items():
        cases.assert_matches(layer(value)[output], expected)

    def ragged() -> None:
        values = tf.compat.v1.ragged.placeholder(tf.float32, 1)
        hub.add_signature(inputs=values, outputs=tf.reduce_sum(values, 1))

    layer = hub.KerasLayer(hub.create_module_spec(ragged))
    np.testing.assert_array_equal(layer(tf.ragged.constant([[1.0, 2.0], [3.0]])), [3, 3])


def test_a_loaded_module_is_a_handle_and_shares_its_variables(path: str) -> None:
    module = hub.load(path)
    layer = hub.KerasLayer(module, trainable=True)
    module.variables[0].assign(np.zeros((3, 2)))
    np.testing.assert_array_equal(layer(X), np.zeros((2, 2)))
    assert layer.resolved_object is module


def test_threads_may_call_one_layer(path: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    layer = hub.KerasLayer(path)
    model = keras.Sequential([keras.Input([3]), layer])
    model(X)
    with ThreadPoolExecutor(16) as pool:
        for result in pool.map(lambda _: model(X).numpy(), range(32)):
            np.testing.assert_array_equal(result, HIDDEN)


def test_a_dropped_layer_is_freed(path: str) -> None:
    import gc
    import weakref

    layer = hub.KerasLayer(path, trainable=True)
    layer(X)
    kept = weakref.ref(layer.resolved_object.variables[0])
    del layer
    keras.backend.clear_session()
    gc.collect()
    assert kept() is None


def test_a_trainable_layer_without_weights_is_logged_once(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def doubled() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None, 3])
        hub.add_signature(inputs=x, outputs=x * 2.0)

    empty = keras_modules.export(hub.create_module_spec(doubled), tmp_path / "m")
    for frozen in (hub.KerasLayer(empty), hub.KerasLayer(path, trainable=True)):
        frozen(X)
    assert not [record for record in caplog.records if record.name == "absl"]
    layer = hub.KerasLayer(empty, trainable=True)
    for _ in range(2):
        layer(X)
    assert [record.getMessage() for record in caplog.records if record.name == "absl"] == [
        f"hub.KerasLayer is trainable but has zero trainable weights. The outputs of {empty} depend on no variable that "
        "can be trained."
    ]


@pytest.mark.parametrize("dtype", [tf.qint8, tf.variant])
def test_an_input_of_a_dtype_that_keras_does_not_have(dtype: tf.DType, tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf.compat.v1.placeholder(dtype, [None] if dtype == tf.qint8 else [])
        y = tf.bitcast(x, tf.int8) if dtype == tf.qint8 else tf.raw_ops.TensorListLength(input_handle=x)
        hub.add_signature(inputs=x, outputs=tf.cast(y, tf.float32))

    path = keras_modules.export(hub.create_module_spec(module_fn), tmp_path / "m")
    if IS_KERAS_3:
        with pytest.raises(errors.LayerError) as caught:
            hub.KerasLayer(path)
        assert str(caught.value) == (
            f"The module takes {dtype.name}, which Keras {keras.version()} does not have, so that no layer can be given it. "
            "Call it as a function: module = tf1hub.load(handle); outputs = module(inputs)"
        )
    numbers = tf.constant([1, 2, 3], tf.int8)
    call = hub.load(path)
    if dtype == tf.qint8:
        np.testing.assert_array_equal(call(tf.bitcast(numbers, tf.qint8)), [1.0, 2.0, 3.0])
    else:
        shape = tf.zeros([0], tf.int32)
        listed = tf.raw_ops.TensorListFromTensor(tensor=numbers, element_shape=shape)
        assert float(call(listed)) == 3.0
