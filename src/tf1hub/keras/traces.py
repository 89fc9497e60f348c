"""What functions tell of themselves: those that TensorFlow restored from a SavedModel, by their traces."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import Trackable, op_def
from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef.inlining import inline_calls


def parameters(function: Any) -> Iterable[str]:
    """The names of the parameters of a function, or of one that TensorFlow restored; none where it does not tell."""
    target = function if inspect.isroutine(function) else _call_of(function)
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return ()


def traces(function: Any) -> Sequence[Any]:
    """The traces of a function, or of an object that can be called, which TensorFlow restored."""
    own = function if hasattr(function, "concrete_functions") else _call_of(function)
    found: Sequence[Any] = getattr(own, "concrete_functions", ())
    return found


def variables_read_by(function: Any) -> Iterable[tf.Variable]:
    """The variables that a function without arguments reads."""
    function = (
        function if hasattr(function, "get_concrete_function") else tf.function(function, autograph=False)
    )
    variables: Iterable[tf.Variable] = function.get_concrete_function().variables
    return variables


def variables_read_for(trace: Any, returned: Set[str]) -> list[tf.Variable]:
    """The variables on which some of the outputs of a trace depend."""
    if returned >= trace.structured_outputs.keys():
        return list(trace.variables)
    # A restored trace is a single call, which takes all variables.
    graph = GraphDef.FromString(trace.graph.as_graph_def().SerializeToString())
    inline_calls(graph, op_def)
    owners = [
        name
        for name, spec in sorted(trace.structured_outputs.items())
        for _ in tf.nest.flatten(spec, expand_composites=True)
    ]
    outputs = [tensor.name for name, tensor in zip(owners, trace.outputs, strict=True) if name in returned]
    reached = _behind({node.name: node for node in graph.node}, outputs)
    # A variable with a copy for each replica stands for itself.
    captured = {
        id(variable if isinstance(variable, tf.distribute.DistributedValues) else variable.handle): variable
        for variable in trace.variables
    }
    stand_ins = trace.graph.inputs[len(trace.graph.inputs) - len(trace.captured_inputs) :]
    return [
        captured[id(outside)]
        for inside, outside in zip(stand_ins, trace.captured_inputs, strict=True)
        if id(outside) in captured and inside.op.name in reached
    ]


def _behind(nodes: Mapping[str, NodeDef], tensors: Iterable[str]) -> set[str]:
    """The nodes from which tensors are computed, where calls are written out."""
    found: set[str] = set()
    waiting = [tensor_name(tensor) for tensor in tensors]
    while waiting:
        tensor = waiting.pop()
        if tensor in found:
            continue
        found.add(tensor)
        name, index = split_tensor_name(tensor)
        edges = [edge for edge in nodes[name].input if not edge.startswith("^")]
        # What is left of a call has all of its results, each from one of its inputs.
        edges = [edges[index]] if nodes[name].op == "IdentityN" else edges
        waiting.extend(tensor_name(edge) for edge in edges)
    return {node_of(tensor) for tensor in found}


def holds_tables(loaded: Any) -> bool:
    """Whether tables are among what an object tracks."""
    if not isinstance(loaded, Trackable):
        return False  # a plain function, say
    held = tf.train.TrackableView(loaded).descendants()
    return any(isinstance(each, tf.saved_model.experimental.TrackableResource) for each in held)


def _call_of(function: Any) -> Any:
    """What is called, in which TensorFlow keeps the traces and the parameters of an object that it restored."""
    return getattr(function, "__call__", function)  # noqa: B004 - itself is wanted, not whether there is one
