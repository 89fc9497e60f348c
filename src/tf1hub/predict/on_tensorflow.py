"""TensorFlow itself as an engine: a graph and a session."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from tf1hub.format.messages_pb2 import NodeDef, SavedModel
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.freezing.batch_norms import fold_batch_norms
from tf1hub.freezing.dense_parts import tensors_of
from tf1hub.freezing.frozen_graph import Freezing
from tf1hub.freezing.stored_constants import VariableConstants
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.walk import dependents
from tf1hub.predict.engine_request import Compute, Request
from tf1hub.spec.module_spec import ModuleSpec

_MOST_CONSTANTS = 1 << 25
"""The most bytes of variables that become constants: while TensorFlow optimizes a graph, it holds each of them a dozen times."""

_TABLE = 1 << 20
"""So many bytes of a variable of which rows are looked up and nothing else, and it stays one: as a constant, it gains nothing."""

_OFF = 2
"""`RewriterConfig.Toggle.OFF`."""


class TensorflowEngine:
    """A `tf.Graph` of its own and a session in it. TensorFlow is imported when it is built."""

    name = "tensorflow"

    def not_installed(self) -> str | None:
        """TensorFlow, any build of it."""
        return (
            None
            if find_spec("tensorflow") is not None
            else "pip install tensorflow (or tensorflow-cpu, a smaller build)"
        )

    def refusals(self, request: Request) -> Sequence[str]:  # noqa: ARG002
        """Nothing is asked beforehand: TensorFlow says what it cannot build."""
        return []

    def build(self, request: Request) -> Compute:
        """Makes a session: of a graph of constants where the signature writes none of them, else of variables."""
        import tensorflow as tf

        from tf1hub.tf2.processes import check_threads

        check_threads()
        spec = request.spec if request.seed is None else _seed(request.spec, request.seed)
        freezing = Freezing(spec, spec.variant(request.variant.tags), [request.signature], files=True)
        tables = {name for name in freezing.tables() if freezing.bytes_of(name) > _TABLE}
        if _can_freeze(freezing, tables):
            return _of_constants(tf, freezing, tables, session_config(tf, request.threads))
        del freezing
        return _with_variables(tf, spec, request)


def _can_freeze(freezing: Freezing, tables: Collection[str]) -> bool:
    """Whether the variables of a signature may become constants, but for tables."""
    if freezing.written or not freezing.has_values:
        return False
    if freezing.weights - sum(map(freezing.bytes_of, tables)) > _MOST_CONSTANTS:
        return False
    return not any(freezing.refusals())


def _of_constants(tf: Any, freezing: Freezing, tables: Collection[str], config: Any) -> Compute:
    """A session without variables but for tables: TensorFlow computes in advance what depends on no input, and fuses ops."""
    from tf1hub.graph.building import building, initializing

    tf1 = tf.compat.v1
    variant, (signature,) = freezing.variant, freezing.signatures
    frozen = freezing.freeze(tables)
    arguments = tensors_of(variant.inputs(signature))
    results = tensors_of(variant.outputs(signature))
    fold_batch_norms(frozen.graph, [*arguments, *results])
    message = tf1.GraphDef()
    # Each of these holds all of the constants, so none is kept beside the next.
    data = frozen.graph.SerializeToString()
    frozen.graph.Clear()
    with tf.Graph().as_default() as graph, building(variant):
        message.ParseFromString(data)
        del data
        tf.graph_util.import_graph_def(message, name="")
    files = {
        tensor: freezing.spec.asset_paths[file]
        for tensor, file in variant.asset_files.items()
        if node_of(tensor) in freezing.keep
    }
    if _normalizes_layers(message.node, map(node_of, arguments)):
        # The op of oneDNN that TensorFlow 2.21 puts in place of a layer normalization adds 0.001 to each variance, whatever
        # the graph adds.
        config.graph_options.rewrite_options.remapping = _OFF
    del message
    # The session keeps no second copy of the graph, with all of its constants.
    config.experimental.optimize_for_static_graph = True
    session = tf1.Session(graph=graph, config=config)
    values = VariableConstants(freezing.spec.checkpoint)
    with initializing(variant.where):
        for variable, kept in frozen.kept:
            # Where TensorFlow needs no copy, it keeps what it is given, and that must not be a view of the file.
            session.run(
                graph.get_operation_by_name(kept.filler), {kept.given: np.array(values.array(variable))}
            )
        if frozen.initializer:
            session.run(graph.get_operation_by_name(frozen.initializer), files)
    return _Session(session, arguments, results, (arguments, results), writes=False)


def _normalizes_layers(nodes: Iterable[NodeDef], inputs: Iterable[str]) -> bool:
    """Whether something is divided by a deviation that depends on inputs: not by a stored one, as in batch normalization."""
    nodes = list(nodes)
    computed = dependents(nodes, set(inputs))
    return any(node.op == "Rsqrt" and node.name in computed for node in nodes)


def _with_variables(tf: Any, spec: ModuleSpec, request: Request) -> Compute:
    """A session of a module in a graph, whose variables and tables have their values."""
    from tf1hub.graph.building import initializing
    from tf1hub.graph.inputs import dense_tensors
    from tf1hub.graph.module import Module

    tf1 = tf.compat.v1
    inputs = request.variant.inputs(request.signature)
    outputs = request.variant.outputs(request.signature)
    with tf.Graph().as_default() as graph:
        module = Module(spec, tags=request.variant.tags)
        given = {name: _placeholder(tf, info) for name, info in inputs.items()}
        found = module(given or None, signature=request.signature, as_dict=True)
        feeds, fetches = dense_tensors(given, inputs), dense_tensors(found, outputs)
        session = tf1.Session(graph=graph, config=session_config(tf, request.threads))
        with initializing(request.variant.where):
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
    names = tuple([tensor.name for tensor in each.values()] for each in (feeds, fetches))
    return _Session(session, list(feeds), list(fetches), names, bool(request.code.written))


def session_config(tf: Any, asked: int | None) -> Any:
    """How many threads a call takes. What one op takes, the first session of a process decides for all that come after it.

    Args:
        tf: TensorFlow.
        asked: the threads that were asked for, each of which calls; or None.
    """
    if asked is not None:
        # All ops run in the thread that calls: to hand each of them to another one takes longer than many an op.
        return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
    threads = tf.config.threading
    return tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=threads.get_inter_op_parallelism_threads(),
    )


def _seed(spec: ModuleSpec, seed: int) -> ModuleSpec:
    """The same module, whose random ops without a seed have one; a graph's seed does not reach what is imported."""
    message = SavedModel()
    message.CopyFrom(spec.saved_model)
    for meta_graph in message.meta_graphs:
        graph = meta_graph.graph_def
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        for number, node in enumerate(nodes):
            definition = recorded_definition(node.op)
            known = {attr.name for attr in definition.attr} if definition is not None else set()
            if {"seed", "seed2"} <= known and not (node.attr["seed"].i or node.attr["seed2"].i):
                node.attr["seed"].i, node.attr["seed2"].i = seed, number + 1
    return spec.with_values(spec.checkpoint, saved_model=message)


