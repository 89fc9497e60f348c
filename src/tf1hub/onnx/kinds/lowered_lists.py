"""Lists of tensors, which loops that are functions keep in place of TensorArrays: one tensor, the elements stacked."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.stacked_arrays import (
    ArrayReference,
    Elements,
    count_behind,
    join_elements_of,
    narrow_elements,
    ready_for,
    split_evenly,
    write_element,
    write_elements,
    zeros_of,
)
from tf1hub.onnx.traced_values import Shape, Value
from tf1hub.program.references import Reference


def _value(call: LoweringCall, index: int) -> Value:
    return call.scope.value(call.op.inputs[index])


def _list(values: Any) -> Elements:
    if not isinstance(values, Elements):
        raise CannotLower("uses a list of tensors that cannot be followed")
    return values


def _sizes(call: LoweringCall, index: int) -> tuple[Shape, Value | None]:
    """What an `element_shape` tells, and the sizes that run, where all of them may: -1 alone is a rank that is open."""
    given = _value(call, index)
    if given.rank == 0:
        return None, None
    if given.elements is not None:
        shape = tuple(None if size is None or size < 0 else size for size in given.elements)
    elif given.shape is not None and given.shape[0] is not None:
        shape = (None,) * given.shape[0]
    else:
        return None, None
    sizes = call.graph.op("Max", call.graph.int64(given), call.graph.int64s(0)) if None in shape else None
    return shape, sizes


def _new(call: LoweringCall, shape: Shape, count: Value) -> ArrayReference:
    return ArrayReference(call.op.node.name, _dtype(call), count, shape, False)


def _dtype(call: LoweringCall) -> np.dtype[Any]:
    dtype = call["element_dtype"]
    if not isinstance(dtype, np.dtype):
        raise CannotLower("keeps lists in a list of tensors")
    if dtype.kind == "O":
        raise CannotLower("keeps strings")
    return dtype


def _unwritten(call: LoweringCall, index: int, count: Value) -> Elements:
    """A list of elements that nobody has written."""
    graph = call.graph
    shape, sizes = _sizes(call, index)
    array = _new(call, shape, count)
    if shape is None:
        return Elements(array, graph.zeros(count, array.dtype), fresh=True)
    if sizes is None:
        return Elements(array, zeros_of(graph, array, shape))
    stacked = graph.zeros(graph.concat([count, sizes], 0), array.dtype)
    stacked.shape = (count.elements[0] if count.elements else None, *shape)
    return Elements(array, stacked)


def _rows(call: LoweringCall, index: int) -> Value:
    """A tensor that is cut along its first dimension."""
    _dtype(call)  # before anything of the tensor goes into the model, where no strings are
    rows = _value(call, index)
    if not rows.shape:
        raise CannotLower("makes a list of a tensor whose number of dimensions nothing tells")
    return rows


def _with_rank(values: Elements, call: LoweringCall, index: int) -> Elements:
    """The list with the rank that an op tells of its elements, where nothing did before."""
    if not values.fresh:
        return values
    shape, _ = _sizes(call, index)
    if shape is None or None in shape:
        return values
    return Elements(values.array, zeros_of(call.graph, values.array, shape))


@lowers("TensorListReserve")
@by_reference
def reserve(call: LoweringCall, *_: Any) -> Elements:
    """A list of so many elements."""
    graph = call.graph
    return _unwritten(call, 0, graph.reshape(graph.int64(_value(call, 1)), [1], (1,)))


@lowers("EmptyTensorList")
@by_reference
def empty_list(call: LoweringCall, *_: Any) -> Elements:
    """A list without elements."""
    return _unwritten(call, 0, call.graph.int64s(0))


@lowers("TensorListFromTensor")
@by_reference
def from_tensor(call: LoweringCall, *_: Any) -> Elements:
    """The rows of a tensor as a list."""
    rows = _rows(call, 0)
    return Elements(_new(call, _sizes(call, 1)[0], call.graph.size_of(rows, 0)), rows)


@lowers("TensorListStack")
@by_reference
def stack_list(call: LoweringCall, values: Reference, *_: Any) -> Value:
    """The elements in one tensor."""
    known = _with_rank(_list(values), call, 1)
    result = call.graph.op("Identity", known.stacked)
    return narrow_elements(result, known, _sizes(call, 1)[0], 1)


@lowers("TensorListGetItem")
@by_reference
def get_item(call: LoweringCall, values: Reference, *_: Any) -> Value:
    """One element."""
    return _take(call, values, 0)


@lowers("TensorListGather")
@by_reference
def gather_list(call: LoweringCall, values: Reference, *_: Any) -> Value:
    """Some elements, stacked."""
    return _take(call, values, 1)


def _take(call: LoweringCall, values: Reference, before: int) -> Value:
    """The elements at places that have so many dimensions."""
    known = _with_rank(_list(values), call, 2)
    result = call.graph.op("Gather", known.stacked, _value(call, 1), axis=0)
    return narrow_elements(result, known, _sizes(call, 2)[0], before)


@lowers("TensorListSetItem")
@by_reference
def set_item(call: LoweringCall, values: Reference, *_: Any) -> Elements:
    """The list with one element replaced."""
    old, grows = _list(values), call.get("resize_if_index_out_of_bounds", False)
    return Elements(old.array, write_element(call.graph, old, _value(call, 1), _value(call, 2), grows))


@lowers("TensorListPushBack")
@by_reference
def push_back(call: LoweringCall, values: Reference, *_: Any) -> Elements:
    """The list with one element more."""
    graph, old, item = call.graph, _list(values), _value(call, 1)
    stacked = ready_for(graph, old, graph.shape_of(item), item.shape, None)
    result = graph.concat([stacked, graph.unsqueeze(item, 0)], 0)
    return Elements(old.array, result)


@lowers("TensorListPopBack")
@by_reference
def pop_back(call: LoweringCall, values: Reference, *_: Any) -> list[Any]:
    """The list without its last element, and that."""
    graph, known = call.graph, _with_rank(_list(values), call, 1)
    if known.fresh:
        raise CannotLower("takes the last element of a list of which nothing tells the number of dimensions")
    last = graph.op("Gather", known.stacked, graph.const(-1, np.int64), axis=0)
    rest = graph.slice(known.stacked, 0, -1, 0)
    return [Elements(known.array, rest), narrow_elements(last, known, _sizes(call, 1)[0], 0)]


@lowers("TensorListLength")
@by_reference
def length(call: LoweringCall, values: Reference) -> Value:
    """The number of elements."""
    graph = call.graph
    count = graph.size_of(_list(values).stacked, 0)
    result = graph.cast(graph.squeeze(count, 0), np.int32)
    result.elements = count.elements
    return result


@lowers("TensorListElementShape")
@by_reference
def element_shape(call: LoweringCall, values: Reference) -> Value:
    """What is told of the elements' shape: a vector with -1 for what is open, or the scalar -1."""
    shape = _list(values).array.element_shape
    sizes = -1 if shape is None else [-1 if size is None else size for size in shape]
    return call.graph.const(np.array(sizes, call["shape_type"]))


