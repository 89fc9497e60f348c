"""Everything that is private to TensorFlow comes in here, and nowhere else.

Each name says what it is for, so that a new TensorFlow release is one file's work.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from tf1hub.errors import without_tensorflow

try:
    import tensorflow as tf
except ImportError as error:
    raise without_tensorflow("This") from error

from tensorflow.core.framework import attr_value_pb2
from tensorflow.core.protobuf import (
    config_pb2,
    saved_model_pb2,
    saved_object_graph_pb2,
    struct_pb2,
    trackable_object_graph_pb2,
)
from tensorflow.python.autograph.impl import api
from tensorflow.python.client import pywrap_tf_session as c_api
from tensorflow.python.eager import context, record
from tensorflow.python.feature_column import feature_column, feature_column_v2, serialization
from tensorflow.python.framework import (
    auto_control_deps,
    auto_control_deps_utils,
    c_api_util,
    func_graph,
    kernels,
    op_def_registry,
    ops,
)
from tensorflow.python.ops import (
    control_flow_util,
    lookup_ops,
    resource_variable_ops,
    variable_scope,
    variables,
)
from tensorflow.python.saved_model import fingerprinting_utils, nested_structure_coder, save_context
from tensorflow.python.trackable import autotrackable, data_structures
from tensorflow.python.util import tf_stack

__all__ = [
    "AutoTrackable",
    "DenseColumn",
    "DenseColumnV1",
    "Holder",
    "Trackable",
    "add_partitioned_to_variable_store",
    "add_to_variable_store",
    "adding_operations",
    "as_in_a_function",
    "as_written",
    "call_checked",
    "checkpointed_objects",
    "compiled_kernels",
    "converter_error",
    "deserialize_feature_column",
    "edge",
    "empty_variable",
    "from_proto",
    "in_current_graph",
    "is_compiled",
    "is_plain_place",
    "is_saving",
    "is_taped",
    "lookup_ops",
    "not_taped",
    "note_variable",
    "notes_variables",
    "op_def",
    "plain_variable",
    "read_only_inputs",
    "record_on_tapes",
    "refuse_gradients",
    "register_feature_column",
    "registered_gradient",
    "registered_ops",
    "runs_eagerly",
    "saved_model",
    "saved_objects",
    "serialize_feature_column",
    "session_call",
    "set_colocation",
    "set_trainable",
    "trains_columns",
    "type_spec_from_bytes",
    "type_spec_to_bytes",
    "unique_id",
    "variable_from_proto",
    "variables_of_the_program",
    "wrapped_graph",
    "write_fingerprint",
]

Trackable = tf.__internal__.tracking.Trackable
"""What TensorFlow saves: the base class of variables, tables, functions and what holds them."""

AutoTrackable = tf.__internal__.tracking.AutoTrackable
"""What `tf.saved_model.load` gives is one."""

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Both generations of columns are recognized by these bases alone, and neither has a public name.
DenseColumn = feature_column_v2.DenseColumn
DenseColumnV1 = feature_column._DenseColumn
serialize_feature_column = serialization.serialize_feature_column
deserialize_feature_column = serialization.deserialize_feature_column
# Models that hold a registered column are loaded without `custom_objects`.
register_feature_column = serialization.register_feature_column


class Holder(autotrackable.AutoTrackable):
    """Shows TensorFlow's saving what an object has, and hides the object from Keras, which looks into each one.

    Args:
        held: the object. Its variables, tables and files are shown, and not the functions that it has in a
            SavedModel: who calls it saves what is called. Attributes set on the holder are shown beside them.
        stand_ins: by a variable's identity what is shown in its place. TensorFlow writes a value once for each
            object that it finds, so where a layer's weight stands for a variable, only one of them may be shown.
        known: holders of the parts of a larger object, by the part's identity.
    """

    # A loader sets attributes with the names of the held object's children; mangled ones do not meet them.
    __held: Any
    __stand_ins: Mapping[int, Any]
    __known: dict[int, Holder]

    def __init__(
        self,
        held: Any,
        stand_ins: Mapping[int, Any] | None = None,
        known: dict[int, Holder] | None = None,
    ) -> None:
        # Past TensorFlow, which tracks what attributes hold.
        object.__setattr__(self, "_Holder__held", held)
        object.__setattr__(self, "_Holder__stand_ins", stand_ins or {})
        object.__setattr__(self, "_Holder__known", {} if known is None else known)
        super().__init__()

    def __children(self) -> dict[str, Any]:
        children = getattr(self.__held, "_trackable_children", None)
        found = {} if children is None else dict(children("checkpoint"))
        return {name: self.__show(child) for name, child in found.items()}

    def __show(self, child: Any) -> Any:
        if id(child) in self.__stand_ins:
            return self.__stand_ins[id(child)]
        return self.__part(child) if self.__leads_to_a_stand_in(child) else child

    def __leads_to_a_stand_in(self, child: Any) -> bool:
        if not self.__stand_ins or isinstance(child, _LEAVES):
            return False
        return any(id(each) in self.__stand_ins for each in tf.train.TrackableView(child).descendants())

    def __part(self, child: Any) -> Holder:
        return self.__known.setdefault(id(child), _HeldPart(child, self.__stand_ins, self.__known))

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        del save_type, kwargs
        return {**super()._trackable_children("checkpoint"), **self.__children()}

    def _lookup_dependency(self, name: str, cached_dependencies: dict[str, Any] | None = None) -> Any:
        if cached_dependencies is not None:
            return cached_dependencies.get(name)  # a checkpoint is being restored
        # Keras 2 is loading a SavedModel into a layer that was made again from its config. It has to find the variables,
        # at any depth, and must not find tables and files: those it makes for itself, and fails where it met them here.
        child = self.__children().get(name)
        if child is None or isinstance(child, tf.Variable):
            return child
        return None if isinstance(child, _LEAVES) else self.__part(child)


_LEAVES = (tf.saved_model.Asset, tf.saved_model.experimental.TrackableResource)


class _HeldPart(Holder, data_structures.TrackableDataStructure):
    """Of a part of the object. In what is one of these, Keras 2 sets nothing."""


def trains_columns(state_manager: Any) -> bool:
    """Whether the layer behind a column's state manager is trainable; it tells nobody but itself."""
    return bool(getattr(state_manager, "_trainable", True))


