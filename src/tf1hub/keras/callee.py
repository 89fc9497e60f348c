"""What a layer calls, and the kind of it for TF1 modules."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.errors import LayerError
from tf1hub.graphdef.op_types import TABLES
from tf1hub.graphdef.walk import ancestors
from tf1hub.keras.casting import cast_to
from tf1hub.keras.choice import Choice
from tf1hub.keras.shapes import set_shapes
from tf1hub.spec.input_words import check_names, describe
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.trust.refusal import check_signature


class Callee(abc.ABC):
    """What a layer calls, with its state.

    Attributes:
        variables: all variables.
        trainable_variables: those that are trained where the layer is trainable.
        choosable_variables: those of which a caller may choose the ones that are trained.
        regularization_losses: functions without arguments, each for one scalar loss.
        input_specs: the type of the only input, or a dict of those of all, where they are known.
        has_tables: whether there are tables among the state.
    """

    variables: Sequence[tf.Variable] = ()
    trainable_variables: Sequence[tf.Variable] = ()
    choosable_variables: Sequence[tf.Variable] = ()
    regularization_losses: Sequence[Callable[[], Any]] = ()
    input_specs: Any = None
    has_tables: bool = False

    def name_of(self, variable: tf.Variable) -> str:
        """The name of a variable, by which a caller may choose it."""
        name: str = variable.name.removesuffix(":0")
        return name

    @abc.abstractmethod
    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        """The outputs.

        Args:
            inputs: tensors as Keras hands them on.
            training: whether this is a step of training.
            dtype: of the layer's variables; floating point numbers are given in it to what does not say
                which it takes.
        """


class Source(abc.ABC):
    """A TF1 module as a layer needs it, whoever loaded it.

    Attributes:
        where: the module in words, for messages.
        variables: all variables.
        trainable_variables: those that optimizers should see.
        regularization_losses: functions without arguments, each for one scalar loss.
        has_tables: whether there are tables among the state.
    """

    where: str
    variables: Sequence[tf.Variable]
    trainable_variables: Sequence[tf.Variable]
    regularization_losses: Sequence[Callable[[], Any]]
    has_tables: bool

    def name_of(self, variable: tf.Variable) -> str:
        """The name that a variable has in the module."""
        name: str = variable.name.removesuffix(":0")
        return name

    @abc.abstractmethod
    def check_signature(self, name: str | None) -> str:
        """The signature's name; that of the default one for None.

        Raises:
            UnknownSignatureError: there is no such signature.
        """

    @abc.abstractmethod
    def inputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        """The inputs of a signature by name."""

    @abc.abstractmethod
    def outputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        """The outputs of a signature by name."""

    @abc.abstractmethod
    def trained_variables(self, signature: str, returned: Iterable[str]) -> Iterable[str]:
        """The names of the variables that outputs of a signature, in training, or the regularization losses depend on.

        Names of other nodes may be among them.
        """

    @abc.abstractmethod
    def call(self, values: Mapping[str, Any], training: bool, signature: str) -> Mapping[str, Any]:
        """All outputs of a signature."""


class LoadedSource(Source):
    """Those of what `tf1hub.load` made of a TF1 module.

    Args:
        module: the loaded module.
    """

    def __init__(self, module: LoadedModule) -> None:
        self._module = module
        self._variant = module.variant()
        self.where = self._variant.where
        self.variables = module.variables
        self.trainable_variables = module.trainable_variables
        self.regularization_losses = module.regularization_losses
        self.has_tables = any(node.op in TABLES for node in self._variant.nodes.values())
        # In a graph, a variable is called after the place where it was made.
        self._names = {id(variable): node for node, variable in module.callables.resources.variables.items()}

    def name_of(self, variable: tf.Variable) -> str:
        return self._names[id(variable)]

    def check_signature(self, name: str | None) -> str:
        known = self._variant.check_signature(name)
        # Where the layer is called, Keras puts words of its own around an error.
        check_signature(self._variant, known)
        return known

    def inputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        return self._variant.inputs(signature)

    def outputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        return self._variant.outputs(signature)

    def trained_variables(self, signature: str, returned: Iterable[str]) -> Iterable[str]:
        variant = self._module.variant(training=True)
        infos = variant.outputs(signature) if signature in variant.signature_names else {}
        outputs = [tensor for name in returned if name in infos for tensor in infos[name].tensor_names]
        return ancestors(variant.nodes, [*outputs, *variant.collection("regularization_losses")])

    def call(self, values: Mapping[str, Any], training: bool, signature: str) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] = self._module(values, training, signature, as_dict=True)
        return outputs


class ModuleCallee(Callee):
    """A signature of a TF1 module.

    Args:
        module: the module.
        choice: what to call and to return.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such output.
        LayerError: the additional arguments are no inputs of the signature.
    """

    def __init__(self, module: Source, choice: Choice) -> None:
        self._module = module
        self._choice = choice
        self._signature = module.check_signature(choice.signature)
        self._where = f"the signature {self._signature!r} of {module.where}"
        inputs = module.inputs(self._signature)
        self._outputs = module.outputs(self._signature)
        returned = choice.names(self._outputs, self._where)
        unknown = [name for name in choice.arguments if name not in inputs]
        if unknown:
            raise LayerError(
                f"arguments= has {', '.join(map(repr, unknown))}, and the inputs of {self._where} are "
                f"{describe(inputs)}."
            )
        self._asked = {name: info for name, info in inputs.items() if name not in choice.arguments}
        self.variables = list(module.variables)
        self.has_tables = module.has_tables
        trained_variables = set(module.trained_variables(self._signature, returned))
        # Keras warns at each `fit` of variables that get no gradient.
        self.trainable_variables = [
            variable
            for variable in module.trainable_variables
            if module.name_of(variable) in trained_variables
        ]
        self.choosable_variables = list(module.trainable_variables)
        self.regularization_losses = list(module.regularization_losses)
        self.input_specs = only({name: info.type_spec for name, info in self._asked.items()})

    def name_of(self, variable: tf.Variable) -> str:
        return self._module.name_of(variable)

    def __call__(self, inputs: Any, training: bool, dtype: tf.DType) -> Any:
        del dtype  # the signature says which
        given = check_names(inputs, self._asked, self._signature, self._module.where)
        values = {name: cast_to(given[name], info.dtype) for name, info in self._asked.items()}
        values.update(self._choice.arguments)
        outputs = self._module.call(values, training, self._signature)
        shapes = {name: info.get_shape() for name, info in self._outputs.items()}
        return self._choice.select(set_shapes(outputs, shapes, "The signature's shape"), self._where)


def only(specs: dict[str, Any]) -> Any:
    """The type of the only input, or those of all by name."""
    return next(iter(specs.values())) if len(specs) == 1 else specs
