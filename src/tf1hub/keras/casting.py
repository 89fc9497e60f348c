"""Inputs as callers of Keras have them, turned into what a signature takes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_TENSORS = (tf.Tensor, tf.SparseTensor, tf.RaggedTensor, tf.Variable)


def cast_to(value: Any, dtype: tf.DType) -> Any:
    """A tensor in another dtype, where that keeps its meaning: between numbers, but never to fewer kinds of them.

    Keras hands on float64 arrays, half precision under mixed precision and int64 tokens; the graph of
    a module takes one dtype. What cannot be meant (text, a float for an integer) stays for the
    signature to refuse.
    """
    if not isinstance(value, _TENSORS) or value.dtype == dtype:
        return value
    given = value.dtype.base_dtype
    fits = (
        (given.is_floating and (dtype.is_floating or dtype.is_complex))
        or (given.is_integer and (dtype.is_integer or dtype.is_floating))
        or (given.is_bool and (dtype.is_integer or dtype.is_floating))
    )
    return tf.cast(value, dtype) if fits else value


def as_tensors(inputs: Any) -> Any:
    """Plain Python values and arrays as tensors, which Keras 3 asks for; all else as it is.

    A list of values is one tensor; a list, tuple or dict of tensors keeps its structure.
    """
    if isinstance(inputs, dict):
        return {key: as_tensors(value) for key, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return tf.convert_to_tensor(inputs) if all(_is_plain(value) for value in inputs) else inputs
    return inputs


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, str | bytes | bool | int | float)
