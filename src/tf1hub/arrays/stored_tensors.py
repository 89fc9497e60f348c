"""Constants of a graph as NumPy arrays."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.errors import FormatError
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import TensorProto

_FIELDS = {
    dtypes.FLOAT: "float_val",
    dtypes.DOUBLE: "double_val",
    dtypes.INT64: "int64_val",
    dtypes.BOOL: "bool_val",
    dtypes.HALF: "half_val",
    dtypes.BFLOAT16: "half_val",
    8: "scomplex_val",
    18: "dcomplex_val",
    22: "uint32_val",
    23: "uint64_val",
}
"""Where a TensorProto keeps values that it does not have as bytes; `int_val` for all others (`tensor.proto`)."""


def array_of(tensor: TensorProto) -> npt.NDArray[Any]:
    """The array behind a message; strings are objects (bytes).

    The last value that is written stands for all that follow it; where there is none, they are zero.

    Raises:
        FormatError: the message is damaged.
        UnsupportedFormatError: NumPy has nothing like its dtype.

    Example:
        >>> array_of(TensorProto(dtype=1, float_val=[1.5], tensor_shape={"dim": [{"size": 2}]}))
        array([1.5, 1.5], dtype=float32)
    """
    dtype = dtypes.numpy_dtype(tensor.dtype)
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    try:
        if dtype.hasobject:
            return _strings(list(tensor.string_val), shape)
        if tensor.tensor_content:
            return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
        return _fill(_values(tensor, dtype), dtype, shape)
    except ValueError as error:
        raise FormatError(
            f"A constant of {dtypes.name_of(tensor.dtype)} has the shape {list(shape)}, and no values for it: {error}."
        ) from error


def _values(tensor: TensorProto, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    field = _FIELDS.get(tensor.dtype, "int_val")
    values = np.array(getattr(tensor, field))
    if field == "half_val":
        return values.astype(np.uint16).view(dtype)
    if field.endswith("complex_val"):
        return values[0::2].astype(dtype) + 1j * values[1::2]
    return values.astype(dtype)


def _fill(values: npt.NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    count = prod(shape)
    if len(values) == count:
        return values.astype(dtype, copy=False).reshape(shape)
    array = np.zeros(count, dtype)
    array[: len(values)] = values
    if len(values):
        array[len(values) :] = values[-1]
    return array.reshape(shape)


def _strings(values: list[bytes], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = np.empty(prod(shape), object)
    array[:] = values[-1] if values else b""
    array[: len(values)] = values
    return array.reshape(shape)
