"""Control flow contexts (v1 `cond` and `while_loop`) of a part of a graph.

Gradients through old conds and loops need the context objects, which a variant's `cond_context` and
`while_context` collections describe. A context must keep what it points at. So a cut that touches a
loop takes all entries and exits of the loop. Whatever else a context names is pruned with the nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import CondContextDef, ControlFlowContextDef, NodeDef, WhileContextDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.walk import ancestors

_MESSAGES: dict[str, Any] = {"cond_context": CondContextDef, "while_context": WhileContextDef}

Context = CondContextDef | WhileContextDef
"""The description of a branch of a cond, or of a loop, with those that lie in it."""


class _HasCollections(Protocol):
    @property
    def where(self) -> str:
        """What has the collections, in words for messages."""

    def collection_bytes(self, name: str) -> Sequence[bytes]:
        """The serialized items of a collection."""


def contexts_of(variant: _HasCollections) -> list[tuple[str, Context]]:
    """A variant's outermost contexts, each with its collection.

    Raises:
        FormatError: an item of a collection is not a context.
    """
    found: list[tuple[str, Context]] = []
    for collection, message in _MESSAGES.items():
        for data in variant.collection_bytes(collection):
            try:
                found.append((collection, message.FromString(data)))
            except DecodeError as error:
                raise FormatError(
                    f"The collection {collection!r} of {variant.where} has an item that is not a context message."
                ) from error
    return found if any(context.nested_contexts for _, context in found) else _nest(found)


def _nest(flat: Sequence[tuple[str, Context]]) -> list[tuple[str, Context]]:
    """Puts contexts into those that they lie in, which TensorFlow says itself since 1.7.

    Before, each was listed by itself, and the ops of an inner one were listed in all around it. Gradients need to
    know: that of a cond in a loop has a stack of what the cond chose.
    """
    inside = [_inside(context) for _, context in flat]
    outermost: set[int] = set()
    # Inner ones are smaller, and have all of theirs by the time that they are put into another.
    for index in sorted(range(len(flat)), key=lambda i: len(inside[i])):
        _, context = flat[index]
        names = context.loop_enter_names if isinstance(context, WhileContextDef) else [context.pivot_name]
        around = [
            other
            for other in range(len(flat))
            if len(inside[other]) > len(inside[index])
            and any(node_of(name) in inside[other] for name in names)
        ]
        if not around:
            outermost.add(index)
            continue
        nested = flat[min(around, key=lambda i: len(inside[i]))][1].nested_contexts.add()
        if isinstance(context, WhileContextDef):
            nested.while_ctxt.CopyFrom(context)
        else:
            nested.cond_ctxt.CopyFrom(context)
    found = [pair for index, pair in enumerate(flat) if index in outermost]
    for _, context in found:
        _tell_outer_values(context, set(context.values_def.external_values.values()))
    return found


def _tell_outer_values(context: Context, entered: set[str]) -> None:
    """Says of what inner contexts list that it is not theirs, in place: it would be taken for an op inside.

    That is the predicate and the pivot of a cond, and the tensors by which values enter the contexts around.
    """
    for nested in context.nested_contexts:
        inner = _inner(nested)
        values = inner.values_def
        outer = entered & set(values.values)
        if isinstance(inner, CondContextDef):
            outer |= {inner.pred_name, inner.pivot_name}
        own = set(values.external_values.values())
        for name in outer - own:
            values.external_values[name] = name
        _tell_outer_values(inner, entered | own)


def with_contexts(
    nodes: Mapping[str, NodeDef],
    targets: Iterable[str],
    contexts: Sequence[tuple[str, Context]],
    given: Collection[str] = (),
    outside: Collection[str] = (),
) -> set[str]:
    """The nodes that `targets` need, and all that the contexts of any of them point at.

    Args:
        nodes: the graph, by node name.
        targets: node or tensor names to start from.
        contexts: of the variant.
        given: tensors that are not computed, as for `ancestors`.
        outside: nodes that are not computed, as for `ancestors`.
    """
    found = ancestors(nodes, targets, given, outside)
    while contexts:
        more = ancestors(nodes, _anchors(contexts, found), given, outside) - found
        if not more:
            break
        found |= more
    return found


def _anchors(contexts: Sequence[tuple[str, Context]], kept: Collection[str]) -> set[str]:
    """The nodes that must be kept with `kept`, because a context of theirs points at them."""
    needed: set[str] = set()
    for context in each_context(contexts):
        if not _inside(context).isdisjoint(kept):
            needed.update(node_of(name) for name in references(context))
    return needed


def nodes_inside(contexts: Sequence[tuple[str, Context]]) -> set[str]:
    """The nodes that lie in any of the contexts."""
    return {name for context in each_context(contexts) for name in _inside(context)}


def each_context(contexts: Sequence[tuple[str, Context]]) -> Iterator[Context]:
    """All contexts, those around others first."""
    waiting = [context for _, context in contexts]
    while waiting:
        context = waiting.pop()
        yield context
        waiting.extend(_inner(nested) for nested in context.nested_contexts)


def innermost(contexts: Sequence[tuple[str, Context]]) -> dict[str, Context]:
    """For each node that lies in a context, the innermost one; the same object for all of its nodes."""
    found: dict[str, Context] = {}
    for context in each_context(contexts):
        # Those around it list its nodes too.
        found.update(dict.fromkeys(_inside(context), context))
    return found


def _inside(context: Context) -> set[str]:
    values = {node_of(value) for value in context.values_def.values}
    return values - {node_of(name) for name in context.values_def.external_values}


def restrict_contexts(
    contexts: Sequence[tuple[str, Context]], kept: Collection[str], rename: Callable[[str], str]
) -> Iterator[tuple[str, bytes]]:
    """The contexts that have nodes among `kept`, serialized, under their new names.

    Args:
        contexts: of the variant.
        kept: the nodes that were imported.
        rename: maps a tensor or node name of the variant to that in the consumer's graph.
    """
    for collection, context in contexts:
        copy: Context = _MESSAGES[collection].FromString(context.SerializeToString())
        if _restrict(copy, kept, rename):
            yield collection, copy.SerializeToString()


def _restrict(context: Context, kept: Collection[str], rename: Callable[[str], str]) -> bool:
    """Prunes and renames in place; says whether anything of the context is left."""
    if not all(node_of(name) in kept for name in _own_nodes(context)):
        return False
    _restrict_values(context, kept, rename)
    context.context_name = rename(context.context_name)
    for field in (
        "pred_name",
        "pivot_name",
        "pivot_for_pred_name",
        "pivot_for_body_name",
        "maximum_iterations_name",
    ):
        if getattr(context, field, ""):
            setattr(context, field, rename(getattr(context, field)))
    if isinstance(context, WhileContextDef):
        for names in (context.loop_exit_names, context.loop_enter_names):
            names[:] = [rename(name) for name in names]
    left = [nested for nested in context.nested_contexts if _restrict(_inner(nested), kept, rename)]
    del context.nested_contexts[:]
    context.nested_contexts.extend(left)
    return True


def _restrict_values(context: Context, kept: Collection[str], rename: Callable[[str], str]) -> None:
    values = context.values_def
    # The predicate of a cond is its own external value, and may come from outside the cut.
    predicate = context.pred_name if isinstance(context, CondContextDef) else ""
    external = {
        rename(outside): rename(inside)
        for outside, inside in values.external_values.items()
        if node_of(inside) in kept or inside == predicate
    }
    inside = [rename(value) for value in values.values if node_of(value) in kept]
    values.Clear()
    values.values.extend(sorted({*inside, *external}))
    values.external_values.update(external)


def _own_nodes(context: Context) -> list[str]:
    """The nodes without which the context cannot exist."""
    if isinstance(context, CondContextDef):
        return [context.pivot_name]
    names = [context.pivot_name, context.pivot_for_pred_name, context.pivot_for_body_name]
    return [*names, *context.loop_exit_names, *context.loop_enter_names]


def references(context: Context) -> list[str]:
    """All that a context refers to by itself: its own, and what may come from outside."""
    if isinstance(context, CondContextDef):
        return [*_own_nodes(context), context.pred_name]
    limit = context.maximum_iterations_name
    return [*_own_nodes(context), *([limit] if limit else [])]


def _inner(definition: ControlFlowContextDef) -> Context:
    if definition.WhichOneof("ctxt") == "while_ctxt":
        return definition.while_ctxt
    return definition.cond_ctxt
