"""Applies a signature: the ops that compute its outputs from given inputs and the shared state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graph.importing import Importable, import_cut
from tf1hub.graph.repeating import Repeater, Step, repetition_of
from tf1hub.graph.tapes import record
from tf1hub.graphdef.contexts import nodes_inside, with_contexts
from tf1hub.graphdef.cut import Cut, cut
from tf1hub.graphdef.op_types import PLACEHOLDERS
from tf1hub.graphdef.walk import ancestors, dependents
from tf1hub.spec.variant import Variant

_KEYS = tf.compat.v1.GraphKeys


@dataclass
class ApplicationCut:
    """What one signature needs beside the state.

    Attributes:
        cut: the nodes.
        outputs: the dense tensors of all outputs.
        update_ops: the update ops that this signature's inputs suffice for.
        regularization_losses: the losses that this signature's inputs reach.
        feeds: the dense tensors of all inputs.
        in_contexts: the variant's nodes that lie in control flow contexts.
    """

    cut: Cut
    outputs: list[str]
    update_ops: list[str]
    regularization_losses: list[str]
    feeds: Collection[str]
    in_contexts: Set[str]

    @cached_property
    def repetition(self) -> list[Step] | None:
        """How to apply it again for less; None where that cannot be. Most programs apply a signature once."""
        return repetition_of(self.cut, self.feeds, self.in_contexts)


def cut_application(
    variant: Variant,
    signature: str,
    state: Collection[str],
    contexts: Sequence[Any],
    trainable: bool,
    function_suffix: str,
) -> ApplicationCut:
    """Cuts out what computes a signature's outputs, and its update ops when trainable.

    Args:
        variant: the variant.
        signature: the signature's name.
        state: the nodes that are shared by all applications.
        contexts: the variant's control flow contexts.
        trainable: whether update ops and losses on the inputs come along.
        function_suffix: as for `cut`.
    """
    feeds = {tensor_name(name) for info in variant.inputs(signature).values() for name in info.tensor_names}
    outputs = [
        tensor_name(name) for info in variant.outputs(signature).values() for name in info.tensor_names
    ]
    updates = _computable(variant, variant.collection("update_ops"), feeds, state) if trainable else []
    losses = _computable(variant, _on_inputs(variant, feeds), feeds, state) if trainable else []
    keep = with_contexts(variant.nodes, [*outputs, *updates, *losses], contexts, feeds, state)
    given = {*state, *map(node_of, feeds)}
    part = cut(variant.meta_graph.graph_def, keep, given, function_suffix)
    _drop_waits_for_state(part, state)
    return ApplicationCut(part, outputs, updates, losses, feeds, nodes_inside(contexts))


def apply(
    application: ApplicationCut,
    importable: Importable,
    contexts: Sequence[Any],
    scope: str,
    state: Mapping[str, Any],
    resources: Collection[str],
    feeds: Mapping[str, Any],
    repeater: Repeater | None,
) -> dict[str, Any]:
    """Adds an application to the default graph.

    Args:
        application: what to add.
        importable: the same as TensorFlow's message.
        contexts: the variant's control flow contexts.
        scope: absolute scope for its ops.
        state: tensors of the state by their names in the variant.
        resources: the names in the variant of the handles of the resource variables that it reads.
        feeds: tensors of the inputs by their names in the variant.
        repeater: of an application whose input-independent ops can be used again.

    Returns:
        The dense tensors of the outputs, by their names in the variant.
    """
    wanted = [*application.outputs, *application.update_ops, *application.regularization_losses]
    if repeater is not None:
        found = repeater.apply(scope, state, feeds, wanted)
    else:
        found = import_cut(importable, scope, {**state, **feeds}, contexts, list(dict.fromkeys(wanted)))
    graph = tf.compat.v1.get_default_graph()
    for name in application.update_ops:
        graph.add_to_collection(_KEYS.UPDATE_OPS, found[name])
    for name in application.regularization_losses:
        graph.add_to_collection(_KEYS.REGULARIZATION_LOSSES, found[name])
    results = [found[name] for name in (*application.outputs, *application.regularization_losses)]
    record(results, feeds.values(), [state[name] for name in resources])
    return {name: found[name] for name in application.outputs}


def _on_inputs(variant: Variant, feeds: Collection[str]) -> list[str]:
    """The regularization losses that depend on the inputs; the others belong to the state."""
    losses = variant.collection("regularization_losses")
    fed = dependents(variant.nodes.values(), {node_of(name) for name in feeds}) if losses else set()
    return [loss for loss in losses if node_of(loss) in fed]


def _computable(
    variant: Variant, members: Sequence[str], feeds: Collection[str], state: Collection[str]
) -> list[str]:
    """The members of a collection that depend on no placeholder beside the inputs, such as another signature's."""
    return [
        member
        for member in members
        if all(
            variant.nodes[name].op not in PLACEHOLDERS
            for name in ancestors(variant.nodes, [member], feeds, state)
        )
    ]


def _drop_waits_for_state(part: Cut, state: Collection[str]) -> None:
    # A handle or constant is always there: nothing needs to wait for it.
    waits = {name for name in part.inputs if name.startswith("^") and name[1:] in state}
    if waits:
        for node in part.graph.node:
            node.input[:] = [edge for edge in node.input if edge not in waits]
        part.inputs -= waits
