"""hub.Module: a module in a graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import is_plain_place
from tf1hub.arguments import path_text
from tf1hub.errors import InputError, WrongModeError
from tf1hub.graph import inputs as conversion
from tf1hub.graph.application import ApplicationCut, apply
from tf1hub.graph.building import building
from tf1hub.graph.collector import pausing_collection
from tf1hub.graph.definition import definition_of
from tf1hub.graph.family import Family
from tf1hub.graph.repeating import Repeater
from tf1hub.graph.scopes import graph_of_state, new_state_scope, note_module, once_initialized, warn_of_reuse
from tf1hub.graph.session_export import export_from_session
from tf1hub.graph.state import State, create_state
from tf1hub.graph.tapes import note_use
from tf1hub.spec.module_spec import ModuleSpec, Tags, load_module_spec
from tf1hub.spec.permission import Trust
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.unknown import unknown_output

_EAGER = (
    "tf1hub.Module builds a graph, and this is eager mode. In TensorFlow 2 write\n"
    "    m = tf1hub.load({spec})\n"
    "    y = m(x)                  # m(x, training=True) and m.trainable_variables to fine-tune\n"
    "and in Keras\n"
    "    layer = tf1hub.KerasLayer({spec}, trainable=True)\n"
    "To keep the graph: with tf.Graph().as_default(): ..."
)
_OTHER_GRAPH = (
    "The module {name!r} lives in another graph than the one in which it is called. "
    "Create it inside the same `with graph.as_default():` as its calls."
)
_EAGER_CALL = (
    "The module {name!r} lives in a graph, and it is called in eager mode. Call it inside the same "
    "`with graph.as_default():` in which it was created; or, in TensorFlow 2, write\n"
    "    m = tf1hub.load(handle)\n"
    "    y = m(x)"
)
_REPLICAS = (
    "A tf1hub.Module in a graph can be used on the {count} replicas of {strategy}, but not trained there: each "
    "replica would train variables of its own. In TensorFlow 2, tf1hub.load(handle) or "
    "tf1hub.KerasLayer(handle, trainable=True) inside strategy.scope() trains on all of them; in a graph, "
    "parameter servers do."
)


class Module:
    """A module in a TensorFlow graph: variables, tables and assets once, applied any number of times.

    Creating a Module adds its state to the default graph, under `name`, inside the active variable
    scope. In the graph of a function (a branch, a loop, `Dataset.map`, a `tf.function`), the state goes to the
    graph around the function, like any variable. The graph's initializers
    (`tf.compat.v1.global_variables_initializer()` and `tf.compat.v1.tables_initializer()`) read the trained
    values. Calling the Module adds the ops of one signature.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     w = tf.compat.v1.get_variable("w", initializer=2.0)
        ...     hub.add_signature(inputs=x, outputs=w * x)
        >>> spec = hub.create_module_spec(module_fn)
        >>> with tf.Graph().as_default():
        ...     module = hub.Module(spec)
        ...     y = module([1.0, 3.0])
        ...     with tf.compat.v1.Session() as session:
        ...         session.run(tf.compat.v1.global_variables_initializer())
        ...         print(session.run(y))
        [2. 6.]

    Args:
        spec: a handle (a path, a URL, ...), a ModuleSpec, or another Module of this graph. A Module shares its
            state: `evaluated = hub.Module(trained, tags=set())` applies another variant over the variables,
            tables and files of `trained`. Variables that only the other variant has are added. Losses that
            are there already are not added again.
        trainable: whether the module's variables are trained with the program around it. If so, they join
            TRAINABLE_VARIABLES, the module's losses join REGULARIZATION_LOSSES, and each application adds
            its ops to UPDATE_OPS.
        name: name of the scope for the state; if it is taken, `name_1` and so on. Not used if the state is
            shared.
        tags: the graph variant, a set of strings; None is the inference variant.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Raises:
        WrongModeError: in eager mode, or in a function of eager mode; or `trainable` on several replicas of a
            distribution strategy.
        UnknownTagsError: no variant has these tags.
        FormatError: the module, or its checkpoint, is damaged.
        ResolveError: the module could not be obtained.
        UnsupportedGraphError: the module has ops that this TensorFlow lacks.
        TrustError: what gives its variables and tables their values does what nobody allowed.
    """

    def __init__(
        self,
        spec: ModuleSpec | str | os.PathLike[str] | Module,
        trainable: bool = False,
        name: str = "module",
        tags: Tags = None,
        *,
        trust: Trust = None,
    ) -> None:
        shown = repr(spec) if isinstance(spec, str) else "spec"
        if tf.executing_eagerly():
            raise WrongModeError(_EAGER.format(spec=shown))
        strategy = tf.distribute.get_strategy()
        if trainable and strategy.num_replicas_in_sync > 1:
            name_of_strategy = type(strategy).__name__.removesuffix("V1")
            raise WrongModeError(
                _REPLICAS.format(count=strategy.num_replicas_in_sync, strategy=name_of_strategy)
            )
        first = spec if isinstance(spec, Module) else None
        self._spec = load_module_spec(spec.spec if isinstance(spec, Module) else spec, trust=trust)
        self._trainable = bool(trainable)
        with pausing_collection():
            self._variant = self._spec.variant(tags)
        self._first_scopes: dict[str, str] = {}
        self._repeaters: dict[str, Repeater] = {}
        with building(self._variant), pausing_collection():
            self._definition = definition_of(self._spec, self._variant)
        with graph_of_state(shown), building(self._variant), pausing_collection():
            self._graph = tf.compat.v1.get_default_graph()
            if first is None:
                warn_of_reuse(self._graph, name, self._spec)
                self._scope = new_state_scope(name)
                family, made = None, self._definition.state(self._trainable)
            else:
                _check_graph(self._graph, first.graph, first.name)
                self._scope, family = first.name, first.family
                shared = family.find_shared(self._variant, self._trainable)
                made = self._definition.state_beside(self._trainable, shared, family.losses)
            self._state: State = create_state(
                *made, self._variant, self._definition.contexts, self._scope, self._trainable, family
            )
            note_module(self._graph, self._scope, self._spec)

    def __call__(
        self,
        inputs: Any = None,
        _sentinel: None = None,
        signature: str | None = None,
        as_dict: bool | None = None,
    ) -> Any:
        """Adds the ops of one signature to the default graph.

        Args:
            inputs: a value for the only input, a dict of values for several, None for none. A value
                is a tensor or what becomes one, a SparseTensor, or a RaggedTensor, as the signature
                says.
            signature: the signature's name; None is `"default"`.
            as_dict: return all outputs in a dict, instead of the one called `"default"`.

        Returns:
            The output `"default"`, or a dict from each output's name to its tensor.

        Raises:
            UnknownSignatureError: the variant has no such signature.
            InputError: an input is missing, extra, mistyped or of the wrong shape; or the
                signature has no output `"default"` and `as_dict` is not set.
            WrongModeError: called eagerly, or in another graph than the module's.
            TrustError: the signature does what nobody allowed.
        """
        if _sentinel is not None:
            raise InputError("Pass the signature and as_dict by keyword: module(x, signature=...).")
        graph = tf.compat.v1.get_default_graph()
        _check_graph(graph, self._graph, self._scope)
        name = self._variant.check_signature(signature)
        outputs = self._variant.outputs(name)
        if not as_dict and "default" not in outputs:
            where = f"the signature {name!r} of {self._variant.where}"
            raise unknown_output("default", where, outputs, "Ask for all of them with as_dict=True.")
        infos = self._variant.inputs(name)
        with tf.compat.v1.name_scope(f"{self._scope.rpartition('/')[2]}_apply_{_scope_name(name)}") as scope:
            values = conversion.convert_inputs(inputs, infos, name, self._variant.where)
        with building(self._variant), pausing_collection():
            tensors = self._apply(name, graph, scope.rstrip("/"), conversion.dense_tensors(values, infos))
        if not as_dict:
            return conversion.assemble(outputs["default"], tensors)
        return {key: conversion.assemble(info, tensors) for key, info in outputs.items()}

    def _apply(self, name: str, graph: Any, scope: str, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        """The dense tensors of a signature's outputs, whose ops this adds to the default graph."""
        application, importable = self._definition.application(name, self._trainable)
        resources = {
            handle: variable
            for handle, variable in self._state.resources.items()
            if handle in application.cut.inputs
        }
        note_use(resources.values())
        state = self._state.tensors
        # What does not depend on the inputs has the same value in all applications, so the first of
        # them lends it; but not where an application has to wait, or to run somewhere else.
        if graph is not self._graph:
            state, feeds = _local(graph, state), _local(graph, feeds)
        plain = graph is self._graph and is_plain_place(graph)
        variables = resources.values(), self._graph, f"tf1hub.Module {self._scope}"
        # A lookup of constants depends on no input, and would say in TensorFlow's words that its table is empty.
        handles = {id(variable.handle) for variable in resources.values()}
        tables = {
            name: tensor
            for name, tensor in state.items()
            if tensor.dtype == tf.resource and id(tensor) not in handles
        }
        state = {**state, **once_initialized(tables, *variables)}
        tensors: Mapping[str, Any] = apply(
            application,
            importable,
            self._definition.contexts,
            scope,
            state,
            resources,
            once_initialized(feeds, *variables),
            self._repeater(name, application) if plain else None,
        )
        if not feeds:
            tensors = once_initialized(tensors, *variables)
        if plain:
            self._first_scopes.setdefault(name, scope)
        return tensors

    def _repeater(self, name: str, application: ApplicationCut) -> Repeater | None:
        """What applies a signature again; None for its first application, and where it cannot be repeated."""
        if name in self._first_scopes and name not in self._repeaters and application.repetition is not None:
            self._repeaters[name] = Repeater(application.repetition, self._first_scopes[name])
        return self._repeaters.get(name)

    def get_signature_names(self) -> list[str]:
        """The names of the variant's signatures, sorted."""
        return list(self._variant.signature_names)

    def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The inputs of a signature: name to type and shape.

        Raises:
            UnknownSignatureError: the variant has no such signature.
        """
        return self._variant.inputs(signature)

    def get_output_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The outputs of a signature: name to type and shape.

        Raises:
            UnknownSignatureError: the variant has no such signature.
        """
        return self._variant.outputs(signature)

    def get_attached_message(self, key: str, message_type: Callable[[], Any], required: bool = False) -> Any:
        """The message attached to this variant under `key`; as `ModuleSpec.get_attached_message`."""
        return self._spec.get_attached_message(key, message_type, self._variant.tags, required)

    def export(self, path: str | os.PathLike[str], session: Any) -> None:
        """Writes the module with the values that its variables have in a session.

        The export holds the definition that the module was created with, and nothing that was built around it
        in the graph. Variables that only other variants have keep the values that they are stored with. At
        `path` there is nothing, or the whole module.

        Args:
            path: the new module's directory, here or at a URL; it may hold other files, but nothing of a module.
            session: a session of this graph in which the variables are initialized.

        Raises:
            ExportError: something is at `path`; it cannot be written; or another variant has variables
                that this one lacks, and the module came without values for them.
        """
        # Also those that only other variants over this state have.
        variables = list(self._state.family.variables.values())
        export_from_session(self._spec, self._variant, variables, path_text(path), session)

    @property
    def family(self) -> Family:
        """The state that this module shares with those that were made from it."""
        return self._state.family

    @property
    def variable_map(self) -> Mapping[str, Any]:
        """Name in the module to variable; to the list of its parts for a partitioned one."""
        return dict(self._state.variables)

    @property
    def variables(self) -> list[Any]:
        """All variables, the parts of partitioned ones each, sorted by name in the module."""
        result: list[Any] = []
        for _, value in sorted(self._state.variables.items()):
            result.extend(value if isinstance(value, list) else [value])
        return result

    @property
    def spec(self) -> ModuleSpec:
        """The definition that the module was made from."""
        return self._spec

    @property
    def name(self) -> str:
        """The scope of the module's state in its graph."""
        return self._scope

    @property
    def graph(self) -> Any:
        """The graph that the module lives in."""
        return self._graph

    @property
    def tags(self) -> frozenset[str]:
        """The tags of the variant in use."""
        return self._variant.tags

    @property
    def where(self) -> str:
        """The variant in words, as messages name it."""
        return self._variant.where

    def __repr__(self) -> str:
        return f"<Module {self._scope!r}: {self._variant!r}>"


def _scope_name(signature: str) -> str:
    # Signature names are free text; names in a graph are not.
    text = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "_" for c in signature)
    return text or "_"


def _check_graph(graph: Any, home: Any, name: str) -> None:
    if tf.executing_eagerly():
        raise WrongModeError(_EAGER_CALL.format(name=name))
    while graph is not home:
        # The body of a loop, a branch or a function may use what lies around it.
        graph = getattr(graph, "outer_graph", None)
        if graph is None:
            raise WrongModeError(_OTHER_GRAPH.format(name=name))


def _local(graph: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors as the default graph can use them: captured, where it is a function's."""
    return {name: _local_tensor(graph, tensor) for name, tensor in tensors.items()}


def _local_tensor(graph: Any, tensor: Any) -> Any:
    if tensor.graph is graph:
        return tensor
    if tensor.dtype != tensor.dtype.base_dtype:
        # A reference cannot enter a function; its value can.
        with tensor.graph.as_default(), tensor.graph.control_dependencies(None):
            tensor = tf.identity(tensor)
    return graph.capture(tensor)