def op_def(op_type: str) -> Any:
    """The OpDef that this TensorFlow has registered for an op, or None."""
    return op_def_registry.get(op_type)


def registered_ops() -> list[str]:
    """The names of all ops that this TensorFlow has; `tf.raw_ops` leaves some out."""
    return sorted(c_api_util.ApiDefMap().op_names())


def from_proto(collection: str, message_bytes: bytes) -> Any:
    """The object that a serialized item of a collection stands for, in the default graph.

    Variables and control flow contexts have no public way from their messages to an object that
    knows both kinds of variables and all kinds of contexts.
    """
    message = ops.get_collection_proto_type(collection).FromString(message_bytes)
    return ops.get_from_proto_function(collection)(message, import_scope=None)


class _LostLoop:
    """Stands for the context of a loop that nobody knows: whoever asks for the loop gets an error.

    Its methods have the names by which TensorFlow asks a context.

    Args:
        refuse: raises the error.
    """

    outer_context = None

    def __init__(self, refuse: Callable[[], Any]) -> None:
        self._refuse = refuse

    def GetWhileContext(self) -> Any:  # noqa: N802
        return self._refuse()

    def IsWhileContext(self) -> bool:  # noqa: N802
        return True

    def IsCondContext(self) -> bool:  # noqa: N802
        return False

    def IsXLAContext(self) -> bool:  # noqa: N802
        return False


def refuse_gradients(exit_operation: Any, refuse: Callable[[], Any]) -> None:
    """Lets whoever differentiates a loop meet an error.

    TensorFlow asks the op that leaves a loop for its context before it asks any op for a gradient.

    Args:
        exit_operation: an op that leaves a loop, and has no context.
        refuse: raises the error.
    """
    exit_operation._set_control_flow_context(_LostLoop(refuse))


def variable_from_proto(message_bytes: bytes, is_initialized: Any = None) -> Any:
    """The variable that a serialized VariableDef stands for, with all that a fresh one has.

    TensorFlow's own way from a message leaves attributes out that optimizers and distribution strategies
    ask for, another set of them in each release.

    Args:
        message_bytes: the VariableDef, whose names are those of the default graph.
        is_initialized: the tensor that tells whether a resource variable has its value.
    """
    variable = from_proto("variables", message_bytes)
    # A message knows the numbers of the second generation of this enum; `get_variable` gives the first.
    aggregation = tf.compat.v1.VariableAggregation(variable.aggregation.value)
    if isinstance(variable, resource_variable_ops.BaseResourceVariable):
        # Every fresh variable has come through here, so whatever attributes there are, they are set.
        resource_variable_ops.BaseResourceVariable.__init__(
            variable,
            trainable=variable.trainable,
            shape=variable.shape,
            dtype=variable.dtype,
            handle=variable.handle,
            synchronization=variable.synchronization,
            aggregation=aggregation,
            name=variable.op.name,
            unique_id=variable.handle.op.get_attr("shared_name").decode() or variable.op.name,
            handle_name=variable.handle.op.name,
            graph_element=variable._graph_element,
            initial_value=variable._initial_value,
            initializer_op=variable.initializer,
            is_initialized_op=is_initialized,
            cached_value=variable._cached_value,
            save_slice_info=variable._save_slice_info,
            in_graph_mode=True,
        )
    else:
        variable._graph_key = variable.graph._graph_key
        variable._aggregation = aggregation
    # Where `get_variable` finds the name taken, it shows where the variable was made.
    c_api.TF_SetOpStackTrace(variable.op._c_op, tf_stack.extract_stack())
    return variable


