"""One signature of a module as an ONNX model, and what has to run around it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

import tf1hub.onnx.kinds  # noqa: F401  # registers the lowerings
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format import dtypes
from tf1hub.format.tensor_names import split_tensor_name
from tf1hub.graphdef import op_types
from tf1hub.onnx.dead_code import live_nodes, used_names
from tf1hub.onnx.lowering_scope import LoweringScope, SignatureLowering, UnloweredOps
from tf1hub.onnx.model_ports import ModelPorts, Port, name_of
from tf1hub.onnx.onnx_graph import ML_OPSET, OPSET, tensor_type, type_of
from tf1hub.onnx.program_lowering import run_region
from tf1hub.onnx.traced_values import Poison, Shape, Value
from tf1hub.program.nodes import Tensor
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2", "LookupTableSize", "LookupTableSizeV2"})

IR_VERSION = 9
"""That of onnx 1.14 to 1.16, which brought opset 20: what reads the operators reads it."""


class CannotLowerError(UnsupportedGraphError):
    """A signature that ONNX cannot take.

    Args:
        variant: whose signature it is.
        signature: its name.
        refusals: all of what is in the way.
    """

    def __init__(self, variant: Variant, signature: str, refusals: Sequence[UnloweredOps]) -> None:
        super().__init__(refusal_text(variant, signature, refusals))
        self.signature = signature
        self.refusals = list(refusals)


@dataclass
class SignatureModel:
    """A signature as an ONNX model.

    Attributes:
        module: the variant.
        signature: its name.
        model: the model, without its constants.
        constants: by name.
        ports: what goes in and comes out.
    """

    module: ModuleCode
    signature: str
    model: onnx.ModelProto
    constants: list[tuple[str, npt.NDArray[Any]]]
    ports: ModelPorts


def part_names(key: str, info: ParsedTensorInfo, taken: Sequence[str]) -> list[str]:
    """What the dense tensors of an input or output are called: those of a SparseTensor `x` are `x_indices` and so on."""
    if info.kind == "dense":
        return [key]
    count = len(info.tensor_names)
    if info.kind == "sparse":
        parts = ["indices", "values", "dense_shape"]
    elif count == 2:
        parts = ["values", "row_splits"]
    else:
        parts = ["values", *(f"row_splits_{axis}" for axis in range(count - 1))]
    names = [f"{key}_{part}" for part in parts]
    while set(names) & set(taken):
        names = [name + "_" for name in names]
    return names


def part_types(variant: Variant, info: ParsedTensorInfo) -> list[tuple[np.dtype[Any], Shape]]:
    """The dtypes and shapes of the dense tensors of an input."""
    if info.kind == "dense":
        return [(_numpy(info.dtype_name), info.shape)]
    if info.kind == "sparse":
        rank = None if info.shape is None else len(info.shape)
        return [
            (np.dtype(np.int64), (None, rank)),
            (_numpy(info.dtype_name), (None,)),
            (np.dtype(np.int64), (rank,)),
        ]
    found: list[tuple[np.dtype[Any], Shape]] = []
    for name in info.tensor_names:
        node, index = split_tensor_name(name)
        definition = variant.nodes[node]
        shape = definition.attr["shape"].shape if "shape" in definition.attr else None
        known = (
            None
            if shape is None or shape.unknown_rank
            else tuple(None if d.size < 0 else d.size for d in shape.dim)
        )
        number = definition.attr["dtype"].type
        del index
        found.append((dtypes.numpy_dtype(number), known))
    return found


def _numpy(name: str) -> np.dtype[Any]:
    return dtypes.numpy_dtype(dtypes.number_of(name))


def lower_signature(
    module: ModuleCode, signature: str | None = None, *, strings: str = "host", seed: int | None = None
) -> SignatureModel:
    """A signature as an ONNX model.

    Args:
        module: a variant of a module.
        signature: its name; None is `"default"`.
        strings: `"host"` for ops on strings beside the model, `"graph"` for them in it.
        seed: for random ops; None for their own seeds, where they have any.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnsupportedGraphError: it uses what ONNX cannot take; the message lists all of it.
    """
    return _Work(module, signature, strings, seed).result()


class _Work:
    def __init__(self, module: ModuleCode, signature: str | None, strings: str, seed: int | None) -> None:
        self._module = module
        self._variant = module.variant
        self._signature = module.variant.check_signature(signature)
        code = module.signature(self._signature)
        self._program = code.code.program
        self._written = [v for v in module.variant.variables if v.node in code.written]
        self._lowering = SignatureLowering(
            module.functions, self._read, module.table, self._asset, strings_in_graph=strings == "graph"
        )
        self._lowering.seed = seed
        self._lowering.nodes = frozenset(self._variant.nodes)
        self._names = {variable.node: variable.name for variable in module.variant.variables}
        self._scope = LoweringScope(self._lowering, self._program, self._lowering.graph)

    def _read(self, node: str) -> tuple[str, npt.NDArray[Any]]:
        return self._names.get(node, node), self._module.values[node]

    def _asset(self, tensor: Tensor) -> Any:
        return self._module.asset_path(tensor)  # the same constants stand for assets here

    def result(self) -> SignatureModel:
        fed = self._feed()
        state_inputs = self._feed_state()
        run_region(self._scope, self._program.region)
        self._check()
        fetched = self._ports(self._variant.outputs(self._signature))
        graph = self._lowering.graph
        values = [(port, self._scope.get(port.tensor)) for port in fetched]
        made = [
            (port, value) for port, value in values if isinstance(value, Value) and self._is_in_model(value)
        ]
        made += [
            (Port("", tensor, ""), self._scope.value(tensor)) for tensor in self._tensors_needed_after(values)
        ]
        outputs: list[onnx.ValueInfoProto] = []
        ports: list[Port] = []
        for port, value in made:
            name = self._free_output(port.part or port.tensor[0])
            graph.nodes.append(helper.make_node("Identity", [graph.name_of(value)], [name], name=name))
            outputs.append(helper.make_tensor_value_info(name, tensor_type(value.dtype), _full(value)))
            ports.append(Port(name, port.tensor, port.part, value.dtype.kind == "c"))
        state: list[tuple[str, str, str]] = []
        for node, value in state_inputs.items():
            new = self._lowering.variables[node]
            name = self._free_output(f"{value.name}_after")
            graph.nodes.append(helper.make_node("Identity", [graph.name_of(new)], [name], name=name))
            outputs.append(helper.make_tensor_value_info(name, tensor_type(new.dtype), _full(new)))
            state.append((self._names[node], value.name, name))
        if not ports:
            raise UnsupportedGraphError(
                f"The signature {self._signature!r} of {self._variant.where} computes with strings alone, so that "
                'nothing is left for a model. The NumPy engine runs it: tf1hub.Predictor(handle, engine="numpy")'
            )
        model, constants = self._model(fed, state_inputs, outputs)
        inputs = [port for port in fed if self._lowering_input(port)]
        inputs += [
            Port(name, tensor, "") for name, tensor in self._lowering.outside.items() if name in self._used
        ]
        all_ports = ModelPorts(fed, inputs, ports, fetched, state)
        self._check_host(all_ports)
        found = SignatureModel(self._module, self._signature, model, constants, all_ports)
        _describe(found)
        return found

    # ------------------------------------------------------------- what comes in

    def _check_host(self, ports: ModelPorts) -> None:
        """Refuses a host part that would compute what it must not: other random numbers, or variables."""
        refusals: list[UnloweredOps] = []
        for fetches, given in ((ports.before, ports.fed), (ports.after, [*ports.fed, *ports.outputs])):
            if not fetches:
                continue
            code = self._module.code([name_of(t) for t in fetches], [], [name_of(p.tensor) for p in given])
            for kind, nodes in self._module.library.missing(code.program).items():
                refusals.append(
                    UnloweredOps(kind, "has no counterpart in NumPy, where ops on strings run", nodes)
                )
            effects = self._module.functions.effects
            for op, _ in code.program.ops():
                node = op.node.definition
                if op.node.op in op_types.VARIABLES:
                    refusals.append(
                        UnloweredOps(
                            op.node.op, "is needed by ops on strings, beside the model", [op.node.name]
                        )
                    )
                elif effects.runs_once(node) and op.node.op not in op_types.TABLES | LOOKUPS:
                    refusals.append(
                        UnloweredOps(
                            op.node.op, "would run twice, in the model and beside it", [op.node.name]
                        )
                    )
        if refusals:
            raise CannotLowerError(self._variant, self._signature, refusals)

    def _ports(self, infos: Mapping[str, ParsedTensorInfo]) -> list[Port]:
        found = []
        for key, info in infos.items():
            for part, name in zip(part_names(key, info, list(infos)), info.tensor_names, strict=True):
                found.append(Port(part, split_tensor_name(name), part))
        return found

    def _feed(self) -> list[Port]:
        infos = self._variant.inputs(self._signature)
        ports = self._ports(infos)
        types = [each for info in infos.values() for each in part_types(self._variant, info)]
        self._types = dict(zip([port.name for port in ports], types, strict=True))
        graph = self._lowering.graph
        for port in ports:
            dtype, shape = self._types[port.name]
            port.is_complex = dtype.kind == "c"
            if dtype.kind == "O" and not self._lowering.strings_in_graph:
                value = Value(dtype, shape, graph=graph, source=lambda: self._cannot_take())
            else:
                value = Value(dtype, shape, self._lowering.names.free(port.name), graph)
            self._scope.values[port.tensor] = value
        self._scope.fed = frozenset(self._scope.values)
        return ports

    @staticmethod
    def _cannot_take() -> str:
        raise AssertionError("a string went into the model")

    def _feed_state(self) -> dict[str, Value]:
        found = {}
        for variable in self._written:
            _, array = self._read(variable.node)
            name = self._lowering.names.free(variable.name)
            found[variable.node] = Value(array.dtype, array.shape, name, self._lowering.graph)
        self._lowering.variables.update(found)
        return found

    # ------------------------------------------------------------- what comes out

    def _is_in_model(self, value: Value) -> bool:
        return value.dtype.kind != "O" or self._lowering.strings_in_graph

    def _tensors_needed_after(self, values: Sequence[tuple[Port, Any]]) -> list[Tensor]:
        """The numbers of the model that outputs of strings are computed from."""
        waiting = [
            port.tensor for port, value in values if isinstance(value, Value) and not self._is_in_model(value)
        ]
        seen: set[Tensor] = set()
        found: list[Tensor] = []
        while waiting:
            tensor = waiting.pop()
            op = self._program.by_name.get(tensor[0])
            if tensor in seen or tensor in self._scope.fed:
                continue
            seen.add(tensor)
            value = self._scope.values.get(tensor)
            if (
                isinstance(value, Value)
                and value.source is None
                and value.known is None
                and value.dtype.kind != "O"
            ):
                found.append(tensor)
            elif op is not None:
                waiting.extend(op.inputs)
            elif tensor in self._program.joins:
                waiting.extend(self._program.joins[tensor])
        return found

    def _free_output(self, name: str) -> str:
        names = self._lowering.names
        return names.free(name) if names.is_free(name) else names.free(f"{name}_output")

    def _check(self) -> None:
        refusals = list(self._lowering.refusals.values())
        if refusals or any(isinstance(self._scope.values.get(t), Poison) for t in self._program.fetches):
            raise CannotLowerError(self._variant, self._signature, refusals)

    def _lowering_input(self, port: Port) -> bool:
        dtype, _ = self._types[port.name]
        return dtype.kind != "O" or self._lowering.strings_in_graph

    def _model(
        self, fed: Sequence[Port], state: Mapping[str, Value], outputs: Sequence[onnx.ValueInfoProto]
    ) -> tuple[onnx.ModelProto, list[tuple[str, npt.NDArray[Any]]]]:
        lowering = self._lowering
        nodes = live_nodes(lowering.graph.nodes, [output.name for output in outputs])
        self._used = used_names(nodes)
        inputs = []
        for port in fed:
            if self._lowering_input(port):
                dtype, shape = self._types[port.name]
                full = _full(Value(dtype, shape))
                inputs.append(helper.make_tensor_value_info(port.name, tensor_type(dtype), full))
        for name, tensor in lowering.outside.items():
            if name in self._used:
                value = self._scope.value(tensor)
                inputs.append(onnx.ValueInfoProto(name=name, type=type_of(value)))
        constants = []
        for node, value in state.items():
            # An initializer that is an input too is what the input is where nobody gives it.
            inputs.append(onnx.ValueInfoProto(name=value.name, type=type_of(value)))
            constants.append((value.name, self._read(node)[1]))
        for name, value in lowering.constants.used.items():
            if name in self._used:
                assert value.known is not None
                constants.append((name, value.known))
        _name_open_sizes(inputs)
        graph = helper.make_graph(nodes, f"{self._signature} of {self._module.spec.name}", inputs, outputs)
        imports = [helper.make_opsetid("", OPSET)]
        if any(node.domain for node in nodes):
            imports.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="tf1hub")
        return model, constants


def _name_open_sizes(inputs: Sequence[onnx.ValueInfoProto]) -> None:
    """Gives each open size of an input a name of its own.

    ONNX Runtime follows named sizes through a model, and lets an op write over an input that it knows to be of its
    result's size; of sizes without names it knows nothing, and copies. Two inputs never share a name: that would say
    that they are of one size.
    """
    for value in inputs:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if not size.HasField("dim_value"):
                size.dim_param = f"{value.name}_size{axis}"


def _full(value: Value) -> Shape:
    return (*value.shape, 2) if value.shape is not None and value.dtype.kind == "c" else value.shape


def _describe(found: SignatureModel) -> None:
    """Tells in the model where it comes from."""
    variant = found.module.variant
    helper.set_model_props(
        found.model,
        {
            "tf1hub.module": found.module.spec.name,
            "tf1hub.tags": json.dumps(sorted(variant.tags)),
            "tf1hub.signature": found.signature,
            "tf1hub.signature_def": variant.meta_graph.signature_def[found.signature]
            .SerializeToString()
            .hex(),
            "tf1hub.ports": found.ports.to_text(),
        },
    )


def refusal_text(variant: Variant, signature: str, refusals: Sequence[UnloweredOps]) -> str:
    """What cannot be lowered, all of it, a line for each kind and reason."""
    lines = [f"The signature {signature!r} of {variant.where} cannot be converted to ONNX. It has:"]
    for refusal in sorted(refusals, key=lambda each: (each.kind, each.reason)):
        count = "1 node," if len(refusal.nodes) == 1 else f"{len(refusal.nodes)} nodes, such as"
        lines.append(f"  - the op type {refusal.kind} ({count} {min(refusal.nodes)!r}): it {refusal.reason}")
    return "\n".join(lines)
