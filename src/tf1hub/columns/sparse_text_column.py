"""hub.sparse_text_embedding_column: several strings for each example, embedded and combined."""

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

_COMBINERS = {
    "mean": tf.math.unsorted_segment_mean,
    "sqrtn": tf.math.unsorted_segment_sqrt_n,
    "sum": tf.math.unsorted_segment_sum,
}


def sparse_text_embedding_column(
    key: Any,
    module_spec: ModuleSpec | str | os.PathLike[str],
    combiner: str,
    default_value: str | None,
    trainable: bool = False,
) -> Any:
    """A dense feature column: a bag of strings for each example, each embedded by a module, combined.

    For text that is split into tokens already, or for several short texts. Their order plays no role.
    Each distinct string of a batch is embedded once.

    Args:
        key: name of the feature, or a column that gives it: a SparseTensor of strings
            `[batch_size, ...]`, or a dense tensor in which empty strings are fillers.
        module_spec: a handle or a ModuleSpec of a text embedding, as for `text_embedding_column`.
        combiner: how the embeddings of one example become one: `"mean"`, `"sum"`, or `"sqrtn"` (the sum
            divided by the square root of their number).
        default_value: the string that stands for an example without any; it should be one that the
            module takes for unknown. None gives such examples an embedding of zeros.
        trainable: whether the module's variables are trained.

    Example:
        >>> import tf1hub as hub
        >>> column = hub.sparse_text_embedding_column(
        ...     "words", "tests/golden/modules/text_embedding/module", combiner="mean", default_value=None
        ... )
        >>> column.name
        'words_hub_module_embedding'

    Returns:
        A column of shape `[N]`.

    Raises:
        ColumnError: the module is no text embedding, or the combiner is not known.
        Error: the module cannot be read, as `load_module_spec`.
    """
    return _SparseTextEmbeddingColumn(key, combiner, module_spec, default_value, bool(trainable))


# The name stands in the configs of saved models.
@register_feature_column
@dataclass(frozen=True)
class _SparseTextEmbeddingColumn(ModuleColumn):
    key: Any
    combiner: str
    module_spec_path: ModuleSpec | str | os.PathLike[str]
    default_value: str | None
    trainable: bool = False
    _function = "sparse_text_embedding_column"

    def __post_init__(self) -> None:
        check_key(self.key)
        if self.combiner not in _COMBINERS:
            raise ColumnError(f"The combiner is {self.combiner!r}; it must be 'mean', 'sqrtn' or 'sum'.")
        check_text_module(self.module_spec)

    @property
    def _width(self) -> int:
        return width(self.module_spec.get_output_info_dict())

    def _own_parse_spec(self) -> Any:
        return tf.io.VarLenFeature(tf.string)

    def _embed(self, apply: Callable[..., Any], feature: Any) -> Any:
        bags = _bags_of(feature, self.key)
        if self.default_value is not None:
            bags, _ = tf.sparse.fill_empty_rows(bags, self.default_value)
        texts, numbers = tf.unique(bags.values)
        found = apply(texts)
        if not found.shape.is_compatible_with([None, self._width]):
            raise ColumnError(
                f"The module gives a tensor of the shape {found.shape} for texts, and its signature says [?, {self._width}]. "
                "It is damaged, or was made by hand; take another one."
            )
        embeddings = tf.gather(found, numbers)
        combined = _COMBINERS[self.combiner](embeddings, bags.indices[:, 0], bags.dense_shape[0])
        # The ops lose the static shape where the batch size is not known.
        return tf.ensure_shape(combined, [None, self._width])


def _bags_of(feature: Any, key: Any) -> Any:
    """A SparseTensor `[batch_size, n]` of the strings of each example.

    Raises:
        ColumnError: the feature is not of strings.
    """
    if feature.dtype != tf.string:
        raise ColumnError(
            f"The feature {feature_name(key)!r} is {feature.dtype.name}, "
            "but sparse_text_embedding_column wants strings."
        )
    sparse = feature if isinstance(feature, tf.SparseTensor) else tf.sparse.from_dense(feature)
    return tf.sparse.reshape(sparse, [tf.cast(sparse.dense_shape[0], tf.int64), -1])
