"""The module behind a column: created once for each layer, or for each variable scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf1hub.errors import ColumnError
from tf1hub.graph import Module
from tf1hub.graph.kept import kept_with
from tf1hub.spec.module_spec import ModuleSpec

RESOURCE = "hub_module"
"""Under this name a layer keeps the module of each column."""


class LayerModule(tf.Module):  # type: ignore[misc]  # TensorFlow's classes are Any
    """A module as a part of a layer: its variables are the layer's weights, and in its checkpoints."""

    def __init__(self, module: Module) -> None:
        super().__init__(name=RESOURCE)
        self._module = module
        self.weights = module.variable_map

    def apply(self, inputs: Any, signature: str | None = None) -> Any:
        """Applies a signature."""
        return self._module(inputs, signature=signature)


def create_module(spec: ModuleSpec, trainable: bool) -> LayerModule:
    """The module for one column of one layer."""
    return LayerModule(Module(spec, trainable=trainable))


def module_in_scope(
    column: Any, spec: ModuleSpec, trainable: bool, weight_collections: Iterable[str]
) -> Module:
    """The module of a column in the active variable scope; a scope that reuses variables shares it.

    Args:
        column: whose module it is.
        spec: the module's definition.
        trainable: whether its variables are trained.
        weight_collections: collections that its variables join, beside those it says itself.

    Raises:
        ColumnError: the scope says `reuse=True`, and the column was not used in it before.
    """
    graph, scope = tf.compat.v1.get_default_graph(), tf.compat.v1.get_variable_scope()
    modules: dict[tuple[Any, str], Module] = kept_with(graph, "column_modules", dict)
    key = (column, scope.name)
    if scope.reuse and key in modules:
        return modules[key]
    if scope.reuse is True:
        raise ColumnError(
            f"The variable scope {scope.name!r} reuses variables, but the column {column.name!r} "
            "has none there. Use the column in this scope once without reuse, or set "
            "reuse=tf.compat.v1.AUTO_REUSE."
        )
    modules[key] = Module(spec, trainable=trainable)
    _add_to_collections(graph, modules[key], weight_collections)
    return modules[key]


def _add_to_collections(graph: Any, module: Module, collections: Iterable[str]) -> None:
    keys = tf.compat.v1.GraphKeys
    for collection in set(collections) - {keys.GLOBAL_VARIABLES, keys.MODEL_VARIABLES}:
        for variable in module.variables:
            graph.add_to_collection(collection, variable)
