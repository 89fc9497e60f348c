"""What is computed once for a spec's variant and used by every Module made from it."""

from __future__ import annotations

import hashlib
import itertools
import threading
import weakref
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tf1hub._tensorflow import op_def
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.graph.application import ApplicationCut, cut_application
from tf1hub.graph.custom_gradients import mark_lost_gradients
from tf1hub.graph.gradients import add_gradient_overrides
from tf1hub.graph.importing import Importable
from tf1hub.graph.ops import check_ops
from tf1hub.graph.state_cut import StateCut, cut_state, state_nodes
from tf1hub.graphdef.contexts import nodes_inside
from tf1hub.graphdef.cut import Cut, with_functions_of_its_own
from tf1hub.graphdef.op_types import EXITS, FUNCTIONAL_LOOPS
from tf1hub.program.whole_contexts import whole_contexts
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.trust.refusal import check_nodes

_STATE = "What gives variables and tables their values"
_LOST = (
    "The node {node!r} leaves a loop that cannot be differentiated. {where} has no description of it in the collection "
    "'while_context', and its nodes do not give one: {problem} The module can be used without gradients, and in a "
    "graph (tf1hub.Module) those of its variables trained that come after the loop."
)


@dataclass
class Definition:
    """A variant prepared for graphs: checked, with its cuts, each made when first needed.

    Attributes:
        variant: the variant; with what its graph lacks for gradients, so it may be another one than the spec has.
        checkpoint: prefix of the module's checkpoint.
        asset_paths: where the file of each asset lies, by file name.
        contexts: the control flow contexts.
        problem: why some loop may have none, in a sentence.
        state_nodes: the nodes that applications share.
        function_suffix: as for `cut`.
    """

    variant: Variant
    checkpoint: str | None
    asset_paths: Mapping[str, str]
    contexts: list[Any]
    problem: str
    state_nodes: set[str]
    function_suffix: str
    _states: dict[bool, tuple[StateCut, Importable]] = field(default_factory=dict)
    _applications: dict[tuple[str, bool], tuple[ApplicationCut, Importable]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def state(self, trainable: bool) -> tuple[StateCut, Importable]:
        """The cut of the state."""
        with self._lock:
            if trainable not in self._states:
                made = self._cut_state(trainable)
                check_nodes(self.variant, _STATE, made.cut.names)
                self._states[trainable] = (made, Importable.from_cut(made.cut))
            return self._states[trainable]

    def state_beside(
        self, trainable: bool, existing: Collection[str], losses_there: Collection[str]
    ) -> tuple[StateCut, Importable]:
        """The cut of what the state has beyond that of another module."""
        made = self._cut_state(trainable, existing, losses_there)
        check_nodes(self.variant, _STATE, made.cut.names)
        return made, Importable.from_cut(made.cut)

    def _cut_state(
        self, trainable: bool, existing: Collection[str] = (), losses_there: Collection[str] = ()
    ) -> StateCut:
        made = cut_state(
            self.variant,
            self.checkpoint,
            self.asset_paths,
            self.contexts,
            trainable,
            self.function_suffix,
            existing,
            losses_there,
        )
        self._mark_lost_loops(made.cut)
        return made

    def application(self, signature: str, trainable: bool) -> tuple[ApplicationCut, Importable]:
        """The cut of one signature's application.

        To differentiate a loop, TensorFlow makes another function for it, called after the loop's own; so
        no two applications in a process may share those.
        """
        key = (signature, trainable)
        with self._lock:
            if key not in self._applications:
                made = cut_application(
                    self.variant, signature, self.state_nodes, self.contexts, trainable, self.function_suffix
                )
                check_nodes(self.variant, f"The signature {signature!r}", made.cut.names)
                mark_lost_gradients(made.cut.graph)
                add_gradient_overrides(made.cut.graph)
                self._mark_lost_loops(made.cut)
                self._applications[key] = (made, Importable.from_cut(made.cut))
            made, importable = self._applications[key]
        number = next(_loops) if any(node.op in FUNCTIONAL_LOOPS for node in made.cut.graph.node) else 0
        if number:
            importable = Importable.from_cut(with_functions_of_its_own(made.cut, f"_{number}"))
        return made, importable

    def _mark_lost_loops(self, cut: Cut) -> None:
        exits = {node.name for node in cut.graph.node if node.op in EXITS}
        for name in exits - nodes_inside(self.contexts) if exits else ():
            cut.lost[name] = _LOST.format(node=name, where=self.variant.where, problem=self.problem)


# Weak, so that dropping a spec frees what was prepared from it; a Definition must not hold its spec.
_definitions: weakref.WeakKeyDictionary[ModuleSpec, dict[frozenset[str], Definition]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()
_loops = itertools.count()


def definition_of(spec: ModuleSpec, variant: Variant) -> Definition:
    """Checks a variant against this TensorFlow, its checkpoint and its assets, and prepares it.

    Raises:
        UnsupportedGraphError: the variant has ops that this TensorFlow lacks.
        CheckpointError: the checkpoint is damaged, or does not fit the variant.
        FormatError: an asset is missing.
    """
    with _lock:
        prepared = _definitions.setdefault(spec, {})
        if variant.tags not in prepared:
            prepared[variant.tags] = _prepare(spec, variant)
        return prepared[variant.tags]


def forget(spec: ModuleSpec) -> None:
    """Lets go of what was prepared of a module whose spec lives on; it is prepared again where it is needed."""
    with _lock:
        _definitions.pop(spec, None)


def _prepare(spec: ModuleSpec, variant: Variant) -> Definition:
    check_ops(variant)
    spec.check_assets(variant)
    if variant.variables and spec.checkpoint is not None:
        reader = CheckpointReader(spec.checkpoint)
        check_variables(variant, reader)
        reader.check_files()
    whole = whole_contexts(variant, op_def)
    variant = _with_nodes(variant, whole.exits)
    return Definition(
        variant,
        spec.checkpoint,
        spec.asset_paths,
        whole.contexts,
        next(iter(whole.problems), ""),
        state_nodes(variant),
        _suffix(variant),
    )


def _with_nodes(variant: Variant, nodes: Sequence[NodeDef]) -> Variant:
    if not nodes:
        return variant
    meta_graph = MetaGraphDef()
    meta_graph.CopyFrom(variant.meta_graph)
    meta_graph.graph_def.node.extend(nodes)
    return Variant(meta_graph, variant.module, variant.trusted)


def _suffix(variant: Variant) -> str:
    library = variant.meta_graph.graph_def.library
    if not library.function:
        return ""
    digest = hashlib.sha256(library.SerializeToString(deterministic=True)).hexdigest()
    return f"__{digest[:12]}"
