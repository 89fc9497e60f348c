"""Calls a SavedModel of TensorFlow 2 that `tf1hub.convert` wrote, as programs and serving tools do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.graph.inputs import convert_inputs
from tf1hub.spec.variant import Variant
from tf1hub.tf2.parts import flatten, part_names
from tf1hub.tf2.serving import as_keywords
from tf1hub.tf2.signature_functions import input_types
from tf1hub.tf2.variables import updated_nodes
from tf1hub.trial.expected import Arrays
from tf1hub.trial.original import as_tensorflow_values, failures_told


class SavedModelCalls:
    """A converted module, called in all ways: an `Opened`.

    Args:
        module: what `tf.saved_model.load` made of the conversion.
        training: the variant that runs with `training=True`.
    """

    def __init__(self, module: Any, training: Variant) -> None:
        self._inference = Inference(module)
        self._training = Training(module, updated_nodes([training]))

    def __call__(
        self, variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]
    ) -> list[Arrays]:
        infos = variant.outputs(signature)
        with failures_told(), _unoptimized():
            given = as_tensorflow_values(feeds)
            inputs = convert_inputs(given, variant.inputs(signature), signature, variant.where)
            call = self._training if training else self._inference
            return [
                {name: [outputs[part].numpy() for part in part_names(name, infos)] for name in infos}
                for outputs in call(variant, signature, inputs)
            ]


@contextlib.contextmanager
def _unoptimized() -> Iterator[None]:
    """Runs functions without optimizing them; optimizing one takes far longer than running it a few times."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


class Inference:
    """The converted module as programs and as serving tools call it."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._calls = _Calls(module, training=False)

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs in both ways, as dense tensors."""
        called = self._calls(variant, signature, inputs)
        keywords = as_keywords(flatten(inputs, variant.inputs(signature)))
        return [called, self._module.signatures[signature](**keywords)]


class Training:
    """The converted module as training programs call it.

    Args:
        module: the converted module.
        updated: names of variables that the calls write.
    """

    def __init__(self, module: Any, updated: set[str]) -> None:
        self._calls = _Calls(module, training=True)
        # Each call starts from the statistics that the original has.
        written = [variable for variable in module.variables if variable.name.removesuffix(":0") in updated]
        self._statistics = [(variable, variable.numpy()) for variable in written]

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs as dense tensors."""
        outputs = self._calls(variant, signature, inputs)
        for variable, value in self._statistics:
            variable.assign(value)
        return [outputs]


class _Calls:
    """Calls a converted module.

    Inside a function, which takes inputs of all sizes: called by itself, what TensorFlow restored is traced
    and prepared anew for each.
    """

    def __init__(self, module: Any, training: bool) -> None:
        self._module = module
        self._training = training
        self._functions: dict[str, Any] = {}

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
        infos = variant.outputs(signature)

        def call(given: dict[str, Any] | None) -> dict[str, Any]:
            module = self._module
            return flatten(module(given, training=self._training, signature=signature, as_dict=True), infos)

        if not inputs:
            return call(None)
        if signature not in self._functions:
            types = input_types(variant.inputs(signature))
            self._functions[signature] = tf.function(call, autograph=False, input_signature=[types])
        outputs: dict[str, Any] = self._functions[signature](inputs)
        return outputs
