"""A variant's graph with its variables as constants; no TensorFlow.

A variable that a signature only reads becomes a constant, and what it is handed on by becomes an op on numbers. One that a
signature writes (batch normalization that counts in inference, a language model that remembers) lives for one call: it
starts from its stored value, and what the call writes is seen in the call alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf1hub.arrays.lookup_tables import new_table
from tf1hub.converting.refusal import Refusal
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.messages_pb2 import FunctionDef, FunctionDefLibrary, GraphDef, NodeDef, TensorProto
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.inlining import inline_calls
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.walk import ancestors, attrs_with_functions, consumers_of, functions_used
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

LIMIT = (1 << 31) - 1
"""The most bytes that a message of protobuf may have."""

_ROOM = 1 << 20
"""What constants have beside their bytes, and less than what the graph takes."""

_HAND_ON = (
    op_types.IDENTITIES
    | op_types.SWITCHES
    | op_types.MERGES
    | op_types.ENTERS
    | op_types.EXITS
    | op_types.NEXT_ITERATIONS
)
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_AS_REF = {
    "AssignVariableOp": "Assign",
    "AssignAddVariableOp": "AssignAdd",
    "AssignSubVariableOp": "AssignSub",
    **{op: op.removeprefix("Resource") for op in op_types.RESOURCE_WRITES if op.startswith("Resource")},
}
"""The writes of resource variables that have a twin for ref variables."""


@dataclass(frozen=True)
class Frozen:
    """A graph without variables.

    Attributes:
        graph: the graph.
        inputs: for each signature the tensor that is fed for each dense input.
        outputs: for each signature the tensor that each dense output is.
        initializer: the op that fills tables, to be run once; empty where there are none.
        written: the variables that live for one call.
    """

    graph: GraphDef
    inputs: dict[str, dict[str, str]]
    outputs: dict[str, dict[str, str]]
    initializer: str
    written: tuple[str, ...]


def part_names(key: str, infos: Mapping[str, Any]) -> list[str]:
    """What the dense tensors of an input or output are called: its name, or that with the part after `_`."""
    info = infos[key]
    if info.kind == "dense":
        return [key]
    count = len(info.tensor_names)
    if info.is_sparse:
        parts = ["indices", "values", "dense_shape"]
    elif info.ragged_rank is None:
        parts = [str(index) for index in range(count)]
    else:
        parts = [
            "values",
            *(["row_splits"] if count == 2 else [f"row_splits_{axis}" for axis in range(count - 1)]),
        ]
    names = [f"{key}_{part}" for part in parts]
    # Another input may be called like that; then the parts are marked.
    while set(names) & infos.keys():
        names = [f"{name}_" for name in names]
    return names


@dataclass
class Freezing:
    """What there is to freeze of a variant, looked at and not changed.

    Args:
        spec: the module.
        variant: which of its variants.
        signatures: the names of the signatures to keep.
        files: whether files of the module may go along.
    """

    spec: ModuleSpec
    variant: Variant
    signatures: Sequence[str]
    files: bool = False
    graph: GraphDef = field(init=False)
    nodes: dict[str, NodeDef] = field(init=False)

    def __post_init__(self) -> None:
        self.graph = GraphDef()
        self.graph.CopyFrom(self.variant.meta_graph.graph_def)
        inside = {
            name
            for name in self._find_kept(self.variant.nodes)
            if self.variant.nodes[name].op in op_types.CALLS
        }
        if inside:
            inline_calls(self.graph, recorded_definition)
        self.nodes = {node.name: node for node in self.graph.node}
        self.fed = {tensor for name in self.signatures for tensor in _tensors(self.variant.inputs(name))}
        self.keep = self._find_kept(self.nodes)
        self.fillers = self._fillers()
        self.keep |= ancestors(self.nodes, self.fillers)
        for tensor in self.fed:
            name = node_of(tensor)
            alone = name in self._placeholders() or self.nodes[name].op in op_types.PLACEHOLDERS
            self.keep |= {name} if alone else ancestors(self.nodes, [tensor])
        self.embedded = set() if self.files else self._find_filled_from_files()
        self.keep -= self._only_for(self.embedded)
        self.stored = {variable.node: variable for variable in self.variant.variables}
        self.held = [
            self.nodes[name] for name in sorted(self.keep) if self.nodes[name].op in op_types.VARIABLES
        ]
        self._follow()

    def _find_kept(self, nodes: Mapping[str, NodeDef]) -> set[str]:
        found: set[str] = set()
        self._reached: dict[str, set[str]] = {}
        self._computed: set[str] = set()
        for name in self.signatures:
            fed = set(_tensors(self.variant.inputs(name)))
            part = ancestors(nodes, _tensors(self.variant.outputs(name)), fed)
            self._reached[name] = part
            found |= part
        self._computed = found.copy()
        return found

    def _fillers(self) -> list[str]:
        """The ops that fill the tables which the signatures use."""
        tables = {name for name in self.keep if self.nodes[name].op in op_types.TABLES}
        listed = [node_of(name) for name in self.variant.collection("table_initializer")]
        return [
            name for name in dict.fromkeys(listed) if not tables.isdisjoint(ancestors(self.nodes, [name]))
        ]

    def _find_filled_from_files(self) -> set[str]:
        """The ops that fill a table from a file of the module, whose content constants can hold."""
        assets = {node_of(tensor) for tensor in self.variant.asset_files}
        return {
            name
            for name in self.keep
            if self.nodes[name].op in op_types.TABLE_FILLS_FROM_FILES
            and node_of(self.nodes[name].input[1]) in assets
            and self.nodes[node_of(self.nodes[name].input[0])].op in op_types.HASH_TABLES
        }

    def _only_for(self, fillers: Collection[str]) -> set[str]:
        """The paths of files that nothing else uses."""
        paths = {node_of(self.nodes[name].input[1]) for name in fillers}
        outputs = {
            node_of(tensor) for name in self.signatures for tensor in _tensors(self.variant.outputs(name))
        }
        users = consumers_of(self.nodes[name] for name in self.keep)
        return {path for path in paths if set(users[path]) <= set(fillers) and path not in outputs}

    def _follow(self) -> None:
        """Follows each variable through what hands it on, to what is done with it."""
        consumers: dict[str, list[tuple[NodeDef, int]]] = {}
        for name in self.keep:
            for index, edge in enumerate(self.nodes[name].input):
                if not edge.startswith("^") and tensor_name(edge) not in self.fed:
                    consumers.setdefault(node_of(edge), []).append((self.nodes[name], index))
        self.carriers: dict[str, set[str]] = {}
        self.uses: dict[str, list[tuple[NodeDef, int]]] = {}
        for variable in self.held:
            ref = variable.op in op_types.REF_VARIABLES
            waiting, seen = [variable.name], set()
            while waiting:
                name = waiting.pop()
                if name in seen:
                    continue
                seen.add(name)
                for node, index in consumers.get(name, ()):
                    self.uses.setdefault(variable.name, []).append((node, index))
                    if (node.op in _HAND_ON and _hands_on(node, index, ref)) or (
                        node.op in op_types.REF_WRITES and index == 0
                    ):
                        self.carriers.setdefault(node.name, set()).add(variable.name)
                        waiting.append(node.name)
        self.written = {
            name
            for name, uses in self.uses.items()
            if any(
                (node.op in op_types.WRITES and index == 0)
                or _wants_reference(node)
                or writes_inside(node, index, self.graph.library)
                for node, index in uses
            )
        }
        self.handles = {
            name
            for name, uses in self.uses.items()
            if self.nodes[name].op in op_types.RESOURCE_VARIABLES
            and any(not _is_plain(node, index) for node, index in uses)
        }
        # What one op chooses from is of one kind.
        changed = True
        while changed:
            changed = False
            for sources in self.carriers.values():
                for kind in (self.written, self.handles):
                    if sources & kind and not sources <= kind:
                        kind |= sources
                        changed = True

    def refusals(self) -> Iterator[Refusal]:
        """Everything that is in the way."""
        for op, names in _by_op(self._unknown_variables()).items():
            yield self._refusal("has no value that is stored with the module", op, names)
        both = [self.nodes[name] for name in sorted(self.written & self.handles)]
        for op, names in _by_op(both).items():
            yield self._refusal(
                "is written in a function, or by an op that has no form for one call", op, names
            )
        nodes = [self.nodes[name] for name in self.keep]
        inside = functions_used(nodes, self.graph.library)
        in_functions = [
            node
            for function in self.graph.library.function
            if function.signature.name in inside
            for node in function.node_def
        ]
        for op, names in _by_op(
            node for node in in_functions if node.op in op_types.VARIABLES | op_types.TABLES
        ).items():
            yield self._refusal("lies in a function, where it makes state of its own", op, names)
        for op, names in _by_op(node for node in [*nodes, *in_functions] if node.op in _PYTHON).items():
            yield self._refusal("runs Python code of the program that made the module", op, names)
        changing = ("LookupTableInsert", "LookupTableInsertV2", "LookupTableRemoveV2")
        for op, names in _by_op(
            self.nodes[name] for name in self._computed if self.nodes[name].op in changing
        ).items():
            yield self._refusal("changes a table, which would be kept from call to call", op, names)
        yield from self._file_refusals()
        size = sum(
            _bytes_of(self.variant, self.stored[node.name]) for node in self.held if node.name in self.stored
        )
        if size + _ROOM > LIMIT:
            yield Refusal(
                f"its weights are {size / 1e9:.1f} GB, and the graph that holds them is one message of at most 2.1 GB"
            )

    def refusals_of_writes(self, reason: str) -> Iterator[Refusal]:
        """The variables that calls write, for forms that have none for one call."""
        for op, names in _by_op(self.nodes[name] for name in self.written).items():
            yield self._refusal(reason, op, names)

    def _file_refusals(self) -> Iterator[Refusal]:
        fillers = ancestors(self.nodes, self.fillers) - self._computed
        for tensor, file in self.variant.asset_files.items():
            name = node_of(tensor)
            if name in self.keep and not (self.files and name in fillers):
                reason = f"is the path of a file of the module ({file})"
                yield self._refusal(reason, self.nodes[name].op, [name], self._users_of(name))

    def _users_of(self, name: str) -> list[str]:
        """The signatures that use a table which a node fills, or the node itself."""
        fillers = [filler for filler in self.fillers if name in ancestors(self.nodes, [filler])]
        tables = {table for filler in fillers for table in ancestors(self.nodes, [filler])}
        tables = {table for table in tables if self.nodes[table].op in op_types.TABLES} | {name}
        return [signature for signature, part in self._reached.items() if tables & part]

    def _unknown_variables(self) -> list[NodeDef]:
        return [node for node in self.held if node.name not in self.stored]

    def _refusal(
        self, reason: str, op: str, names: Iterable[str], signatures: Iterable[str] | None = None
    ) -> Refusal:
        listed = tuple(sorted(names))
        if signatures is None:
            signatures = [name for name, part in self._reached.items() if not part.isdisjoint(listed)]
        return Refusal(reason, op, listed, tuple(sorted(signatures)))

    def freeze(self) -> Frozen:
        """Makes the graph; `refusals` must be empty."""
        assert self.spec.checkpoint is not None or not self.held
        values = _Values(self.spec.checkpoint)
        taken = set(self.nodes)
        graph = GraphDef()
        graph.versions.CopyFrom(self.graph.versions)
        for name in self._in_order():
            node = graph.node.add()
            node.CopyFrom(self.nodes[name])
            node.device = ""
            for stale in ("_class", "_output_shapes"):
                # The names of nodes that may be gone, and shapes of handles that are numbers now.
                if stale in node.attr:
                    del node.attr[stale]
            if name in self._placeholders():
                _become_placeholder(node, self.variant, f"{name}:0")
            elif name in self.embedded:
                self._embed(graph, node, taken)
            elif name in self.stored and node.op in op_types.VARIABLES:
                self._replace_variable(graph, node, values.of(self.stored[name]), taken)
            else:
                self._adapt(node, taken, graph)
        used = functions_used(graph.node, self.graph.library)
        graph.library.function.extend(f for f in self.graph.library.function if f.signature.name in used)
        graph.library.gradient.extend(g for g in self.graph.library.gradient if g.function_name in used)
        initializer = ""
        if self.fillers:
            initializer = free_name("init_all_tables", taken)
            graph.node.add(name=initializer, op="NoOp", input=[f"^{name}" for name in self.fillers])
        names = {name: _flat(self.variant.inputs(name)) for name in self.signatures}
        outputs = {name: _flat(self.variant.outputs(name)) for name in self.signatures}
        written = tuple(sorted({self.stored[name].name for name in self.written}))
        return Frozen(graph, names, outputs, initializer, written)

    def _in_order(self) -> list[str]:
        return [node.name for node in self.graph.node if node.name in self.keep]

    def _placeholders(self) -> set[str]:
        """The nodes that are fed and not computed for any signature."""
        names = {node_of(tensor) for tensor in self.fed if tensor.endswith(":0")}
        names -= {node_of(tensor) for tensor in self.fed if not tensor.endswith(":0")}
        return {name for name in names - self._computed if self.nodes[name].op not in op_types.INPUTS}

    def _replace_variable(self, graph: GraphDef, node: NodeDef, value: TensorProto, taken: set[str]) -> None:
        """Puts in a variable's place, under its name, what stands for it."""
        if node.name not in self.written | self.handles:
            _become(node, "Const", [], dtype=value.dtype)
            node.attr["value"].tensor.CopyFrom(value)
            return
        constant = graph.node.add(name=_new(f"{node.name}/value", taken), op="Const")
        constant.attr["dtype"].type = value.dtype
        constant.attr["value"].tensor.CopyFrom(value)
        if node.name in self.written:
            made = graph.node.add(name=_new(f"{node.name}/for_one_call", taken), op="TemporaryVariable")
            made.attr["dtype"].type = value.dtype
            made.attr["shape"].shape.CopyFrom(value.tensor_shape)
            made.attr["var_name"].s = node.name.encode()
            # Whoever uses the variable has it from here, with its value.
            _become(node, "Assign", [made.name, constant.name], T=value.dtype)
            return
        # Functions take it by its handle. Each call gives it the same value.
        made = graph.node.add(name=_new(f"{node.name}/handle", taken), op="VarHandleOp")
        made.attr["dtype"].type = value.dtype
        made.attr["shape"].shape.CopyFrom(value.tensor_shape)
        made.attr["shared_name"].s = made.name.encode()
        filled = graph.node.add(
            name=_new(f"{node.name}/fill", taken), op="AssignVariableOp", input=[made.name, constant.name]
        )
        filled.attr["dtype"].type = value.dtype
        _become(node, "Identity", [made.name, f"^{filled.name}"], T=dtypes.RESOURCE)

    def _embed(self, graph: GraphDef, node: NodeDef, taken: set[str]) -> None:
        """Lets a table be filled from constants in place of a file."""
        attributes = node.attr
        table = new_table(self.nodes[node_of(node.input[0])], [])
        file = self.variant.asset_files[tensor_name(node.input[1])]
        table.fill_from_file(
            self.spec.asset_paths[file],
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
            held = graph.node.add(name=_new(f"{node.name}/{kind}", taken), op="Const")
            held.attr["dtype"].type = types[attribute] = dtype
            held.attr["value"].tensor.CopyFrom(constant(values, dtype))
            edges.append(held.name)
        op = "InitializeTableV2" if node.op.endswith("V2") else "InitializeTable"
        _become(node, op, [*edges, *(edge for edge in node.input if edge.startswith("^"))], **types)

    def _adapt(self, node: NodeDef, taken: set[str], graph: GraphDef) -> None:
        """Adapts what hands a variable on, or uses it, to what stands for that."""
        behind = self._behind(node)
        if not behind or behind <= self.handles:
            return
        written = bool(behind & self.written)
        dtype = _variable_dtype(self.nodes[next(iter(behind))])
        if node.op in _HAND_ON:
            if node.name in self.carriers:
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
            self._gather(graph, node, dtype, taken)
        elif node.op in _AS_REF:
            _write_ref(node, dtype)

    def _gather(self, graph: GraphDef, node: NodeDef, dtype: int, taken: set[str]) -> None:
        indices = node.attr["Tindices"].type
        if node.op == "ResourceGatherNd":
            _become(node, "GatherNd", list(node.input), Tparams=dtype, Tindices=indices)
            return
        batch = node.attr["batch_dims"].i
        axis = graph.node.add(name=_new(f"{node.name}/axis", taken), op="Const")
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

    def _behind(self, node: NodeDef) -> set[str]:
        """The variables that a node takes."""
        found: set[str] = set()
        for edge in node.input:
            name = node_of(edge)
            if edge.startswith("^"):
                continue
            if name in self.uses:
                found.add(name)
            found |= self.carriers.get(name, set())
        return found


class _Values:
    """The values of variables, as constants hold them.

    Args:
        checkpoint: prefix of the checkpoint.
    """

    def __init__(self, checkpoint: str | None) -> None:
        self._reader = CheckpointReader(checkpoint) if checkpoint is not None else None

    def of(self, variable: StoredVariable) -> TensorProto:
        """The value of a variable, or of its part of a partitioned one."""
        assert self._reader is not None
        part = variable.slice
        if part is None:
            array = self._reader.array(variable.name)
        else:
            array = self._reader.slice_array(variable.name, part.offset, part.shape)
        return constant(array, self._reader.dtype(variable.name))


def constant(array: Any, dtype: int) -> TensorProto:
    """An array as the message that a constant holds."""
    tensor = TensorProto(dtype=dtype)
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype == dtypes.STRING:
        tensor.string_val.extend(bytes(value) for value in array.ravel())
    else:
        tensor.tensor_content = np.ascontiguousarray(array).tobytes()
    return tensor


def _tensors(infos: Mapping[str, Any]) -> list[str]:
    return [tensor_name(name) for info in infos.values() for name in info.tensor_names]


def _flat(infos: Mapping[str, Any]) -> dict[str, str]:
    """The tensor of each dense part."""
    return {
        part: tensor_name(tensor)
        for key, info in infos.items()
        for part, tensor in zip(part_names(key, infos), info.tensor_names, strict=True)
    }


def _hands_on(node: NodeDef, index: int, ref: bool) -> bool:
    if ref and not node.op.startswith("Ref"):
        return False  # it takes the value
    # The other input of a switch is what it asks.
    return index == 0 or node.op not in op_types.SWITCHES


def writes_inside(node: NodeDef, index: int, library: FunctionDefLibrary) -> bool:
    """Whether a node writes the variable whose handle is one of its inputs in a function that it calls.

    Args:
        node: the node.
        index: of the input.
        library: the functions.
    """
    functions = {function.signature.name: function for function in library.function}
    seen: set[tuple[str, int]] = set()
    waiting = [(node, index)]
    while waiting:
        caller, place = waiting.pop()
        # The first input of a cond is what it asks.
        argument = place - (caller.op in op_types.FUNCTIONAL_CONDS | op_types.FUNCTIONAL_CASES)
        for name in _list_called(caller, functions):
            if (name, argument) in seen:
                continue
            seen.add((name, argument))
            for inner, position in _users_inside(functions[name], argument):
                if inner.op in op_types.WRITES and position == 0:
                    return True
                waiting.append((inner, position))
    return False


def _users_inside(function: FunctionDef, argument: int) -> Iterator[tuple[NodeDef, int]]:
    """What takes an argument of a function, also through identities, with the number of the input."""
    declared = function.signature.input_arg
    waiting = [declared[argument].name] if 0 <= argument < len(declared) else []
    while waiting:
        carrier = waiting.pop()
        for node in function.node_def:
            for position, edge in enumerate(node.input):
                if edge.partition(":")[0] == carrier:
                    yield node, position
                    if node.op in op_types.IDENTITIES:
                        waiting.append(node.name)


def _list_called(node: NodeDef, functions: Mapping[str, FunctionDef]) -> list[str]:
    names = [node.op]
    for attr in attrs_with_functions([node]):
        names += (
            [attr.func.name] if attr.WhichOneof("value") == "func" else [each.name for each in attr.list.func]
        )
    return [name for name in names if name in functions]


def _wants_reference(node: NodeDef) -> bool:
    """Whether an op takes a ref variable as such, and has no twin that takes its value."""
    if node.op in _HAND_ON or node.op in op_types.QUESTIONS:
        return False
    definition = recorded_definition(node.op)
    return definition is not None and any(argument.is_ref for argument in definition.input_arg)


def _is_plain(node: NodeDef, index: int) -> bool:
    """Whether there is an op on numbers, or on a variable for one call, that does the same."""
    if node.op in _HAND_ON or node.op in op_types.READS or node.op in op_types.QUESTIONS:
        return True
    return index == 0 and node.op in _AS_REF and recorded_definition(_AS_REF[node.op]) is not None


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
    op = _AS_REF[node.op]
    indices = node.attr["Tindices"].type
    _become(node, op, list(node.input), T=dtype, **({"Tindices": indices} if indices else {}))


def _become(node: NodeDef, op: str, inputs: Collection[str], **types: int) -> None:
    """Makes another op of a node, in place, which keeps its name and device."""
    node.op = op
    node.input[:] = list(inputs)
    node.attr.clear()
    for name, number in types.items():
        node.attr[name].type = number


def _become_placeholder(node: NodeDef, variant: Variant, tensor: str) -> None:
    infos = (info for name in variant.signature_names for info in variant.inputs(name).values())
    info = next(info for info in infos if tensor in map(tensor_name, info.tensor_names))
    shape = info.message.tensor_shape
    _become(node, "Placeholder", [], dtype=dtypes.number_of(info.dtype_name))
    if info.kind == "dense":
        node.attr["shape"].shape.CopyFrom(shape)


def _new(wanted: str, taken: set[str]) -> str:
    name = free_name(wanted, taken)
    taken.add(name)
    return name


def _by_op(nodes: Iterable[NodeDef]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        found.setdefault(node.op, []).append(node.name)
    return dict(sorted(found.items()))


def _bytes_of(variant: Variant, variable: StoredVariable) -> int:
    dtype, shape = declared_type(variant, variable)
    size = dtypes.size_of(dtype) if dtype is not None else None
    shape = shape if variable.slice is None else variable.slice.shape
    return (size or 0) * int(np.prod(shape or (), dtype=np.int64))
