"""TensorArrays as TensorLists.

The handle of a TensorArray travels as a Python object; its flow, the tensor that orders reads and
writes, becomes the list itself. So a loop carries the list, and gradients find their way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import AttrValue, NodeDef, TensorProto, TensorShapeProto
from tf1hub.graphdef import op_types
from tf1hub.program.code import Op, Program
from tf1hub.program.nodes import Node, Tensor
from tf1hub.tf2.emit.registry import emits
from tf1hub.tf2.emit.scope import EmittedReference, Scope
from tf1hub.tf2.emit.tensor_facts import distinct, range_limit, same


@dataclass(eq=False)
class TensorArrayReference(EmittedReference):
    """What is fixed about a TensorArray.

    Attributes:
        name: the node that made it.
        dtype: of its elements.
        element_shape: their shape as list ops take it: -1 for what is unknown.
        grows: whether it may grow.
    """

    name: str
    dtype: tf.DType
    element_shape: npt.NDArray[np.int32]
    grows: bool

    def tensor(self, scope: Scope) -> Any:
        """No ordinary op takes the handle."""
        raise UnsupportedGraphError(
            f"The TensorArray {self.name!r} is used by an op that is not one of TensorArrays."
        )


@emits(op_types.TENSOR_ARRAYS)
def emit_tensor_array(scope: Scope, op: Op) -> None:
    """Any op on a TensorArray."""
    does = op_types.TENSOR_ARRAYS[op.node.op]
    if does == "New":
        _new(scope, op)
        return
    array = scope.get(op.inputs[0])
    assert isinstance(array, TensorArrayReference), op.node.name
    _EMITTERS[does](scope, op, array, *op.inputs[1:])


def _new(scope: Scope, op: Op) -> None:
    attributes = op.node.definition.attr
    shape = attributes["element_shape"].shape if "element_shape" in attributes else None
    grows = "dynamic_size" in attributes and attributes["dynamic_size"].b
    dtype = tf.dtypes.as_dtype(attributes["dtype"].type)
    (size,) = op.inputs
    array = TensorArrayReference(op.node.name, dtype, _list_shape(shape), grows)
    scope.set((op.node.name, 0), array)
    flow = scope.free_name(f"{op.node.name}/list")
    shape_input = _constant_input(scope, op, "element_shape", array.element_shape)
    _run_later(
        scope, flow, "TensorListReserve", [shape_input, size], element_dtype=_type(dtype), shape_type=_INT32
    )
    scope.alias((op.node.name, 1), (flow, 0))


def _list_shape(shape: TensorShapeProto | None) -> npt.NDArray[np.int32]:
    if shape is None or shape.unknown_rank:
        return np.array(-1, np.int32)
    return np.array([dimension.size for dimension in shape.dim], np.int32)


def _element_shape(op: Op, attribute: str, array: TensorArrayReference) -> npt.NDArray[np.int32]:
    """The shape that an op demands, else that of the array."""
    attributes = op.node.definition.attr
    if attribute in attributes and not attributes[attribute].shape.unknown_rank:
        return _list_shape(attributes[attribute].shape)
    return array.element_shape


def _run_later(scope: Scope, name: str, kind: str, inputs: Sequence[Tensor], **attributes: AttrValue) -> None:
    """Adds an op to the straight-line code."""
    definition = NodeDef(name=name, op=kind, attr=attributes)
    scope.run_later(Node(name, kind, (), (), definition), inputs)


def _constant_input(scope: Scope, op: Op, what: str, value: npt.NDArray[Any]) -> Tensor:
    """A constant beside an op, not outside of the loop: list ops have to see what it says."""
    name = scope.free_name(f"{op.node.name}/{what}")
    dtype = tf.dtypes.as_dtype(value.dtype).as_datatype_enum
    content = TensorProto(dtype=dtype, tensor_content=value.tobytes())
    content.tensor_shape.SetInParent()
    for size in value.shape:
        content.tensor_shape.dim.add(size=size)
    _run_later(scope, name, "Const", [], dtype=AttrValue(type=dtype), value=AttrValue(tensor=content))
    return name, 0


def _type(dtype: tf.DType) -> AttrValue:
    return AttrValue(type=dtype.as_datatype_enum)


_INT32 = _type(tf.int32)


def _read(scope: Scope, op: Op, array: TensorArrayReference, index: Tensor, flow: Tensor) -> None:
    shape = _constant_input(scope, op, "element_shape", array.element_shape)
    _run_later(
        scope, op.node.name, "TensorListGetItem", [flow, index, shape], element_dtype=_type(array.dtype)
    )


def _write(
    scope: Scope, op: Op, array: TensorArrayReference, index: Tensor, value: Tensor, flow: Tensor
) -> None:
    _run_later(
        scope,
        op.node.name,
        "TensorListSetItem",
        [flow, index, value],
        element_dtype=_type(array.dtype),
        resize_if_index_out_of_bounds=AttrValue(b=array.grows),
    )


def _gather(scope: Scope, op: Op, array: TensorArrayReference, indices: Tensor, flow: Tensor) -> None:
    shape = _constant_input(scope, op, "element_shape", _element_shape(op, "element_shape", array))
    if _are_all(scope.program, op, array):
        _run_later(scope, op.node.name, "TensorListStack", [flow, shape], element_dtype=_type(array.dtype))
    elif distinct(scope.program, indices):
        _run_later(
            scope, op.node.name, "TensorListGather", [flow, indices, shape], element_dtype=_type(array.dtype)
        )
    else:
        _gather_distinct(scope, op, array, indices, flow, shape)


def _are_all(program: Program, gather: Op, array: TensorArrayReference) -> bool:
    """Whether the indices are known to be those of all elements, in order."""
    handle, indices, flow = gather.inputs
    limit = range_limit(program, indices)
    if limit is None:
        return False
    size = program.maker(limit)
    if size is not None and op_types.TENSOR_ARRAYS.get(size.node.op) == "Size":
        its_handle, its_flow = size.inputs
        return program.origin(its_handle) == program.origin(handle) and (
            not array.grows or program.origin(its_flow) == program.origin(flow)
        )
    # TensorFlow writes down the size itself where it knows it.
    made = program.maker(handle)
    return (
        made is not None
        and op_types.TENSOR_ARRAYS.get(made.node.op) == "New"
        and not array.grows
        and same(program, made.inputs[0], limit)
    )


def _gather_distinct(
    scope: Scope, op: Op, array: TensorArrayReference, indices: Tensor, flow: Tensor, shape: Tensor
) -> None:
    """Gathers each element once: of indices that repeat, `TensorListGather`'s gradient keeps the last only."""
    unique, rows = (scope.free_name(f"{op.node.name}/{what}") for what in ("unique", "rows"))
    _run_later(scope, unique, "Unique", [indices], T=_INT32, out_idx=_INT32)
    _run_later(scope, rows, "TensorListGather", [flow, (unique, 0), shape], element_dtype=_type(array.dtype))
    axis_input = _constant_input(scope, op, "axis", np.array(0, np.int32))
    _run_later(
        scope,
        op.node.name,
        "GatherV2",
        [(rows, 0), (unique, 1), axis_input],
        Tparams=_type(array.dtype),
        Tindices=_INT32,
        Taxis=_INT32,
    )


