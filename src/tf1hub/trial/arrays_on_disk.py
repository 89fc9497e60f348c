"""Outputs that wait to be compared, in a file: those of a large network on a few images are larger than its weights."""

from __future__ import annotations

import os
import tempfile
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
        self._dtype = array.dtype
        self._shape = array.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        found = np.memmap(self._file, self._dtype, "r", self._offset, self._shape)
        return found.astype(dtype or self._dtype) if copy or dtype not in (None, self._dtype) else found


class ArrayFile:
    """A file for arrays, where temporary files go; a context, at whose end it is gone.

    It has no name, so nothing is left of it however the process ends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def keep(self, arrays: Arrays) -> Arrays:
        """The same arrays, the large ones of them in the file. Where there is no room for one, it stays in memory."""
        return {name: [self._keep(array) for array in parts] for name, parts in arrays.items()}

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
