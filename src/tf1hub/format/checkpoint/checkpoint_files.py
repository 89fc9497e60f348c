"""The files of a checkpoint together: what an entry of the index stands for in the data files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tf1hub.errors import CheckpointError, UnsupportedFormatError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import arrays
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.index import Index, StoredTensor
from tf1hub.format.checkpoint.shards import Shards, index_path
from tf1hub.format.checkpoint.sstable import MAGIC
from tf1hub.format.checkpoint.strings import read_strings, strings_crc, variants_crc
from tf1hub.storage import Faults, Place, place_at, split_path

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from tf1hub.format.checkpoint.strings import ByteOrder

__all__ = ["CheckpointFiles"]

# Far more than any checkpoint's index: a million variables take some 100 MB.
MAX_INDEX_BYTES = 1 << 30
_V1 = (
    "{prefix} is a checkpoint of the V1 format, which TensorFlow wrote before 0.12 and no module has. TensorFlow still "
    "reads it, and writes it anew:\n"
    "    reader = tf.train.load_checkpoint({prefix!r})\n"
    "    names = sorted(reader.get_variable_to_shape_map())\n"
    "    values = [reader.get_tensor(name) for name in names]\n"
    "    tf.raw_ops.SaveV2(prefix={new!r}, tensor_names=names, shape_and_slices=[''] * len(names), tensors=values)"
)
_OF_VARYING_SIZE = {dtypes.STRING: strings_crc, dtypes.VARIANT: variants_crc}


class CheckpointFiles:
    """A checkpoint's index and data files.

    Entries come with `what`, their description for messages: `'layer/kernel'`, or a slice of it.

    Args:
        prefix: of the checkpoint.

    Raises:
        CheckpointError: there is no index, or it is damaged.
        UnsupportedFormatError: it is written in another version of the format.
    """

    def __init__(self, prefix: str) -> None:
        directory, name = split_path(prefix)
        storage = place_at(directory, Faults(CheckpointError))
        self.prefix = prefix
        self.index = Index(_read_index(storage, index_path(name), prefix), index_path(prefix))
        self._shards = Shards(storage, name, self.index.num_shards)

    def array(self, entry: StoredTensor, what: str) -> npt.NDArray[Any]:
        """Returns what an entry stands for: memory-mapped, or decoded in the case of strings."""
        where = self._where(entry, what)
        if entry.dtype == dtypes.STRING:
            elements = read_strings(self._shards.map_file(entry, what), entry, self._order, where)
            return arrays.array_of_strings(elements, entry.shape, where)
        if dtypes.size_of(entry.dtype) is None:
            raise CheckpointError(f"{where} is {dtypes.name_of(entry.dtype)}, of which NumPy has no arrays.")
        data = self._shards.map_file(entry, what)
        return arrays.view(data, entry, self.index.big_endian, where)

    def check_file(self, entry: StoredTensor, what: str) -> None:
        """Checks that the file that an entry lies in is there and long enough."""
        self._shards.check_file(entry, what)

    def chunks(self, entry: StoredTensor, what: str) -> Iterator[bytes]:
        """Yields an entry's bytes as they are in the file; ends with an error if the checksum is another."""
        if entry.dtype in _OF_VARYING_SIZE:
            self.verify(entry, what, lambda _: None)
            yield from self._shards.chunks(entry, what)
            return
        crc = 0
        for chunk in self._shards.chunks(entry, what):
            crc = crc32c(chunk, crc)
            yield chunk
        self._compare(crc, entry, what)

    def verify(self, entry: StoredTensor, what: str, advance: Callable[[int], None]) -> None:
        """Checks what an entry stands for against its checksum.

        Args:
            entry: the entry.
            what: describes it.
            advance: is told how many bytes were read since it was told last.

        Raises:
            CheckpointError: it is damaged, or the data file is missing.
        """
        checksum = _OF_VARYING_SIZE.get(entry.dtype)
        if checksum:
            data = self._shards.map_file(entry, what)
            crc = checksum(data, entry, self._order, self._where(entry, what), advance)
            self._compare(crc, entry, what)
            return
        for chunk in self.chunks(entry, what):
            advance(len(chunk))

    @property
    def _order(self) -> ByteOrder:
        return "big" if self.index.big_endian else "little"

    def _where(self, entry: StoredTensor, what: str) -> str:
        return f"{self._shards.path(entry.shard)}: {what}"

    def _compare(self, crc: int, entry: StoredTensor, what: str) -> None:
        if mask(crc) != entry.crc:
            raise CheckpointError(
                f"{self._where(entry, what)} is damaged: its checksum is {mask(crc):#010x}, and"
                f" {entry.crc:#010x} is stored."
            )


def _read_index(storage: Place, name: str, prefix: str) -> bytes:
    path = storage.path(name)
    size = storage.size(name)
    if size is None and not storage.exists(name):
        if _is_v1(storage, name.removesuffix(".index")):
            raise UnsupportedFormatError(_V1.format(prefix=prefix, new=f"{prefix}_v2"))
        raise CheckpointError(f"{path}: there is no such file, so {prefix} is no checkpoint.")
    if size is not None and size > MAX_INDEX_BYTES:
        raise CheckpointError(f"{path}: an index of {size} bytes; {MAX_INDEX_BYTES} are the most.")
    return storage.read(name)


def _is_v1(storage: Place, name: str) -> bool:
    """Whether there is a file by the checkpoint's own name that holds a table, as V1 has for index and values."""
    if not storage.exists(name) or storage.is_directory(name):
        return False
    end = b""
    for chunk in storage.chunks(name):
        end = (end + chunk)[-8:]
    return end == MAGIC.to_bytes(8, "little")
