"""Arrays over the bytes of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tf1hub.errors import CheckpointError
from tf1hub.format import dtypes

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    from tf1hub.format.checkpoint.shards import Buffer

__all__ = ["array_of_strings", "view"]


def view(
    data: Buffer, offset: int, dtype: int, shape: Sequence[int], big_endian: bool, place: str
) -> npt.NDArray[Any]:
    """Returns the array that lies in a data file, without copying it where the byte order is the machine's.

    Args:
        data: the data file, which is known to be long enough.
        offset: of the array in it, in bytes.
        dtype: a number of TensorFlow's enum `DataType`, of fixed size.
        shape: of the array.
        big_endian: the byte order of the checkpoint.
        place: the file and the tensor, for messages.

    Raises:
        CheckpointError: NumPy has no such array.
    """
    import numpy as np

    numpy_dtype = dtypes.numpy_dtype(dtype)
    count = dtypes.size_of(dtype) and int(np.prod(shape, dtype=object))
    flat: npt.NDArray[Any] = np.frombuffer(data or b"\0", np.uint8)[offset : offset + count * numpy_dtype.itemsize]
    try:
        return _native(flat, numpy_dtype, big_endian).reshape(shape)
    except ValueError as error:
        raise CheckpointError(f"{place} has the shape {list(shape)}, which NumPy cannot hold: {error}.") from error


def _native(flat: npt.NDArray[Any], dtype: np.dtype[Any], big_endian: bool) -> npt.NDArray[Any]:
    """Returns bytes as elements of a dtype, in the machine's own byte order."""
    import numpy as np

    # A complex number is two words, and ml_dtypes' types have no byte order of their own.
    word = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    stored = np.dtype(f"{'>' if big_endian else '<'}u{word}")
    if stored.isnative:
        return flat.view(dtype)
    swapped = flat.view(stored).astype(stored.newbyteorder("=")).view(dtype)
    swapped.flags.writeable = False
    return swapped


def array_of_strings(elements: Sequence[bytes], shape: Sequence[int], place: str) -> npt.NDArray[Any]:
    """Returns a read-only array of objects, which are bytes."""
    import numpy as np

    # np.array would look into the elements, and take them for fixed-size strings.
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    array.flags.writeable = False
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise CheckpointError(f"{place} has the shape {list(shape)}, which NumPy cannot hold: {error}.") from error
