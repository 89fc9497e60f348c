"""The part of a foreign graph that a module needs: what its signatures, updates and regularization losses depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tf1hub._tensorflow import op_def
from tf1hub.errors import CreationError
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef, VariableDef
from tf1hub.format.saved_model import tensors_of
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graph.ops import holds_state
from tf1hub.graphdef.contexts import contexts_of, restrict_contexts, with_contexts
from tf1hub.graphdef.cut import keep_nodes
from tf1hub.graphdef.variable_defs import VARIABLE_COLLECTIONS
from tf1hub.graphdef.variable_nodes import start_from_zeros
from tf1hub.graphdef.walk import ancestors
from tf1hub.program.whole_contexts import whole_contexts
from tf1hub.spec.variant import Variant

_NodeKey = tuple[bytes, bytes]
"""What all handles of one variable or table have in common."""


def signature_tensors(meta_graph: MetaGraphDef) -> tuple[set[str], list[str]]:
    """The tensor names of all inputs, and of all outputs, of a graph's signatures."""
    inputs: set[str] = set()
    outputs: list[str] = []
    for definition in meta_graph.signature_def.values():
        inputs.update(tensor_name(name) for info in definition.inputs.values() for name in tensors_of(info))
        outputs += [tensor_name(name) for info in definition.outputs.values() for name in tensors_of(info)]
    return inputs, outputs


def prune(meta_graph: MetaGraphDef, where: str, *, restored: bool) -> None:
    """Drops what a module does not need, in place.

    That is: training ops and the slots of optimizers, counters of steps, and whatever variables, tables and files
    nothing depends on. The parts of a partitioned variable stay together.

    Args:
        meta_graph: the graph, with only collections that a module carries, its variables' definitions complete.
        where: the variant in words, for messages.
        restored: whether the variables' values come from a checkpoint, so that no initial value is ever computed.

    Raises:
        CreationError: the graph lacks something that it needs.
    """
    variant = _describe_contexts(Variant(meta_graph, where))
    if restored and (copies := _copies(variant)):
        start_from_zeros(meta_graph, copies)
        variant = Variant(meta_graph, where)
    keep = _needed_nodes(variant)
    for collection in VARIABLE_COLLECTIONS:
        kept = [
            data
            for data in variant.collection_bytes(collection)
            if node_of(VariableDef.FromString(data).variable_name) in keep
        ]
        _replace(meta_graph, collection, kept)
    for collection in ("table_initializer", "asset_filepaths"):
        names = [name for name in variant.collection(collection) if node_of(name) in keep]
        meta_graph.collection_def.pop(collection, None)
        if names:
            meta_graph.collection_def[collection].node_list.value.extend(names)
    contexts = contexts_of(variant)
    for collection in ("cond_context", "while_context"):
        _replace(meta_graph, collection, ())
    for collection, data in restrict_contexts(contexts, keep, lambda name: name):
        meta_graph.collection_def[collection].bytes_list.value.append(data)
    keep_nodes(meta_graph.graph_def, keep)


def _describe_contexts(variant: Variant) -> Variant:
    """The variant; if it lists no contexts, with those that its nodes tell of, in place.

    Frozen graphs list none. Every reader of the module can then differentiate its loops.
    """
    if contexts_of(variant):
        return variant
    whole = whole_contexts(variant, op_def)
    variant.meta_graph.graph_def.node.extend(whole.exits)
    for collection, context in whole.contexts:
        variant.meta_graph.collection_def[collection].bytes_list.value.append(context.SerializeToString())
    return Variant(variant.meta_graph, variant.module, variant.trusted)


def _replace(meta_graph: MetaGraphDef, collection: str, values: Iterable[bytes]) -> None:
    meta_graph.collection_def.pop(collection, None)
    for data in values:
        meta_graph.collection_def[collection].bytes_list.value.append(data)


def _copies(variant: Variant) -> set[str]:
    """The variables that a module needs whose initial values are made of variables that it does not need.

    A moving average of weights is such a variable: it starts as a copy of them.
    """
    keep = _needed_nodes(variant, initial_values=False)
    return {
        variable.node
        for variable in variant.variables
        if variable.node in keep
        and any(
            name not in keep and holds_state(variant.nodes[name])
            for name in ancestors(variant.nodes, filter(None, [variable.definition.initial_value_name]))
        )
    }


def _needed_nodes(variant: Variant, *, initial_values: bool = True) -> set[str]:
    """The nodes that a module needs; without those that nothing but the initial values of variables needs, if so said."""
    nodes = variant.nodes
    contexts = contexts_of(variant)
    states = {node.name: _state(node) for node in nodes.values() if holds_state(node)}
    # Whoever uses a state needs what initializes it.
    initializing = _variables(variant, states, initial_values) + _tables(variant, states)
    # Functions name their state, and are not looked into for which of them is called.
    held = {
        _state(node)
        for function in variant.meta_graph.graph_def.library.function
        for node in function.node_def
        if holds_state(node)
    }
    inputs, outputs = signature_tensors(variant.meta_graph)
    targets = [*sorted(inputs), *outputs]
    targets += [*variant.collection("update_ops"), *variant.collection("regularization_losses")]
    keep: set[str] = set()
    while targets:
        _check_present(targets, variant)
        try:
            keep |= with_contexts(nodes, targets, contexts)
        except KeyError as error:
            # A context may point at what is not there.
            _check_present(error.args, variant)
            raise
        held |= {states[name] for name in keep if name in states}
        targets = [name for used, names in initializing if not held.isdisjoint(used) for name in names]
        targets = [name for name in targets if node_of(name) not in keep]
    return keep


def _state(node: NodeDef) -> _NodeKey:
    shared = node.attr["shared_name"].s if "shared_name" in node.attr else b""
    container = node.attr["container"].s if "container" in node.attr else b""
    return container, shared or node.name.encode()


def _variables(
    variant: Variant, states: Mapping[str, _NodeKey], initial_values: bool
) -> list[tuple[set[_NodeKey], list[str]]]:
    """For each variable with all of its parts: its states, and the names that its definitions give."""
    found: dict[str, tuple[set[_NodeKey], list[str]]] = {}
    for variable in variant.variables:
        definition = variable.definition
        used, names = found.setdefault(variable.name, (set(), []))
        used.add(states.get(variable.node, (b"", variable.node.encode())))
        names += [definition.variable_name, definition.snapshot_name]
        if initial_values:
            names += [definition.initializer_name, definition.initial_value_name]
    return [(used, list(filter(None, names))) for used, names in found.values()]


def _tables(variant: Variant, states: Mapping[str, _NodeKey]) -> list[tuple[set[_NodeKey], list[str]]]:
    """For each op that initializes tables: their states, and its name."""
    names = [name for name in variant.collection("table_initializer") if node_of(name) in variant.nodes]
    return [
        ({states[node] for node in ancestors(variant.nodes, [node_of(name)]) if node in states}, [name])
        for name in names
    ]


def _check_present(targets: Iterable[str], variant: Variant) -> None:
    absent = sorted({name for name in targets if node_of(name) not in variant.nodes})
    if absent:
        raise CreationError(
            f"The graph of {variant.module} has no {absent[0]!r}. {_similar(absent[0], list(variant.nodes))}"
        )


def _similar(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(node_of(name), known[:20_000], n=5, cutoff=0.4) or known[:5]
    return f"It has {len(known)} nodes, among them: {', '.join(close)}."
