"""`to="frozen_graph"`: one `.pb` file, a GraphDef with the variables as constants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from tf1hub.converting.form import CallableForm, ConversionRequest, Options, Written
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import GraphDef
from tf1hub.freezing.frozen_graph import NAMES_NODE, Freezing, Frozen
from tf1hub.graphdef.names import free_name
from tf1hub.spec.identity import module_digest
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.expected import Oracle
from tf1hub.trial.signature_check import Opened


class FrozenGraphForm(CallableForm):
    """For whatever reads a GraphDef: sessions, TensorFlow's C++ and Java, OpenCV, converters of other formats."""

    name = "frozen_graph"
    words = "a GraphDef in one file, its variables constants"
    suffix = ".pb"
    packages = ("tensorflow",)
    options = frozenset({"signature"})

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        return list(freezing(spec, variants[0], options).refusals())

    def write(self, request: ConversionRequest, path: str) -> Written:
        from tf1hub.converting.tensorflow_calls import start_process

        start_process()
        frozen = freezing(request.spec, request.inference, request.options).freeze()
        tensors = {
            name: {"inputs": frozen.inputs[name], "outputs": frozen.outputs[name]} for name in frozen.inputs
        }
        _add_names(frozen, tensors, request.spec)
        with open(path, "wb") as file:
            file.write(frozen.graph.SerializeToString(deterministic=True))
        return Written(
            signatures={name: tuple(inputs) for name, inputs in frozen.inputs.items()},
            compared=list(frozen.inputs),
            tensors=tensors,
            notes=notes_of(frozen),
        )

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        return fresh_original(request, spec)

    def open(self, request: ConversionRequest, path: str) -> AbstractContextManager[Opened]:
        from tf1hub.converting.tensorflow_calls import open_apart

        return open_apart(request, "open_frozen_graph", path)


def freezing(spec: ModuleSpec, variant: Variant, options: Options, files: bool = False) -> Freezing:
    """What is to be frozen of a variant.

    Raises:
        UnknownSignatureError: the options name a signature that is not there.
    """
    chosen = options.signature
    names = variant.signature_names if chosen is None else [variant.check_signature(chosen)]
    return Freezing(spec, variant, names, files)


def fresh_original(request: ConversionRequest, spec: ModuleSpec) -> Oracle:
    """The module in a graph; each call starts from the stored values, as a frozen one does."""
    from tf1hub.trial.original import Original

    frozen = freezing(request.spec, request.inference, request.options, files=True)
    return Original(spec, fresh=bool(frozen.written))


def notes_of(frozen: Frozen) -> tuple[str, ...]:
    """What users of a frozen graph have to know."""
    notes = []
    if frozen.initializer:
        notes.append(f"Run the op {frozen.initializer!r} once, before the first call: it fills the tables.")
    if frozen.written:
        notes.append(
            f"Calls write {', '.join(map(repr, frozen.written))}: each call starts from the stored value, and what it "
            "writes is forgotten after it."
        )
    return tuple(notes)


def _add_names(frozen: Frozen, tensors: Mapping[str, Any], spec: ModuleSpec) -> None:
    told = {
        "module": spec.name,
        "digest": module_digest(spec),
        "initializer": frozen.initializer,
        "signatures": tensors,
    }
    graph: GraphDef = frozen.graph
    name = free_name(NAMES_NODE, {node.name for node in graph.node})
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = dtypes.STRING
    node.attr["value"].tensor.dtype = dtypes.STRING
    node.attr["value"].tensor.tensor_shape.SetInParent()
    node.attr["value"].tensor.string_val.append(json.dumps(told).encode())
