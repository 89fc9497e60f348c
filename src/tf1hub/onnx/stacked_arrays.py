"""TensorArrays as one tensor, the elements stacked. Lists of tensors (`kinds/lowered_lists.py`) are kept in the same way.

A handle travels as a Python object; its flow is the tensor. Sizes of elements that nothing tells before the first
write are 0 until then, so an array that a loop fills has the rank that it keeps from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.graphdef import op_types
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Shape, Value, wider
from tf1hub.program.references import Reference


class ArrayReference(Reference):
    """What is fixed about a TensorArray or a list of tensors.

    Args:
        name: the node that made it.
        dtype: of its elements.
        size: how many it was made for, a vector of one int64; a list may have more or fewer once something is written.
        element_shape: as far as it is told.
        grows: whether it may grow.
    """

    def __init__(self, name: str, dtype: Any, size: Value, element_shape: Shape, grows: bool) -> None:
        self.name = name
        self.dtype = np.dtype(dtype)
        self.size = size
        self.element_shape = element_shape
        self.grows = grows

    def join(self, other: ArrayReference) -> ArrayReference:
        """What is true of this one and of another; itself where that is all."""
        shape = wider(self.element_shape, other.element_shape)
        if shape == self.element_shape:
            return self
        return ArrayReference(self.name, self.dtype, self.size, shape, self.grows)


class Elements(Reference):
    """A flow: the elements at this point of the program.

    Args:
        array: whose they are.
        stacked: the elements; of rank 1 where the rank is not told before the first write.
        fresh: whether nothing was written, and the rank of the elements is not told.
    """

    def __init__(self, array: ArrayReference, stacked: Value, fresh: bool = False) -> None:
        self.array = array
        self.stacked = stacked
        self.fresh = fresh

    def widen(self, after: Elements, graph: Graph) -> Elements:
        """Elements of which no more is told than is true of others, too; itself where that is so already."""
        _check_alike(self, after)
        if self.fresh and not after.fresh:
            shape = after.stacked.shape
            if shape is None:
                raise CannotLower(
                    "fills a TensorArray with elements whose number of dimensions nothing tells"
                )
            return Elements(self.array, zeros_of(graph, self.array, shape[1:]))
        mine, others = self.stacked.shape, after.stacked.shape
        if mine is None or others is None or len(mine) != len(others):
            raise CannotLower("fills a TensorArray with elements of different numbers of dimensions")
        shape = tuple(a if a == b else None for a, b in zip(mine, others, strict=True))
        array = self.array.join(after.array)
        if shape == mine and array is self.array:
            return self
        copy = Value(self.stacked.dtype, shape, graph=self.stacked.graph, known=self.stacked.known)
        copy.set_name(self.stacked._name)  # the same tensor
        copy.first = self.stacked.first
        return Elements(array, copy, self.fresh)


def _check_alike(first: Elements, second: Elements) -> None:
    """Refuses lists that cannot become one tensor."""
    if first.array.dtype != second.array.dtype:
        raise CannotLower("replaces a list of tensors by one of another dtype")
    if first.fresh and second.fresh and first.array.size is not second.array.size:
        raise CannotLower("makes a list of tensors longer or shorter before anything tells what is in it")


def join_elements(first: Elements, second: Elements, graphs: Sequence[Graph]) -> tuple[Elements, Elements]:
    """Two flows of one array that may become one tensor: one that nothing was written to gets the other's rank."""
    _check_alike(first, second)
    if first.fresh and not second.fresh:
        first = _like(first, second, graphs[0])
    if second.fresh and not first.fresh:
        second = _like(second, first, graphs[1])
    array = first.array.join(second.array)
    return Elements(array, first.stacked, first.fresh), Elements(array, second.stacked, second.fresh)


def _like(fresh: Elements, other: Elements, graph: Graph) -> Elements:
    assert other.stacked.shape is not None
    return Elements(fresh.array, zeros_of(graph, fresh.array, other.stacked.shape[1:]))


def zeros_of(graph: Graph, array: ArrayReference, element: Sequence[int | None]) -> Value:
    """The elements of an array that nobody has written; sizes that are open are 0."""
    sizes = graph.concat([array.size, graph.int64s(*(0 if n is None else n for n in element))], 0)
    stacked = graph.zeros(sizes, array.dtype)
    known = array.size.elements[0] if array.size.elements else None
    stacked.shape = (None if array.grows else known, *element)
    return stacked


