"""The parts of a variant that run by themselves: signatures, initializers, update ops and others."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tf1hub.format.saved_model import format_tags, tensors_of
from tf1hub.format.tensor_names import tensor_name
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.variant import Variant
from tf1hub.trust.deeds import Deed, deeds_of, refused_deeds
from tf1hub.trust.units import Library, reach

SIGNATURE = "signature"
INITIALIZERS = "initializers of variables"
TABLES = "initializers of tables"
UPDATES = "update ops"
LOSSES = "regularization losses"
MAIN = "main op"
SAVER = "saver"
FUNCTIONS = "functions that no graph calls"
UNREACHED = "reached by nothing"
GRAPH = "graph"

_MAIN_COLLECTIONS = ("saved_model_main_op", "legacy_init_op", "saved_model_train_op")
_MAIN_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")
SAVER_OPS = frozenset(
    {"Save", "SaveSlices", "SaveV2", "Restore", "RestoreSlice", "RestoreV2", "MergeV2Checkpoints"}
)


class Part(NamedTuple):
    """A part of a variant that runs apart from the others.

    Attributes:
        kind: `"signature"`, `"initializers of variables"` and so on.
        name: of a signature; empty for others.
        start: the nodes that run.
        given: the name of the input by the tensor that it feeds.
    """

    kind: str
    name: str
    start: frozenset[str]
    given: Mapping[str, str]

    def words(self) -> str:
        """The part in words."""
        return f"the signature {self.name!r}" if self.kind == SIGNATURE else f"the {self.kind}"


class Analysis:
    """A variant, looked at once for all who ask.

    Args:
        variant: the variant.
    """

    def __init__(self, variant: Variant) -> None:
        self._library = Library(variant.meta_graph.graph_def, nodes=variant.nodes)
        self._library.restored = variant.variable_nodes
        self._assets = variant.asset_files
        self._nodes = self._library.graph.nodes
        self._refused: dict[tuple[frozenset[str], frozenset[tuple[str, str]]], tuple[Deed, ...]] = {}
        # Most modules have nothing that would have to be looked for.
        self.is_harmless = not any(unit.reaching for unit in self._library.units())

    def deeds(self, part: Part) -> tuple[Deed, ...]:
        """All that a part can do, the worst first."""
        return deeds_of(self._library, part.start, self._assets, part.given)

    def find_refused(self, start: Collection[str], given: Mapping[str, str]) -> tuple[Deed, ...]:
        """What some nodes can do that is refused.

        Args:
            start: the nodes, with all that they need.
            given: the name of the input by the tensor that it feeds.
        """
        if self.is_harmless:
            return ()
        key = frozenset(start), frozenset(given.items())
        if key not in self._refused:
            self._refused[key] = refused_deeds(self._library, key[0], self._assets, given)
        return self._refused[key]

    def find_needed(self, targets: Iterable[str], given: Collection[str] = ()) -> frozenset[str]:
        """The nodes that some nodes or tensors need, those that are there."""
        return frozenset(ancestors(self._nodes, targets, given, checked=False))

    def defaults(self) -> dict[str, str]:
        """The placeholders that have a value of their own, such as that which a saver takes its path from."""
        return {
            f"{name}:0": name for name, node in self._nodes.items() if node.op == "PlaceholderWithDefault"
        }

    def functions_alone(self) -> tuple[Deed, ...]:
        """What the functions can do that no node of the graph calls: an object graph may."""
        library = self._library
        called = set(reach(library, library.graph.nodes.keys()))
        alone = [function for function in library.functions.values() if function not in called]
        by_others = {each for function in alone for linked in function.links.values() for each in linked}
        found: dict[Deed, None] = {}
        # Those that only call each other come last.
        for function in sorted(alone, key=lambda function: function in by_others):
            if function not in called:
                unit = Library.of_function(function)
                found.update(dict.fromkeys(deeds_of(unit, function.nodes.keys(), {}, {})))
                called.update(reach(unit, function.nodes.keys()))
        return tuple(found)


_analyses: weakref.WeakKeyDictionary[Variant, Analysis] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def analysis_of(variant: Variant) -> Analysis:
    """The analysis of a variant, made when first asked for."""
    with _lock:
        if variant not in _analyses:
            _analyses[variant] = Analysis(variant)
        return _analyses[variant]


def parts_of(variant: Variant, has_checkpoint: bool) -> Iterator[Part]:
    """The parts of a variant.

    Args:
        variant: the variant.
        has_checkpoint: whether variables start from a checkpoint, so that nothing computes their first values.
    """
    analysis = analysis_of(variant)
    seen: set[str] = set()
    for part in _run_parts(variant, has_checkpoint, analysis):
        seen |= part.start
        if part.start:
            yield part
    rest = variant.nodes.keys() - seen
    savers = [name for name in rest if variant.nodes[name].op in SAVER_OPS]
    saving = analysis.find_needed(savers) & rest
    if saving:
        yield Part(SAVER, "", saving, {})
    if rest - saving:
        yield Part(UNREACHED, "", frozenset(rest - saving), {})


def _run_parts(variant: Variant, has_checkpoint: bool, analysis: Analysis) -> Iterator[Part]:
    yield from signature_parts(variant)
    yield initializers(variant, has_checkpoint)
    yield table_initializers(variant)
    given = {
        tensor_name(tensor): name
        for definition in variant.meta_graph.signature_def.values()
        for name, info in definition.inputs.items()
        for tensor in tensors_of(info)
    }
    for kind, collection in ((UPDATES, "update_ops"), (LOSSES, "regularization_losses")):
        yield Part(kind, "", analysis.find_needed(variant.collection(collection), given), given)
    mains = [name for collection in _MAIN_COLLECTIONS for name in variant.collection(collection)]
    yield Part(MAIN, "", analysis.find_needed(mains), {})


def signature_parts(variant: Variant) -> Iterator[Part]:
    """The signatures of a variant. What TensorFlow 2 runs when it loads a SavedModel is the main op, and no signature."""
    for name in variant.signature_names:
        part = signature_part(variant, name)
        yield Part(MAIN, "", part.start, {}) if name in _MAIN_SIGNATURES else part


def signature_part(variant: Variant, name: str) -> Part:
    """One signature."""
    definition = variant.meta_graph.signature_def[name]
    given = {
        tensor_name(tensor): input_
        for input_, info in definition.inputs.items()
        for tensor in tensors_of(info)
        if tensor
    }
    outputs = [tensor for info in definition.outputs.values() for tensor in tensors_of(info) if tensor]
    return Part(SIGNATURE, name, analysis_of(variant).find_needed(outputs, given), given)


def initializers(variant: Variant, has_checkpoint: bool) -> Part:
    """What gives the variables their first values."""
    definitions = [variable.definition for variable in variant.variables]
    values = [tensor_name(each.initial_value_name) for each in definitions if each.initial_value_name]
    targets = [each.initializer_name for each in definitions if each.initializer_name]
    analysis = analysis_of(variant)
    if has_checkpoint:
        return Part(INITIALIZERS, "", analysis.find_needed(targets, values), {})
    return Part(INITIALIZERS, "", analysis.find_needed([*targets, *values]), {})


def table_initializers(variant: Variant) -> Part:
    """What fills the tables."""
    return Part(TABLES, "", analysis_of(variant).find_needed(variant.collection("table_initializer")), {})


def place_of(variant: Variant) -> str:
    """The variant in words that do not name the module."""
    return format_tags(variant.tags)
