"""hub.text_embedding_column_v2: a text, embedded by a module of either format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import register_feature_column
from tf1hub.columns.base import ModuleColumn, check_key
from tf1hub.columns.column_checks import check_text_module, width
from tf1hub.columns.column_module import LayerModule, create_module
from tf1hub.columns.text_column import texts_of
from tf1hub.errors import ColumnError
from tf1hub.format.module_reader import is_module
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec


def text_embedding_column_v2(
    key: Any, module_path: str | os.PathLike[str], output_key: str | None = None, trainable: bool = False
) -> Any:
    """A dense feature column: one text for each example, embedded by a TF2 SavedModel or a TF1 module.

    A TF1 module is used as by `text_embedding_column`. A SavedModel is called as an object, with a string
    tensor `[batch_size]`.

    Args:
        key: name of the feature, or a column that gives it: strings `[batch_size]` or
            `[batch_size, 1]`.
        module_path: a handle: a path or a URL.
        output_key: which output to use, where the SavedModel returns a dict of several.
        trainable: whether the variables are trained.

    Example:
        >>> import tf1hub as hub
        >>> hub.text_embedding_column_v2("review", "tests/golden/modules/text_embedding/module").name
        'review_hub_module_embedding'

    Returns:
        A column of shape `[N]`.

    Raises:
        ColumnError: the handle is a TF1 module, but not a text embedding. The outputs of a SavedModel are known
            only when it is loaded, so there the layer that uses the column raises the error.
        Error: the module cannot be obtained or read, as `load_module_spec` says.
    """
    return _TextEmbeddingColumnV2(key, module_path, output_key, bool(trainable))


# The name stands in the configs of saved models.
@register_feature_column
@dataclass(frozen=True)
class _TextEmbeddingColumnV2(ModuleColumn):
    key: Any
    module_path: str | os.PathLike[str]
    output_key: str | None = None
    trainable: bool = False
    _function = "text_embedding_column_v2"

    def __post_init__(self) -> None:
        check_key(self.key)
        if self._is_tf1:
            check_text_module(self.module_spec)

    @cached_property
    def _directory(self) -> str:
        from tf1hub.handles import resolve

        return os.fspath(resolve(self.module_path))

    @property
    def _is_tf1(self) -> bool:
        return is_module(self._directory)

    @cached_property
    def module_spec(self) -> ModuleSpec:
        """The module's definition, where it is a TF1 module."""
        return load_module_spec(self._directory)

    @cached_property
    def _width(self) -> int:
        if self._is_tf1:
            return width(self.module_spec.get_output_info_dict())
        with tf.Graph().as_default():
            result = self._choose(_call(tf.saved_model.load(self._directory), tf.constant([""])))
            return self._check_width(result)

    def _own_parse_spec(self) -> Any:
        return tf.io.FixedLenFeature([1], tf.string)

    def _create(self, trainable: bool) -> LayerModule:
        if self._is_tf1:
            return create_module(self.module_spec, trainable)
        loaded = tf.saved_model.load(self._directory)
        variables = _variables_of(loaded)
        if not tf.executing_eagerly():
            _set_trained_in_graph([variable for variable in variables if trainable and variable.trainable])

        def apply(inputs: Any, training: Any = None) -> Any:
            del training
            return _call(loaded, inputs)

        return LayerModule(apply, loaded, variables, trainable)

    def _embed(self, apply: Callable[..., Any], feature: Any) -> Any:
        output = apply(texts_of(feature, self.key))
        return output if self._is_tf1 else tf.ensure_shape(self._choose(output), [None, self._width])

    def _choose(self, output: Any) -> Any:
        """The one tensor of what a SavedModel returns."""
        if not isinstance(output, Mapping):
            return output
        if self.output_key in output:
            return output[self.output_key]
        raise ColumnError(
            f"The SavedModel {self.module_path} returns a dict, and output_key is {self.output_key!r}. "
            f"It must be one of: {', '.join(sorted(output))}."
        )

    def _check_width(self, output: Any) -> int:
        shape = getattr(output, "shape", None)
        if shape is None or shape.rank != 2 or shape[1] is None or output.dtype != tf.float32:
            raise ColumnError(
                f"The SavedModel {self.module_path} is not a text embedding: for strings [?], it returns "
                f"{output!r} instead of float32 [?, N]."
            )
        return int(shape[1])


def _call(loaded: Any, texts: Any) -> Any:
    if not callable(loaded):
        raise ColumnError(
            "The SavedModel cannot be called as an object, so that it is no text embedding; it was saved "
            "without a __call__ that is a tf.function."
        )
    return loaded(texts)


def _variables_of(loaded: Any) -> list[Any]:
    """The variables that calling a SavedModel uses; its object lists none where it was no Keras model."""
    call = getattr(loaded, "__call__", None)  # noqa: B004 - its attribute is wanted, not whether it can be called
    functions = getattr(call, "concrete_functions", ())
    found = {variable.ref(): variable for function in functions for variable in function.variables}
    return list(found.values())


def _set_trained_in_graph(trained: list[Any]) -> None:
    # Loading adds variables to the global ones only, but optimizers of TensorFlow 1 train a collection.
    for variable in trained:
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES, variable)