def _scatter(
    scope: Scope, op: Op, array: TensorArrayReference, indices: Tensor, value: Tensor, flow: Tensor
) -> None:
    """Emitted now, because it depends on what TensorFlow finds out about the value's shape."""
    rows = scope.tensor(value)
    limit = find_fill_limit(scope.program, op)
    if limit is not None:
        # The list may be made from the rows, for which XLA has a kernel.
        (size,) = scope.ops[array.name].inputs
        every = rows if same(scope.program, size, limit) else _with_missing(scope, array, size, rows)
        filled = tf.raw_ops.TensorListFromTensor(tensor=every, element_shape=_of_rows(array, rows))
    else:
        places = scope.tensor(indices)
        filled = tf.raw_ops.TensorListScatterIntoExistingList(
            input_handle=_with_room(array, scope.tensor(flow), places), tensor=rows, indices=places
        )
    scope.set((op.node.name, 0), filled)


def find_fill_limit(program: Program, scatter: Op) -> Tensor | None:
    """The number of elements that a scatter writes to the front of an array in which nothing is yet, or None."""
    _, indices, _, flow = scatter.inputs
    made = program.maker(flow)
    new = made is not None and op_types.TENSOR_ARRAYS.get(made.node.op) == "New"
    return range_limit(program, indices) if new else None


