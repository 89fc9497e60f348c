"""The module behind a column: created once for each layer, or for each variable scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.errors import ColumnError
from tf1hub.graph import Module
from tf1hub.graph.kept import keep_with
from tf1hub.spec.module_spec import ModuleSpec

RESOURCE = "hub_module"
"""Under this name a layer keeps the module of each column."""


class LayerModule(tf.Module):
    """A module as a part of a layer: its variables are the layer's weights, and in its checkpoints.

    Args:
        apply: the module as a function from inputs, with `signature` and `training` by keyword.
        weights: what holds the variables, for checkpoints.
        variables: all variables.
        trainable: whether they are trained, those that are marked so.
    """

    def __init__(
        self, apply: Callable[..., Any], weights: Any, variables: Sequence[Any], trainable: bool
    ) -> None:
        super().__init__(name=RESOURCE)
        self.apply = apply
        self.weights = weights
        # A tf.Module would wrap a list; checkpoints already find the variables in `weights`.
        self._all: Callable[[], Sequence[Any]] = lambda: variables
        self._trained = trainable

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that optimizers should train; none of a frozen column, whatever they are marked."""
        return [variable for variable in self._all() if self._trained and variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The other variables."""
        return [variable for variable in self._all() if not (self._trained and variable.trainable)]


def create_module(spec: ModuleSpec, trainable: bool) -> LayerModule:
    """The module for one column of one layer, in the mode in which the layer is built."""
    if not tf.executing_eagerly():
        module = Module(spec, trainable=trainable)

        def in_graph(inputs: Any, signature: str | None = None, training: Any = None) -> Any:
            # What a graph trains was decided when the module was created.
            del training
            return module(inputs, signature=signature)

        return LayerModule(in_graph, module.variable_map, module.variables, trainable)

    from tf1hub.tf2.load import load

    loaded = load(spec, trainable=trainable)

    def eager(inputs: Any, signature: str | None = None, training: Any = None) -> Any:
        mode = False if training is None or not trainable else training
        return loaded(inputs, training=mode, signature=signature)

    return LayerModule(eager, loaded, loaded.variables, trainable)


def module_in_scope(column: Any, make: Callable[[], Any], weight_collections: Iterable[str]) -> Any:
    """The module of a column in the active variable scope; a scope that reuses variables shares it.

    Args:
        column: whose module it is.
        make: makes it.
        weight_collections: collections that its variables join, beside those it says itself.

    Raises:
        ColumnError: the scope says `reuse=True`, and the column was not used in it before.
    """
    graph, scope = tf.compat.v1.get_default_graph(), tf.compat.v1.get_variable_scope()
    modules: dict[tuple[Any, str], Any] = keep_with(graph, "column_modules", dict)
    key = (column, scope.name)
    if scope.reuse and key in modules:
        return modules[key]
    if scope.reuse is True:
        raise ColumnError(
            f"The variable scope {scope.name!r} reuses variables, but the column {column.name!r} "
            "has none there. Use the column in this scope once without reuse, or set "
            "reuse=tf.compat.v1.AUTO_REUSE."
        )
    modules[key] = make()
    _add_to_collections(graph, modules[key], weight_collections)
    return modules[key]


def _add_to_collections(graph: Any, module: Any, collections: Iterable[str]) -> None:
    keys = tf.compat.v1.GraphKeys
    for collection in set(collections) - {keys.GLOBAL_VARIABLES, keys.MODEL_VARIABLES}:
        for variable in [*module.trainable_variables, *module.non_trainable_variables]:
            graph.add_to_collection(collection, variable)
