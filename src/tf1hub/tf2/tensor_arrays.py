"""TensorArrays as TensorLists.

The handle of a TensorArray travels as a Python object; its flow, the tensor that orders reads and
writes, becomes the list itself. So a loop carries the list, and gradients find their way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import AttrValue, TensorShapeProto
from tf1hub.tf2 import op_types
from tf1hub.tf2.graph import Tensor
from tf1hub.tf2.loop_bounds import scalar
from tf1hub.tf2.program import Op, Program
from tf1hub.tf2.scope import Reference, Scope


@dataclass(eq=False)
class TensorArrayReference(Reference):
    """What is fixed about a TensorArray.

    Attributes:
        name: the node that made it.
        dtype: of its elements.
        element_shape: their shape as list ops take it: -1 for what is unknown.
        grows: whether it may grow.
        size: the number of elements at first, a tensor.
    """

    name: str
    dtype: tf.DType
    element_shape: Any
    grows: bool
    size: Any

    def tensor(self, scope: Scope) -> Any:
        """No ordinary op takes the handle."""
        raise UnsupportedGraphError(
            f"The TensorArray {self.name!r} is used by an op that is not one of TensorArrays."
        )


def emit_tensor_array(scope: Scope, op: Op) -> None:
    """Any op on a TensorArray."""
    does = op_types.TENSOR_ARRAYS[op.node.op]
    if does == "New":
        _new(scope, op)
        return
    array = scope.get(op.inputs[0])
    assert isinstance(array, TensorArrayReference), op.node.name
    scope.set_outputs(op.node.name, _EMITTERS[does](scope, op, array, *map(scope.tensor, op.inputs[1:])))


def _new(scope: Scope, op: Op) -> None:
    attributes = op.node.definition.attr
    shape = attributes["element_shape"].shape if "element_shape" in attributes else None
    grows = "dynamic_size" in attributes and attributes["dynamic_size"].b
    size = scope.tensor(op.inputs[0])
    array = TensorArrayReference(
        op.node.name, tf.dtypes.as_dtype(attributes["dtype"].type), _list_shape(shape), grows, size
    )
    flow = tf.raw_ops.TensorListReserve(
        element_shape=array.element_shape, num_elements=size, element_dtype=array.dtype
    )
    scope.set_outputs(op.node.name, [array, flow])


def _list_shape(shape: TensorShapeProto | None) -> Any:
    # No tensors: a loop would capture them, and no longer see what they say.
    if shape is None or shape.unknown_rank:
        return np.int32(-1)
    return np.array([dimension.size for dimension in shape.dim], np.int32)


def _element_shape(op: Op, attribute: str, array: TensorArrayReference) -> Any:
    """The shape that an op demands, else that of the array."""
    attributes = op.node.definition.attr
    if attribute in attributes and not attributes[attribute].shape.unknown_rank:
        return _list_shape(attributes[attribute].shape)
    return array.element_shape


def _read(_: Scope, __: Op, array: TensorArrayReference, index: Any, flow: Any) -> Sequence[Any]:
    value = tf.raw_ops.TensorListGetItem(
        input_handle=flow, index=index, element_shape=array.element_shape, element_dtype=array.dtype
    )
    return [value]


def _write(_: Scope, __: Op, array: TensorArrayReference, index: Any, value: Any, flow: Any) -> Sequence[Any]:
    flow = tf.raw_ops.TensorListSetItem(
        input_handle=flow, index=index, item=value, resize_if_index_out_of_bounds=array.grows
    )
    return [flow]


def _gather(scope: Scope, op: Op, array: TensorArrayReference, indices: Any, flow: Any) -> Sequence[Any]:
    shape = _element_shape(op, "element_shape", array)
    limit = _range_limit(scope.program, op.inputs[1])
    if limit is not None and _is_size(scope.program, limit):
        value = tf.raw_ops.TensorListStack(input_handle=flow, element_shape=shape, element_dtype=array.dtype)
    else:
        value = tf.raw_ops.TensorListGather(
            input_handle=flow, indices=indices, element_shape=shape, element_dtype=array.dtype
        )
    return [value]


def _scatter(
    scope: Scope, op: Op, array: TensorArrayReference, indices: Any, value: Any, flow: Any
) -> Sequence[Any]:
    size, rows = tf.get_static_value(array.size), value.shape[0]
    fills = size is None or rows is None or int(size) == rows
    if fills and _range_limit(scope.program, op.inputs[1]) is not None:
        return [tf.raw_ops.TensorListFromTensor(tensor=value, element_shape=_of_rows(array, value))]
    return [tf.raw_ops.TensorListScatterIntoExistingList(input_handle=flow, tensor=value, indices=indices)]


def _of_rows(array: TensorArrayReference, value: Any) -> Any:
    """The element shape where `value` tells more than the array does; XLA wants all it can get."""
    rows = value.shape[1:]
    return np.array(rows.as_list(), np.int32) if rows.is_fully_defined() else array.element_shape


def _concat(_: Scope, op: Op, array: TensorArrayReference, flow: Any) -> Sequence[Any]:
    attributes = op.node.definition.attr
    shape = np.array(-1, np.int32)
    if "element_shape_except0" in attributes and not attributes["element_shape_except0"].shape.unknown_rank:
        rest = [dimension.size for dimension in attributes["element_shape_except0"].shape.dim]
        shape = np.array([-1, *rest], np.int32)
    return list(
        tf.raw_ops.TensorListConcatV2(
            input_handle=flow,
            element_shape=shape,
            leading_dims=tf.constant([], tf.int64),
            element_dtype=array.dtype,
        )
    )


def _split(
    _: Scope, __: Op, array: TensorArrayReference, value: Any, lengths: Any, ___: Any
) -> Sequence[Any]:
    return [tf.raw_ops.TensorListSplit(tensor=value, element_shape=np.int32(-1), lengths=lengths)]


def _size(_: Scope, __: Op, ___: TensorArrayReference, flow: Any) -> Sequence[Any]:
    return [tf.raw_ops.TensorListLength(input_handle=flow)]


def _close(*_: Any) -> Sequence[Any]:
    return []


_EMITTERS: dict[str, Callable[..., Sequence[Any]]] = {
    "Read": _read,
    "Write": _write,
    "Gather": _gather,
    "Scatter": _scatter,
    "Concat": _concat,
    "Split": _split,
    "Size": _size,
    "Close": _close,
}


def _range_limit(program: Program, indices: Tensor) -> Tensor | None:
    """The `n` of indices that are `range(0, n)`, or None."""
    op = program.by_name.get(program.origin(indices)[0])
    if op is None or op.node.op != "Range":
        return None
    start, limit, step = op.inputs
    return limit if _constant(program, start) == 0 and _constant(program, step) == 1 else None


def _constant(program: Program, tensor: Tensor) -> int | None:
    op = program.by_name.get(program.origin(tensor)[0])
    if op is None or op.node.op != "Const":
        return None
    value: AttrValue = op.node.definition.attr["value"]
    return scalar(value.tensor)


def _is_size(program: Program, tensor: Tensor) -> bool:
    op = program.by_name.get(program.origin(tensor)[0])
    return op is not None and op_types.TENSOR_ARRAYS.get(op.node.op) == "Size"
