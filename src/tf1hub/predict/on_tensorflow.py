"""TensorFlow itself as an engine: a graph and a session."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.tensor_names import tensor_name
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.predict.engine_request import Compute, Request
from tf1hub.spec.module_spec import ModuleSpec


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
        """Builds the graph, and gives variables and tables their values."""
        import tensorflow as tf

        from tf1hub.graph.building import initializing
        from tf1hub.graph.inputs import dense_tensors
        from tf1hub.graph.module import Module

        tf1 = tf.compat.v1
        inputs = request.variant.inputs(request.signature)
        outputs = request.variant.outputs(request.signature)
        with tf.Graph().as_default() as graph:
            spec = request.spec if request.seed is None else _seed(request.spec, request.seed)
            module = Module(spec, tags=request.variant.tags)
            given = {name: _placeholder(tf, info) for name, info in inputs.items()}
            found = module(given or None, signature=request.signature, as_dict=True)
            feeds, fetches = dense_tensors(given, inputs), dense_tensors(found, outputs)
            session = tf1.Session(graph=graph)
            with initializing(request.variant.where):
                session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            call = session.make_callable(list(fetches.values()), list(feeds.values()))
        return _Session(session, call, list(feeds), list(fetches), bool(request.code.written))


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
    """A session as a function of arrays."""

    def __init__(
        self, session: Any, call: Any, arguments: list[str], results: list[str], writes: bool
    ) -> None:
        self._session = session
        self._call = call
        self._arguments = [tensor_name(name) for name in arguments]
        self._results = [tensor_name(name) for name in results]
        self._turn = threading.Lock() if writes else None

    def __call__(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [feeds[name] for name in self._arguments]
        if self._turn is None:
            values = self._call(*given)
        else:
            with self._turn:
                values = self._call(*given)
        return dict(zip(self._results, values, strict=True))