@lowers("TensorListResize")
@by_reference
def resize(call: LoweringCall, values: Reference, *_: Any) -> Elements:
    """The list with this many elements."""
    graph, old = call.graph, _list(values)
    count = graph.reshape(graph.int64(_value(call, 1)), [1], (1,))
    if old.fresh:
        array = old.array
        new = ArrayReference(array.name, array.dtype, count, array.element_shape, False)
        return Elements(new, graph.zeros(count, array.dtype), fresh=True)
    shape = old.stacked.shape
    assert shape is not None
    kept = graph.op("Slice", old.stacked, graph.int64s(0), count, graph.int64s(0))
    missing = graph.op("Sub", count, graph.op("Shape", kept, start=0, end=1))
    rest = graph.int64s(*[0] * (len(shape) - 1))
    pads = graph.concat([graph.int64s(*[0] * len(shape)), missing, rest], 0)
    padded = graph.op("Pad", kept, pads)
    padded.shape = (count.elements[0] if count.elements else None, *shape[1:])
    return Elements(old.array, padded)


@lowers("TensorListScatter", "TensorListScatterV2")
@by_reference
def scatter_list(call: LoweringCall, *inputs: Any) -> Elements:
    """A list that has the rows of a tensor at some places."""
    graph, rows = call.graph, _rows(call, 0)
    places = graph.int64(_value(call, 1))
    count = count_behind(graph, places)
    if len(inputs) > 3:
        asked = graph.reshape(graph.int64(_value(call, 3)), [1], (1,))
        count = graph.op("Where", graph.op("Less", asked, graph.int64s(0)), count, asked)
    sizes = graph.concat([count, graph.slice(graph.shape_of(rows), 1, None, 0)], 0)
    assert rows.shape is not None
    array = _new(call, _sizes(call, 2)[0], count)
    result = graph.op("ScatterND", graph.zeros(sizes, rows.dtype), graph.unsqueeze(places, 1), rows)
    result.shape = (None, *rows.shape[1:])
    return Elements(array, result)


@lowers("TensorListScatterIntoExistingList")
@by_reference
def scatter_into(call: LoweringCall, values: Reference, *_: Any) -> Elements:
    """The list with some elements replaced by the rows of a tensor; it grows where they lie behind its end."""
    old, places = _list(values), call.graph.int64(_value(call, 2))
    return Elements(old.array, write_elements(call.graph, old, places, _rows(call, 1), grows=True))


@lowers("TensorListConcat", "TensorListConcatV2")
@by_reference
def concatenate_list(call: LoweringCall, values: Reference, *_: Any) -> list[Value]:
    """All elements one behind the other, and their lengths."""
    return list(join_elements_of(call.graph, _list(values)))


@lowers("TensorListSplit")
@by_reference
def split_list(call: LoweringCall, *_: Any) -> Elements:
    """Pieces of a tensor as a list."""
    pieces, count = split_evenly(call, _rows(call, 0), _value(call, 2))
    return Elements(_new(call, _sizes(call, 1)[0], call.graph.int64s(count)), pieces)