def add_to_variable_store(variable: Any) -> None:
    """Lets `get_variable`, and what finds variables by name, find one of the default graph.

    A variable that has the name already keeps it.
    """
    variable_scope._get_default_variable_store()._vars.setdefault(variable.op.name, variable)


def add_partitioned_to_variable_store(
    name: str, shape: Sequence[int], parts: Sequence[Any], partitions: Sequence[int]
) -> None:
    """Lets `get_variable` find a partitioned variable of the default graph.

    Args:
        name: of the whole. A partitioned variable that has the name already keeps it.
        shape: of the whole.
        parts: the variables that hold it, each with its slice; they are added each for itself too.
        partitions: how many parts there are along each dimension.
    """
    whole = variables.PartitionedVariable(name, list(shape), parts[0].dtype, list(parts), list(partitions))
    variable_scope._get_default_variable_store()._partitioned_vars.setdefault(name, whole)


def notes_variables() -> bool:
    """Whether the use of a variable is noted by anybody: by a tape, or by the function being built."""
    return is_taped() or hasattr(ops.get_default_graph(), "watch_variable")


def note_variable(variable: Any) -> None:
    """Notes the use of a resource variable, as reading its value does."""
    resource_variable_ops.variable_accessed(variable)


def is_plain_variable(variable: Any) -> bool:
    """Whether to read a variable is an op on its handle and nothing else: no strategy, and no cache, is between."""
    return (
        type(variable)
        in (resource_variable_ops.ResourceVariable, resource_variable_ops.UninitializedVariable)
        and variable._cached_value is None
        and variable._caching_device is None
    )


def is_taped() -> bool:
    """Whether a GradientTape or a ForwardAccumulator is active."""
    return bool(record.could_possibly_record())


def not_taped() -> contextlib.AbstractContextManager[None]:
    """A context in which no tape is active."""
    context: contextlib.AbstractContextManager[None] = record.stop_recording()
    return context


def record_on_tapes(
    name: str,
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    gradient: Callable[..., list[Any]],
    tangent: Callable[..., list[Any]],
) -> None:
    """Notes something as one op on the active tapes.

    Args:
        name: of its kind.
        outputs: its tensors.
        inputs: the tensors and handles of variables that it depends on.
        gradient: gives the gradients of the inputs from those of the outputs, one argument for each.
        tangent: gives the tangents of the outputs from those of the inputs, one argument for each.
    """
    record.record_operation(name, list(outputs), list(inputs), gradient, tangent)


def set_trainable(variable: Any) -> None:
    """Marks a variable of a graph as one to train, after it was made."""
    variable._trainable = True


def is_plain_place(graph: Any) -> bool:
    """Whether an op added to the graph now would be subject to nothing but its name scope.

    That is: no active control dependencies, loop, branch, device or colocation scope.
    """
    return not (
        graph._control_dependencies_stack
        or graph._get_control_flow_context()
        or graph._device_functions_outer_to_inner
        or list(graph._colocation_stack.peek_objs())
        or graph.building_function
    )


