"""What waits to be compared, in a file: a large network's outputs on a few images are larger than its weights."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tf1hub.trial.shared_runs import Arrays

_LARGE = 1 << 16
"""Bytes from which an array is written. Below, it takes less time to compare one than to open it."""


class ArrayOnDisk:
    """An array in a file, which is in memory while somebody looks at it: `numpy.asarray` opens it.

    Args:
        file: the file.
        offset: where the array begins.
        array: what it is like.
    """

    def __init__(self, file: IO[bytes], offset: int, array: Any) -> None:
        self._file = file
        self._offset = offset
        self.dtype = array.dtype
        self.shape: tuple[int, ...] = array.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        found = np.memmap(self._file, self.dtype, "r", self._offset, self.shape)
        return found.astype(dtype or self.dtype) if copy or dtype not in (None, self.dtype) else found

    def piece(self, start: int, stop: int) -> Any:
        """Some of its elements, counted as if it had one dimension."""
        count = min(stop, math.prod(self.shape)) - start
        return np.memmap(self._file, self.dtype, "r", self._offset + start * self.dtype.itemsize, (count,))


class ArrayFile:
    """A file for arrays, where temporary files go; a context, at whose end it is gone.

    It has no name, so nothing is left of it however the process ends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def keep(self, arrays: Arrays) -> Arrays:
        """The same arrays, the large ones of them in the file. Where there is no room for one, it stays in memory."""
        return {name: [self._keep(array) for array in parts] for name, parts in arrays.items()}

    def keep_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The same values, each of which may be such an array."""
        return {name: self._keep(value) for name, value in values.items()}

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _keep(self, array: Any) -> Any:
        if not isinstance(array, np.ndarray) or array.dtype.hasobject or array.nbytes < _LARGE:
            return array
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="tf1hub-")  # noqa: SIM115 - `__exit__` closes it
            offset = self._file.seek(0, os.SEEK_END)
            np.ascontiguousarray(array).tofile(self._file)
        except OSError:
            return array
        return ArrayOnDisk(self._file, offset, array)


def values_in_memory(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of which some may be in the file, as who computes with them takes them: as plain arrays."""
    return {
        name: np.asarray(value) if isinstance(value, ArrayOnDisk) else value for name, value in values.items()
    }
