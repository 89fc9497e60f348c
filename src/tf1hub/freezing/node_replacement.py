"""What takes the place of variables, and of ops on them, where there are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tf1hub.arrays.lookup_tables import new_table
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import GraphDef, NodeDef, TensorProto
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.freezing.stored_constants import constant
from tf1hub.freezing.variable_uses import AS_REF, HAND_ON, VariableUses
from tf1hub.graphdef import op_types
from tf1hub.graphdef.names import free_name
from tf1hub.spec.variant import Variant


class KeptVariable(NamedTuple):
    """A variable that stays one.

    Attributes:
        given: the tensor that takes its value.
        filler: the op that fills it, to be run once.
    """

    given: str
    filler: str


@dataclass(frozen=True)
class Replacement:
    """Changes nodes of a new graph, each in place, and adds those that they need.

    Attributes:
        graph: the new graph.
        nodes: the nodes of the graph that it is made from.
        uses: what becomes of the variables there.
        taken: the names that nodes have; those of new ones join them.
    """

    graph: GraphDef
    nodes: Mapping[str, NodeDef]
    uses: VariableUses
    taken: set[str]

    def replace_variable(self, node: NodeDef, value: TensorProto) -> None:
        """Puts in a variable's place, under its name, what stands for it."""
        if node.name not in self.uses.written | self.uses.handles:
            _become(node, "Const", [], dtype=value.dtype)
            node.attr["value"].tensor.CopyFrom(value)
            return
        constant = self.graph.node.add(name=self._new_name(f"{node.name}/value"), op="Const")
        constant.attr["dtype"].type = value.dtype
        constant.attr["value"].tensor.CopyFrom(value)
        if node.name in self.uses.written:
            made = self.graph.node.add(
                name=self._new_name(f"{node.name}/for_one_call"), op="TemporaryVariable"
            )
            made.attr["dtype"].type = value.dtype
            made.attr["shape"].shape.CopyFrom(value.tensor_shape)
            made.attr["var_name"].s = node.name.encode()
            # Whoever uses the variable has it from here, with its value.
            _become(node, "Assign", [made.name, constant.name], T=value.dtype)
            return
        # Functions take it by its handle. Each call gives it the same value.
        made = self.graph.node.add(name=self._new_name(f"{node.name}/handle"), op="VarHandleOp")
        made.attr["dtype"].type = value.dtype
        made.attr["shape"].shape.CopyFrom(value.tensor_shape)
        made.attr["shared_name"].s = made.name.encode()
        filled = self.graph.node.add(
            name=self._new_name(f"{node.name}/fill"), op="AssignVariableOp", input=[made.name, constant.name]
        )
        filled.attr["dtype"].type = value.dtype
        _become(node, "Identity", [made.name, f"^{filled.name}"], T=dtypes.RESOURCE)

    def keep_variable(self, node: NodeDef, dtype: int, sizes: Sequence[int]) -> KeptVariable:
        """Lets a variable that is only read stay one; under its name is its value, as a constant would have it.

        Args:
            node: the variable.
            dtype: the number of its dtype.
            sizes: its shape.
        """
        handle, given, filler = (
            self.graph.node.add(name=self._new_name(f"{node.name}/{part}"), op=op)
            for part, op in (
                ("handle", "VarHandleOp"),
                ("given", "Placeholder"),
                ("fill", "AssignVariableOp"),
            )
        )
        for each in (handle, given, filler):
            each.attr["dtype"].type = dtype
        for each in (handle, given):
            each.attr["shape"].shape.SetInParent()
            for size in sizes:
                each.attr["shape"].shape.dim.add(size=size)
        handle.attr["shared_name"].s = handle.name.encode()
        filler.input.extend([handle.name, given.name])
        _become(node, "ReadVariableOp", [handle.name], dtype=dtype)
        return KeptVariable(f"{given.name}:0", filler.name)

    def adapt(self, node: NodeDef) -> None:
        """Adapts what hands a variable on, or uses it, to what stands for that."""
        behind = self.uses.behind(node)
        if not behind or behind <= self.uses.handles:
            return
        written = bool(behind & self.uses.written)
        dtype = _variable_dtype(self.nodes[next(iter(behind))])
        if node.op in HAND_ON:
            if node.name in self.uses.carriers:
                _hand_on(node, dtype, written)
        elif node.op in op_types.QUESTIONS:
            controls = [f"^{node_of(node.input[0])}"]
            _become(node, "Const", controls, dtype=dtypes.BOOL)
            node.attr["value"].tensor.CopyFrom(TensorProto(dtype=dtypes.BOOL, bool_val=[True]))
        elif node.op == "ReadVariableOp":
            # Of what is written, as it is now; an identity might be the variable itself.
            _become(node, "Snapshot" if written else "Identity", list(node.input), T=dtype)
        elif node.op == "VariableShape":
            out_type = node.attr["out_type"].type or dtypes.INT32
            _become(node, "Shape", list(node.input), T=dtype, out_type=out_type)
        elif node.op in op_types.GATHERS:
            self._gather(node, dtype)
        elif node.op in AS_REF:
            _write_ref(node, dtype)

    def _gather(self, node: NodeDef, dtype: int) -> None:
        indices = node.attr["Tindices"].type
        if node.op == "ResourceGatherNd":
            _become(node, "GatherNd", list(node.input), Tparams=dtype, Tindices=indices)
            return
        batch = node.attr["batch_dims"].i
        axis = self.graph.node.add(name=self._new_name(f"{node.name}/axis"), op="Const")
        axis.attr["dtype"].type = dtypes.INT32
        axis.attr["value"].tensor.CopyFrom(TensorProto(dtype=dtypes.INT32, int_val=[batch]))
        # In the frame and branch of what it gathers.
        axis.input.append(f"^{node_of(node.input[1])}")
        data, controls = list(node.input[:2]), list(node.input[2:])
        _become(
            node,
            "GatherV2",
            [*data, axis.name, *controls],
            Tparams=dtype,
            Tindices=indices,
            Taxis=dtypes.INT32,
        )
        node.attr["batch_dims"].i = batch

    def embed(self, node: NodeDef, file: str) -> None:
        """Lets a table be filled from constants in place of a file.

        Args:
            node: what fills it.
            file: the path of the file.
        """
        attributes = node.attr
        table = new_table(self.nodes[node_of(node.input[0])], [])
        table.fill_from_file(
            file,
            attributes["key_index"].i,
            attributes["value_index"].i,
            attributes["vocab_size"].i if "vocab_size" in attributes else -1,
            attributes["delimiter"].s.decode(errors="replace") if "delimiter" in attributes else "\t",
            attributes["offset"].i,
        )
        edges = [node.input[0]]
        types = {}
        for kind, attribute, values in zip(
            ("keys", "values"), ("Tkey", "Tval"), table.contents(), strict=True
        ):
            dtype = dtypes.number_of_numpy(values.dtype)
            held = self.graph.node.add(name=self._new_name(f"{node.name}/{kind}"), op="Const")
            held.attr["dtype"].type = types[attribute] = dtype
            held.attr["value"].tensor.CopyFrom(constant(values, dtype))
            edges.append(held.name)
        op = "InitializeTableV2" if node.op.endswith("V2") else "InitializeTable"
        _become(node, op, [*edges, *(edge for edge in node.input if edge.startswith("^"))], **types)

    def _new_name(self, wanted: str) -> str:
        name = free_name(wanted, self.taken)
        self.taken.add(name)
        return name


