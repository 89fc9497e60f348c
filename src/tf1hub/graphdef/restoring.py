"""Lets the variables of a graph start from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.dtypes import STRING, size_of
from tf1hub.format.messages_pb2 import GraphDef, NodeDef, VariableDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.variable_ops import assigning

_RESTORE_BYTES = 64 << 20
"""How much one restore op reads: few ops, yet initializing one variable does not read them all."""
_RESTORE_TENSORS = 512


def restore_from(
    graph: GraphDef,
    nodes: dict[str, NodeDef],
    variables: Sequence[tuple[StoredVariable, VariableDef]],
    checkpoint: str,
    *,
    beside: bool,
) -> None:
    """Makes every variable's initializer take its value from a restore op that many share, in place.

    Args:
        graph: the graph.
        nodes: its nodes by name; the new ones join them.
        variables: each with the message that is to name its initializer and its initial value.
        checkpoint: prefix of the checkpoint.
        beside: whether there are restore ops of other variables in the scope already.
    """
    reader = CheckpointReader(checkpoint)
    batch: list[tuple[StoredVariable, VariableDef]] = []
    size = 0
    for pair in variables:
        batch.append(pair)
        size += _bytes_of(reader, pair[0])
        if size >= _RESTORE_BYTES or len(batch) >= _RESTORE_TENSORS:
            _add_restore(graph, nodes, batch, checkpoint, reader, beside)
            batch, size = [], 0
    if batch:
        _add_restore(graph, nodes, batch, checkpoint, reader, beside)


def _bytes_of(reader: CheckpointReader, variable: StoredVariable) -> int:
    elements = 1
    for length in variable.slice.shape if variable.slice else reader.shape(variable.name):
        elements *= length
    return elements * (size_of(reader.dtype(variable.name)) or 8)


def _add_restore(
    graph: GraphDef,
    nodes: dict[str, NodeDef],
    batch: list[tuple[StoredVariable, VariableDef]],
    checkpoint: str,
    reader: CheckpointReader,
    beside: bool,
) -> None:
    # The variable is in its name, because modules that share a state have their restore ops in one scope.
    name = free_name(f"restore_beside/{batch[0][0].node}" if beside else "restore", nodes)
    names = [variable.name.encode() for variable, _ in batch]
    slices = [variable.slice.spec().encode() if variable.slice else b"" for variable, _ in batch]
    restore = graph.node.add(name=name, op="RestoreV2")
    # Restore ops exist for the CPU only. The job and task stay those of the program, so that the
    # files are read where it runs.
    restore.device = "/device:CPU:0"
    for label, values in (("prefix", [checkpoint.encode()]), ("names", names), ("slices", slices)):
        constant = graph.node.add(name=f"{name}/{label}", op="Const", device=restore.device)
        constant.attr["dtype"].type = STRING
        tensor = constant.attr["value"].tensor
        tensor.dtype = STRING
        tensor.string_val.extend(values)
        tensor.tensor_shape.SetInParent()
        if label != "prefix":
            tensor.tensor_shape.dim.add(size=len(values))
        nodes[constant.name] = constant
        restore.input.append(constant.name)
    nodes[name] = restore
    for index, (variable, definition) in enumerate(batch):
        restore.attr["dtypes"].list.type.append(reader.dtype(variable.name))
        value = f"{name}:{index}" if index else name
        _assign(graph, nodes, variable.node, definition, value)
        definition.initial_value_name = f"{name}:{index}"


def _assign(
    graph: GraphDef, nodes: dict[str, NodeDef], variable: str, definition: VariableDef, value: str
) -> None:
    """Makes a variable's initializer the plain assignment of `value`."""
    handle = nodes[variable]
    op, dtype_attr = assigning(handle)
    named = nodes.get(node_of(definition.initializer_name))
    # What is no assignment may be a tensor, and read by others: `init_from_checkpoint` of TensorFlow up to 1.6
    # named one that reads the variable after its assignment.
    if named is None or named.op != op:
        named = graph.node.add(name=free_name(f"{variable}/Assign", nodes), op=op)
        named.attr[dtype_attr].type = handle.attr["dtype"].type
        nodes[named.name] = named
    definition.initializer_name = named.name
    named.input[:] = [variable, value]
