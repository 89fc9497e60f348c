"""TensorArrays (the flow is the list itself) and the tensor lists of loops that are functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.array_list import ArrayHandle, ArrayList
from tf1hub.arrays.kinds.numerics import numbers_of
from tf1hub.arrays.op_table import performs
from tf1hub.graphdef import op_types


def _ops_that(does: str) -> list[str]:
    return [op for op, what in op_types.TENSOR_ARRAYS.items() if what == does]


def _performs_on_flow(does: str) -> Callable[[Callable[..., Sequence[Any]]], Callable[..., Sequence[Any]]]:
    """For functions of the namespace, the list, and the inputs between handle and flow, by value."""

    def register(function: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
        @performs(*_ops_that(does))
        def perform(run: Any, step: Any, handle: Any, *inputs: Any) -> Sequence[Any]:
            *given, flow = (run.read(value) for value in inputs)
            return function(run.backend.namespace([*given, *flow.parts]), flow, *given)

        return function

    return register


@performs(*_ops_that("New"))
def new(run: Any, step: Any, size: Any) -> list[Any]:
    """A TensorArray of `size` elements, none of which is written."""
    attributes = step.attributes
    grows = attributes.get("dynamic_size", False)
    flow = _unwritten(run, attributes["dtype"], attributes.get("element_shape"), size, grows)
    return [ArrayHandle(step.name), flow]


def _unwritten(run: Any, dtype: Any, element_shape: Any, size: Any, grows: bool = False) -> ArrayList:
    """A list of elements that nobody has written."""
    number = run.read(size)
    if number.dtype == object:  # a size that JAX knows by name
        return ArrayList(dtype, element_shape, grows=grows, count=number[()])
    return ArrayList(dtype, element_shape, [None] * int(number), grows=grows)


def _plain(index: Any) -> Any:
    """A place as a number: that of a size that JAX knows by name is traced."""
    if not isinstance(index, np.ndarray) or index.dtype != object:
        return index
    import jax.numpy as jnp

    return numbers_of(jnp, index)


@_performs_on_flow("Read")
def read(xp: Any, flow: ArrayList, index: Any) -> list[Any]:
    """One element."""
    return [flow.read(xp, _plain(index))]


@_performs_on_flow("Write")
def write(xp: Any, flow: ArrayList, index: Any, value: Any) -> list[Any]:
    """The flow with one element replaced."""
    return [flow.write(xp, _plain(index), value)]


@_performs_on_flow("Gather")
def gather(xp: Any, flow: ArrayList, indices: Any) -> list[Any]:
    """Some elements, stacked."""
    return [flow.gather(xp, indices)]


@_performs_on_flow("Scatter")
def scatter(xp: Any, flow: ArrayList, indices: Any, values: Any) -> list[Any]:
    """The flow with some elements replaced by the rows of a tensor."""
    return [flow.scatter(xp, indices, values)]


@_performs_on_flow("Concat")
def concatenate(xp: Any, flow: ArrayList) -> list[Any]:
    """All elements one behind the other, and their lengths."""
    return list(flow.concatenate(xp))


@_performs_on_flow("Split")
def split(xp: Any, flow: ArrayList, value: Any, lengths: Any) -> list[Any]:
    """The flow with pieces of a tensor for elements."""
    return [flow.split(value, lengths)]


@_performs_on_flow("Size")
def size(xp: Any, flow: ArrayList) -> list[Any]:
    """The number of elements."""
    return [_count(flow)]


def _count(values: ArrayList) -> Any:
    """How many elements there are, as an op gives it: a number, or a size that JAX knows by name."""
    return np.int32(values.size) if isinstance(values.size, int) else values.size


@performs(*_ops_that("Close"))
def close(run: Any, step: Any, handle: Any) -> list[Any]:
    """Nothing: no memory is held."""
    return []


# ---------------------------------------------------------------------- tensor lists


def _shape(run: Any, shape: Any) -> tuple[int | None, ...] | None:
    """The `element_shape` of an op: a vector, or the scalar -1 where the rank is open."""
    given = np.asarray(run.read(shape))
    return None if given.ndim == 0 else tuple(None if size < 0 else size for size in given.tolist())


def _namespace(run: Any, *values: Any) -> Any:
    parts: list[Any] = []
    for value in values:
        if isinstance(value, ArrayList):
            parts += value.parts
        else:
            parts.append(value)
    return run.backend.namespace(parts)


@performs("TensorListReserve")
def reserve(run: Any, step: Any, element_shape: Any, count: Any) -> list[Any]:
    """A list of `count` elements, none of which is written."""
    return [_unwritten(run, step.attributes["element_dtype"], _shape(run, element_shape), count)]


@performs("EmptyTensorList")
def empty_list(run: Any, step: Any, element_shape: Any, max_count: Any) -> list[Any]:
    """A list without elements."""
    return [ArrayList(step.attributes["element_dtype"], _shape(run, element_shape))]


@performs("TensorListFromTensor")
def from_tensor(run: Any, step: Any, tensor: Any, element_shape: Any) -> list[Any]:
    """The rows of a tensor as a list."""
    tensor = run.read(tensor)
    dtype, shape = step.attributes["element_dtype"], _shape(run, element_shape)
    if not isinstance(tensor.shape[0], int):  # a size that JAX knows by name
        return [ArrayList(dtype, shape, (), tensor)]
    empty = ArrayList(dtype, shape, [None] * tensor.shape[0])
    return [empty.scatter(_namespace(run, tensor), np.arange(tensor.shape[0]), tensor)]


@performs("TensorListStack")
def stack_list(run: Any, step: Any, values: Any, element_shape: Any) -> list[Any]:
    """The elements in one tensor."""
    known = _require_list(values, _shape(run, element_shape))
    return [known.pack(_namespace(run, values)).stack]


def _require_list(values: ArrayList, shape: tuple[int | None, ...] | None) -> ArrayList:
    """The list with what an op says of its elements' shape, where the list knows less."""
    if shape is None or (values.element_shape is not None and None not in values.element_shape):
        return values
    return values.with_shape(shape)


