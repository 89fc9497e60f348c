"""The working parts of a loaded module: its programs as functions, each built when first needed."""

from __future__ import annotations

import functools
import operator
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import as_in_a_function, call_checked, is_compiled
from tf1hub.errors import InputError, WrongModeError
from tf1hub.format.saved_model import format_tags
from tf1hub.graph.building import reason
from tf1hub.graph.inputs import convert_inputs
from tf1hub.spec.unknown import unknown_output
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.tf2.keywords import by_keyword
from tf1hub.tf2.parts import as_tensorflow, flat_specs, unflatten
from tf1hub.tf2.processes import check_threads
from tf1hub.tf2.regularization import regularization_losses
from tf1hub.tf2.signature_functions import has_updates, signature_function, signature_program
from tf1hub.tf2.variant_state import Resources, VariantState
from tf1hub.tf2.xla import check_compilable

_IN_A_GRAPH = (
    "{where} was loaded in eager mode, where its variables are, and is called in a graph (a tf.Graph, or after "
    "tf.compat.v1.disable_eager_execution). Load it inside of the graph: module = tf1hub.load(handle); "
    "outputs = module(inputs)"
)
_IN_ANOTHER_GRAPH = (
    "{where} was loaded in a graph, where its variables are, and is called in {here}. Load it where it is called; or "
    "write its values, module.export(path, session), and load these: module = tf1hub.load(path)"
)
_SYMBOLIC = (
    "The signature {signature!r} of {where} was given a KerasTensor, which has no value: only layers take one. Write: "
    "outputs = tf1hub.KerasLayer({arguments})(inputs)"
)


class SignatureInputs:
    """The inputs of a signature.

    Args:
        variant: whose signature it is.
        signature: its name.

    Raises:
        UnknownSignatureError: the variant has no such signature.
    """

    def __init__(self, variant: Variant, signature: str) -> None:
        self._signature = variant.check_signature(signature)
        self._where = variant.where
        self._infos = variant.inputs(signature)
        self._dense = {name: info.type_spec for name, info in self._infos.items() if info.kind == "dense"}
        self._only = next(iter(self._infos)) if len(self._infos) == 1 else None
        # The order in which a function takes the values of a dict.
        self._in_order = sorted(self._infos)

    def convert(self, inputs: Any) -> dict[str, Any]:
        """What a caller gives as a dict of tensors.

        Raises:
            InputError: an input is missing, extra, or of another type or shape.
        """
        given = {self._only: inputs} if self._only is not None and isinstance(inputs, tf.Tensor) else inputs
        # Most calls need no conversion, and small modules run in less time than one takes.
        if (
            isinstance(given, dict)
            and given.keys() == self._dense.keys() == self._infos.keys()
            and all(_fits(given[name], spec) for name, spec in self._dense.items())
        ):
            return given
        try:
            return convert_inputs(inputs, self._infos, self._signature, self._where)
        except InputError:
            if not _has_symbolic(inputs):
                raise
        # Not from the other one, which goes on with all that Keras has to say.
        raise InputError(_symbolic_inputs(self._signature, self._where))

    def apply(self, function: Any, given: dict[str, Any]) -> Mapping[str, Any]:
        """Calls a ConcreteFunction of the signature with what `convert` returned.

        Raises:
            InputError: TensorFlow refuses what it is given with a message that is no text.
        """
        try:
            if self._dense.keys() == self._infos.keys():
                result = call_checked(function, [given[name] for name in self._in_order])
            else:
                result = function(given)
        except UnicodeDecodeError as error:
            what = f"The signature {self._signature!r} of {self._where}"
            raise InputError(f"{what} cannot compute with what it is given: {reason(error)}") from error
        outputs: Mapping[str, Any] = result
        return outputs


def _fits(value: Any, spec: tf.TensorSpec) -> bool:
    return (
        isinstance(value, tf.Tensor)
        and value.dtype == spec.dtype
        and spec.shape.is_compatible_with(value.shape)
    )


def _has_symbolic(inputs: Any) -> bool:
    """Whether symbolic tensors of Keras are among the inputs; of any Keras, none of which is imported for that."""
    values = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    parts = [part for value in values for part in (value if isinstance(value, list | tuple) else [value])]
    return any(kind.__name__ == "KerasTensor" for part in parts for kind in type(part).__mro__)


