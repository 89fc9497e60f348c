"""Numbers that are constants of a graph."""

from __future__ import annotations

import struct

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import TensorProto

_FORMATS = {
    dtypes.FLOAT: "<f",
    dtypes.DOUBLE: "<d",
    dtypes.HALF: "<e",
    dtypes.INT32: "<i",
    dtypes.INT64: "<q",
}


def scalar(tensor: TensorProto) -> int | float | None:
    """The value of a constant number; None for any other constant."""
    if any(side.size != 1 for side in tensor.tensor_shape.dim):
        return None
    if tensor.tensor_content:
        code = _FORMATS.get(tensor.dtype)
        if code is None or len(tensor.tensor_content) != struct.calcsize(code):
            return None
        found: int | float = struct.unpack(code, tensor.tensor_content)[0]
        return found
    for values in (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val):
        if values:
            return values[0]
    if tensor.half_val and tensor.dtype == dtypes.HALF:
        return float(struct.unpack("<e", tensor.half_val[0].to_bytes(2, "little"))[0])
    # What equals the default is not written: no value means zero.
    return 0 if tensor.dtype in _FORMATS else None


def integer(tensor: TensorProto) -> int | None:
    """The value of a constant integer without dimensions; None for any other constant."""
    if tensor.tensor_shape.dim or tensor.dtype not in (dtypes.INT32, dtypes.INT64):
        return None
    value = scalar(tensor)
    return None if value is None else int(value)