@contextlib.contextmanager
def adding_operations(graph: Any) -> Iterator[Callable[..., Any]]:
    """Gives a function that adds one operation to a graph that is a plain place.

    The public `tf.Graph.create_op` does the same, and takes three times as long: for each operation it
    builds a NodeDef, checks it, takes it apart again, and walks the stack.
    """
    graph._check_not_finalized()
    stack = tf_stack.extract_stack()
    with graph._mutation_lock(), graph._c_graph.get() as c_graph:

        def add(
            name: str,
            op_type: str,
            device: str,
            inputs: Sequence[Any],
            waits: Iterable[Any],
            attributes: Iterable[tuple[str, bytes]],
        ) -> Any:
            """Adds one.

            Args:
                name: absolute, and free.
                op_type: of the operation.
                device: where it runs, or "".
                inputs: of `edge`; a list of them where the op takes a list.
                waits: operations that it waits for.
                attributes: serialized AttrValues; those that the inputs imply may be left out.
            """
            description = c_api.TF_NewOperation(c_graph, op_type, name)
            if device:
                c_api.TF_SetDevice(description, device)
            for item in inputs:
                if isinstance(item, list):
                    c_api.TF_AddInputList(description, item)
                else:
                    c_api.TF_AddInput(description, item)
            for operation in waits:
                c_api.TF_AddControlInput(description, operation._c_op)
            for key, value in attributes:
                c_api.TF_SetAttrValueProto(description, key, value)
            c_op = c_api.TF_FinishOperation(description)
            c_api.TF_SetOpStackTrace(c_op, stack)
            return graph._create_op_from_tf_operation(c_op)

        yield add


def edge(tensor: Any) -> Any:
    """A graph's tensor as an input of `adding_operations`."""
    return tensor._as_tf_output()


def in_current_graph(tensor: Any) -> Any:
    """The tensor as the `tf.function` being traced sees it: captured where it comes from outside."""
    graph = ops.get_default_graph()
    return tensor if getattr(tensor, "graph", None) is graph else graph.capture(tensor)


@contextlib.contextmanager
def as_in_a_function() -> Iterator[Callable[[Any], Any]]:
    """A context in which ops are added to a graph as they are to a `tf.function`.

    Stateful ops run in the order in which they are added, and conds and loops are those of control flow v2. It gives a
    function for each tensor that is to be returned, which waits for all that has to run.
    """
    was_enabled = control_flow_util.ENABLE_CONTROL_FLOW_V2
    control_flow_util.ENABLE_CONTROL_FLOW_V2 = True
    try:
        with _automatic_control_dependencies() as returned:
            yield returned
    finally:
        control_flow_util.ENABLE_CONTROL_FLOW_V2 = was_enabled


@contextlib.contextmanager
def _automatic_control_dependencies() -> Iterator[Callable[[Any], Any]]:
    if getattr(ops.get_default_graph(), "experimental_acd_manager", None) is not None:
        yield lambda tensor: tensor  # the function around sees to it
        return
    with auto_control_deps.AutomaticControlDependencies() as manager:
        yield manager.mark_as_return


def as_written(function: _Function) -> _Function:
    """Keeps AutoGraph from rewriting a function, and all that it calls, inside a `tf.function`.

    The public `do_not_convert` does so too, and adds a tenth of a millisecond to eager calls, where there
    is nothing to keep it from.
    """
    kept = tf.autograph.experimental.do_not_convert(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return (function if tf.executing_eagerly() else kept)(*args, **kwargs)

    marked: _Function = api.autograph_artifact(wrapper)
    return marked


def plain_variable(value: Any) -> Any:
    """A variable that no variable creator hears of: neither a program's own ones nor those of a distribution strategy."""
    return resource_variable_ops.ResourceVariable(value)


def empty_variable(like: Any, name: str, trainable: bool, **distribution: Any) -> Any:
    """A variable that has no value, for functions that are traced and saved, and never run here.

    Args:
        like: a TensorSpec with the shape and dtype of the values that it takes.
        name: of the variable.
        trainable: whether optimizers see it.
        distribution: how replicas of a distribution strategy share it.
    """
    return resource_variable_ops.UninitializedVariable(
        shape=like.shape, dtype=like.dtype, name=name, trainable=trainable, **distribution
    )


@contextlib.contextmanager
def variables_of_the_program() -> Iterator[None]:
    """A context in which variables are not those of the `tf.function` that is being traced.

    A function watches over the variables that are made while it is traced, also inside of `tf.init_scope`, and refuses
    them where it is traced again. A program's own creators, and those of a distribution strategy, see them as ever:
    their priority is higher. TensorFlow loads SavedModels in this way.
    """

    def create(next_creator: Any, **arguments: Any) -> Any:
        del next_creator
        return resource_variable_ops.default_variable_creator_v2(None, **arguments)

    with ops.get_default_graph()._variable_creator_scope(create, priority=50):
        yield


def runs_eagerly() -> bool:
    """Whether the context of eager ops is there, here or in the process that this one was forked from.

    `executing_eagerly` is true before that. To ask for the context would make it.
    """
    return bool(context._context is not None and context._context._initialized)


def is_compiled() -> bool:
    """Whether the function being traced, or one around it, is compiled with XLA."""
    return bool(control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph()))


