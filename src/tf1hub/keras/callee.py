"""What a layer calls: a TF1 module, one signature of a SavedModel, or anything that can be called."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.errors import InputError, LayerError, UnknownNameError, UnknownSignatureError
from tf1hub.format.graph_walk import ancestors
from tf1hub.graph.inputs import check_names, describe
from tf1hub.keras.casting import cast_to
from tf1hub.keras.choice import Choice
from tf1hub.keras.shapes import set_shapes
from tf1hub.spec.variant import Variant
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.op_types import TABLES


class Callee(abc.ABC):
    """What a layer calls, with its state.

    Attributes:
        variables: all variables.
        trainable_variables: those that are trained where the layer is trainable.
        regularization_losses: functions without arguments, each for one scalar loss.
        input_specs: the type of the only input, or a dict of those of all, where they are known.
        has_tables: whether there are tables among the state.
    """

    variables: Sequence[tf.Variable] = ()
    trainable_variables: Sequence[tf.Variable] = ()
    regularization_losses: Sequence[Callable[[], Any]] = ()
    input_specs: Any = None
    has_tables: bool = False

    @abc.abstractmethod
    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        """The outputs.

        Args:
            inputs: tensors as Keras hands them on.
            training: whether this is a step of training.
            dtype: of the layer's variables; floating point numbers are given in it to what does not say
                which it takes.
        """


class ModuleCallee(Callee):
    """A signature of a TF1 module.

    Args:
        module: the loaded module.
        choice: what to call and to return.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such output.
        LayerError: the additional arguments are no inputs of the signature.
    """

    def __init__(self, module: LoadedModule, choice: Choice) -> None:
        variant = module.variant()
        self._module = module
        self._choice = choice
        self._signature = variant.check_signature(choice.signature)
        self._place = f"the signature {self._signature!r} of {variant.place}"
        self._inputs = variant.inputs(self._signature)
        self._outputs = variant.outputs(self._signature)
        returned = choice.names(self._outputs, self._place)
        unknown = [name for name in choice.arguments if name not in self._inputs]
        if unknown:
            raise LayerError(
                f"arguments= has {', '.join(map(repr, unknown))}, and the inputs of {self._place} are "
                f"{describe(self._inputs)}."
            )
        self._asked = {name: info for name, info in self._inputs.items() if name not in choice.arguments}
        self.variables = list(module.variables)
        self.has_tables = any(node.op in TABLES for node in variant.nodes.values())
        used = _reached(module.variant(training=True), self._signature, returned)
        # Keras warns at each `fit` of variables that get no gradient.
        self.trainable_variables = [
            v for v in module.trainable_variables if v.name.removesuffix(":0") in used
        ]
        self.regularization_losses = list(module.regularization_losses)
        self.input_specs = _only({name: info.type_spec for name, info in self._asked.items()})

    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        del dtype  # the signature says which
        given = check_names(inputs, self._asked, self._signature, self._module.variant().place)
        values = {name: cast_to(given[name], info.dtype) for name, info in self._asked.items()}
        values.update(self._choice.arguments)
        outputs = self._module(values, training=training, signature=self._signature, as_dict=True)
        shapes = {name: info.get_shape() for name, info in self._outputs.items()}
        return self._choice.select(set_shapes(outputs, shapes, "The signature's shape"), self._place)


def _reached(variant: Variant, signature: str, returned: Sequence[str]) -> set[str]:
    """The nodes on which the outputs that a layer returns, and the regularization losses, depend."""
    infos = variant.outputs(signature) if signature in variant.signature_names else {}
    outputs = [tensor for name in returned if name in infos for tensor in infos[name].tensor_names]
    return set(ancestors(variant.nodes, [*outputs, *variant.collection("regularization_losses")]))


class SignatureCallee(Callee):
    """A signature of a SavedModel, which is for inference.

    Args:
        saved_model: what `tf.saved_model.load` gave.
        choice: what to call and to return.
        place: the SavedModel in words, for messages.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such output.
        LayerError: the additional arguments are no inputs of the signature.
    """

    def __init__(self, saved_model: Any, choice: Choice, place: str) -> None:
        signatures = getattr(saved_model, "signatures", None) or {}
        if choice.signature not in signatures:
            known = ", ".join(sorted(signatures)) or "none"
            raise UnknownSignatureError(f"No signature {choice.signature!r} in {place}. It has: {known}.")
        self._function = signatures[choice.signature]
        self._choice = choice
        self._signature = str(choice.signature)
        self._place = f"the signature {self._signature!r} of {place}"
        choice.names(self._function.structured_outputs, self._place)
        self._inputs: dict[str, tf.TensorSpec] = self._function.structured_input_signature[1]
        unknown = [name for name in choice.arguments if name not in self._inputs]
        if unknown:
            raise LayerError(
                f"arguments= has {', '.join(map(repr, unknown))}, and the inputs of {self._place} are "
                f"{', '.join(sorted(self._inputs))}."
            )
        self._asked = [name for name in self._inputs if name not in choice.arguments]
        self.variables = list(getattr(saved_model, "variables", None) or self._function.variables)
        self.has_tables = _holds_tables(saved_model)
        self.input_specs = _only({name: self._inputs[name] for name in self._asked})

    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        del training, dtype
        given = self._named(inputs)
        values = {name: cast_to(value, self._inputs[name].dtype) for name, value in given.items()}
        outputs = self._function(**values, **self._choice.arguments)
        return self._choice.select(outputs, self._place)

    def _named(self, inputs: Any) -> Mapping[str, Any]:
        if not isinstance(inputs, Mapping):
            inputs = {self._asked[0]: inputs} if len(self._asked) == 1 else {}
        if set(inputs) != set(self._asked):
            raise InputError(
                f"{self._place[0].upper()}{self._place[1:]} takes a dict with the inputs "
                f"{', '.join(sorted(self._asked))}; it was given {', '.join(sorted(inputs)) or 'none of them'}."
            )
        return dict(inputs)


class FunctionCallee(Callee):
    """What can be called with the inputs, such as a reusable SavedModel.

    Args:
        function: the object. Where it has `variables`, `trainable_variables` and
            `regularization_losses`, they are those of the layer; where it takes `training`, it is told.
        choice: what to pass on and to return.
        place: the object in words, for messages.
    """

    def __init__(self, function: Any, choice: Choice, place: str) -> None:
        self._function = function
        self._choice = choice
        self._place = place
        # A Keras layer says in `call` what its `__call__` takes.
        self._takes_training = "training" in _parameters(getattr(function, "call", None) or function)
        self.variables = _variables(function)
        trainable = getattr(function, "trainable_variables", None)
        self.trainable_variables = (
            [v for v in self.variables if v.trainable] if trainable is None else list(trainable)
        )
        self.regularization_losses = list(getattr(function, "regularization_losses", ()))
        self.has_tables = _holds_tables(function)
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
                f"output_key={key!r} chooses from a dict of outputs, and {self._place} returned "
                f"{type(outputs).__name__}. Leave output_key out."
            )
        if key not in outputs:
            raise UnknownNameError(
                f"No output {key!r} of {self._place}. It has: {', '.join(map(str, sorted(outputs)))}."
            )
        return outputs[key]


def _only(specs: dict[str, Any]) -> Any:
    return next(iter(specs.values())) if len(specs) == 1 else specs


def _holds_tables(loaded: Any) -> bool:
    if not isinstance(loaded, tf.__internal__.tracking.Trackable):
        return False  # a plain function, say
    held = tf.train.TrackableView(loaded).descendants()
    return any(isinstance(each, tf.saved_model.experimental.TrackableResource) for each in held)


def _parameters(function: Any) -> Iterable[str]:
    target = function if inspect.isroutine(function) else _call_of(function)
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return ()


def takes(function: Any, argument: str) -> bool:
    """Whether a function, or one that TensorFlow restored, takes an argument of this name."""
    return argument in _parameters(function)


def _traces(function: Any) -> Sequence[Any]:
    """The traces of a function that TensorFlow restored."""
    traces: Sequence[Any] = getattr(_call_of(function), "concrete_functions", ())
    return traces


def _call_of(function: Any) -> Any:
    """What is called, in which TensorFlow keeps the traces and the parameters of an object that it restored."""
    return getattr(function, "__call__", function)  # noqa: B004 - itself is wanted, not whether there is one


def _variables(function: Any) -> list[tf.Variable]:
    """The variables that an object lists; of a SavedModel that lists none, those that it reads or writes."""
    listed = getattr(function, "variables", None)
    if listed is not None:
        return list(listed)
    return list(
        {id(variable): variable for trace in _traces(function) for variable in trace.variables}.values()
    )


def _first_inputs(function: Any) -> Any:
    """The types of the first argument of a function that TensorFlow restored, where all traces agree."""
    traces = _traces(function)
    found = [trace.structured_input_signature[0] for trace in traces]
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
