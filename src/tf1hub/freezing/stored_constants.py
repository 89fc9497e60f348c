"""Values of variables as constants hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.messages_pb2 import TensorProto
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.variant import Variant


class VariableConstants:
    """The values of variables, as constants hold them.

    Args:
        checkpoint: prefix of the checkpoint.
    """

    def __init__(self, checkpoint: str | None) -> None:
        self._reader = CheckpointReader(checkpoint) if checkpoint is not None else None

    def read(self, variable: StoredVariable) -> TensorProto:
        """The value of a variable, or of its part of a partitioned one."""
        return constant(self.array(variable), self.dtype(variable))

    def array(self, variable: StoredVariable) -> Any:
        """The same as an array, which may be a view of the file."""
        assert self._reader is not None
        part = variable.slice
        if part is None:
            return self._reader.array(variable.name)
        return self._reader.slice_array(variable.name, part.offset, part.shape)

    def dtype(self, variable: StoredVariable) -> int:
        """The number of a variable's dtype."""
        assert self._reader is not None
        return self._reader.dtype(variable.name)


def constant(array: Any, dtype: int) -> TensorProto:
    """An array as the message that a constant holds."""
    tensor = TensorProto(dtype=dtype)
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype == dtypes.STRING:
        tensor.string_val.extend(bytes(value) for value in array.ravel())
    else:
        tensor.tensor_content = np.ascontiguousarray(array).tobytes()
    return tensor


def bytes_of(variant: Variant, variable: StoredVariable) -> int:
    """How many bytes the value of a variable has."""
    dtype, shape = declared_type(variant, variable)
    size = dtypes.size_of(dtype) if dtype is not None else None
    shape = shape if variable.slice is None else variable.slice.shape
    return (size or 0) * int(np.prod(shape or (), dtype=np.int64))
