"""A module's state in a graph: variables, tables and assets, created once per Module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import (
    add_partitioned_to_variable_store,
    add_to_variable_store,
    set_trainable,
    unique_id,
    variable_from_proto,
)
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import VariableDef
from tf1hub.graph.family import Family
from tf1hub.graph.importing import Importable, import_cut
from tf1hub.graph.state_cut import StateCut, state_nodes
from tf1hub.graph.tapes import note_use, record
from tf1hub.graphdef.op_types import RESOURCE_VARIABLES
from tf1hub.graphdef.variable_defs import StoredVariable, VariablePart
from tf1hub.spec.variant import Variant

_KEYS = tf.compat.v1.GraphKeys


_NO_ROOM = (
    "{where} cannot share the state of another module of this definition: what it has beyond that is called as "
    "something else there: {names}. Make a module with its own state: tf1hub.Module(module.spec, tags={tags!r})"
)


@dataclass
class State:
    """The state of one Module.

    Attributes:
        tensors: the tensor of every handle and asset constant, by its name in the variant.
        variables: name in the module to variable, or to the list of a partitioned one's parts.
        resources: the resource variables, and parts of partitioned ones, by the names of their handles in
            the variant.
        family: all that modules over this state share.
    """

    tensors: dict[str, Any]
    variables: dict[str, Any]
    resources: dict[str, Any]
    family: Family


def create_state(
    state_cut: StateCut,
    importable: Importable,
    variant: Variant,
    contexts: Sequence[Any],
    scope: str,
    trainable: bool,
    family: Family | None = None,
) -> State:
    """Imports the state into the default graph, and its items into the graph's collections.

    Args:
        state_cut: what to import.
        importable: the same as TensorFlow's message.
        variant: the variant.
        contexts: the variant's control flow contexts.
        scope: absolute scope for all of it.
        trainable: whether variables and losses join the collections for training.
        family: the state that another module has in the scope, beside which this one is cut.

    Raises:
        UnsupportedGraphError: beside it there is no room for the rest.
    """
    graph = tf.compat.v1.get_default_graph()
    family = family or Family(trainable)
    outside = {f"{node}:0": tensor for node, tensor in family.tensors.items()}
    _check_room(graph, scope, importable, variant, family)
    wanted = [
        *(f"{node}:0" for node in sorted(state_cut.nodes)),
        *state_cut.table_initializers,
        *state_cut.regularization_losses,
        *(f"{node}:0" for node in sorted(state_cut.initialized.values())),
    ]
    # State belongs to the program, not to the place where it happens to be created: neither control
    # dependencies nor an active loop or branch reach it.
    with graph.control_dependencies(None):
        names = _shared_names(state_cut, graph, scope)
        found = import_cut(importable, scope, outside, contexts, wanted, names) if wanted else {}
        trained = variant.trainable_nodes if trainable else frozenset()
        variables = [
            (
                stored,
                _variable(
                    definition,
                    scope,
                    stored.node in trained,
                    found.get(f"{state_cut.initialized.get(stored.node)}:0"),
                ),
                stored.node,
            )
            for stored, definition in state_cut.variables
        ]
    _add_to_collections(graph, state_cut, variant, variables, found, trainable)
    _add_to_variable_store(variables, scope)
    for stored, variable, node in variables:
        family.variables[node] = stored, variable
    for node in state_cut.nodes:
        family.tensors[node], family.variants[node] = found[f"{node}:0"], variant
    own = [(stored, family.variables[stored.node][1], stored.node) for stored in variant.variables]
    if trainable:
        _train(graph, [variable for _, variable, node in own if node in variant.trainable_nodes])
    tensors = {f"{node}:0": family.tensors[node] for node in state_nodes(variant)}
    resources = {
        f"{node}:0": variable for _, variable, node in own if variant.nodes[node].op in RESOURCE_VARIABLES
    }
    losses = [found[name] for name in state_cut.regularization_losses]
    family.losses.update(state_cut.regularization_losses)
    if losses:
        note_use(resources.values())
        record(losses, [], [tensors[name] for name in resources])
    return State(tensors, _by_name(own), resources, family)


def _check_room(graph: Any, scope: str, importable: Importable, variant: Variant, family: Family) -> None:
    """Checks that nothing is in the way of what comes beside a state."""
    if not family.tensors:
        return
    taken = {operation.name for operation in graph.get_operations()}
    in_the_way = sorted(name for name in importable.kept if f"{scope}/{name}" in taken)
    if in_the_way:
        raise UnsupportedGraphError(
            _NO_ROOM.format(where=variant.where, names=", ".join(in_the_way[:3]), tags=set(variant.tags))
        )


def _train(graph: Any, variables: Sequence[Any]) -> None:
    """Lets variables be trained that another module has made, whose variant does not train them."""
    there = {id(variable) for variable in graph.get_collection(_KEYS.TRAINABLE_VARIABLES)}
    for variable in variables:
        if id(variable) not in there:
            set_trainable(variable)
            graph.add_to_collection(_KEYS.TRAINABLE_VARIABLES, variable)


def _shared_names(state_cut: StateCut, graph: Any, scope: str) -> dict[str, bytes]:
    # Inside a function, state lives in the process, where any other function could have a `module/`
    # too; in a plain graph it lives in a session, where names that can be foretold are needed:
    # workers of a cluster find the same variables by them.
    owner = f"{scope}/"
    if getattr(graph, "building_function", False):
        owner = f"tf1hub_{unique_id()}/{owner}"
    return {node: owner.encode() + name for node, name in state_cut.shared.items()}


def _variable(definition: VariableDef, scope: str, trainable: bool, is_initialized: Any) -> Any:
    renamed = VariableDef()
    renamed.CopyFrom(definition)
    # Before TensorFlow 1.9 the message did not say it, only the collection did, which is what counts still.
    renamed.trainable = trainable
    for field in ("variable_name", "initializer_name", "snapshot_name", "initial_value_name"):
        if getattr(renamed, field):
            setattr(renamed, field, f"{scope}/{getattr(renamed, field)}")
    if renamed.HasField("save_slice_info_def"):
        renamed.save_slice_info_def.full_name = f"{scope}/{renamed.save_slice_info_def.full_name}"
    variable = variable_from_proto(renamed.SerializeToString(), is_initialized)
    if variable.initial_value is not None:
        # What is read from a file has no shape of its own.
        variable.initial_value.set_shape(variable.shape)
    return variable


def _add_to_collections(
    graph: Any,
    state_cut: StateCut,
    variant: Variant,
    variables: Sequence[tuple[StoredVariable, Any, str]],
    found: dict[str, Any],
    trainable: bool,
) -> None:
    members = {
        _KEYS.GLOBAL_VARIABLES: variant.nodes_in("variables"),
        _KEYS.MODEL_VARIABLES: variant.nodes_in("model_variables"),
        _KEYS.TRAINABLE_VARIABLES: variant.trainable_nodes if trainable else frozenset(),
    }
    for collection, nodes in members.items():
        for _, variable, node in variables:
            if node in nodes:
                graph.add_to_collection(collection, variable)
    for name in state_cut.table_initializers:
        graph.add_to_collection(_KEYS.TABLE_INITIALIZERS, found[name])
    for name in state_cut.assets:
        graph.add_to_collection(_KEYS.ASSET_FILEPATHS, found[name])
    for name in state_cut.regularization_losses:
        graph.add_to_collection(_KEYS.REGULARIZATION_LOSSES, found[name])


def _add_to_variable_store(variables: Sequence[tuple[StoredVariable, Any, str]], scope: str) -> None:
    """Lets programs find the variables by name, as those that `get_variable` made: `init_from_checkpoint` does."""
    partitioned: dict[str, list[tuple[VariablePart, Any]]] = {}
    for stored, variable, _ in variables:
        add_to_variable_store(variable)
        if stored.slice is not None:
            partitioned.setdefault(stored.name, []).append((stored.slice, variable))
    for name, parts in partitioned.items():
        shape = parts[0][0].full_shape
        if all(part.full_shape == shape for part, _ in parts):
            counts = [len({part.offset[axis] for part, _ in parts}) for axis in range(len(shape))]
            add_partitioned_to_variable_store(f"{scope}/{name}", shape, [part for _, part in parts], counts)


def _by_name(variables: Sequence[tuple[StoredVariable, Any, str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for stored, variable, _ in variables:
        if stored.slice is None:
            result[stored.name] = variable
        else:
            result.setdefault(stored.name, []).append((stored.slice.offset, variable))
    for name, value in result.items():
        if isinstance(value, list):
            result[name] = [variable for _, variable in sorted(value, key=lambda part: part[0])]
    return result