def _symbolic_inputs(signature: str, where: str) -> str:
    arguments = "handle" if signature == DEFAULT_SIGNATURE else f"handle, signature={signature!r}"
    return _SYMBOLIC.format(signature=signature, where=where, arguments=arguments)


class CallableVariants:
    """What a loaded module runs.

    It is no trackable object on purpose: TensorFlow would wrap its dicts, and refuse to save what
    was added to them later.

    Args:
        variants: for inference and for training.
        resources: what they share.

    Attributes:
        graph: in which all of it lives; None in eager mode.
    """

    def __init__(self, variants: tuple[Variant, Variant], resources: Resources) -> None:
        self.inference = VariantState(variants[0], resources)
        self.training = self.inference if variants[1] is variants[0] else VariantState(variants[1], resources)
        self.resources = resources
        with tf.init_scope():
            self.graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        self._lock = threading.RLock()
        self._functions: dict[tuple[str, bool, bool], Any] = {}
        self._concrete: dict[tuple[str, bool], Any] = {}
        self._served: dict[str, Any] = {}
        self._interfaces: dict[tuple[str, bool], SignatureInputs] = {}
        self._losses: list[Any] | None = None

    def state(self, training: bool) -> VariantState:
        """The variant that runs."""
        return self.training if training else self.inference

    @property
    def loaded(self) -> list[VariantState]:
        """The variants that run, each once, the one for inference first."""
        return list(dict.fromkeys((self.inference, self.training)))

    def function(self, signature: str, training: bool) -> Any:
        """The `tf.function` from a dict of inputs to the dict of outputs of a signature.

        Raises:
            UnknownSignatureError: the variant has no such signature.
        """
        state = self.state(training)
        state.variant.check_signature(signature)
        if training and state is self.inference and not has_updates(state):
            training = False
        # Where XLA compiles, TensorFlow writes down conds in another way, without which it has no gradients.
        key = signature, training, is_compiled()
        with self._lock:
            if key not in self._functions:
                self._functions[key] = signature_function(state, signature, training)
            return self._functions[key]

    def call(self, inputs: Any, training: bool, signature: str | None) -> dict[str, Any]:
        """The outputs of a signature for inputs as a caller gives them.

        Raises:
            UnknownSignatureError: the variant has no such signature.
            InputError: an input is missing, extra, or of another type or shape.
            UnsupportedGraphError: it is to be compiled with XLA, which cannot compile some of its ops.
            WrongModeError: it lives in eager mode and is called in a graph, or the other way round.
        """
        name = signature or DEFAULT_SIGNATURE
        check_threads()
        interface = self.interface(name, training)
        given = interface.convert(inputs)
        if tf.distribute.has_strategy() or not tf.executing_eagerly() or self.graph is not None:
            self._check_place()
            state = self.state(training)
            if is_compiled():
                check_compilable(state, name, training and has_updates(state))
            if self.graph is not None:
                return self._emit(state, name, training, given)
            return dict(self.function(name, training)(given))
        return dict(interface.apply(self._trace(name, training), given))

    def _emit(
        self, state: VariantState, signature: str, update: bool, given: dict[str, Any]
    ) -> dict[str, Any]:
        """The outputs of a signature in a graph, whose ops are the program's own.

        A function would have to be changed where its call is differentiated, which no session takes notice of that
        has run in this graph before.
        """
        with as_in_a_function() as returned:
            outputs = signature_program(state, signature, update)(given)
            marked: dict[str, Any] = tf.nest.map_structure(returned, outputs, expand_composites=True)
        return marked

    def _check_place(self) -> None:
        """Checks that the variables can be reached where the module is called.

        Raises:
            WrongModeError: they live elsewhere.
        """
        with tf.init_scope():
            here = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if here is self.graph:
            return
        where = self.inference.variant.module
        if self.graph is None:
            raise WrongModeError(_IN_A_GRAPH.format(where=where))
        called = "eager mode" if here is None else "another graph"
        raise WrongModeError(_IN_ANOTHER_GRAPH.format(where=where, here=called))

    def interface(self, signature: str, training: bool) -> SignatureInputs:
        """The inputs of a signature."""
        interface = self._interfaces.get((signature, training))
        if interface is None:
            interface = self._interfaces[signature, training] = SignatureInputs(
                self.state(training).variant, signature
            )
        return interface

    def _trace(self, signature: str, training: bool) -> Any:
        concrete = self._concrete.get((signature, training))
        if concrete is None:
            # TensorFlow itself sees to it that threads trace a function once.
            concrete = self.function(signature, training).get_concrete_function()
            self._concrete[signature, training] = concrete
        return concrete

    def output(self, outputs: Mapping[str, Any], signature: str | None) -> Any:
        """The output that is returned when no dict is asked for.

        Raises:
            UnknownNameError: the signature has none.
        """
        if "default" not in outputs:
            where = f"the signature {signature or 'default'!r} of {self.inference.variant.where}"
            raise unknown_output("default", where, outputs, "Ask for all of them with as_dict=True.")
        return outputs["default"]

    def serve(self, signature: str) -> Any:
        """A ConcreteFunction from inputs by keyword to the dict of outputs, as TensorFlow's loader makes them.

        It takes sparse and ragged inputs part by part, and gives such outputs as they are.
        """
        with self._lock:
            if signature not in self._served:
                self._served[signature] = self._serve(signature)
            return self._served[signature]

    def _serve(self, signature: str) -> Any:
        infos = self.inference.variant.inputs(signature)
        function = self.function(signature, False)
        if all(info.kind == "dense" for info in infos.values()):
            return self.keep(by_keyword(function, {name: info.type_spec for name, info in infos.items()}))

        def serve(given: Mapping[str, Any]) -> Mapping[str, Any]:
            outputs: Mapping[str, Any] = function(unflatten(given, infos, as_tensorflow))
            return outputs

        return self.keep(by_keyword(serve, flat_specs(infos, as_tensorflow)))

    def keep(self, concrete: Any) -> Any:
        """A ConcreteFunction that may outlive the module, and lets what it needs live as long.

        It holds what it captures by handles alone, and a table takes what is behind its handle with it.
        """
        concrete.tf1hub_resources = self.resources
        return concrete

    def table(self, node: str) -> Any:
        """The table that a node of one of the variants makes."""
        state = self.inference if node in self.inference.variant.nodes else self.training
        return state.table(node)

    def losses(self) -> list[Any]:
        """The regularization losses as `tf.function`s without arguments."""
        with self._lock:
            if self._losses is None:
                self._losses = regularization_losses(self.loaded[-1], self.graph is None)
            return self._losses

    def describe(self) -> Iterator[str]:
        """The variants and signatures in words, a line each."""
        tags = [format_tags(state.variant.tags) for state in self.loaded]
        yield f"variants: {', '.join(tags)}"
        for name in self.inference.variant.signature_names:
            inputs = ", ".join(
                f"{key}: {info.describe()}" for key, info in self.inference.variant.inputs(name).items()
            )
            outputs = ", ".join(
                f"{key}: {info.describe()}" for key, info in self.inference.variant.outputs(name).items()
            )
            yield f"signature {name!r}: ({inputs}) -> ({outputs})"


