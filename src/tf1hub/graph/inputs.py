"""Turns what a caller gives into the tensors that a signature wants, and its outputs back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import InputError
from tf1hub.format.tensor_names import tensor_name
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


def check_names(
    inputs: Any, infos: Mapping[str, ParsedTensorInfo], signature: str, where: str
) -> dict[str, Any]:
    """The inputs of one application as a dict that has exactly the signature's names.

    Raises:
        InputError: an input is missing or extra.
    """
    given = _as_dict(inputs, infos)
    if given is None or set(given) != set(infos):
        raise InputError(_mismatch(given, infos, signature, where))
    return given


def dense_tensors(values: Mapping[str, Any], infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """The tensors behind converted inputs, by the names that the variant has for them."""
    result: dict[str, Any] = {}
    for name, info in infos.items():
        result.update(zip(map(tensor_name, info.tensor_names), _components(values[name], info), strict=True))
    return result


def assemble(info: ParsedTensorInfo, tensors: Mapping[str, Any]) -> Any:
    """The output behind its dense tensors: a tensor, a SparseTensor, a RaggedTensor."""
    parts = [tensors[tensor_name(name)] for name in info.tensor_names]
    if info.is_sparse:
        return tf.SparseTensor(*parts)
    if info.is_composite:
        return tf.nest.pack_sequence_as(info.type_spec, parts, expand_composites=True)
    return parts[0]


def describe(infos: Mapping[str, ParsedTensorInfo]) -> str:
    """The inputs or outputs of a signature in one line."""
    return ", ".join(f"{name!r}: {info.describe()}" for name, info in infos.items()) or "none"


def _as_dict(inputs: Any, infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any] | None:
    if inputs is None:
        return {}
    if isinstance(inputs, Mapping):
        return dict(inputs)
    # A single value can only be meant for a single input.
    return {next(iter(infos)): inputs} if len(infos) == 1 else None


def _mismatch(
    given: dict[str, Any] | None, infos: Mapping[str, ParsedTensorInfo], signature: str, where: str
) -> str:
    wants = f"The signature {signature!r} of {where} has the inputs {describe(infos)}."
    if not infos:
        return f"The signature {signature!r} of {where} has no inputs; it was given some. Call it without."
    if given is None:
        return f"{wants} It was given a single value; pass a dict with these keys."
    missing = ", ".join(repr(name) for name in infos if name not in given)
    extra = ", ".join(repr(name) for name in given if name not in infos)
    faults = [f"lacks {missing}"] if missing else []
    faults += [f"has the unknown {extra}"] if extra else []
    return f"{wants} What was given {' and '.join(faults)}."


def _convert(value: Any, name: str, info: ParsedTensorInfo, signature: str, where: str) -> Any:
    try:
        converted = _to_tensor(value, name, info)
    except (TypeError, ValueError) as error:
        raise InputError(_wrong(name, info, signature, where, f"{_show(value)} ({error})")) from error
    if not _fits(converted, info):
        raise InputError(_wrong(name, info, signature, where, _show(converted)))
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


def _wrong(name: str, info: ParsedTensorInfo, signature: str, where: str, given: str) -> str:
    return (
        f"The input {name!r} of the signature {signature!r} of {where} is {info.describe()}; "
        f"it was given {given}."
    )