def _with_room(array: TensorArrayReference, elements: Any, indices: Any) -> Any:
    """A list that has all of some indices; a scatter that grows a list does not shrink its gradient."""
    if not array.grows:
        return elements
    length = tf.raw_ops.TensorListLength(input_handle=elements)
    return tf.raw_ops.TensorListResize(
        input_handle=elements, size=tf.maximum(length, tf.reduce_max(indices) + 1)
    )


def _with_missing(scope: Scope, array: TensorArrayReference, size: Tensor, rows: Any) -> Any:
    """Rows for all elements of an array: zeros, as an element that nobody writes is, behind those there are."""
    count = scope.tensor(size)
    known = tf.get_static_value(count)
    if known is not None and int(known) <= ((rows.shape.rank and rows.shape[0]) or 0):
        return rows
    missing = count - tf.shape(rows)[0]
    behind = [[0, tf.maximum(missing, 0) if array.grows else missing]]
    return tf.pad(rows, tf.pad(behind, [[0, tf.rank(rows) - 1], [0, 0]]))


def _of_rows(array: TensorArrayReference, value: Any) -> Any:
    """The element shape where `value` tells more than the array does; XLA wants all it can get."""
    rows = value.shape[1:]
    return np.array(rows.as_list(), np.int32) if rows.is_fully_defined() else array.element_shape


def _concat(scope: Scope, op: Op, array: TensorArrayReference, flow: Tensor) -> None:
    attributes = op.node.definition.attr
    shape = np.array(-1, np.int32)
    if "element_shape_except0" in attributes and not attributes["element_shape_except0"].shape.unknown_rank:
        rest = [dimension.size for dimension in attributes["element_shape_except0"].shape.dim]
        shape = np.array([-1, *rest], np.int32)
    _run_later(
        scope,
        op.node.name,
        "TensorListConcatV2",
        [
            flow,
            _constant_input(scope, op, "element_shape", shape),
            _constant_input(scope, op, "leading_dims", np.array([], np.int64)),
        ],
        element_dtype=_type(array.dtype),
        shape_type=_INT32,
    )


def _split(
    scope: Scope, op: Op, array: TensorArrayReference, value: Tensor, lengths: Tensor, _: Tensor
) -> None:
    shape = _constant_input(scope, op, "element_shape", np.array(-1, np.int32))
    _run_later(
        scope,
        op.node.name,
        "TensorListSplit",
        [value, shape, lengths],
        element_dtype=_type(array.dtype),
        shape_type=_INT32,
    )


def _size(scope: Scope, op: Op, _: TensorArrayReference, flow: Tensor) -> None:
    _run_later(scope, op.node.name, "TensorListLength", [flow])


def _close(*_: Any) -> None:
    """Nothing to do: a list is not closed."""


_EMITTERS: dict[str, Callable[..., None]] = {
    "Read": _read,
    "Write": _write,
    "Gather": _gather,
    "Scatter": _scatter,
    "Concat": _concat,
    "Split": _split,
    "Size": _size,
    "Close": _close,
}
