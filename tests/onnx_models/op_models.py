"""One op as an ONNX model: lowered, checked and run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

import tf1hub.onnx.kinds  # noqa: F401  # registers the lowerings
from tf1hub.format.messages_pb2 import FunctionDefLibrary, NodeDef
from tf1hub.graphdef.op_definitions import output_types
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.onnx.dead_code import live_nodes, used_names
from tf1hub.onnx.lowering_scope import LoweringScope, SignatureLowering
from tf1hub.onnx.model_file import write_model
from tf1hub.onnx.onnx_graph import ML_OPSET, OPSET, tensor_type
from tf1hub.onnx.program_lowering import run_region
from tf1hub.onnx.signature_model import IR_VERSION
from tf1hub.onnx.traced_values import Value
from tf1hub.program.decompile import decompile
from tf1hub.program.functions import Functions


class RefusedError(Exception):
    """The op was refused; the message has the reasons."""


def run_op(
    node: NodeDef,
    inputs: Sequence[Any],
    known: Sequence[bool],
    open_sizes: bool,
    strings: str = "graph",
) -> list[Any]:
    """The outputs of an op, computed by ONNX Runtime.

    Args:
        node: the op.
        inputs: arrays.
        known: for each whether it is a constant of the graph.
        open_sizes: whether the sizes of the others are left open.
        strings: as `lower_signature` takes it.
    """
    definition = recorded_definition(node.op)
    functions = Functions(FunctionDefLibrary(), recorded_definition)
    copy = NodeDef.FromString(node.SerializeToString())
    copy.input[:] = [f"given{i}" for i in range(len(inputs))]
    copy.name = "it"
    nodes = {
        "it": copy,
        **{f"given{i}": NodeDef(name=f"given{i}", op="Placeholder") for i in range(len(inputs))},
    }
    count = len(output_types(copy, definition))
    fetches = [("it", i) for i in range(count)]
    fed = [(f"given{i}", 0) for i in range(len(inputs))]
    program = decompile(nodes, fetches, functions.effects, (), set(fed))
    lowering = SignatureLowering(
        functions, lambda _: ("", np.zeros(0)), lambda _: {}, strings_in_graph=strings == "graph"
    )
    lowering.nodes = frozenset(nodes)
    graph = lowering.graph
    values: dict[Any, Any] = {}
    takes = []
    for tensor, array, constant in zip(fed, inputs, known, strict=True):
        if constant:
            values[tensor] = graph.const(array)
            continue
        shape = tuple(None if open_sizes else n for n in array.shape)
        value = Value(array.dtype, shape, lowering.names.free(tensor[0]), graph)
        full = (*shape, 2) if value.dtype.kind == "c" else shape
        takes.append((helper.make_tensor_value_info(value.name, tensor_type(array.dtype), full), array))
        values[tensor] = value
    scope = LoweringScope(lowering, program, graph, values)
    run_region(scope, program.region)
    if lowering.refusals:
        raise RefusedError("; ".join(r.reason for r in lowering.refusals.values()))
    outputs = []
    for index in range(count):
        value = scope.values["it", index]
        assert isinstance(value, Value), value
        name = f"out{index}"
        graph.nodes.append(helper.make_node("Identity", [graph.name_of(value)], [name]))
        shape = value.shape if value.dtype.kind != "c" or value.shape is None else (*value.shape, 2)
        outputs.append((helper.make_tensor_value_info(name, tensor_type(value.dtype), shape), value.dtype))
    live = live_nodes(graph.nodes, [info.name for info, _ in outputs])
    used = used_names(live)
    model = helper.make_model(
        helper.make_graph(live, "op", [info for info, _ in takes], [info for info, _ in outputs]),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
    )
    constants = [(name, value.known) for name, value in lowering.constants.used.items() if name in used]
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "op.onnx")
        write_model(model, constants, path)
        onnx.checker.check_model(path, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feeds = {info.name: _given(array) for info, array in takes}
        found = session.run(None, feeds)
    return [_taken(value, dtype) for value, (_, dtype) in zip(found, outputs, strict=True)]


def _given(array: Any) -> Any:
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], -1)
    if array.dtype.kind == "O":
        return np.array([each.decode() for each in array.ravel()], object).reshape(array.shape)
    return array


def _taken(value: Any, dtype: Any) -> Any:
    if dtype.kind == "c":
        return (value[..., 0] + 1j * value[..., 1]).astype(dtype)
    if dtype.kind == "O":
        return np.array([str(each).encode() for each in np.ravel(value)], object).reshape(np.shape(value))
    return np.asarray(value)
