"""TensorArrays and lists of tensors as values: what is written makes a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.errors import CheckFailedError
from tf1hub.program.references import Reference


class ArrayHandle(Reference):
    """The handle of a TensorArray. What is in it travels as its flow.

    Args:
        node: the node that makes it.
    """

    __slots__ = ("node",)

    def __init__(self, node: str) -> None:
        self.node = node


class ArrayList:
    """Arrays by number, each written or not yet; nothing changes one that is made.

    It holds its elements one by one as long as their numbers are known, and stacked in one array where a number is
    traced: see `pack`.

    Args:
        dtype: NumPy's, of the elements.
        element_shape: what is known of their shape; None where not even the rank is.
        elements: the elements; None for one that was never written, which counts as zeros.
        stack: the elements in one array, in place of `elements`.
        grows: whether writing behind the end makes it longer.
        count: how many elements there are, none of them written, where that is no number: a size that JAX knows by name.
    """

    __slots__ = ("count", "dtype", "element_shape", "elements", "grows", "stack")

    def __init__(
        self,
        dtype: Any,
        element_shape: tuple[int | None, ...] | None,
        elements: Sequence[Any] = (),
        stack: Any = None,
        grows: bool = False,
        count: Any = None,
    ) -> None:
        self.dtype = dtype
        self.element_shape = element_shape
        self.elements = list(elements)
        self.stack = stack
        self.grows = grows
        self.count = count

    def __len__(self) -> int:
        return int(self.size)

    @property
    def size(self) -> Any:
        """How many elements there are; a size that JAX knows by name is no `int`."""
        if self.stack is not None:
            return self.stack.shape[0]
        return len(self.elements) if self.count is None else self.count

    @property
    def parts(self) -> list[Any]:
        """The arrays that it holds, and its size where that is no number: what tells which library it is for."""
        if self.stack is not None:
            return [self.stack]
        written = [element for element in self.elements if element is not None]
        return written if self.count is None else [*written, self.count]

    def __repr__(self) -> str:
        return f"<{self.size} arrays of {self.dtype}>"

    def with_shape(self, element_shape: tuple[int | None, ...] | None) -> ArrayList:
        """The same, with another shape told of its elements."""
        return ArrayList(self.dtype, element_shape, self.elements, self.stack, self.grows, self.count)

    def growing(self) -> ArrayList:
        """The same; writing behind the end makes it longer."""
        return ArrayList(self.dtype, self.element_shape, self.elements, self.stack, True, self.count)

    def _with(self, elements: Sequence[Any]) -> ArrayList:
        return ArrayList(self.dtype, self.element_shape, elements, None, self.grows)

    def pack(self, xp: Any) -> ArrayList:
        """The same with its elements in one array.

        Raises:
            CheckFailedError: the shape of the elements is not known.
        """
        stack = self.stack
        if stack is None:
            stack = self.gather(xp, np.arange(len(self))) if self.count is None else self._empty_stack(xp)
        return self._with_stack(stack)

    def _with_stack(self, stack: Any) -> ArrayList:
        return ArrayList(self.dtype, self.element_shape, (), stack, self.grows)

    def _empty_stack(self, xp: Any) -> Any:
        return xp.zeros((self.size, *self._shape()), self.dtype)

    def write(self, xp: Any, index: Any, value: Any) -> ArrayList:
        """With one element replaced.

        Raises:
            CheckFailedError: there is no element of this number.
        """
        if not self._is_apart or not _is_number(index):
            self._check_place(index)
            return self._with_stack(xp.asarray(self._stack_for(xp, value)).at[index].set(value))
        number = int(index)
        elements = list(self.elements)
        if self.grows and number >= len(elements):
            elements += [None] * (number + 1 - len(elements))
        self._check(number, len(elements))
        elements[number] = value
        return self._with(elements)

    @property
    def _is_apart(self) -> bool:
        """Whether each element is held by itself."""
        return self.stack is None and self.count is None

    def _stack_for(self, xp: Any, value: Any) -> Any:
        if self.stack is not None:
            return self.stack
        if all(element is None for element in self.elements):
            return xp.zeros((self.size, *value.shape), self.dtype)
        return self.gather(xp, np.arange(len(self)))

    def read(self, xp: Any, index: Any) -> Any:
        """One element.

        Raises:
            CheckFailedError: there is no element of this number, or its shape is not known.
        """
        if not self._is_apart or not _is_number(index):
            return self.pack(xp).stack[index]
        self._check(int(index), len(self.elements))
        element = self.elements[int(index)]
        return self._zeros(xp) if element is None else element

    def gather(self, xp: Any, indices: Any) -> Any:
        """Some elements, stacked.

        Raises:
            CheckFailedError: there is no element of some number, or their shape is not known.
        """
        if not self._is_apart or not isinstance(indices, np.ndarray):
            return self.pack(xp).stack[indices]
        numbers = indices.tolist()
        if not numbers:
            return xp.zeros((0, *self._shape()), self.dtype)
        return stack([self.read(xp, number) for number in numbers], xp)

    def scatter(self, xp: Any, indices: Any, values: Any) -> ArrayList:
        """With some elements replaced by the rows of `values`."""
        if not self._is_apart or not isinstance(indices, np.ndarray):
            self._check_place(indices)
            rows = xp.asarray(values)
            stack = self.stack
            if stack is None:
                stack = xp.zeros((self.size, *rows.shape[1:]), self.dtype)
            return self._with_stack(xp.asarray(stack).at[indices].set(rows))
        elements = list(self.elements)
        for number, row in zip(indices.tolist(), values, strict=True):
            if self.grows and number >= len(elements):
                elements += [None] * (number + 1 - len(elements))
            self._check(number, len(elements))
            elements[number] = _as_array(row, values)
        return self._with(elements)

    def concatenate(self, xp: Any) -> tuple[Any, Any]:
        """All elements one behind the other, and how long each is."""
        elements = [self.read(xp, number) for number in range(len(self))]
        lengths = np.array([element.shape[0] for element in elements], np.int64)
        if not elements:
            return xp.zeros((0, *self._shape()[1:]), self.dtype), lengths
        return xp.concatenate(elements, 0), lengths

    def split(self, value: Any, lengths: Any) -> ArrayList:
        """With the pieces of `value` for elements."""
        ends = np.cumsum(lengths).tolist()
        return self._with(
            [value[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
        )

    def append(self, value: Any) -> ArrayList:
        """With one element more."""
        return self._with([*self.elements, value])

    def without_last(self) -> ArrayList:
        """With one element less.

        Raises:
            CheckFailedError: there is none.
        """
        self._check(0, len(self.elements))
        return self._with(self.elements[:-1])

    def resize(self, size: int) -> ArrayList:
        """With this many elements."""
        return self._with([*self.elements[:size], *[None] * (size - len(self.elements))])

    def _check_place(self, indices: Any) -> None:
        """Refuses to write into one array where writing could make the list longer: the array has the size that it has."""
        known = _is_number(indices) and isinstance(self.size, int)
        if self.grows and not (known and np.max(indices, initial=-1) < self.size):
            raise ValueError(
                "it writes to a TensorArray that grows, whose length is not known while JAX traces"
            )

    def _zeros(self, xp: Any) -> Any:
        if self.dtype == np.dtype(object):
            array = np.empty(self._shape(), object)
            array[...] = b""
            return array
        return xp.zeros(self._shape(), self.dtype)

    def _shape(self) -> tuple[int, ...]:
        for element in self.elements:
            if element is not None:
                return tuple(element.shape)
        if self.element_shape is None or None in self.element_shape:
            raise CheckFailedError(
                "An element of a TensorArray is read that was never written, and has no known shape."
            )
        return tuple(size or 0 for size in self.element_shape)

    @staticmethod
    def _check(number: int, size: int) -> None:
        if not 0 <= number < size:
            raise CheckFailedError(f"A TensorArray of {size} elements has no element {number}.")


def _is_number(index: Any) -> bool:
    return isinstance(index, int | np.generic | np.ndarray)


def _as_array(row: Any, values: Any) -> Any:
    """A row of an array as an array: NumPy gives an object or a scalar for a row of a vector."""
    if values.ndim > 1 or not isinstance(values, np.ndarray):
        return row
    array = np.empty((), values.dtype)
    array[()] = row
    return array


def stack(elements: Sequence[Any], xp: Any) -> Any:
    """Arrays of one shape in one array."""
    if elements[0].dtype == object:
        array = np.empty((len(elements), *elements[0].shape), object)
        for index, element in enumerate(elements):
            array[index] = element[()] if element.ndim == 0 else element
        return array
    return xp.stack(elements, 0)
