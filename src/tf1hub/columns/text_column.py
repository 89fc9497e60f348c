"""hub.text_embedding_column: a text, embedded by a module."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import register_feature_column
from tf1hub.columns.base import ModuleColumn, check_key, feature_name
from tf1hub.columns.column_checks import check_text_module, width
from tf1hub.errors import ColumnError
from tf1hub.spec.module_spec import ModuleSpec


def text_embedding_column(
    key: Any, module_spec: ModuleSpec | str | os.PathLike[str], trainable: bool = False
) -> Any:
    """A dense feature column: one text for each example, embedded by a module.

    It can be used wherever TensorFlow takes a dense column: in
    `tf.compat.v1.feature_column.input_layer`, in `DenseFeatures`, in canned Estimators.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     texts = tf.compat.v1.placeholder(tf.string, [None])
        ...     length = tf.cast(tf.strings.length(texts), tf.float32)
        ...     hub.add_signature(inputs=texts, outputs=tf.stack([length, length / 2], axis=1))
        >>> column = hub.text_embedding_column("comment", hub.create_module_spec(module_fn))
        >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ...     features = {"comment": tf.constant(["four", "eleven char"])}
        ...     print(session.run(tf.compat.v1.feature_column.input_layer(features, [column])))
        [[ 4.   2. ]
         [11.   5.5]]

    Args:
        key: name of the feature, or a column that gives it: strings `[batch_size]` or
            `[batch_size, 1]`.
        module_spec: a handle or a ModuleSpec of a text embedding: its signature `default` takes a string
            tensor `[?]`, and gives float32 `[?, N]`. A column that is to be saved needs a handle.
        trainable: whether the module's variables are trained.

    Returns:
        A column of shape `[N]`.

    Raises:
        ColumnError: the module is no text embedding.
        Error: the module cannot be read, as `load_module_spec`.
    """
    return _TextEmbeddingColumn(key, module_spec, bool(trainable))


# The name stands in the configs of saved models.
@register_feature_column
@dataclass(frozen=True)
class _TextEmbeddingColumn(ModuleColumn):
    key: Any
    module_spec_path: ModuleSpec | str | os.PathLike[str]
    trainable: bool = False
    _function = "text_embedding_column"

    def __post_init__(self) -> None:
        check_key(self.key)
        check_text_module(self.module_spec)

    @property
    def _width(self) -> int:
        return width(self.module_spec.get_output_info_dict())

    def _own_parse_spec(self) -> Any:
        return tf.io.FixedLenFeature([1], tf.string)

    def _embed(self, apply: Callable[..., Any], feature: Any) -> Any:
        return apply(texts_of(feature, self.key))


def texts_of(feature: Any, key: Any) -> Any:
    """The strings `[batch_size]` of a feature.

    Raises:
        ColumnError: it has another type or shape.
    """
    if isinstance(feature, tf.SparseTensor):
        raise ColumnError(
            f"The feature {feature_name(key)!r} is a SparseTensor, but text_embedding_column wants "
            "one string for each example, as a tensor [batch_size] or [batch_size, 1]. "
            "Several strings for each example are embedded and combined by sparse_text_embedding_column."
        )
    shape = feature.shape
    if feature.dtype != tf.string or not shape.is_compatible_with([None, 1]):
        raise ColumnError(
            f"The feature {feature_name(key)!r} is {feature.dtype.name} {shape.as_list()}, "
            "but text_embedding_column wants one string for each example, "
            "as a tensor [batch_size] or [batch_size, 1]."
        )
    return tf.squeeze(feature, axis=1)
