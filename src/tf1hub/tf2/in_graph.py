"""Loaded modules in a graph, where values come when the graph's initializers run."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf1hub.graphdef import op_types
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.variables import Values, declared_variables, with_dtypes

_KEYS = tf.compat.v1.GraphKeys


def initialize_in_graph(callables: CallableVariants, values: Values) -> None:
    """Completes what a graph has to know of a module that was loaded into it, which is the default graph.

    Args:
        callables: the variants of the module.
        values: where the values of its variables come from.
    """
    variables = callables.resources.variables
    graph = tf.compat.v1.get_default_graph()
    own = {id(variable) for variable in variables.values()}
    # A program chooses what it trains by module.trainable_variables; what trains all that there is should not train
    # a module that was loaded.
    trained = graph.get_collection_ref(_KEYS.TRAINABLE_VARIABLES)
    trained[:] = [variable for variable in trained if id(variable) not in own]
    for state in callables.loaded:
        for node in state.variant.nodes.values():
            if node.op in op_types.TABLES:
                callables.table(node.name)
    if variables:
        graph.add_to_collection(_KEYS.TABLE_INITIALIZERS, _initializer_of_missing(callables, values))


def _initializer_of_missing(callables: CallableVariants, values: Values) -> Any:
    """An op that gives variables their values that have none.

    Programs that load modules for inference run the initializers of tables alone. After a checkpoint was restored, these
    run as well, and must not undo that.
    """
    variables = callables.resources.variables
    variants = [state.variant for state in callables.loaded]

    def initialize() -> Any:
        known = {
            node: tf.raw_ops.VarIsInitializedOp(resource=variable.handle)
            for node, variable in variables.items()
        }

        def give_values() -> Any:
            for stored, _, value in values(with_dtypes(declared_variables(variants), variants)):
                tf.cond(known[stored.node], lambda: False, _assigning(variables[stored.node], value))
            return True

        return tf.cond(tf.reduce_all(list(known.values())), lambda: False, give_values)

    return tf.function(initialize, autograph=False).get_concrete_function()().op


def _assigning(variable: Any, value: Any) -> Any:
    def assign() -> bool:
        variable.assign(value)
        return True

    return assign
