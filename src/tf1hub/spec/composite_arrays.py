"""Sparse and ragged values as the arrays that they consist of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


class SparseArray(NamedTuple):
    """A sparse tensor as three arrays, named as those of `tf.SparseTensor`.

    Example:
        >>> import numpy as np, tf1hub as hub
        >>> eye = hub.SparseArray(np.array([[0, 0], [1, 1]]), np.array([1.0, 1.0], np.float32), np.array([2, 2]))
        >>> eye.dense_shape.tolist()
        [2, 2]

    Attributes:
        indices: int64 `[N, rank]`, the index of each element, row by row.
        values: `[N]`, the elements.
        dense_shape: int64 `[rank]`.
    """

    indices: Array
    values: Array
    dense_shape: Array


class RaggedArray(NamedTuple):
    """A ragged tensor as arrays, named as those of `tf.RaggedTensor`.

    Attributes:
        flat_values: the elements of all rows.
        nested_row_splits: for each ragged dimension, from the outermost, where its rows begin and end.
    """

    flat_values: Array
    nested_row_splits: tuple[Array, ...]