def _array(reference: Any) -> ArrayReference:
    if not isinstance(reference, ArrayReference):
        raise CannotLower("uses a TensorArray that cannot be followed")
    return reference


def _elements(flow: Any) -> Elements:
    if not isinstance(flow, Elements):
        raise CannotLower("uses a TensorArray whose flow cannot be followed")
    return flow


@lowers(*op_types.TENSOR_ARRAYS)
@by_reference
def tensor_array(call: LoweringCall, *inputs: Any) -> Any:
    """Any op on a TensorArray."""
    does = op_types.TENSOR_ARRAYS[call.kind]
    return _new(call, *inputs) if does == "New" else _USES[does](call, _array(inputs[0]), *inputs[1:])


def _new(call: LoweringCall, size: Any) -> Any:
    graph = call.graph
    element_shape = call.get("element_shape")
    number = graph.reshape(graph.int64(size), [1], (1,))
    array = ArrayReference(
        call.op.node.name, call["dtype"], number, element_shape, call.get("dynamic_size", False)
    )
    if array.dtype.kind == "O":
        raise CannotLower("keeps strings")
    if element_shape is None:
        return array, Elements(array, graph.zeros(number, array.dtype), fresh=True)
    return array, Elements(array, zeros_of(graph, array, element_shape))


def ready_for(graph: Graph, elements: Elements, sizes: Value, element: Shape, count: Value | None) -> Value:
    """The stacked elements with room for one of some sizes.

    Args:
        graph: where it is needed.
        elements: as they are.
        sizes: of an element, a vector.
        element: what is known of them.
        count: how many elements there must be, a vector of one; None for as many as there are.
    """
    array, stacked = elements.array, elements.stacked
    if element is None:
        raise CannotLower("writes an element whose number of dimensions nothing tells")
    if elements.fresh:
        total = array.size if count is None else graph.op("Max", array.size, count)
        made = graph.zeros(graph.concat([total, sizes], 0), array.dtype)
        known = total.elements[0] if total.elements else None
        made.shape = (known, *element)
        return made
    assert stacked.shape is not None
    open_sizes = None in stacked.shape[1:]
    if not open_sizes and count is None:
        return stacked
    now = graph.shape_of(stacked)
    wanted = [graph.slice(now, 0, 1, 0)]
    if count is not None:
        wanted[0] = graph.op("Max", wanted[0], count)
    if open_sizes:
        inner = graph.slice(now, 1, None, 0)
        wanted.append(graph.op("Where", graph.op("Equal", inner, graph.int64s(0)), sizes, inner))
    else:
        wanted.append(graph.slice(now, 1, None, 0))
    missing = graph.op("Sub", graph.concat(wanted, 0), now)
    pads = graph.concat([graph.int64s(*[0] * len(stacked.shape)), missing], 0)
    shape = tuple(a if a is not None else b for a, b in zip(stacked.shape[1:], element, strict=False))
    padded = graph.op("Pad", stacked, pads)
    padded.shape = (None if count is not None else stacked.shape[0], *shape)
    return padded


def _write(call: LoweringCall, array: ArrayReference, index: Value, value: Value, flow: Any) -> Any:
    graph, elements = call.graph, _elements(flow)
    value = call.scope.value(call.op.inputs[2])
    return Elements(array, write_element(graph, elements, index, value, array.grows))


def write_element(graph: Graph, elements: Elements, index: Value, value: Value, grows: bool) -> Value:
    """The stacked elements with one replaced; where they grow, it may lie behind their end."""
    place = graph.reshape(graph.int64(index), [1], (1,))
    count = graph.op("Add", place, graph.int64s(1)) if grows else None
    stacked = ready_for(graph, elements, graph.shape_of(value), value.shape, count)
    result = graph.op("ScatterND", stacked, graph.unsqueeze(place, 1), graph.unsqueeze(value, 0))
    result.shape = stacked.shape
    return result


def _scatter(call: LoweringCall, array: ArrayReference, indices: Value, value: Value, flow: Any) -> Any:
    graph, elements = call.graph, _elements(flow)
    value = call.scope.value(call.op.inputs[2])
    return Elements(array, write_elements(graph, elements, graph.int64(indices), value, array.grows))