def is_saving() -> bool:
    """Whether what is traced now goes into a SavedModel, which has one copy of a variable that replicas share."""
    return bool(save_context.in_save_context())


def registered_gradient(name: str) -> Any:
    """The function that is registered as the gradient of an op type or of a name, or None."""
    try:
        return ops.gradient_registry.lookup(name)
    except LookupError:
        return None


def call_checked(function: Any, tensors: list[Any]) -> Any:
    """Calls a ConcreteFunction with tensors that fit its inputs, in the order of `tf.nest.flatten`.

    The public call binds and casts its arguments first, which takes as long as a small module runs.
    """
    return function._call_flat(tensors, function.captured_inputs)


def wrapped_graph(graph: Any) -> Any:
    """The graph that `tf.compat.v1.wrap_function` is filling: this one, or one around it; None where there is none.

    Nothing but its name tells it from that of a `tf.function`.
    """
    found = None
    while isinstance(graph, func_graph.FuncGraph):
        if graph.name.startswith("wrapped_function"):
            found = graph
        graph = graph.outer_graph
    return found


def session_call(session: Any, feeds: Sequence[str], fetches: Sequence[str]) -> Callable[..., list[Any]]:
    """What runs a part of a session's graph: `Session.make_callable` prepares each call anew where something is fed.

    Args:
        session: a session of TensorFlow 1.
        feeds: the names of the tensors that are given, as arrays, one after the other.
        fetches: the names of those that are wanted. None may be twice, nor among the feeds.
    """
    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
    call: Callable[..., list[Any]] = session._make_callable_from_options(options)
    return call


def compiled_kernels(op_type: str) -> list[dict[str, frozenset[int]]]:
    """For each of XLA's kernels for an op type, the dtypes that its attributes may have."""
    return [
        {limit.name: frozenset(limit.allowed_values.list.type) for limit in kernel.constraint}
        for kernel in kernels.get_registered_kernels_for_op(op_type).kernel
        if kernel.device_type.endswith("_JIT")
    ]


def set_colocation(operation: Any, names: Iterable[str], device: str | None) -> None:
    """Colocates an operation that was just imported with the operations named."""
    classes = attr_value_pb2.AttrValue(
        list=attr_value_pb2.AttrValue.ListValue(s=[b"loc:@" + name.encode() for name in names])
    )
    operation._set_attr("_class", classes)
    if device is not None:
        operation._set_device(device)


def type_spec_from_bytes(type_spec: bytes) -> Any:
    """The TypeSpec behind a serialized TypeSpecProto, as signatures hold it."""
    value = struct_pb2.StructuredValue()
    value.type_spec_value.ParseFromString(type_spec)
    return nested_structure_coder.decode_proto(value)


def type_spec_to_bytes(type_spec: Any) -> bytes:
    """A TypeSpec as the serialized TypeSpecProto that signatures hold."""
    encoded: bytes = nested_structure_coder.encode_structure(type_spec).type_spec_value.SerializeToString()
    return encoded


def saved_objects(object_graph_def: bytes) -> Any:
    """The SavedObjectGraph of a SavedModel, which our own messages leave as bytes."""
    return saved_object_graph_pb2.SavedObjectGraph.FromString(object_graph_def)


def saved_model(value: bytes) -> Any:
    """TensorFlow's own SavedModel message, which has all fields of what TensorFlow 2 saves."""
    return saved_model_pb2.SavedModel.FromString(value)


def write_fingerprint(directory: str) -> None:
    """Writes the fingerprint of the SavedModel in a directory, as saving does."""
    fingerprinting_utils.write_fingerprint(directory)


def read_only_inputs(function: Any) -> set[int]:
    """The inputs of a ConcreteFunction, captured ones among them, which are resources that it only reads."""
    return set(auto_control_deps_utils.get_read_only_resource_input_indices_graph(function.graph))


def checkpointed_objects(value: bytes) -> Any:
    """The TrackableObjectGraph that an object-based checkpoint holds as a string."""
    return trackable_object_graph_pb2.TrackableObjectGraph.FromString(value)


def unique_id() -> int:
    """A number that no other call in this process returned."""
    return int(ops.uid())


def converter_error() -> type[Exception]:
    """What TensorFlow Lite's converter raises, with a list of what is in its way."""
    from tensorflow.lite.python.convert_phase import ConverterError

    error: type[Exception] = ConverterError
    return error