class Signatures(Mapping[str, Any]):
    """The signatures of a loaded module as `tf.saved_model.load` gives them, each built when asked for.

    They are pickled and copied with the module whose they are.

    Args:
        callables: the variants of the loaded module.
        owner: the loaded module.
    """

    def __init__(self, callables: CallableVariants, owner: Any) -> None:
        self._callables = callables
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        function = self._callables.serve(self._callables.inference.variant.check_signature(name))
        # TensorFlow's class has no way to be pickled; what pickles asks the object before its class.
        # A signature that is kept must not keep the module.
        function.__reduce_ex__ = functools.partial(_reduce_signature, weakref.ref(self._owner), name)
        return function

    def __reduce__(self) -> tuple[Any, ...]:
        return _signatures_of, (self._owner,)

    def __iter__(self) -> Iterator[str]:
        return iter(self._callables.inference.variant.signature_names)

    def __len__(self) -> int:
        return len(self._callables.inference.variant.signature_names)

    def __contains__(self, name: object) -> bool:
        return name in self._callables.inference.variant.signature_names

    def __repr__(self) -> str:
        return f"<signatures of {self._callables.inference.variant.where}: {', '.join(self)}>"


def _reduce_signature(owner: weakref.ref[Any], name: str, _: int) -> tuple[Any, ...]:
    module = owner()
    if module is None:
        raise WrongModeError(
            f"The signature {name!r} is pickled with its module, which is not kept any more. Keep it: "
            "module = tf1hub.load(handle); pickle.dumps(module.signatures[...])"
        )
    return operator.getitem, (module.signatures, name)


def _signatures_of(module: Any) -> Any:
    """What a pickle of `module.signatures` calls by name."""
    return module.signatures