def _placeholder(tf: Any, info: Any) -> Any:
    tf1 = tf.compat.v1
    if info.is_sparse:
        return tf1.sparse_placeholder(info.dtype, info.get_shape())
    if info.is_composite:
        return tf.nest.map_structure(
            lambda part: tf1.placeholder(part.dtype, part.shape), info.type_spec, expand_composites=True
        )
    return tf1.placeholder(info.dtype, info.get_shape())


class _Session:
    """A session as a function of arrays.

    Args:
        session: the session.
        arguments: what the arrays are called that are given.
        results: and those that are wanted.
        tensors: the names of the tensors that these are in the session's graph.
        writes: whether a call changes what the next one reads.

    Attributes:
        session: the session.
    """

    def __init__(
        self,
        session: Any,
        arguments: list[str],
        results: list[str],
        tensors: Sequence[list[str]],
        writes: bool,
    ) -> None:
        from tf1hub._tensorflow import session_call

        self.session = session
        fed, fetched = ([*map(tensor_name, names)] for names in tensors)
        # A tensor may be several inputs or outputs, or both.
        feeds = dict(zip(fed, map(tensor_name, arguments), strict=True))
        self._arguments = list(feeds.values())
        self._fetched = [name for name in dict.fromkeys(fetched) if name not in feeds]
        self._call = session_call(session, list(feeds), self._fetched)
        self._results = dict(zip(map(tensor_name, results), fetched, strict=True))
        self._echoed = {name: feeds[name] for name in fetched if name in feeds}
        self._turn = threading.Lock() if writes else None

    def __call__(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [feeds[name] for name in self._arguments]
        with self._turn or contextlib.nullcontext():
            values = dict(zip(self._fetched, self._call(*given), strict=True))
        values.update((name, feeds[argument]) for name, argument in self._echoed.items())
        return {name: values[tensor] for name, tensor in self._results.items()}