def become_placeholder(node: NodeDef, variant: Variant, tensor: str) -> None:
    """Makes of a node that is fed what waits for the value, of the type that a signature declares."""
    infos = (info for name in variant.signature_names for info in variant.inputs(name).values())
    info = next(info for info in infos if tensor in map(tensor_name, info.tensor_names))
    shape = info.message.tensor_shape
    _become(node, "Placeholder", [], dtype=dtypes.number_of(info.dtype_name))
    if info.kind == "dense":
        node.attr["shape"].shape.CopyFrom(shape)


def _variable_dtype(node: NodeDef) -> int:
    return node.attr["dtype"].type


def _hand_on(node: NodeDef, dtype: int, written: bool) -> None:
    plain = node.op.removeprefix("Ref")
    handle = node.attr["T"].type == dtypes.RESOURCE
    node.attr["T"].type = dtype
    if not written:
        node.op = plain
    elif handle:
        # What was a handle is a reference now.
        node.op = f"Ref{plain}"


def _write_ref(node: NodeDef, dtype: int) -> None:
    op = AS_REF[node.op]
    indices = node.attr["Tindices"].type
    _become(node, op, list(node.input), T=dtype, **({"Tindices": indices} if indices else {}))


def _become(node: NodeDef, op: str, inputs: Collection[str], **types: int) -> None:
    """Makes another op of a node, in place, which keeps its name and device."""
    node.op = op
    node.input[:] = list(inputs)
    node.attr.clear()
    for name, number in types.items():
        node.attr[name].type = number
