"""`read_checkpoint`: a module's weights as a mapping, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING

from tf1hub.errors import CheckpointError, NotAModuleError, UnknownNameError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.reader import CheckpointReader
from tf1hub.format.checkpoint.shards import index_path
from tf1hub.progress import ProgressOption, shown
from tf1hub.storage import place_at, split_path

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    _Base = Mapping[str, npt.NDArray[Any]]
else:
    _Base = Mapping

__all__ = ["Variables", "read_checkpoint"]

_DIRECTORY = "variables"
_NAME = "variables/variables"
_ROWS_SHOWN = 60


class Variables(_Base):
    """The variables of a module or checkpoint: a mapping from names to read-only arrays.

    Arrays are views of the memory-mapped files: one costs no memory until it is looked at. What `repr` shows
    is the table of names, dtypes and shapes. Made by `read_checkpoint`.

    Args:
        reader: of the checkpoint; None for a module without variables.
    """

    def __init__(self, reader: CheckpointReader | None) -> None:
        self._reader = reader

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if self._reader is None:
            raise UnknownNameError(f"No variable {name!r}: the module has none.")
        return self._reader.array(name)

    def __iter__(self) -> Iterator[str]:
        return iter(() if self._reader is None else self._reader)

    def __len__(self) -> int:
        return 0 if self._reader is None else len(self._reader)

    def __contains__(self, name: object) -> bool:
        return self._reader is not None and name in self._reader

    def __repr__(self) -> str:
        return _table(self.dtypes, self.shapes)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The variables' shapes; of a partitioned one that of the whole."""
        return {name: self._reader.shape(name) for name in self._reader} if self._reader is not None else {}

    @property
    def dtypes(self) -> dict[str, str]:
        """The names of the variables' dtypes, as TensorFlow has them (`float32`, `bfloat16`, `string`)."""
        return (
            {name: dtypes.name_of(self._reader.dtype(name)) for name in self._reader}
            if self._reader is not None
            else {}
        )

    def verify(self, *, progress: ProgressOption = None) -> None:
        """Checks all variables against their checksums.

        Args:
            progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
                `Progress`, every MiB or so; by default as `TF1HUB_PROGRESS` says.

        Raises:
            CheckpointError: something is damaged or missing; the message names all variables concerned.
        """
        with shown(progress) as say:
            if self._reader is not None:
                what = f"Checking {self._reader.prefix}"
                self._reader.verify(lambda done, total: say(what, done, total, "bytes"))


def _table(names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> str:
    if not names:
        return "Variables: none"
    elements = sum(map(prod, shapes.values()))
    shown = list(names)[:_ROWS_SHOWN]
    name_width = max(map(len, shown))
    dtype_width = max(len(names[name]) for name in shown)
    rows = [f"  {name:{name_width}}  {names[name]:{dtype_width}}  {list(shapes[name])}" for name in shown]
    if len(names) > len(shown):
        rows.append(f"  and {len(names) - len(shown)} more")
    noun = "variable" if len(names) == 1 else "variables"
    return "\n".join([f"{len(names)} {noun}, {elements:,} elements", *rows])


def read_checkpoint(path: str | os.PathLike[str]) -> Variables:
    """Reads the variables of a module or a checkpoint, without TensorFlow: the way to move weights elsewhere.

    Args:
        path: a module's directory, or the prefix of a V2 checkpoint (`model.ckpt-1000`).

    Returns:
        A mapping from names to read-only arrays, which are views of the memory-mapped files. It is empty for
        a module without variables.

    Raises:
        NotAModuleError: there is neither a module nor a checkpoint at `path`.
        CheckpointError: the checkpoint is damaged.

    Example:
        >>> import tempfile, numpy as np
        >>> from tf1hub.format.checkpoint import CheckpointWriter
        >>> directory = tempfile.TemporaryDirectory()
        >>> with CheckpointWriter(directory.name + "/model.ckpt") as writer:
        ...     writer.add("layer/bias", np.zeros(3, np.float32))
        ...     writer.add("layer/kernel", np.ones([2, 3], np.float32))
        >>> variables = read_checkpoint(directory.name + "/model.ckpt")
        >>> variables
        2 variables, 9 elements
          layer/bias    float32  [3]
          layer/kernel  float32  [2, 3]
        >>> variables["layer/kernel"].tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
        >>> directory.cleanup()
    """
    where = os.fspath(path)
    storage = place_at(where)
    if storage.exists(index_path(_NAME)):
        return Variables(CheckpointReader(storage.path(_NAME)))
    if _is_checkpoint(where):
        return Variables(CheckpointReader(where))
    if not storage.is_directory(""):
        raise NotAModuleError(
            f"There is nothing at {where}: neither a module's directory nor a checkpoint"
            f" ({index_path(where)})."
        )
    if storage.list(_DIRECTORY):
        raise CheckpointError(
            f"{storage.path(index_path(_NAME))}: the index of the variables is missing, but there are:"
            f" {', '.join(storage.list(_DIRECTORY))}."
        )
    if storage.exists("saved_model.pb"):
        return Variables(None)
    raise NotAModuleError(
        f"{where} is a directory with neither variables/variables.index nor saved_model.pb. It has:"
        f" {', '.join(storage.list('')) or 'nothing'}."
    )


def _is_checkpoint(prefix: str) -> bool:
    directory, name = split_path(prefix)
    return place_at(directory).exists(index_path(name))
