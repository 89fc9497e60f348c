"""A variant's graph with its variables as constants; no TensorFlow.

A variable that a signature only reads becomes a constant, and what it is handed on by becomes an op on numbers. One that a
signature writes (batch normalization that counts in inference, a language model that remembers) lives for one call: it
starts from its stored value, and what the call writes is seen in the call alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.freezing.dense_parts import tensor_of_parts, tensors_of
from tf1hub.freezing.node_replacement import KeptVariable, Replacement, become_placeholder
from tf1hub.freezing.stored_constants import VariableConstants, bytes_of
from tf1hub.freezing.variable_uses import follow_variables
from tf1hub.graphdef import op_types
from tf1hub.graphdef.inlining import inline_calls
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.walk import ancestors, consumers_of, functions_used
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant

NAMES_NODE = "tf1hub_signatures"
"""The constant of a frozen graph that tells the names of inputs and outputs, as JSON."""

LIMIT = (1 << 31) - 1
"""The most bytes that a message of protobuf may have."""

_ROOM = 1 << 20
"""What constants have beside their bytes, and less than what the graph takes."""

_LOOK_UPS = op_types.GATHERS | {"Gather", "GatherV2", "GatherNd"}

_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})


@dataclass(frozen=True)
class Frozen:
    """A graph without variables.

    Attributes:
        graph: the graph.
        inputs: for each signature the tensor that is fed for each dense input.
        outputs: for each signature the tensor that each dense output is.
        initializer: the op that fills tables, to be run once; empty where there are none.
        written: the variables that live for one call.
        kept: those that stay variables, each with how it is filled.
    """

    graph: GraphDef
    inputs: dict[str, dict[str, str]]
    outputs: dict[str, dict[str, str]]
    initializer: str
    written: tuple[str, ...]
    kept: tuple[tuple[StoredVariable, KeptVariable], ...] = ()


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
        self.graph = self.variant.meta_graph.graph_def
        self.nodes = self.variant.nodes
        self.keep = self._find_kept(self.nodes)
        if any(self.nodes[name].op in op_types.CALLS for name in self.keep):
            self.graph = GraphDef()
            self.graph.CopyFrom(self.variant.meta_graph.graph_def)
            inline_calls(self.graph, recorded_definition)
            self.nodes = {node.name: node for node in self.graph.node}
            self.keep = self._find_kept(self.nodes)
        self.fed = {tensor for name in self.signatures for tensor in tensors_of(self.variant.inputs(name))}
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
        self.uses = follow_variables(self.nodes, self.keep, self.fed, self.graph.library)

    def _find_kept(self, nodes: Mapping[str, NodeDef]) -> set[str]:
        found: set[str] = set()
        self._reached: dict[str, set[str]] = {}
        self._computed: set[str] = set()
        for name in self.signatures:
            fed = set(tensors_of(self.variant.inputs(name)))
            part = ancestors(nodes, tensors_of(self.variant.outputs(name)), fed)
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
            node_of(tensor) for name in self.signatures for tensor in tensors_of(self.variant.outputs(name))
        }
        users = consumers_of(self.nodes[name] for name in self.keep)
        return {path for path in paths if set(users[path]) <= set(fillers) and path not in outputs}

    @property
    def written(self) -> set[str]:
        """The variables that the signatures write, by the names of their nodes."""
        return self.uses.written

    @property
    def has_values(self) -> bool:
        """Whether all of the variables have values that are stored, or there are none."""
        return not self.held or (self.spec.checkpoint is not None and not self._unknown_variables())

    @property
    def weights(self) -> int:
        """How many bytes the values of the variables have."""
        return sum(self.bytes_of(node.name) for node in self.held if node.name in self.stored)

    def bytes_of(self, name: str) -> int:
        """How many bytes the value of a variable has, by the name of its node."""
        return bytes_of(self.variant, self.stored[name])

    def tables(self) -> set[str]:
        """The variables of which the signatures do nothing but look up rows, by the names of their nodes."""
        asked = {
            tensor for name in self.signatures for tensor in tensors_of(self.variant.outputs(name))
        } | self.fed
        consumers = consumers_of(self.nodes[name] for name in self.keep)
        known = {node.name for node in self.held} & self.stored.keys()
        return {
            name
            for name in known - self.uses.written - self.uses.handles
            if self._is_only_looked_up(name, consumers, {node_of(tensor) for tensor in asked})
        }

    def _is_only_looked_up(
        self, variable: str, consumers: Mapping[str, Sequence[str]], asked: Collection[str]
    ) -> bool:
        waiting, seen = [variable], {variable}
        while waiting:
            carrier = waiting.pop()
            if carrier in asked:
                return False
            for name in consumers.get(carrier, ()):
                node = self.nodes[name]
                taken = [node_of(edge) for edge in node.input if not edge.startswith("^")]
                if name in seen or carrier not in taken:
                    continue
                if node.op in op_types.IDENTITIES | {"ReadVariableOp"}:
                    seen.add(name)
                    waiting.append(name)
                elif node.op not in _LOOK_UPS or carrier in taken[1:]:
                    return False
        return True

    def refusals(self) -> Iterator[Refusal]:
        """Everything that is in the way."""
        for op, names in _by_op(self._unknown_variables()).items():
            yield self._refusal("has no value that is stored with the module", op, names)
        both = [self.nodes[name] for name in sorted(self.written & self.uses.handles)]
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
        if self.weights + _ROOM > LIMIT:
            yield Refusal(
                f"its weights are {self.weights / 1e9:.1f} GB, and the graph that holds them is one message of at most 2.1 GB"
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

    def freeze(self, kept: Collection[str] = ()) -> Frozen:
        """Makes the graph; `refusals` must be empty.

        Args:
            kept: the names of nodes of variables that stay variables, which are only read.
        """
        assert self.spec.checkpoint is not None or not self.held
        values = VariableConstants(self.spec.checkpoint)
        graph = GraphDef()
        taken = set(self.nodes)
        replacement = Replacement(graph, self.nodes, self.uses, taken)
        stay: list[tuple[StoredVariable, KeptVariable]] = []
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
                become_placeholder(node, self.variant, f"{name}:0")
            elif name in self.embedded:
                file = self.variant.asset_files[tensor_name(node.input[1])]
                replacement.embed(node, self.spec.asset_paths[file])
            elif name in kept:
                variable = self.stored[name]
                sizes = values.array(variable).shape
                stay.append((variable, replacement.keep_variable(node, values.dtype(variable), sizes)))
            elif name in self.stored and node.op in op_types.VARIABLES:
                replacement.replace_variable(node, values.read(self.stored[name]))
            else:
                replacement.adapt(node)
        used = functions_used(graph.node, self.graph.library)
        graph.library.function.extend(f for f in self.graph.library.function if f.signature.name in used)
        graph.library.gradient.extend(g for g in self.graph.library.gradient if g.function_name in used)
        initializer = ""
        if self.fillers:
            initializer = free_name("init_all_tables", taken)
            graph.node.add(name=initializer, op="NoOp", input=[f"^{name}" for name in self.fillers])
        names = {name: tensor_of_parts(self.variant.inputs(name)) for name in self.signatures}
        outputs = {name: tensor_of_parts(self.variant.outputs(name)) for name in self.signatures}
        written = tuple(sorted({self.stored[name].name for name in self.written}))
        return Frozen(graph, names, outputs, initializer, written, tuple(stay))

    def _in_order(self) -> list[str]:
        return [node.name for node in self.graph.node if node.name in self.keep]

    def _placeholders(self) -> set[str]:
        """The nodes that are fed and not computed for any signature."""
        names = {node_of(tensor) for tensor in self.fed if tensor.endswith(":0")}
        names -= {node_of(tensor) for tensor in self.fed if not tensor.endswith(":0")}
        return {name for name in names - self._computed if self.nodes[name].op not in op_types.INPUTS}


def _by_op(nodes: Iterable[NodeDef]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        found.setdefault(node.op, []).append(node.name)
    return dict(sorted(found.items()))
