"""`KerasLayer(..., outputs=...)`: tensors from inside of a module's graph."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from golden_models import keras, weights_by_name

import tf1hub as hub
from tf1hub.errors import LayerError, UnknownNameError

PATH = cases.load("image").path
FIRST, SECOND = "block0/Relu:0", "block1/Relu:0"
IMAGES = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)


def expected(path: str = PATH) -> list[Any]:
    """What TensorFlow's own loader computes for the two."""
    variant = hub.load_module_spec(path).variant()
    ((feed,),) = [info.tensor_names for info in variant.inputs().values()]
    loaded = tf.saved_model.load(path, tags=[])
    return list(loaded.prune(feed, [FIRST, SECOND])(tf.constant(IMAGES)))


@pytest.mark.parametrize("outputs", [SECOND, [FIRST, SECOND], {"one": FIRST, "two": SECOND}])
def test_outputs_come_in_the_form_that_they_are_asked_for_in(outputs: Any, tmp_path: pathlib.Path) -> None:
    inputs = keras.Input([16, 16, 3])
    layer = hub.KerasLayer(PATH, outputs=outputs)
    model = keras.Model(inputs, layer(inputs))
    one, two = expected()
    form = (
        two
        if isinstance(outputs, str)
        else [one, two]
        if isinstance(outputs, list)
        else {"one": one, "two": two}
    )
    predicted = model.predict(IMAGES, verbose=0)
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), predicted, form
    )
    assert tf.nest.flatten(model.output)[-1].shape[1:] == (4, 4, 16)
    assert layer.get_config()["outputs"] == outputs
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    tf.nest.map_structure(np.testing.assert_array_equal, restored.predict(IMAGES, verbose=0), predicted)
    shape = layer.compute_output_shape((None, 16, 16, 3))
    last = shape if isinstance(outputs, str) else shape[-1] if isinstance(outputs, list) else shape["two"]
    assert tf.TensorShape(last).as_list() == [None, 4, 4, 16]


def test_only_what_the_outputs_depend_on_is_trained(tmp_path: pathlib.Path) -> None:
    layer = hub.KerasLayer(PATH, outputs=FIRST, trainable=True)
    model = keras.Sequential([keras.Input([16, 16, 3]), layer, keras.layers.GlobalAveragePooling2D()])
    before = weights_by_name(layer)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(IMAGES, np.ones([4, 8]), verbose=0)
    after = weights_by_name(layer)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert any(name.startswith("block0/") for name in changed)
    # Of the rest, the regularization losses train kernels, as they do in a graph.
    assert all(
        name.startswith("block0/") or name.endswith("kernel") for name in changed if "moving" not in name
    )
    assert len(layer.trainable_weights) < len(hub.KerasLayer(PATH, trainable=True).trainable_weights)
    layer.resolved_object.export(tmp_path / "tuned")
    np.testing.assert_allclose(layer(IMAGES), expected(str(tmp_path / "tuned"))[0], rtol=1e-4, atol=1e-5)


def test_a_loaded_module_lends_its_variables() -> None:
    module = hub.load(PATH)
    layers = [hub.KerasLayer(module, outputs=FIRST, trainable=True), hub.KerasLayer(module, outputs=SECOND)]
    for layer, reference in zip(layers, expected(), strict=True):
        np.testing.assert_allclose(layer(IMAGES), reference, rtol=1e-4, atol=1e-5)
        assert layer.resolved_object is module


def refusal(kind: type[Exception], *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(kind) as caught:
        hub.KerasLayer(*arguments, **keywords)
    return str(caught.value)


def test_what_does_not_go_together_is_refused(tmp_path: pathlib.Path) -> None:
    for other in ({"output_key": "default"}, {"signature_outputs_as_dict": True}):
        assert refusal(LayerError, PATH, outputs=FIRST, **other) == (
            "outputs= says what is returned, and so do signature_outputs_as_dict= and output_key=. Give one of them."
        )
    assert "Names like it: 'block0/Relu'." in refusal(UnknownNameError, PATH, outputs=["block0/relu"])
    converted = str(tmp_path / "converted")
    hub.convert(PATH, converted)
    assert refusal(LayerError, converted, outputs=[FIRST]) == (
        f"outputs= names tensors of a TF1 module's graph, and {converted} is none. Of a TF1 module, give the handle; where it "
        f"was converted, convert it with these outputs: tf1hub.convert(tf1hub.load(handle).with_outputs({[FIRST]!r}), path)"
    )
    again = str(tmp_path / "again")
    hub.convert(hub.load(PATH).with_outputs([FIRST]), again)
    layer = hub.KerasLayer(again, output_key=FIRST)
    np.testing.assert_allclose(layer(IMAGES), expected()[0], rtol=1e-4, atol=1e-5)
