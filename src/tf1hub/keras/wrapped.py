"""The parts of a layer that are the same for every Keras."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.errors import LayerConfigError, LayerError
from tf1hub.keras.callee import Callee
from tf1hub.keras.choice import Choice
from tf1hub.keras.resolving import callee_of, load_object
from tf1hub.keras.shapes import set_shapes, with_batch
from tf1hub.spec.inner_outputs import Outputs
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.permission import Trust
from tf1hub.tf2.variables import Trainable

_NO_WEIGHTS = (
    "hub.KerasLayer is trainable but has zero trainable weights. The outputs of %s depend on no variable that can be "
    "trained."
)


class Wrapped:
    """What a layer wraps. Neither Keras nor TensorFlow looks into it for something to track.

    Args:
        handle: as for `KerasLayer`, and so are all others.
        trainable: which variables are to be trained.
        arguments: further arguments of each call.
        tags: the graph variant.
        signature: the signature to call.
        as_dict: whether to return all outputs of the signature.
        output_key: which output to return.
        output_shape: shapes of the outputs without the batch size.
        load_options: for a SavedModel.
        outputs: tensors to return in place of the signature's outputs.
        trust: what the module may do beyond computing. It is in no config: no file may say that it is trusted.
    """

    def __init__(
        self,
        handle: Any,
        trainable: Trainable,
        arguments: Mapping[str, Any] | None,
        tags: Iterable[str] | None,
        signature: str | None,
        as_dict: bool | None,
        output_key: str | None,
        output_shape: Any,
        load_options: Any,
        outputs: Outputs | None,
        trust: Trust = None,
    ) -> None:
        handle = os.fspath(handle) if isinstance(handle, os.PathLike) else handle
        if isinstance(outputs, Iterable) and not isinstance(outputs, str | Mapping):
            outputs = list(outputs)
        choice = Choice(signature, bool(as_dict), output_key, dict(arguments or {}), outputs)
        self.handle = handle
        self.loaded = load_object(handle, tags, trainable, load_options, trust)
        self.where = _describe(handle, self.loaded)
        self.callee = callee_of(self.loaded, choice, trainable, self.where, self.loaded is handle)
        self.weights: list[Any] = []
        self._told_of_no_weights = False
        self._chosen = None if isinstance(trainable, bool) else _names(self.callee)
        if self._chosen == []:
            raise LayerError(
                f"trainable= chooses no variable of {self.where} that the outputs of this layer depend on. Choose others, "
                "or give trainable=False."
            )
        self._shapes = None if output_shape is None else with_batch(output_shape)
        self._settings = {
            "handle": handle,
            "arguments": _plain(arguments),
            "tags": None if tags is None else sorted(tags),
            "signature": signature,
            "signature_outputs_as_dict": as_dict,
            "output_key": output_key,
            "output_shape": _plain(output_shape),
            "outputs": _plain(outputs),
        }

    @property
    def only_dense_input(self) -> tf.TensorSpec | None:
        """The type of the input, where there is one and it is a tensor of known rank."""
        spec = self.callee.input_specs
        return spec if isinstance(spec, tf.TensorSpec) and spec.shape.rank else None

    def apply(self, inputs: Any, training: Any, dtype: tf.DType) -> Any:
        """The outputs, with all that is known of their shapes.

        Args:
            inputs: tensors.
            training: whether this is a step of training; None for no, a tensor to decide in the graph.
            dtype: of the layer's variables.
        """
        if tf.is_tensor(training):
            fixed = tf.get_static_value(training)
            if fixed is None:
                return tf.cond(
                    training,
                    lambda: self.apply(inputs, True, dtype),
                    lambda: self.apply(inputs, False, dtype),
                )
            training = fixed
        outputs = self.callee(inputs, bool(training), dtype)
        return outputs if self._shapes is None else set_shapes(outputs, self._shapes, "output_shape=")

    def tell_of_no_weights(self) -> None:
        """Logs, once, that training has nothing to train: where and how the original library did."""
        if not self._told_of_no_weights:
            self._told_of_no_weights = True
            logging.getLogger("absl").error(_NO_WEIGHTS, self.where)

    def config(self) -> dict[str, Any]:
        """The arguments that make such a layer again, all of them fit for JSON.

        Raises:
            LayerConfigError: the layer was made from an object, or with arguments that JSON does not know.
        """
        if not isinstance(self.handle, str):
            raise LayerConfigError(
                f"This KerasLayer was made from {self.where}, so that no config can say what to load. Make it from a "
                "handle, a string: tf1hub.KerasLayer(path). A SavedModel is written without one: model.export(path)."
            )
        settings = {name: value for name, value in self._settings.items() if value is not None}
        try:
            json.dumps(settings)
        except TypeError as error:
            raise LayerConfigError(
                f"The config of a KerasLayer is written as JSON, and {settings} cannot be: {error}."
            ) from error
        return settings if self._chosen is None else {**settings, "trainable_variables": self._chosen}

    def save_weights(self, store: Any) -> None:
        """Puts the values of the weights into a mapping, in the order that the module has them."""
        for index, weight in enumerate(self.weights):
            store[str(index)] = weight.numpy()

    def load_weights(self, store: Any) -> None:
        """Takes the values of the weights from a mapping that `save_weights` filled.

        Raises:
            LayerConfigError: these are the weights of another module.
        """
        given = len(store.keys())
        if given != len(self.weights):
            raise LayerConfigError(
                f"{given} weights were saved, and {self.where} has {len(self.weights)}. It is not the module whose "
                "weights these are."
            )
        for index, weight in enumerate(self.weights):
            value = store[str(index)]
            if tuple(value.shape) != tuple(weight.shape):
                raise LayerConfigError(
                    f"The weight {weight.name!r} of {self.where} has the shape {list(weight.shape)}, and the saved one "
                    f"{list(value.shape)}. It is not the module whose weights these are."
                )
        for index, weight in enumerate(self.weights):
            weight.assign(store[str(index)])


def _plain(value: Any) -> Any:
    """A value as JSON knows it, where it stands for such a one."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, tf.TensorShape):
        return value.as_list()
    return value.item() if isinstance(value, np.generic) else value


def _names(callee: Callee) -> list[str]:
    return [callee.name_of(variable) for variable in callee.trainable_variables]


def _describe(handle: Any, loaded: Any) -> str:
    if isinstance(handle, str):
        return handle
    if isinstance(handle, ModuleSpec):
        return handle.name
    name = getattr(loaded, "__name__", None)
    return f"the function {name}" if name else f"an object of the class {type(loaded).__name__}"
