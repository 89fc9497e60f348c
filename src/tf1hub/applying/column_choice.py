"""Which column of a source is which input, and the columns as inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tf1hub.applying.array_files import COLUMN
from tf1hub.applying.blocks import RowBlock
from tf1hub.applying.image_files import IMAGE
from tf1hub.applying.lines import TEXT
from tf1hub.errors import ArgumentError
from tf1hub.format import dtypes
from tf1hub.predict.arrow_columns import import_pyarrow, table_from_arrays
from tf1hub.spec.input_words import describe
from tf1hub.spec.tensor_info import ParsedTensorInfo

Columns: TypeAlias = "str | Mapping[str, str | Sequence[str]] | None"
"""The column of the only input; or by input, its column, or several, which are the numbers of its rows."""

_ONLY = {"text": TEXT, "npy": COLUMN, "image": IMAGE}
_WRONG = "{what} The inputs are {inputs}; the columns of the source are {names}. Say which is which: columns={{'{input}': '{name}'}}."


@dataclass(frozen=True)
class ColumnChoice:
    """The columns of a source that are used.

    Attributes:
        inputs: for each input, its columns; several are stacked.
        kept: the columns that are carried along.
        are_texts: whether numbers come as they are written, as in CSV.
    """

    inputs: dict[str, tuple[str, ...]]
    kept: tuple[str, ...]
    are_texts: bool

    @property
    def read(self) -> frozenset[str]:
        """All columns that have to be read."""
        return frozenset([*self.kept, *(each for columns in self.inputs.values() for each in columns)])

    def table(
        self, block: RowBlock, infos: Mapping[str, ParsedTensorInfo], encoded: Collection[str]
    ) -> tuple[Any, dict[int, str]]:
        """The inputs of a block as a table, and the rows that are at fault already."""
        pa = import_pyarrow("tf1hub.apply")
        faults = dict(block.faults)
        columns = {}
        for name, chosen in self.inputs.items():
            info = infos[name]
            parts = [block.table.column(each) for each in chosen]
            is_number = info.dtype_name != "string" and name not in encoded
            if self.are_texts and is_number:
                dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
                parts = [
                    _numbers(pa, part, dtype, each, faults) for part, each in zip(parts, chosen, strict=True)
                ]
            # A single column keeps its name, for messages.
            named = chosen[0] if len(self.inputs) == len(chosen) == 1 else name
            columns[named] = parts[0] if len(parts) == 1 else _stack(pa, parts)
        return pa.table(columns), faults


def choose_columns(
    kind: str,
    names: Sequence[str],
    infos: Mapping[str, ParsedTensorInfo],
    columns: Columns,
    keep: Collection[str] | None,
) -> ColumnChoice:
    """Decides which columns are used.

    Args:
        kind: of the source.
        names: of its columns.
        infos: the inputs.
        columns: what a caller says of them; None goes by the names.
        keep: the columns to carry along; None is all that are no input.

    Raises:
        ArgumentError: an input has no column, or there is no such column.
    """
    names = [*names]
    if isinstance(columns, str):
        columns = {next(iter(infos)): columns} if len(infos) == 1 else {"": columns}
    given = dict(columns or {})
    if not given:
        only = _ONLY.get(kind) or (names[0] if len(names) == 1 else None)
        given = {name: name for name in infos if name in names}
        if not given and len(infos) == 1 and only is not None:
            given = {next(iter(infos)): only}
    chosen = {name: (each,) if isinstance(each, str) else tuple(each) for name, each in given.items()}
    missing = [name for name in infos if name not in chosen]
    unknown = [name for name in chosen if name not in infos]
    absent = [each for one in chosen.values() for each in one if each not in names]
    for faults, what in (
        (unknown, "There is no input"),
        (absent, "The source has no column"),
        (missing, "No column is chosen for the input"),
    ):
        if faults:
            raise ArgumentError(
                _WRONG.format(
                    what=f"{what} {', '.join(map(repr, faults))}.",
                    inputs=describe(infos),
                    names=", ".join(map(repr, names)) or "none",
                    input=next(iter(infos), "x"),
                    name=next(iter(names), "x"),
                )
            )
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ArgumentError(f"The source has several columns of one name: {', '.join(map(repr, twice))}.")
    used = {each for one in chosen.values() for each in one}
    kept = tuple(name for name in names if name not in used) if keep is None else tuple(keep)
    strange = [name for name in kept if name not in names]
    if strange:
        raise ArgumentError(
            f"keep= names what is no column: {', '.join(map(repr, strange))}. The columns are "
            f"{', '.join(map(repr, names))}."
        )
    return ColumnChoice(chosen, kept, kind == "csv")


def _numbers(pa: Any, column: Any, dtype: Any, name: str, faults: dict[int, str]) -> Any:
    """Numbers that come as texts; one that is none is a fault of its row."""
    from pyarrow import compute

    kind = pa.float64() if dtype.kind in "fV" else pa.bool_() if dtype.kind == "b" else pa.int64()
    try:
        return compute.cast(compute.utf8_trim_whitespace(column), kind)
    except pa.ArrowInvalid:
        pass
    values: list[Any] = []
    for row, text in enumerate(column.to_pylist()):
        try:
            values.append(compute.cast(pa.scalar(text.strip()), kind).as_py())
        except pa.ArrowInvalid:
            values.append(None)
            faults.setdefault(row, f"The column {name!r} has {text!r} where a number goes.")
    return pa.array(values, kind)


def _stack(pa: Any, parts: Sequence[Any]) -> Any:
    """Several columns of numbers as one of lists."""
    table = [part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part for part in parts]
    stacked = np.stack([np.asarray(part.to_numpy(zero_copy_only=False)) for part in table], 1)
    lists = table_from_arrays({"x": stacked}).column(0)
    if not any(part.null_count for part in table):
        return lists
    missing = np.any([part.is_null().to_numpy(zero_copy_only=False) for part in table], axis=0)
    return pa.array(
        [None if gone else row for row, gone in zip(lists.to_pylist(), missing, strict=True)], lists.type
    )
