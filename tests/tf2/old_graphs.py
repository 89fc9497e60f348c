"""Old graphs made with TensorFlow's v1 API, and what graph mode computes with them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.format.messages_pb2 import MetaGraphDef, SavedModel, TensorInfo, TensorShapeProto
from tf1hub.format.tensor_names import node_of
from tf1hub.predict.array_inputs import as_array
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tf2.load import load_spec
from tf1hub.tf2.loaded import LoadedModule

tf1 = tf.compat.v1
Tensors = dict[str, Any]
NOT_ON_NUMPY: frozenset[str] = frozenset()
"""Op types of these graphs that the table of ops lacks."""
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}


@contextlib.contextmanager
def control_flow(version: int) -> Iterator[None]:
    """Makes conds and loops the old way (1) or as functions (2)."""
    was_new = tf1.control_flow_v2_enabled()
    (tf1.enable_control_flow_v2 if version == 2 else tf1.disable_control_flow_v2)()
    try:
        yield
    finally:
        (tf1.enable_control_flow_v2 if was_new else tf1.disable_control_flow_v2)()


class OldGraph:
    """A graph that a function builds, with one signature.

    Args:
        build: makes the graph and returns the signature's inputs and outputs.
        version: of control flow.
        drop: collections to leave out of what is saved.
    """

    def __init__(
        self, build: Callable[[], tuple[Tensors, Tensors]], version: int = 1, drop: tuple[str, ...] = ()
    ) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default(), control_flow(version):
            self.inputs, self.outputs = build()
            self._losses = [tf.reduce_sum(tf.square(y)) for y in self.outputs.values() if y.dtype.is_floating]
            message = tf1.train.export_meta_graph(graph=self.graph, strip_default_attrs=True)
            self._prepare_gradients()
        self.definition = MetaGraphDef.FromString(message.SerializeToString())
        for collection in ("train_op", "losses", *drop):
            if collection in self.definition.collection_def:
                del self.definition.collection_def[collection]
        signature = self.definition.signature_def["default"]
        for infos, tensors in ((signature.inputs, self.inputs), (signature.outputs, self.outputs)):
            for name, tensor in tensors.items():
                infos[name].CopyFrom(_info(tensor))

    def _prepare_gradients(self) -> None:
        self.trainable = tf1.trainable_variables()
        self._grads: list[Any] = []
        if self._losses and self.trainable:
            self._grads = tf1.gradients(tf.add_n(self._losses), self.trainable)

    @property
    def spec(self) -> ModuleSpec:
        return ModuleSpec(SavedModel(meta_graphs=[self.definition]), "the old graph")

    def load(self, **kwargs: Any) -> LoadedModule:
        return load_spec(self.spec, **kwargs)

    def run(self, feeds: Mapping[str, Any], update: bool = False) -> tuple[Tensors, Tensors, Tensors]:
        """Outputs; gradients of the sum of squares by variable; variables afterwards."""
        with self.graph.as_default(), tf1.Session(graph=self.graph) as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            feed = {self.inputs[name]: value for name, value in feeds.items()}
            with_grads = [
                (v, tf.convert_to_tensor(g))
                for v, g in zip(self.trainable, self._grads, strict=False)
                if g is not None
            ]
            outputs, grads = session.run((self.outputs, [g for _, g in with_grads]), feed)
            if update:
                session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
                session.run((list(self.outputs.values()), tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)), feed)
            after = session.run({v.op.name: v for v in tf1.global_variables()})
        return outputs, {v.op.name: g for (v, _), g in zip(with_grads, grads, strict=True)}, after


def _info(tensor: Any) -> TensorInfo:
    shape = TensorShapeProto.FromString(tensor.shape.as_proto().SerializeToString())
    return TensorInfo(name=tensor.name, dtype=tensor.dtype.base_dtype.as_datatype_enum, tensor_shape=shape)


def assert_same(old: OldGraph, *feeds: Mapping[str, Any], update: bool = False) -> LoadedModule:
    """Holds a loaded graph against graph mode: outputs, gradients, variables afterwards."""
    module = old.load()
    for feed in feeds:
        outputs, grads, after = old.run(feed, update)
        _compare(module, feed, outputs, grads)
        compare_on_numpy(old, feed, outputs, after if update else None)
    if update:
        updated = old.load()
        updated(dict(feeds[-1]), training=True, as_dict=True)
        for variable in updated.variables:
            _close(variable.numpy(), after[variable.name.removesuffix(":0")])
    return module


def compare_on_numpy(old: OldGraph, feed: Mapping[str, Any], outputs: Tensors, after: Tensors | None) -> None:
    """Holds the NumPy engine against graph mode: outputs, and variables after the update ops."""
    module = ModuleCode(old.spec, old.spec.variant())
    updates = [] if after is None else [node_of(name) for name in module.variant.collection("update_ops")]
    signature = module.signature(targets=updates)
    missing = module.library.missing(signature.code.program)
    assert missing.keys() <= NOT_ON_NUMPY, missing
    if missing:
        return
    given = {
        tensor.name: as_array(feed[name], np.dtype(tensor.dtype.as_numpy_dtype))
        for name, tensor in old.inputs.items()
    }
    state = module.state()
    found = module.run(signature.code, [given[name] for name in signature.arguments], state)
    by_name = dict(zip(signature.fetches, found, strict=True))
    for name, expected in outputs.items():
        actual = by_name[old.outputs[name].name]
        assert np.asarray(expected).dtype.kind in "SOU" or actual.dtype == np.asarray(expected).dtype, name
        _close(actual, expected)
    for name in signature.written if after is not None else ():
        _close(state.read(name), after[name])


def _compare(module: LoadedModule, feed: Mapping[str, Any], outputs: Tensors, grads: Tensors) -> None:
    with tf.GradientTape() as tape:
        ours = module(dict(feed), as_dict=True)
        losses = [tf.reduce_sum(tf.square(y)) for y in ours.values() if y.dtype.is_floating]
        loss = tf.add_n(losses) if losses else tf.zeros([])
    for name, expected in outputs.items():
        _close(ours[name].numpy(), expected)
    trainable = list(module.trainable_variables)
    for variable, grad in zip(trainable, tape.gradient(loss, trainable) if trainable else [], strict=True):
        name = variable.name.removesuffix(":0")
        if name in grads:
            assert grad is not None, f"no gradient for {name}"
            _close(tf.convert_to_tensor(grad).numpy(), grads[name])
        else:
            assert grad is None, f"a gradient for {name}, which graph mode has not"


def _close(actual: np.ndarray, expected: np.ndarray) -> None:
    if np.asarray(expected).dtype.kind in "SOU":
        np.testing.assert_array_equal(actual, expected)
    else:
        np.testing.assert_allclose(actual, expected, **TOLERANCE)
