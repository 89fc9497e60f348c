"""Golden modules as Keras models, in whichever Keras TensorFlow uses."""

from __future__ import annotations

import inspect
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
from golden import cases

import tf1hub as hub

keras = tf.keras
IS_KERAS_3 = hasattr(keras, "KerasTensor")
# The tests ask only what Keras 3 could do when; its predecessor counts as 2.
KERAS_VERSION = tuple(map(int, keras.version().split(".")[:2])) if IS_KERAS_3 else (2,)


def tensors(case: cases.Case, keys: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The inputs of a call for a model, and those that have no batch size: constants of the layer."""
    inputs: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    for name, value in case.values(keys).items():
        if isinstance(value, dict):
            inputs[name] = tf.SparseTensor(**value)
        elif value.ndim == 0:
            arguments[name] = value.item()
        else:
            inputs[name] = tf.constant(value)
    return (next(iter(inputs.values())) if len(inputs) == 1 else inputs), arguments


def keras_input(value: Any, name: str | None = None) -> Any:
    """A symbolic input for values like this one."""
    if isinstance(value, dict):
        return {name: keras_input(item, name) for name, item in value.items()}
    sparse = isinstance(value, tf.SparseTensor)
    return keras.Input(value.shape[1:], dtype=value.dtype.name, sparse=sparse, name=name)


def functional(layer: Any, inputs: Any) -> Any:
    """A functional model of nothing but a layer."""
    symbolic = keras_input(inputs)
    return keras.Model(symbolic, layer(symbolic))


def fit_one_step(case: cases.Case, handle: str) -> tuple[Any, Any, float]:
    """The model after the golden step of fine-tuning, its inputs, and the loss that `fit` reported.

    Args:
        case: of the module.
        handle: of the module, or of what it was converted to.
    """
    step = case.finetune
    assert step is not None
    inputs, arguments = tensors(case, step["inputs"])
    layer = hub.KerasLayer(handle, trainable=True, signature=step["signature"], arguments=arguments or None)
    model = functional(layer, inputs)
    # The mean square of the output is the mean square error of what should be zero.
    model.compile(keras.optimizers.SGD(step["lr"]), "mse")
    examples = int(tf.nest.flatten(inputs)[0].shape[0])
    targets = np.zeros([examples, *model.output_shape[1:]], np.float32)
    # Keras 3.0 takes sparse tensors in no other way.
    batch = tf.data.Dataset.from_tensors((inputs, targets))
    history = model.fit(batch, shuffle=False, verbose=0)
    return model, inputs, history.history["loss"][0]


def weights_by_name(layer: Any) -> dict[str, np.ndarray]:
    """The values of a layer's weights, by the names that the module has for them."""
    variables = layer.resolved_object.variables
    return {variable.name.removesuffix(":0"): variable.numpy() for variable in variables}


def assert_trained_like_the_original(case: cases.Case, layer: Any) -> None:
    """Compares all variables with those of the original after its step."""
    assert case.finetune is not None
    after = weights_by_name(layer)
    for name, key in case.finetune["variables_after"].items():
        names = [name] if name in after else sorted(n for n in after if n.startswith(f"{name}/part_"))
        cases.assert_matches(
            np.concatenate([np.atleast_1d(after[n]) for n in names]).reshape(case.value(key).shape),
            case.value(key),
        )


def export_quietly(model: Any, path: pathlib.Path) -> None:
    """Exports a model; Keras 3.6 and later can be told not to print all about it."""
    told = "verbose" in inspect.signature(model.export).parameters
    model.export(str(path), **({"verbose": False} if told else {}))
