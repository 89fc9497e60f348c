"""The variables of a module as `tf.Variable`s, one for each that a variant declares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tf1hub._tensorflow import empty_variable
from tf1hub.errors import CheckpointError, InputError, UnknownNameError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.spec.updates import updated_nodes
from tf1hub.spec.variant import Variant
from tf1hub.tf2.attributes import python_value

Trainable: TypeAlias = bool | Callable[[str], bool] | Iterable[str]
"""What to train: all that the publisher marked (True), nothing (False), of the marked ones those whose
name a predicate takes, or what is named: variables, or scopes for all marked variables below."""

_NO_CHOICE = (
    "trainable= was given {given!r}. Give True for the variables that the publisher marked, False for none, a predicate "
    "of their names, or a list of names of variables or scopes."
)

Values: TypeAlias = Callable[
    [Iterable[tuple[StoredVariable, tf.DType]]], Iterator[tuple[StoredVariable, tf.DType, Any]]
]
"""Adds the values to variables and their dtypes; one after the other, so that few are held at a time. A TensorSpec stands
for a value that stays where it is."""


def check_choice(trainable: Any) -> Trainable:
    """What a caller gives for `trainable`.

    Raises:
        InputError: it is nothing that chooses variables.
    """
    if isinstance(trainable, np.bool_):
        return bool(trainable)
    if isinstance(trainable, bool | Iterable) or callable(trainable):
        choice: Trainable = trainable
        return choice
    raise InputError(_NO_CHOICE.format(given=trainable))


def declared_variables(variants: Sequence[Variant]) -> dict[str, StoredVariable]:
    """The variables of all variants, by the node that holds them."""
    found: dict[str, StoredVariable] = {}
    for variant in variants:
        for variable in variant.variables:
            found.setdefault(variable.node, variable)
    return found


def create_variables(
    variants: Sequence[Variant], values: Values, trainable: Trainable, where: str
) -> dict[str, tf.Variable]:
    """Creates the variables with their values, by node.

    Args:
        variants: that share the variables.
        values: where the values come from.
        trainable: which ones optimizers see.
        where: the module in words, for messages.

    Raises:
        CheckpointError: a variable has no value or one of another shape than it takes, or it cannot be read.
        UnknownNameError: `trainable` names what is not there.
    """
    declared = declared_variables(variants)
    picked = _choose_trainable(declared, variants, trainable, where)
    updated = updated_nodes(variants)
    holders = _holders(declared, variants)
    created: dict[str, tf.Variable] = {}
    for variable, dtype, value in values(with_dtypes(declared, variants)):
        shape = _open_shape(holders[variable.node])
        if shape is not None and not shape.is_compatible_with(value.shape):
            raise CheckpointError(
                f"The variable {variable.name!r} of {where} takes values of the shape {shape.as_list()}, and the one that is "
                f"stored has the shape {list(value.shape)}."
            )
        trained = variable.node in picked
        shared = _distribution(variable, dtype, variable.node in updated and not trained)
        if isinstance(value, tf.TensorSpec):
            like = value if shape is None else tf.TensorSpec(shape, value.dtype)
            created[variable.node] = empty_variable(like, variable.node, trained, **shared)
        else:
            created[variable.node] = tf.Variable(
                value, name=variable.node, trainable=trained, dtype=dtype, shape=shape, **shared
            )
    return created


def with_dtypes(
    declared: Mapping[str, StoredVariable], variants: Sequence[Variant]
) -> Iterator[tuple[StoredVariable, tf.DType]]:
    """Variables by node, each with the dtype that the graph gives it."""
    for node, holder in _holders(declared, variants).items():
        yield declared[node], tf.dtypes.as_dtype(holder.attr["dtype"].type)


def _holders(nodes: Iterable[str], variants: Sequence[Variant]) -> dict[str, NodeDef]:
    return {
        node: next(variant.nodes[node] for variant in variants if node in variant.nodes) for node in nodes
    }


def _open_shape(holder: NodeDef) -> tf.TensorShape | None:
    """The shape of a variable that may take values of several; None for any other."""
    shape = tf.TensorShape(python_value(holder.attr["shape"]))
    return None if shape.is_fully_defined() else shape


def _choose_trainable(
    declared: Mapping[str, StoredVariable], variants: Sequence[Variant], trainable: Trainable, where: str
) -> set[str]:
    marked = {node for variant in variants for node in variant.trainable_nodes}
    by_name = {
        name: {node for node, v in declared.items() if name in (node, v.name)} for name in _names(declared)
    }
    return choose_trainable(trainable, marked, by_name, where, "variables")


def _names(declared: Mapping[str, StoredVariable]) -> set[str]:
    return {*declared, *(variable.name for variable in declared.values())}


def choose_trainable(
    trainable: Trainable, marked: Collection[str], known: Mapping[str, set[str]], where: str, kind: str
) -> set[str]:
    """The variables that `trainable=` chooses.

    Args:
        trainable: the choice.
        marked: the variables that are trained where nothing is chosen.
        known: what each name stands for.
        where: what has the variables, in words.
        kind: what the known ones are, in words.

    Raises:
        UnknownNameError: `trainable` names what is not there.
    """
    if isinstance(trainable, bool):
        return set(marked) if trainable else set()
    if callable(trainable):
        return {name for name in marked if trainable(name)}
    names = [trainable] if isinstance(trainable, str) else list(trainable)
    found = {asked: _match_name(asked.removesuffix(":0").rstrip("/"), marked, known) for asked in names}
    unknown = [
        repr(asked.removesuffix(":0").rstrip("/")) for asked, variables in found.items() if not variables
    ]
    if unknown:
        raise UnknownNameError(
            f"trainable= names {', '.join(unknown)}, which {where} does not have. "
            f"Its {kind} are: {', '.join(sorted(set().union(*known.values())))}."
        )
    return set().union(*found.values())


def _match_name(name: str, marked: Collection[str], known: Mapping[str, set[str]]) -> set[str]:
    return known.get(name) or {variable for variable in marked if variable.startswith(name + "/")}


def _distribution(variable: StoredVariable, dtype: tf.DType, statistic: bool) -> dict[str, Any]:
    """How replicas of a distribution strategy share a variable: now, or where a SavedModel of it is loaded into one."""
    if statistic:
        # Replicas write it inside of functions, where they cannot meet; so each has its own until it is read.
        return {
            "synchronization": tf.VariableSynchronization.ON_READ,
            # A step that all replicas count is one step, and TensorFlow has no mean of flags and texts.
            "aggregation": tf.VariableAggregation.MEAN
            if dtype.is_floating
            else tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
    return {"aggregation": tf.VariableAggregation(variable.definition.aggregation)}
