"""What a SavedModel of a loaded module holds beyond its variables.

TensorFlow saves functions as they were traced, so everything is traced before: each signature, for
inference and for training, in each form in which it may be called.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf1hub.tf2.engine import Engine
from tf1hub.tf2.signature_functions import type_spec


class SavedParts:
    """The parts, built when a SavedModel is first written.

    Args:
        engine: of the loaded module.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._functions: dict[str, Any] | None = None

    def children(self, save_type: str) -> dict[str, Any]:
        """What to track, by name."""
        children: dict[str, Any] = {}
        if save_type == "savedmodel":
            if self._functions is None:
                self._functions = self._build()
            children.update(self._functions)
        resources = self._engine.resources
        children.update({f"asset/{name}": asset for name, asset in resources.assets.items()})
        children.update({f"table/{name}": table for name, table in resources.tables.items()})
        return children

    def _build(self) -> dict[str, Any]:
        engine = self._engine
        variables = list(engine.resources.variables.values())
        functions = {
            "__call__": self._call(),
            "variables": _tracked(variables),
            "trainable_variables": _tracked([variable for variable in variables if variable.trainable]),
            "regularization_losses": _tracked([_traced(loss) for loss in engine.losses()]),
        }
        if self._is_servable("default"):
            # TensorFlow takes this one for `serving_default` where the caller names no signatures.
            functions["_default_save_signature"] = engine.served("default")
        return functions

    def _call(self) -> Any:
        engine = self._engine

        def call(
            inputs: Any = None, training: bool = False, signature: str = "default", as_dict: bool = False
        ) -> Any:
            outputs = engine.call(inputs, training, signature)
            return outputs if as_dict else engine.output(outputs, signature)

        function = tf.function(call, autograph=False)
        for training, as_dict in itertools.product((False, True), (False, True)):
            variant = engine.state(training).variant
            for signature in variant.signature_names:
                if as_dict or "default" in variant.outputs(signature):
                    for inputs in self._forms(signature, training):
                        function.get_concrete_function(
                            inputs, training=training, signature=signature, as_dict=as_dict
                        )
        return function

    def _forms(self, signature: str, training: bool) -> Iterator[Any]:
        """The inputs of a signature as callers give them: nothing, a dict, a single value."""
        infos = self._engine.state(training).variant.inputs(signature)
        if not infos:
            yield None
            return
        if not self._takes_single_composites:
            yield {name: info.type_spec for name, info in infos.items()}
        if len(infos) == 1:
            (info,) = infos.values()
            if info.kind == "dense" or self._takes_single_composites:
                yield type_spec(info, "inputs")

    @cached_property
    def _takes_single_composites(self) -> bool:
        """Whether all signatures take a single SparseTensor or RaggedTensor.

        A function that TensorFlow restored fails on a dict as soon as one of its forms takes a single
        composite tensor, so the two do not go together.
        """
        variant = self._engine.inference.variant
        infos = [list(variant.inputs(signature).values()) for signature in variant.signature_names]
        return all(len(inputs) == 1 and inputs[0].kind != "dense" for inputs in infos)

    def _is_servable(self, signature: str) -> bool:
        variant = self._engine.inference.variant
        if signature not in variant.signature_names:
            return False
        infos = [*variant.inputs(signature).values(), *variant.outputs(signature).values()]
        return all(info.kind == "dense" for info in infos)


def _traced(function: Any) -> Any:
    function.get_concrete_function()
    return function


def _tracked(values: list[Any]) -> Any:
    """The list as an object that TensorFlow tracks."""
    holder = tf.Module()
    holder.values = values
    return holder.values