@performs("TensorListGetItem")
def get_item(run: Any, step: Any, values: Any, index: Any, element_shape: Any) -> list[Any]:
    """One element."""
    index = _plain(run.read(index))
    return [_require_list(values, _shape(run, element_shape)).read(_namespace(run, values, index), index)]


@performs("TensorListSetItem")
def set_item(run: Any, step: Any, values: Any, index: Any, item: Any) -> list[Any]:
    """The list with one element replaced; one that lies behind the end where `resize_if_index_out_of_bounds` says so."""
    index, item = _plain(run.read(index)), run.read(item)
    if step.attributes.get("resize_if_index_out_of_bounds", False):
        values = values.growing()
    return [values.write(_namespace(run, values, index, item), index, item)]


@performs("TensorListPushBack")
def push_back(run: Any, step: Any, values: Any, item: Any) -> list[Any]:
    """The list with one element more."""
    return [values.append(run.read(item))]


@performs("TensorListPopBack")
def pop_back(run: Any, step: Any, values: Any, element_shape: Any) -> list[Any]:
    """The list without its last element, and that."""
    known = _require_list(values, _shape(run, element_shape))
    shorter = known.without_last()
    return [shorter, known.read(_namespace(run, values), len(values) - 1)]


@performs("TensorListLength")
def length(run: Any, step: Any, values: Any) -> list[Any]:
    """The number of elements."""
    return [_count(values)]


@performs("TensorListElementShape")
def element_shape(run: Any, step: Any, values: Any) -> list[Any]:
    """What is known of the elements' shape: a vector with -1 for what is open, or the scalar -1."""
    shape = values.element_shape
    sizes = -1 if shape is None else [-1 if size is None else size for size in shape]
    return [np.array(sizes, step.attributes["shape_type"])]


@performs("TensorListResize")
def resize(run: Any, step: Any, values: Any, size: Any) -> list[Any]:
    """The list with this many elements."""
    return [values.resize(int(run.read(size)))]


@performs("TensorListGather")
def gather_list(run: Any, step: Any, values: Any, indices: Any, element_shape: Any) -> list[Any]:
    """Some elements, stacked."""
    known = _require_list(values, _shape(run, element_shape))
    return [known.gather(_namespace(run, values), run.read(indices))]


@performs("TensorListScatter", "TensorListScatterV2")
def scatter_list(
    run: Any, step: Any, tensor: Any, indices: Any, element_shape: Any, *count: Any
) -> list[Any]:
    """A list that has the rows of a tensor at some places."""
    tensor, indices = run.read(tensor), np.asarray(run.read(indices))
    wanted = int(run.read(count[0])) if count else -1
    size = wanted if wanted >= 0 else int(indices.max(initial=-1)) + 1
    empty = ArrayList(step.attributes["element_dtype"], _shape(run, element_shape), [None] * size)
    return [empty.scatter(_namespace(run, tensor), indices, tensor)]


@performs("TensorListScatterIntoExistingList")
def scatter_into(run: Any, step: Any, values: Any, tensor: Any, indices: Any) -> list[Any]:
    """The list with some elements replaced by the rows of a tensor; it grows where they lie behind its end."""
    tensor, indices = run.read(tensor), run.read(indices)
    return [values.growing().scatter(_namespace(run, values, tensor), indices, tensor)]


@performs("TensorListConcat", "TensorListConcatV2")
def concatenate_list(run: Any, step: Any, values: Any, *given: Any) -> list[Any]:
    """All elements one behind the other, and their lengths."""
    known = _require_list(values, _shape(run, given[0])) if given else values
    return list(known.concatenate(_namespace(run, values)))


@performs("TensorListSplit")
def split_list(run: Any, step: Any, tensor: Any, element_shape: Any, lengths: Any) -> list[Any]:
    """Pieces of a tensor as a list."""
    empty = ArrayList(step.attributes["element_dtype"], _shape(run, element_shape))
    return [empty.split(run.read(tensor), np.asarray(run.read(lengths)))]
