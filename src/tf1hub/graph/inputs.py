"""Turns what a caller gives into the tensors that a signature wants, and its outputs back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import FormatError, InputError
from tf1hub.format.tensor_names import tensor_name
from tf1hub.spec.input_words import check_names, wrong_input
from tf1hub.spec.tensor_info import ParsedTensorInfo


def convert_inputs(
    inputs: Any, infos: Mapping[str, ParsedTensorInfo], signature: str, where: str
) -> dict[str, Any]:
    """Checks and converts the inputs of one application.

    Args:
        inputs: None, a value for the only input, or a dict of values; values are anything that
            `tf.convert_to_tensor` takes, or a SparseTensor or RaggedTensor where one is wanted.
        infos: the signature's inputs.
        signature: its name, for messages.
        where: the variant in words, for messages.

    Returns:
        A tensor, SparseTensor or RaggedTensor for each input.

    Raises:
        InputError: an input is missing, extra, or of another type or shape.
    """
    given = check_names(inputs, infos, signature, where)
    return {name: _convert(given[name], name, info, signature, where) for name, info in infos.items()}


def dense_tensors(values: Mapping[str, Any], infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """The tensors behind converted inputs, by the names that the variant has for them."""
    result: dict[str, Any] = {}
    for name, info in infos.items():
        result.update(zip(map(tensor_name, info.tensor_names), _components(values[name], info), strict=True))
    return result


def assemble(info: ParsedTensorInfo, tensors: Mapping[str, Any]) -> Any:
    """The output behind its dense tensors: a tensor, a SparseTensor, a RaggedTensor.

    Raises:
        FormatError: they make none.
    """
    parts = [tensors[tensor_name(name)] for name in info.tensor_names]
    try:
        if info.is_sparse:
            return tf.SparseTensor(*parts)
        if info.is_composite:
            return tf.nest.pack_sequence_as(info.type_spec, parts, expand_composites=True)
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"A signature declares an output of the kind {info.describe()}, and names tensors that make none, "
            f"{', '.join(info.tensor_names)}: {error}. The file is damaged."
        ) from error
    return parts[0]


def _convert(value: Any, name: str, info: ParsedTensorInfo, signature: str, where: str) -> Any:
    try:
        converted = _to_tensor(value, name, info)
    except FormatError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(wrong_input(name, info, signature, where, f"{_show(value)} ({error})")) from error
    if not _fits(converted, info):
        raise InputError(wrong_input(name, info, signature, where, _show(converted)))
    return converted


def _to_tensor(value: Any, name: str, info: ParsedTensorInfo) -> Any:
    if info.is_sparse:
        if isinstance(value, tf.compat.v1.SparseTensorValue):
            return tf.SparseTensor(*value)
        return value
    if info.is_composite:
        if isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
            return tf.ragged.constant(value.to_list(), info.dtype, ragged_rank=value.ragged_rank)
        return value
    if isinstance(value, tf.SparseTensor | tf.RaggedTensor):
        return value
    return tf.convert_to_tensor(value, dtype=info.dtype, name=name if name.isidentifier() else None)


def _fits(value: Any, info: ParsedTensorInfo) -> bool:
    if info.is_composite:
        return bool(info.type_spec.is_compatible_with(value))
    kind = tf.SparseTensor if info.is_sparse else tf.Tensor
    return (
        isinstance(value, kind)
        and value.dtype.base_dtype == info.dtype.base_dtype
        and bool(value.shape.is_compatible_with(info.get_shape()))
    )


def _components(value: Any, info: ParsedTensorInfo) -> list[Any]:
    if info.is_sparse:
        return [value.indices, value.values, value.dense_shape]
    if info.is_composite:
        return list(tf.nest.flatten(value, expand_composites=True))
    return [value]


def _show(value: Any) -> str:
    if isinstance(value, tf.Tensor | tf.SparseTensor | tf.RaggedTensor):
        kind = "" if isinstance(value, tf.Tensor) else type(value).__name__ + " "
        shape = "<unknown>" if value.shape.rank is None else value.shape.as_list()
        return f"{kind}{value.dtype.base_dtype.name} {str(shape).replace('None', '?')}"
    text = repr(value)
    return f"{text[:80]}..." if len(text) > 80 else text
