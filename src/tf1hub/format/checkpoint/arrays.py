"""Arrays as the bytes of a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tf1hub.errors import CheckpointError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.shards import CHUNK_BYTES

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    from tf1hub.format.checkpoint.index import StoredTensor
    from tf1hub.format.checkpoint.shards import Buffer

__all__ = ["array_bytes", "array_of_strings", "as_array", "string_elements", "view"]


def view(data: Buffer, entry: StoredTensor, big_endian: bool, where: str) -> npt.NDArray[Any]:
    """Returns the array of an entry, without copying it where the byte order is the machine's.

    Args:
        data: the data file that the entry is known to lie in.
        entry: the entry, of a dtype of fixed size.
        big_endian: the byte order of the checkpoint.
        where: the file and the tensor, for messages.

    Raises:
        CheckpointError: NumPy has no such array.
    """
    import numpy as np

    # An empty file has no buffer to take a view of.
    buffer: npt.NDArray[Any] = np.frombuffer(data or b"\0", np.uint8)
    elements = _native(
        buffer[entry.offset : entry.offset + entry.size], dtypes.numpy_dtype(entry.dtype), big_endian
    )
    return _reshape(elements, entry.shape, where)


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


def array_of_strings(elements: Sequence[bytes], shape: Sequence[int], where: str) -> npt.NDArray[Any]:
    """Returns a read-only array of objects, which are bytes."""
    import numpy as np

    # np.array would look into the elements, and take them for fixed-size strings.
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    array.flags.writeable = False
    return _reshape(array, shape, where)


def _reshape(array: npt.NDArray[Any], shape: Sequence[int], where: str) -> npt.NDArray[Any]:
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise CheckpointError(
            f"{where} has the shape {list(shape)}, which NumPy cannot hold: {error}."
        ) from error


def as_array(value: npt.ArrayLike) -> npt.NDArray[Any]:
    """Returns a value as an array; of objects for text, because NumPy's own strings drop zeros at the end."""
    import numpy as np

    return np.array(value, dtype=object) if _holds_text(value) else np.asarray(value)


def _holds_text(value: object) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (bytes, str))


def string_elements(array: npt.NDArray[Any]) -> list[bytes]:
    """Returns the elements of an array of bytes or text, as bytes.

    Raises:
        TypeError: there is something else among them.
    """
    return [_encode(element) for element in array.reshape(-1).tolist()]


def _encode(element: object) -> bytes:
    if isinstance(element, str):
        return element.encode()
    if not isinstance(element, bytes):
        raise TypeError(f"it holds {element!r}, which is neither bytes nor text.")
    return element


def array_bytes(array: npt.NDArray[Any]) -> Iterator[bytes]:
    """Yields an array's elements in row-major order and little-endian, without a copy of the whole."""
    import numpy as np

    # ml_dtypes' types have no byte order of their own.
    is_builtin = array.dtype.isbuiltin != 2
    chunks = np.nditer(
        array,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=["readonly"],
        op_dtypes=[array.dtype.newbyteorder("<") if is_builtin else array.dtype],
        order="C",
        casting="equiv",
        buffersize=max(1, CHUNK_BYTES // array.itemsize),
    )
    for chunk in chunks:
        data = np.asarray(chunk).tobytes()
        for start in range(0, len(data), CHUNK_BYTES):
            yield data[start : start + CHUNK_BYTES]
