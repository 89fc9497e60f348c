"""Arrays of strings: objects, each of them bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Strings = npt.NDArray[Any]


def string_array(values: Iterable[Any], shape: tuple[int, ...] | None = None) -> Strings:
    """Bytes as an array.

    Args:
        values: the elements, in order.
        shape: of the array; that of a vector when None.
    """
    array: Strings = np.fromiter(values, object)
    return array if shape is None else array.reshape(shape)


def each(function: Callable[[bytes], bytes], strings: Strings) -> Strings:
    """The strings that a function gives for each."""
    return string_array(map(function, strings.reshape(-1).tolist()), strings.shape)


def each_number(function: Callable[[bytes], Any], strings: Strings, dtype: Any) -> npt.NDArray[Any]:
    """The numbers that a function gives for each string."""
    numbers = np.fromiter(map(function, strings.reshape(-1).tolist()), dtype, strings.size)
    return numbers.reshape(strings.shape)
