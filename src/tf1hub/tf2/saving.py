"""What a SavedModel of a loaded module holds beyond its variables.

TensorFlow saves functions as they were traced, so everything is traced before: each signature, for
inference and for training, in each form in which it may be called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.serving import serving_function
from tf1hub.tf2.signature_functions import type_spec

SAVED_VERSION = 1
"""Of what a SavedModel of a loaded module holds; a change of `interface` makes a new one, and `KerasLayer` reads the
old ones."""

VERSION_NAME = "tf1hub_version"
"""The function that says the version: its only trace is that for the version as a number of Python."""


class SavedParts:
    """The parts, built when a SavedModel is first written.

    Args:
        callables: the variants of the loaded module.
    """

    def __init__(self, callables: CallableVariants) -> None:
        self._callables = callables
        self._functions: dict[str, Any] | None = None

    def children(self, save_type: str) -> dict[str, Any]:
        """What to track, by name."""
        children: dict[str, Any] = {}
        if save_type == "savedmodel":
            if self._functions is None:
                self._functions = self._build()
            children.update(self._functions)
        resources = self._callables.resources
        children.update({f"asset/{name}": asset for name, asset in resources.assets.items()})
        children.update({f"table/{name}": table for name, table in resources.tables.items()})
        return children

    def _build(self) -> dict[str, Any]:
        callables = self._callables
        functions = interface(callables, lambda *given: callables.call(*given), callables.losses())
        if "default" in callables.inference.variant.signature_names:
            # TensorFlow takes this one for `serving_default` where the caller names no signatures.
            functions["_default_save_signature"] = serving_function(callables, "default")
        return functions


def interface(
    callables: CallableVariants, apply: Callable[[Any, bool, str], Mapping[str, Any]], losses: Sequence[Any]
) -> dict[str, Any]:
    """What a restored module is called and known by; a change of it is a new `SAVED_VERSION`.

    Args:
        callables: the variants of the loaded module.
        apply: as for `call_function`.
        losses: the regularization losses, as `tf.function`s without arguments.
    """
    variables = list(callables.resources.variables.values())
    return {
        "__call__": call_function(callables, apply),
        "variables": track(variables),
        "trainable_variables": track([variable for variable in variables if variable.trainable]),
        "regularization_losses": track([trace(loss) for loss in losses]),
        VERSION_NAME: _version(),
    }


def call_function(callables: CallableVariants, apply: Callable[[Any, bool, str], Mapping[str, Any]]) -> Any:
    """What `__call__` of a restored module is: a `tf.function` that was traced for all ways of calling it.

    Args:
        callables: the variants of the loaded module.
        apply: gives the outputs for inputs, for training or not, of a signature.
    """

    def call(
        inputs: Any = None, training: bool = False, signature: str = "default", as_dict: bool = False
    ) -> Any:
        outputs = apply(inputs, training, signature)
        return outputs if as_dict else callables.output(outputs, signature)

    function = tf.function(call, autograph=False)
    for form in sorted(_forms(callables), key=CallForm.goes_last):
        function.get_concrete_function(
            form.inputs, training=form.training, signature=form.signature, as_dict=form.as_dict
        )
    return function


def _forms(callables: CallableVariants) -> Iterator[CallForm]:
    """All the ways of calling each signature."""
    for training, as_dict in itertools.product((False, True), (False, True)):
        variant = callables.state(training).variant
        for signature in variant.signature_names:
            if as_dict or "default" in variant.outputs(signature):
                for inputs in _inputs(variant.inputs(signature)):
                    yield CallForm(inputs, training, signature, as_dict)


@dataclass(frozen=True)
class CallForm:
    """One way of calling a module."""

    inputs: Any
    training: bool
    signature: str
    as_dict: bool

    def goes_last(self) -> bool:
        """Whether the only input is a composite tensor, given as it is.

        A function that TensorFlow restored tries its forms in turn, and fails as soon as it tries a
        dict on such a form; so all forms that take dicts come before.
        """
        return not isinstance(self.inputs, dict | tf.TensorSpec | None)


def _inputs(infos: Mapping[str, ParsedTensorInfo]) -> Iterator[Any]:
    """The inputs of a signature as callers give them: a dict, nothing, a single value."""
    yield {name: info.type_spec for name, info in infos.items()}
    if not infos:
        yield None
    if len(infos) == 1:
        (info,) = infos.values()
        yield type_spec(info, "inputs")


def _version() -> Any:
    function = tf.function(lambda number: tf.constant(number), autograph=False)
    function.get_concrete_function(SAVED_VERSION)
    return function


def trace(function: Any) -> Any:
    function.get_concrete_function()
    return function


def track(values: list[Any]) -> Any:
    """The list as an object that TensorFlow tracks."""
    holder = tf.Module()
    holder.values = values
    return holder.values
