"""A variant of a module, ready to be run on arrays: its programs, variables, tables and assets."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.backend import Backend
from tf1hub.arrays.interpreter import ProgramRun
from tf1hub.arrays.prepared import Code, PreparedFunctions
from tf1hub.arrays.randomness import Random
from tf1hub.arrays.run_state import RunState
from tf1hub.arrays.word_chains import fold_word_chains
from tf1hub.errors import FormatError, UnsupportedGraphError
from tf1hub.format.checkpoint import read_checkpoint
from tf1hub.format.tensor_names import split_tensor_name, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_definitions import check_inputs
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.walk import ancestors
from tf1hub.program.code import Program
from tf1hub.program.decompile import decompile
from tf1hub.program.functions import Functions
from tf1hub.program.hints import hints_of
from tf1hub.program.nodes import Tensor
from tf1hub.program.written import written_variables
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

_NUMPY = Backend()
_COPIED = 1 << 26
"""The most bytes of a variable that is copied into memory because it lies badly in its file."""


class StoredValues(Mapping[str, Any]):
    """The values of a variant's variables as the checkpoint has them, by node; each is mapped when first asked for.

    Args:
        spec: the module.
        variant: whose variables they are.
    """

    def __init__(self, spec: ModuleSpec, variant: Variant) -> None:
        self._stored = read_checkpoint(str(spec.checkpoint))
        self._variables = {variable.node: variable for variable in variant.variables}
        self._where = variant.where
        self._read: dict[str, npt.NDArray[Any]] = {}

    def __getitem__(self, node: str) -> npt.NDArray[Any]:
        value = self._read.get(node)
        if value is None:
            if node not in self._variables:
                raise FormatError(
                    f"The variable {node!r} of {self._where} is in none of its lists of variables, so it has no value."
                )
            variable = self._variables[node]
            value = self._stored[variable.name]
            if variable.slice is not None:
                value = value[variable.slice.cut]
            if not value.flags.aligned and value.nbytes <= _COPIED:
                # Files are packed, and each product with such an array would copy it.
                value = np.array(value)
            self._read[node] = value
        return value

    def __contains__(self, node: object) -> bool:
        return node in self._variables and self._variables[str(node)].name in self._stored

    def __iter__(self) -> Iterator[str]:
        return (node for node in self._variables if node in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class InitialValues(Mapping[str, Any]):
    """The values that a variant's own initializers give, by node; each is computed when first asked for.

    Args:
        module: the variant.
    """

    def __init__(self, module: ModuleCode) -> None:
        self._module = module
        self._variables = {variable.node: variable for variable in module.variant.variables}
        self._found: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._random = Random()

    def __getitem__(self, node: str) -> Any:
        if node not in self._found:
            name = self._variables[node].definition.initial_value_name
            if not name or node in self._asked:
                why = "has no initializer" if not name else "waits for itself to be initialized"
                raise UnsupportedGraphError(f"The variable {node!r} of {self._module.variant.where} {why}.")
            self._asked.add(node)
            state = RunState(self, self._module.table)
            (self._found[node],) = self._module.run(self._module.code([name]), [], state, self._random)
        return self._found[node]

    def __contains__(self, node: object) -> bool:
        return node in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(eq=False)
class SignatureCode:
    """One signature, ready to be run.

    Attributes:
        code: its program. Its arguments are the tensors behind the inputs, its fetches those behind the outputs.
        arguments: the names of the tensors behind the inputs, in the order of `code.arguments`.
        fetches: the names of the tensors behind the outputs, in the order of the program's fetches.
        read: the nodes of the variables that it reads or writes.
        written: the nodes of the variables that it may write.
    """

    code: Code
    arguments: tuple[str, ...]
    fetches: tuple[str, ...]
    read: frozenset[str]
    written: frozenset[str]


class ModuleCode:
    """A variant of a module as programs over arrays. No TensorFlow is involved.

    Args:
        spec: the module.
        variant: one of its variants.

    Attributes:
        spec: the module.
        variant: the variant.
        functions: the functions of its graph, as programs.
        library: the same, ready to be run.
    """

    def __init__(self, spec: ModuleSpec, variant: Variant) -> None:
        self.spec = spec
        self.variant = variant
        self.functions = Functions(variant.meta_graph.graph_def.library, recorded_definition)
        self.library = PreparedFunctions(self.functions, self.asset_path)
        self._tables: dict[str, Any] = {}
        self._lock = threading.RLock()

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The values of the variables as the module has them, by node: the checkpoint's, or the initializers'."""
        return InitialValues(self) if self.spec.checkpoint is None else StoredValues(self.spec, self.variant)

    def signature(self, name: str | None = None, targets: Sequence[str] = ()) -> SignatureCode:
        """A signature, ready to be run; see `library.missing` for op types that nothing here computes.

        Args:
            name: of the signature; None is `"default"`.
            targets: nodes to run too, such as update ops.

        Raises:
            UnknownSignatureError: there is no such signature.
            UnsupportedGraphError: the graph cannot be read, or an output needs a placeholder that no input feeds.
        """
        name = self.variant.check_signature(name)
        fed = [tensor_name(each) for info in self.variant.inputs(name).values() for each in info.tensor_names]
        fetches = [
            tensor_name(each) for info in self.variant.outputs(name).values() for each in info.tensor_names
        ]
        self._check_fed(name, fetches, fed)
        code = self.code(fetches, targets, fed)
        read = frozenset(op.node.name for op, _ in code.program.ops() if op.node.op in op_types.VARIABLES)
        return SignatureCode(
            code, tuple(fed), tuple(fetches), read, frozenset(self.written_nodes(code.program))
        )

    def code(self, fetches: Sequence[str], targets: Sequence[str] = (), fed: Sequence[str] = ()) -> Code:
        """The part of the graph that some tensors and nodes need, ready to be run.

        Args:
            fetches: names of tensors.
            targets: names of nodes.
            fed: names of tensors that are given.
        """
        arguments = [split_tensor_name(name) for name in fed]
        program = decompile(
            self.variant.nodes,
            [split_tensor_name(name) for name in fetches],
            self.functions.effects,
            targets,
            set(arguments),
            self._hints,
        )
        for op, _ in program.ops():
            definition = recorded_definition(op.node.op)
            if definition is not None:
                check_inputs(op.node.definition, len(op.inputs), definition)
        return fold_word_chains(self.library.prepare(program, arguments))

    def written_nodes(self, program: Program) -> set[str]:
        """The nodes of the variables that a program may write."""
        return written_variables(program, self.variant.variable_nodes, self.functions.may_write)

    def state(self, written: Mapping[str, Any] | None = None) -> RunState:
        """Variables and tables, as a run takes them.

        Args:
            written: values that stand in front of the module's own, by node.
        """
        return RunState(self.values, self.table, written)

    def run(
        self,
        code: Code,
        arguments: Sequence[Any],
        state: RunState | None = None,
        random: Any = None,
        backend: Backend | None = None,
    ) -> list[Any]:
        """Runs a program and gives the values of its fetches.

        Args:
            code: as `code` or `signature` gives it.
            arguments: the values of its arguments.
            state: variables and tables; those of the module when None.
            random: the source of random numbers; NumPy's when None.
            backend: the array library; NumPy when None.
        """
        run = ProgramRun(
            code,
            self.library,
            backend or _NUMPY,
            state or self.state(),
            Random() if random is None else random,
        )
        return run.results(arguments)

    def table(self, node: str) -> Any:
        """The table that a node makes; made and filled when first asked for."""
        from tf1hub.arrays.lookup_tables import new_table

        with self._lock:
            if node not in self._tables:
                definition = self.variant.nodes[node]
                # What fills the table asks for it again.
                self._tables[node] = new_table(definition, self.run(self.code(list(definition.input)), []))
                self.run(self.code([], self.variant.table_fillers.get(node, [])), [])
            return self._tables[node]

    @cached_property
    def _hints(self) -> Any:
        return hints_of(self.variant)

    def asset_path(self, tensor: Tensor) -> Any:
        name = self.variant.asset_files.get(f"{tensor[0]}:{tensor[1]}")
        if name is None:
            return None
        path = np.empty((), object)
        path[()] = self.spec.asset_paths[name].encode()
        return path

    def _check_fed(self, signature: str, fetches: Sequence[str], fed: Collection[str]) -> None:
        nodes = self.variant.nodes
        needed = ancestors(nodes, fetches, fed)
        missing = sorted(name for name in needed if nodes[name].op in op_types.PLACEHOLDERS)
        if missing:
            raise UnsupportedGraphError(
                f"The signature {signature!r} of {self.variant.where} needs {', '.join(map(repr, missing))}, "
                f"placeholders that none of its inputs feeds. It cannot be computed."
            )
