"""Partitioned tensors: put together from the slices that a checkpoint has of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tf1hub.errors import CheckpointError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.checkpoint_files import CheckpointFiles
from tf1hub.format.checkpoint.index import StoredTensor
from tf1hub.format.checkpoint.shards import refuse_overlaps
from tf1hub.format.checkpoint.slices import Slice, cut, intersect, rows_in_order, why_no_tiling

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

__all__ = ["StoredPart", "assemble", "parts_of", "rows_of"]


class StoredPart(NamedTuple):
    """A stored slice of a tensor."""

    slice: Slice
    entry: StoredTensor
    what: str
    """Describes it in messages."""


def parts_of(files: CheckpointFiles, key: str) -> list[StoredPart]:
    """Returns the slices of a partitioned tensor, once they are known to make up the whole.

    Raises:
        CheckpointError: slices are missing, overlap, or share bytes.
    """
    whole = files.index.entry(key)
    fault = why_no_tiling(whole.shape, whole.slices)
    if fault:
        raise CheckpointError(f"{files.index.path}: the partitioned {key!r} is not whole: {fault}.")
    entries = files.index.slice_entries(key)
    parts = [
        StoredPart(part, entry, f"the slice {part} of {key!r}")
        for part, entry in zip(whole.slices, entries, strict=True)
    ]
    refuse_overlaps([(part.what, part.entry) for part in parts], files.index.path)
    return parts


def rows_of(files: CheckpointFiles, key: str, parts: Sequence[StoredPart]) -> npt.NDArray[Any] | None:
    """Returns a partitioned tensor as one view of the file, if its slices follow one another there.

    That is so if each slice is a run of whole rows, and they were written in order: the case of every
    partitioner along the first axis. None otherwise, and for strings.
    """
    whole = files.index.entry(key)
    order = rows_in_order(whole.shape, [part.slice for part in parts])
    if order is None or dtypes.size_of(whole.dtype) is None:
        return None
    stored = [parts[number].entry for number in order]
    for before, after in pairwise(stored):
        if (after.shard, after.offset) != (before.shard, before.offset + before.size):
            return None
    size = sum(entry.size for entry in stored)
    return files.array(whole._replace(shard=stored[0].shard, offset=stored[0].offset, size=size), repr(key))


def assemble(files: CheckpointFiles, key: str, box: Slice, parts: Sequence[StoredPart]) -> npt.NDArray[Any]:
    """Returns a box of a partitioned tensor, copied out of the slices that have a part in it."""
    import numpy as np

    shared = [(part, inner) for part in parts if (inner := intersect(part.slice, box))]
    # All are known to be in the files before memory is asked for.
    stored = [files.array(part.entry, part.what)[cut(inner, part.slice)] for part, inner in shared]
    array: npt.NDArray[Any] = np.empty(box.length, dtypes.numpy_dtype(files.index.entry(key).dtype))
    for (_, inner), values in zip(shared, stored, strict=True):
        array[cut(inner, box)] = values
    array.flags.writeable = False
    return array
