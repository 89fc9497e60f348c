"""What all columns over a module share: names, both generations of TensorFlow's interface, state."""

from __future__ import annotations

import abc
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import (
    DenseColumn,
    DenseColumnV1,
    deserialize_feature_column,
    serialize_feature_column,
    trains_columns,
)
from tf1hub.columns.column_module import RESOURCE, LayerModule, create_module, module_in_scope
from tf1hub.errors import ColumnError
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec

_UNNAMED_MODULE = (
    "The column {name!r} was made from a ModuleSpec, which has no name by which it could be found again. "
    "To save the column, make it from a handle (a path or a URL) instead: {function}({key!r}, handle)."
)


class ModuleColumn(DenseColumnV1, DenseColumn):
    """A dense column that a module computes from one feature.

    `tf.compat.v1.feature_column.input_layer` and the first generation of canned Estimators call the
    methods with an underscore, `DenseFeatures` and the second generation those without.

    Columns are values: equal where their settings are. They hold no tensors, so that one column can
    be used in any number of graphs.
    """

    # Names and defaults as in configs that the original library wrote, so that those load.
    _function = ""
    key: Any
    module_spec_path: ModuleSpec | str | os.PathLike[str]
    trainable: bool

    @abc.abstractmethod
    def _embed(self, apply: Callable[..., Any], feature: Any) -> Any:
        """The embedding `[batch_size, N]` of a feature.

        Args:
            apply: the module, to be called with inputs and, by keyword, a signature.
            feature: the feature's tensor; a first dimension more than the feature if that is a scalar.
        """

    def _create(self, trainable: bool) -> LayerModule:
        """The module for one layer or scope."""
        return create_module(self.module_spec, trainable)

    @property
    @abc.abstractmethod
    def _width(self) -> int:
        """N, the number of features of the embedding."""

    @abc.abstractmethod
    def _own_parse_spec(self) -> Any:
        """How this column's feature is parsed from a tf.Example."""

    @functools.cached_property
    def module_spec(self) -> ModuleSpec:
        """The module's definition."""
        return load_module_spec(self.module_spec_path)

    @property
    def name(self) -> str:
        """The column's name, from its feature's."""
        return f"{feature_name(self.key)}_hub_module_embedding"

    @property
    def _is_v2_column(self) -> bool:
        return isinstance(self.key, str) or self.key._is_v2_column

    @property
    def parents(self) -> list[Any]:
        """The feature, or the column, that this one is computed from."""
        return [self.key]

    @property
    def variable_shape(self) -> Any:
        """The shape of one example's embedding."""
        return tf.TensorShape([self._width])

    @property
    def _variable_shape(self) -> Any:
        return self.variable_shape

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """How the column's features are parsed from tf.Examples, for `tf.io.parse_example`."""
        if isinstance(self.key, str):
            return {self.key: self._own_parse_spec()}
        return dict(self.key.parse_example_spec)

    @property
    def _parse_example_spec(self) -> dict[str, Any]:
        return self.parse_example_spec

    def transform_feature(self, transformation_cache: Any, state_manager: Any) -> Any:
        """The feature as it is: what there is to compute needs the module."""
        return transformation_cache.get(self.key, state_manager)

    def _transform_feature(self, inputs: Any) -> Any:
        return inputs.get(self.key)

    def create_state(self, state_manager: Any) -> None:
        """Creates the module, once for all applications of one layer."""
        if not isinstance(self.key, str):
            self.key.create_state(state_manager)
        if not state_manager.has_resource(self, RESOURCE):
            trainable = self.trainable and trains_columns(state_manager)
            state_manager.add_resource(self, RESOURCE, self._create(trainable))

    def get_dense_tensor(self, transformation_cache: Any, state_manager: Any, training: Any = None) -> Any:
        """The embedding, float32 `[batch_size, N]`."""
        module = state_manager.get_resource(self, RESOURCE)
        apply = functools.partial(module.apply, training=training)
        return self._embed(apply, transformation_cache.get(self, state_manager))

    def _get_dense_tensor(
        self, inputs: Any, weight_collections: Sequence[str] | None = None, trainable: bool | None = None
    ) -> Any:
        wanted = self.trainable and trainable is not False
        module = module_in_scope(self, lambda: self._create(wanted), weight_collections or ())
        return self._embed(module.apply, inputs.get(self))

    def _get_config(self) -> dict[str, Any]:
        config = {name: getattr(self, name) for name in self.__dataclass_fields__}
        config["key"] = serialize_feature_column(self.key)
        for name, value in config.items():
            if isinstance(value, ModuleSpec):
                message = _UNNAMED_MODULE.format(name=self.name, function=self._function, key=config["key"])
                raise ColumnError(message)
            if isinstance(value, os.PathLike):
                config[name] = os.fspath(value)
        return config

    @classmethod
    def _from_config(
        cls,
        config: Mapping[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
        columns_by_name: dict[str, Any] | None = None,
    ) -> Any:
        arguments = dict(config)
        arguments["key"] = deserialize_feature_column(config["key"], custom_objects, columns_by_name)
        return cls(**arguments)


def feature_name(key: Any) -> str:
    """The name of a feature: the key itself, or the name of the column that it is."""
    return key if isinstance(key, str) else str(key.name)


def check_key(key: Any) -> None:
    """Refuses what cannot name a feature.

    Raises:
        ColumnError: `key` is neither a string nor a feature column.
    """
    if not isinstance(key, str) and not hasattr(key, "parse_example_spec"):
        raise ColumnError(
            f"A column's key is the name of a feature (a string) or a feature column, not {key!r}."
        )
