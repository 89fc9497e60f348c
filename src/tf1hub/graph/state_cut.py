"""The part of a variant that is created once per Module: variables, tables, assets, and how they start."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tf1hub.format.assets import PLACEHOLDER
from tf1hub.format.messages_pb2 import GraphDef, NodeDef, VariableDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graph.ops import holds_state, shares_by_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.contexts import with_contexts
from tf1hub.graphdef.cut import Cut, cut
from tf1hub.graphdef.restoring import restore_from
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.variable_ops import add_question, add_read
from tf1hub.graphdef.walk import ancestors, dependents
from tf1hub.spec.variant import Variant


@dataclass
class StateCut:
    """The state of a variant as a graph, before it gets its names in a consumer's graph.

    Attributes:
        cut: the nodes.
        nodes: the handles and asset constants: what applications refer to.
        variables: every variable, its message adapted to `cut`.
        table_initializers: names of the ops that fill tables.
        assets: names of the asset tensors.
        regularization_losses: tensor names of the losses that need nothing but state.
        shared: nodes whose state is found by name, which must be made unique per instance.
        initialized: for each resource variable's node, the node that tells whether it has its value.
    """

    cut: Cut
    nodes: set[str]
    variables: list[tuple[StoredVariable, VariableDef]] = field(default_factory=list)
    table_initializers: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    regularization_losses: list[str] = field(default_factory=list)
    shared: dict[str, bytes] = field(default_factory=dict)
    initialized: dict[str, str] = field(default_factory=dict)


def state_nodes(variant: Variant) -> set[str]:
    """The nodes that applications share: handles to state, and the constants of assets."""
    nodes = variant.meta_graph.graph_def.node
    # Asked once for each op type: graphs have thousands of nodes and some dozens of types.
    holders = {node.op: holds_state(node) for node in {node.op: node for node in nodes}.values()}
    held = {node.name for node in nodes if holders[node.op]}
    return held | {node_of(name) for name in asset_tensors(variant)}


def asset_tensors(variant: Variant) -> list[str]:
    """The asset tensors of a variant, each once: those of its collection, in its order, and those with a file."""
    listed = map(tensor_name, variant.collection("asset_filepaths"))
    return list(dict.fromkeys([*listed, *variant.asset_files]))


def state_losses(variant: Variant) -> list[str]:
    """The regularization losses that need nothing but state, so that they exist once per Module."""
    placeholders = {node.name for node in variant.nodes.values() if node.op in op_types.INPUTS}
    on_inputs = dependents(variant.nodes.values(), placeholders)
    losses = variant.collection("regularization_losses")
    return [loss for loss in losses if node_of(loss) not in on_inputs]


def cut_state(
    variant: Variant,
    checkpoint: str | None,
    asset_paths: Mapping[str, str],
    contexts: Sequence[Any],
    trainable: bool,
    function_suffix: str,
    existing: Collection[str] = (),
    losses_there: Collection[str] = (),
) -> StateCut:
    """Cuts a variant's state out of its graph.

    Where there is a checkpoint, the variables' own initial values are left out: a few restore ops
    feed all initializers, and no random number is ever drawn.

    Args:
        variant: the variant.
        checkpoint: prefix of the checkpoint that the variables start from; None for their own
            initializers.
        asset_paths: where the file of each asset lies, by file name.
        contexts: the variant's control flow contexts.
        trainable: whether regularization losses come along.
        function_suffix: as for `cut`.
        existing: nodes of the state that another module has made, which come from outside.
        losses_there: regularization losses that another module has made.
    """
    graph = GraphDef()
    graph.CopyFrom(variant.meta_graph.graph_def)
    nodes = {node.name: node for node in graph.node}
    variables = [
        (variable, VariableDef.FromString(variable.definition.SerializeToString()))
        for variable in variant.variables
        if variable.node not in existing
    ]
    for variable, definition in variables:
        if not definition.snapshot_name:
            definition.snapshot_name = f"{add_read(graph, nodes, nodes[variable.node]).name}:0"
    if checkpoint is not None and variables:
        restore_from(graph, nodes, variables, checkpoint, beside=bool(existing))
    initialized = {
        variable.node: add_question(graph, nodes, nodes[variable.node]).name
        for variable, _ in variables
        if nodes[variable.node].op in op_types.RESOURCE_VARIABLES
    }
    _put_asset_paths(nodes, variant, asset_paths)
    own = state_nodes(variant) - set(existing)
    tables = [
        target
        for target in variant.collection("table_initializer")
        if not existing or not own.isdisjoint(ancestors(nodes, [target]))
    ]
    losses = [loss for loss in state_losses(variant) if loss not in losses_there] if trainable else []
    shared_nodes = own
    targets = [*shared_nodes, *tables, *losses, *initialized.values()]
    for _, definition in variables:
        names = (definition.initializer_name, definition.snapshot_name, definition.initial_value_name)
        targets += [name for name in names if name]
    keep = with_contexts(nodes, targets, contexts, outside=existing)
    result = StateCut(
        cut(graph, keep, {*keep, *existing}, function_suffix),
        shared_nodes,
        variables,
        tables,
        [name for name in asset_tensors(variant) if node_of(name) not in existing],
        losses,
    )
    result.initialized = initialized
    for name in shared_nodes:
        node = nodes[name]
        if node.op != "Const" and shares_by_name(node):
            result.shared[name] = node.attr["shared_name"].s or name.encode()
    return result


def _put_asset_paths(nodes: Mapping[str, NodeDef], variant: Variant, asset_paths: Mapping[str, str]) -> None:
    for tensor, file_name in variant.asset_files.items():
        values = nodes[node_of(tensor)].attr["value"].tensor.string_val
        if list(values) in ([PLACEHOLDER], []) or file_name in asset_paths:
            values[:] = [asset_paths[file_name].encode()]
