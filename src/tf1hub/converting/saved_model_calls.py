"""Calls a SavedModel of TensorFlow 2 that `tf1hub.convert` wrote, as programs and serving tools do."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.graph.inputs import convert_inputs
from tf1hub.spec.updates import updated_nodes
from tf1hub.spec.variant import Variant
from tf1hub.tf2.parts import flatten, part_names
from tf1hub.tf2.serving import as_keywords
from tf1hub.trial.chance import writes_variables_alone
from tf1hub.trial.original import as_tensorflow_values, failures_told
from tf1hub.trial.shared_runs import Arrays


class SavedModelCalls:
    """A converted module, called in all ways: an `Opened`.

    Args:
        module: what `tf.saved_model.load` made of the conversion.
        variants: those that run without and with `training=True`.
    """

    def __init__(self, module: Any, variants: tuple[Variant, Variant]) -> None:
        calls = Calls(module)
        inference, training = variants
        written = updated_nodes([inference]) if writes_variables_alone(inference) else set[str]()
        self._inference = Inference(module, calls, FirstValues(module, written))
        self._training = Training(calls, FirstValues(module, updated_nodes([training])))

    def __call__(
        self, variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]
    ) -> Iterator[Arrays]:
        infos = variant.outputs(signature)
        with failures_told(), unoptimized():
            given = as_tensorflow_values(feeds)
            inputs = convert_inputs(given, variant.inputs(signature), signature, variant.where)
            call = self._training if training else self._inference
            # One after the other, so that the outputs of one way of calling are in memory at a time.
            for outputs in call(variant, signature, inputs):
                # `numpy()` would copy each.
                yield {
                    name: [np.asarray(outputs[part]) for part in part_names(name, infos)] for name in infos
                }


@contextlib.contextmanager
def unoptimized() -> Iterator[None]:
    """Runs functions without optimizing them; optimizing one takes far longer than running it a few times."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


class FirstValues:
    """The values that variables had when the converted module was opened, from which each call of the original starts.

    Args:
        module: the converted module.
        nodes: the names of the variables.
    """

    def __init__(self, module: Any, nodes: set[str]) -> None:
        variables = module.variables if nodes else []
        written = [variable for variable in variables if variable.name.removesuffix(":0") in nodes]
        self._values = [(variable.handle, tf.convert_to_tensor(variable)) for variable in written]

    def restore(self) -> None:
        """Gives them back."""
        for handle, value in self._values:
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)


class Inference:
    """The converted module as programs and as serving tools call it.

    Args:
        module: the converted module.
        calls: calls it.
        first: of the variables that calls write.
    """

    def __init__(self, module: Any, calls: Calls, first: FirstValues) -> None:
        self._module = module
        self._calls = calls
        self._first = first
        self._served: set[str] = set()

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the outputs as dense tensors. The first inputs of a signature are tried in both ways of calling it.

        Both ways run one program, on whatever size, so once is enough to see that they hand it the right tensors.
        """
        outputs = self._calls(variant, signature, False, inputs)
        self._first.restore()
        yield outputs
        if signature not in self._served:
            self._served.add(signature)
            # So that the outputs of one way of calling are in memory at a time.
            del outputs
            keywords = as_keywords(flatten(inputs, variant.inputs(signature)))
            outputs = self._module.signatures[signature](**keywords)
            self._first.restore()
            yield outputs


class Training:
    """The converted module as training programs call it.

    Args:
        calls: calls it.
        first: of the variables that calls write.
    """

    def __init__(self, calls: Calls, first: FirstValues) -> None:
        self._calls = calls
        self._first = first

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs as dense tensors."""
        outputs = self._calls(variant, signature, True, inputs)
        self._first.restore()
        return [outputs]


class Calls:
    """Calls a converted module.

    A restored function is traced anew for each size of inputs: into a graph with a placeholder for each variable, around
    a call of the saved function that it chose. So what chooses that function is called instead, which then runs it.

    Args:
        module: the converted module.
    """

    def __init__(self, module: Any) -> None:
        self._signature = inspect.signature(module.__call__)
        self._choose = getattr(module.__call__, "python_function", module.__call__)

    def __call__(
        self, variant: Variant, signature: str, training: bool, inputs: dict[str, Any]
    ) -> dict[str, Any]:
        bound = self._signature.bind(inputs or None, training=training, signature=signature, as_dict=True)
        return flatten(self._choose(*bound.args, **bound.kwargs), variant.outputs(signature))
