"""What a layer calls if it is not a TF1 module: a signature of a SavedModel, or any other callable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import InputError, LayerError, UnknownNameError
from tf1hub.keras.callee import Callee, only
from tf1hub.keras.casting import cast_to
from tf1hub.keras.choice import Choice
from tf1hub.keras.traces import holds_tables, parameters, traces
from tf1hub.spec.unknown import unknown_signature


class SignatureCallee(Callee):
    """A signature of a SavedModel, which is for inference.

    Args:
        saved_model: what `tf.saved_model.load` gave.
        choice: what to call and to return.
        where: the SavedModel in words, for messages.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such output.
        LayerError: the additional arguments are no inputs of the signature.
    """

    def __init__(self, saved_model: Any, choice: Choice, where: str) -> None:
        signatures = getattr(saved_model, "signatures", None) or {}
        if choice.signature not in signatures:
            raise unknown_signature(str(choice.signature), where, sorted(signatures))
        self._function = signatures[choice.signature]
        self._choice = choice
        self._signature = str(choice.signature)
        self._where = f"the signature {self._signature!r} of {where}"
        choice.names(self._function.structured_outputs, self._where)
        self._inputs: dict[str, tf.TensorSpec] = self._function.structured_input_signature[1]
        unknown = [name for name in choice.arguments if name not in self._inputs]
        if unknown:
            raise LayerError(
                f"arguments= has {', '.join(map(repr, unknown))}, and the inputs of {self._where} are "
                f"{', '.join(sorted(self._inputs))}."
            )
        self._asked = [name for name in self._inputs if name not in choice.arguments]
        self.variables = list(getattr(saved_model, "variables", None) or self._function.variables)
        self.has_tables = holds_tables(saved_model)
        self.input_specs = only({name: self._inputs[name] for name in self._asked})

    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        del training, dtype
        given = self._by_name(inputs)
        values = {name: cast_to(value, self._inputs[name].dtype) for name, value in given.items()}
        outputs = self._function(**values, **self._choice.arguments)
        return self._choice.select(outputs, self._where)

    def _by_name(self, inputs: Any) -> Mapping[str, Any]:
        if not isinstance(inputs, Mapping):
            inputs = {self._asked[0]: inputs} if len(self._asked) == 1 else {}
        if set(inputs) != set(self._asked):
            raise InputError(
                f"{self._where[0].upper()}{self._where[1:]} takes a dict with the inputs "
                f"{', '.join(sorted(self._asked))}; it was given {', '.join(sorted(inputs)) or 'none of them'}."
            )
        return dict(inputs)


class FunctionCallee(Callee):
    """What can be called with the inputs, such as a reusable SavedModel.

    Args:
        function: the object. Where it has `variables`, `trainable_variables` and
            `regularization_losses`, they are those of the layer; where it takes `training`, it is told.
        choice: what to pass on and to return.
        where: the object in words, for messages.
    """

    def __init__(self, function: Any, choice: Choice, where: str) -> None:
        self._function = function
        self._choice = choice
        self._where = where
        # A Keras layer says in `call` what its `__call__` takes.
        self._takes_training = "training" in parameters(getattr(function, "call", None) or function)
        self.variables = _variables(function)
        trainable = getattr(function, "trainable_variables", None)
        self.trainable_variables = (
            [v for v in self.variables if v.trainable] if trainable is None else list(trainable)
        )
        self.choosable_variables = self.trainable_variables
        self.regularization_losses = list(getattr(function, "regularization_losses", ()))
        self.has_tables = holds_tables(function)
        self.input_specs = _first_inputs(function)

    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        keywords = dict(self._choice.arguments)
        if self._takes_training:
            keywords.setdefault("training", training)
        return self._select(self._function(self._cast(inputs, dtype), **keywords))

    def _cast(self, inputs: Any, dtype: tf.DType) -> Any:
        if self.input_specs is not None:
            try:
                return tf.nest.map_structure(
                    lambda value, spec: cast_to(value, spec.dtype), inputs, self.input_specs
                )
            except (TypeError, ValueError):
                return inputs  # another structure, about which the function itself will speak
        return tf.nest.map_structure(
            lambda value: cast_to(value, dtype) if value.dtype.is_floating else value, inputs
        )

    def _select(self, outputs: Any) -> Any:
        key = self._choice.output_key
        if key is None:
            return outputs
        if not isinstance(outputs, Mapping):
            raise UnknownNameError(
                f"output_key={key!r} chooses from a dict of outputs, and {self._where} returned "
                f"{type(outputs).__name__}. Leave output_key out."
            )
        if key not in outputs:
            raise UnknownNameError(
                f"No output {key!r} of {self._where}. It has: {', '.join(map(str, sorted(outputs)))}."
            )
        return outputs[key]


def _variables(function: Any) -> list[tf.Variable]:
    """The variables that an object lists; of a SavedModel that lists none, those that it reads or writes."""
    listed = getattr(function, "variables", None)
    if listed is not None:
        return list(listed)
    return list(
        {id(variable): variable for trace in traces(function) for variable in trace.variables}.values()
    )


def _first_inputs(function: Any) -> Any:
    """The types of the first argument of a function that TensorFlow restored, where all traces agree."""
    found = [trace.structured_input_signature[0] for trace in traces(function)]
    if not found or not all(arguments and _same_types(arguments[0], found[0][0]) for arguments in found):
        return None
    return found[0][0]


def _same_types(one: Any, other: Any) -> bool:
    try:
        tf.nest.assert_same_structure(one, other)
    except (TypeError, ValueError):
        return False
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return all(isinstance(a, tf.TypeSpec) and a.dtype == b.dtype for a, b in pairs)
