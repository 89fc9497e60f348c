"""The control flow contexts of a variant: those that it lists, or where they do not fit its graph, those of its structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import CondContextDef, NodeDef, WhileContextDef
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.contexts import Context, contexts_of, each_context, innermost, references
from tf1hub.graphdef.op_definitions import OpDefinitions, output_types
from tf1hub.program.context_structure import Structure, find_structure, has_control_flow
from tf1hub.spec.variant import Variant


@dataclass
class WholeContexts:
    """Contexts with which a graph's gradients are right.

    Attributes:
        contexts: the outermost contexts, each with its collection.
        exits: nodes that the graph needs besides, for gradients.
        problems: what keeps parts of the graph from having contexts, in sentences.
    """

    contexts: list[tuple[str, Context]]
    exits: list[NodeDef] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def whole_contexts(variant: Variant, definition_of: OpDefinitions) -> WholeContexts:
    """The contexts of a variant.

    Args:
        variant: the variant; it is not changed.
        definition_of: gives the definitions of ops.

    Raises:
        FormatError: an item of a collection is not a context.
    """
    listed = contexts_of(variant)
    nodes = variant.nodes
    sound = all(_is_sound(context, nodes, definition_of) for context in each_context(listed))
    if not has_control_flow(nodes):
        return WholeContexts(listed if sound else [])
    structure = find_structure(nodes, definition_of)
    if structure.problems:
        # What is known of a part of the nodes only would give other gradients than the graph has.
        return WholeContexts(listed if sound else [], problems=structure.problems)
    if sound and _agree(listed, structure, nodes):
        return WholeContexts(listed)
    _take_over(listed, structure, nodes, definition_of)
    return WholeContexts(structure.contexts, structure.exits)


def _is_sound(context: Context, nodes: Mapping[str, NodeDef], definition_of: OpDefinitions) -> bool:
    """Whether all that a context points at is in the graph, and what brings values in is an op that does so."""
    external = context.values_def.external_values
    # A value that needs no way in is its own.
    ways = {inside for outside, inside in external.items() if outside != inside}
    kinds = op_types.ENTERS if isinstance(context, WhileContextDef) else op_types.SWITCHES
    return all(
        _is_tensor(name, nodes, definition_of) for name in (*references(context), *external.values())
    ) and all(nodes[node_of(name)].op in kinds for name in ways)


def _is_tensor(name: str, nodes: Mapping[str, NodeDef], definition_of: OpDefinitions) -> bool:
    node, number = split_tensor_name(name)
    if node not in nodes or f"{node}:{number}" != name:
        return False
    definition = definition_of(nodes[node].op)
    try:
        return definition is None or number < len(output_types(nodes[node], definition))
    except FormatError:
        return False


def _agree(listed: Sequence[tuple[str, Context]], structure: Structure, nodes: Mapping[str, NodeDef]) -> bool:
    """Whether the contexts that are listed have the nodes that lie in them."""
    theirs, found = innermost(listed), innermost(structure.contexts)
    # Up to TensorFlow 1.7, what tells that a branch is taken was listed around it.
    for context in each_context(listed):
        if isinstance(context, CondContextDef):
            theirs[node_of(context.pivot_name)] = context
    if theirs.keys() != found.keys():
        return False
    # A cond whose branches have nothing in common is found as several.
    partners: dict[int, Context] = {}
    loops: dict[int, int] = {}
    for name, context in found.items():
        other = theirs[name]
        known = partners.get(id(context))
        if known is other:
            continue
        if known is not None or not _same(context, other, nodes):
            return False
        partners[id(context)] = other
        if isinstance(other, WhileContextDef) and loops.setdefault(id(other), id(context)) != id(context):
            return False
    return True


def _same(context: Context, other: Context, nodes: Mapping[str, NodeDef]) -> bool:
    if isinstance(context, WhileContextDef):
        return (
            isinstance(other, WhileContextDef)
            and context.context_name == other.context_name
            and context.pivot_name == other.pivot_name
            and set(context.loop_exit_names) == set(other.loop_exit_names)
            and set(context.loop_enter_names) <= set(other.loop_enter_names or context.loop_enter_names)
        )
    return (
        isinstance(other, CondContextDef)
        and context.branch == other.branch
        and _source(context.pred_name, nodes) == _source(other.pred_name, nodes)
    )


def _source(tensor: str, nodes: Mapping[str, NodeDef]) -> str:
    """What a tensor is the same as: a cond makes a copy of its predicate."""
    seen: set[str] = set()
    while tensor not in seen and nodes[node_of(tensor)].op in op_types.IDENTITIES:
        seen.add(tensor)
        tensor = tensor_name(nodes[node_of(tensor)].input[0])
    return tensor


def _take_over(
    listed: Sequence[tuple[str, Context]],
    structure: Structure,
    nodes: Mapping[str, NodeDef],
    definition_of: OpDefinitions,
) -> None:
    """Keeps what only a context knows, of those loops that are known by their names."""
    known = {
        context.context_name: context
        for context in each_context(listed)
        if isinstance(context, WhileContextDef)
    }
    for context in each_context(structure.contexts):
        if isinstance(context, WhileContextDef) and context.context_name in known:
            said = known[context.context_name]
            context.back_prop, context.swap_memory = said.back_prop, said.swap_memory
            if _is_tensor(said.maximum_iterations_name, nodes, definition_of):
                context.maximum_iterations_name = said.maximum_iterations_name