def write_elements(graph: Graph, elements: Elements, places: Value, rows: Value, grows: bool) -> Value:
    """The stacked elements with some replaced by rows; where they grow, these may lie behind their end."""
    count = count_behind(graph, places) if grows else None
    element = None if rows.shape is None else rows.shape[1:]
    stacked = ready_for(graph, elements, graph.slice(graph.shape_of(rows), 1, None, 0), element, count)
    result = graph.op("ScatterND", stacked, graph.unsqueeze(places, 1), rows)
    result.shape = stacked.shape
    return result


def count_behind(graph: Graph, places: Value) -> Value:
    """The number behind the largest, a vector of one."""
    most = graph.op("ReduceMax", graph.concat([places, graph.int64s(-1)], 0), keepdims=1)
    return graph.op("Add", most, graph.int64s(1))


def _read(call: LoweringCall, array: ArrayReference, index: Value, flow: Any) -> Any:
    result = call.graph.op("Gather", _elements(flow).stacked, index, axis=0)
    return _with_shape(result, array.element_shape)


def narrow_elements(value: Value, elements: Elements, told: Shape, before: int) -> Value:
    """Elements with what their list and an op tell of their shape, behind so many dimensions of another kind."""
    for shape in (elements.array.element_shape, told):
        if shape is not None:
            _with_shape(value, (*[None] * before, *shape))
    return value


def _gather(call: LoweringCall, array: ArrayReference, indices: Value, flow: Any) -> Any:
    told = call.get("element_shape")
    element = array.element_shape if told is None else told
    result = call.graph.op("Gather", _elements(flow).stacked, indices, axis=0)
    return result if element is None else _with_shape(result, (None, *element))


def _with_shape(value: Value, shape: Shape) -> Value:
    if shape is not None and value.shape is not None and len(shape) == len(value.shape):
        value.shape = tuple(a if a is not None else b for a, b in zip(value.shape, shape, strict=True))
    return value


def _concat(call: LoweringCall, _: ArrayReference, flow: Any) -> Any:
    return join_elements_of(call.graph, _elements(flow))


def join_elements_of(graph: Graph, elements: Elements) -> tuple[Value, Value]:
    """All elements one behind the other, and the length of each."""
    stacked = elements.stacked
    if stacked.shape is None or len(stacked.shape) < 2:
        raise CannotLower("joins the elements of a TensorArray whose number of dimensions nothing tells")
    sizes = graph.shape_of(stacked)
    rows = graph.concat([graph.int64s(-1), graph.slice(sizes, 2, None, 0)], 0)
    joined = graph.reshape(stacked, rows, (None, *stacked.shape[2:]))
    lengths = graph.op("Expand", graph.slice(sizes, 1, 2, 0), graph.slice(sizes, 0, 1, 0))
    return joined, lengths


def _split(call: LoweringCall, array: ArrayReference, _: Value, lengths: Value, __: Any) -> Any:
    return Elements(array, split_evenly(call, call.scope.value(call.op.inputs[1]), lengths)[0])


def split_evenly(call: LoweringCall, value: Value, lengths: Value) -> tuple[Value, int]:
    """A tensor cut into elements of one length, stacked, and how many there are."""
    graph = call.graph
    numbers = call.require(lengths, "the lengths of the elements of a TensorArray").tolist()
    if len(set(numbers)) > 1 or value.shape is None:
        raise CannotLower("splits a tensor into elements of different lengths")
    rows = graph.int64s(len(numbers), numbers[0] if numbers else 0)
    sizes = graph.concat([rows, graph.slice(graph.shape_of(value), 1, None, 0)], 0)
    return graph.reshape(value, sizes), len(numbers)


def _size(call: LoweringCall, array: ArrayReference, flow: Any) -> Any:
    graph = call.graph
    count = graph.size_of(_elements(flow).stacked, 0) if array.grows else array.size
    result = graph.cast(graph.squeeze(count, 0), np.int32)
    result.elements = count.elements
    return result


def _close(*_: Any) -> None:
    """Nothing to do."""


_USES: dict[str, Any] = {
    "Read": _read,
    "Write": _write,
    "Gather": _gather,
    "Scatter": _scatter,
    "Concat": _concat,
    "Split": _split,
    "Size": _size,
    "Close": _close,
}
