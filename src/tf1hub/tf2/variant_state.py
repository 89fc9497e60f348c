"""What a module's programs share: variables, tables, assets; and what one variant's graph adds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import op_def
from tf1hub.format.messages_pb2 import FunctionDefLibrary, VersionDef
from tf1hub.format.tensor_names import node_of, split_tensor_name
from tf1hub.graph.building import building, initializing
from tf1hub.graphdef import op_types
from tf1hub.graphdef.walk import ancestors
from tf1hub.program.code import Program
from tf1hub.program.decompile import Hints, decompile
from tf1hub.program.functions import Functions
from tf1hub.program.hints import hints_of
from tf1hub.program.nodes import Tensor
from tf1hub.program.screen import Runtime
from tf1hub.program.written import written_variables
from tf1hub.spec.variant import Variant
from tf1hub.tf2.emit import Trace, run
from tf1hub.tf2.tables import MutableTable, Table
from tf1hub.trust.refusal import check_program

THIS_TENSORFLOW = Runtime(f"TensorFlow {tf.__version__}", op_def)


class Resources:
    """The state that all variants of a loaded module share.

    Args:
        variables: by the node that holds each.
        asset_paths: where each asset lies, by file name.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], asset_paths: Mapping[str, str]) -> None:
        self.variables = variables
        self.tables: dict[str, Table] = {}
        self.assets = {name: tf.saved_model.Asset(path) for name, path in asset_paths.items()}
        self.lock = threading.RLock()


class VariantState:
    """The state as the programs of one variant reach it.

    Args:
        variant: whose programs they are.
        resources: what the variants share.
    """

    def __init__(self, variant: Variant, resources: Resources) -> None:
        self.variant = variant
        self._resources = resources
        self.functions = Functions(self.library, op_def)

    @property
    def variables(self) -> Mapping[str, tf.Variable]:
        """The module's variables, by node."""
        return self._resources.variables

    @property
    def library(self) -> FunctionDefLibrary:
        """The functions of the variant's graph."""
        return self.variant.meta_graph.graph_def.library

    @property
    def versions(self) -> VersionDef:
        """The versions of the variant's graph."""
        return self.variant.meta_graph.graph_def.versions

    @cached_property
    def _hints(self) -> Hints:
        return hints_of(self.variant)

    def program(
        self, fetches: Sequence[str], targets: Sequence[str] = (), fed: Collection[str] = ()
    ) -> Program:
        """Reads the part of the graph that some tensors and nodes need.

        Args:
            fetches: names of tensors.
            targets: names of nodes.
            fed: names of tensors that are given.

        Raises:
            TrustError: it does what nobody allowed.
        """
        check_program(self.variant, fetches, targets, fed)
        with building(self.variant):
            return decompile(
                self.variant.nodes,
                [split_tensor_name(name) for name in fetches],
                self.functions.effects,
                targets,
                {split_tensor_name(name) for name in fed},
                self._hints,
            )

    def written_variables(self, program: Program) -> set[str]:
        """The nodes of the variables that a program may write."""
        return written_variables(program, self.variables.keys(), self.functions.may_write)

    def placeholders(self, targets: Sequence[str], fed: Collection[str] = ()) -> list[str]:
        """The placeholders that some nodes or tensors need although nothing feeds them.

        Args:
            targets: names of nodes and tensors.
            fed: names of tensors that are given.
        """
        nodes = self.variant.nodes
        found = ancestors(nodes, targets, fed)
        return sorted(name for name in found if nodes[name].op in op_types.PLACEHOLDERS)

    def asset_path(self, tensor: Tensor) -> Any:
        """The path of the asset that a tensor names, as a tensor; None for any other tensor."""
        name = self.variant.asset_files.get(f"{tensor[0]}:{tensor[1]}")
        return None if name is None else self._resources.assets[name].asset_path

    def table(self, name: str) -> Table:
        """The table that a node makes; made and filled when first asked for."""
        with self._resources.lock:
            if name not in self._resources.tables:
                with tf.init_scope(), building(self.variant), initializing(self.variant.where):
                    node = self.variant.nodes[name]
                    kind = Table if node.op in op_types.HASH_TABLES else MutableTable
                    fillers = self.variant.table_fillers.get(name, [])
                    table = kind(
                        node,
                        self.runner(list(node.input)),
                        self.runner([], fillers),
                        self._assets_of(fillers),
                    )
                    # What fills the table asks for it again.
                    self._resources.tables[name] = table
                    table.fill()
            return self._resources.tables[name]

    def _assets_of(self, targets: Sequence[str]) -> list[tf.saved_model.Asset]:
        """The assets that some nodes need."""
        found = ancestors(self.variant.nodes, targets)
        files = {file for tensor, file in self.variant.asset_files.items() if node_of(tensor) in found}
        return [self._resources.assets[file] for file in sorted(files)]

    def runner(self, fetches: Sequence[str], targets: Sequence[str] = ()) -> Callable[[], list[Any]]:
        """A function without arguments that emits a program, for use inside a `tf.function`."""

        def emit() -> list[Any]:
            return run(Trace(self), self.program(fetches, targets), {})

        return emit
