"""The type that the column of an output has, before there is any row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tf1hub.predict.arrow_columns import table_from_arrays
from tf1hub.predict.row_values import no_rows
from tf1hub.spec.tensor_info import ParsedTensorInfo

if TYPE_CHECKING:
    import pyarrow as pa


def column_type(info: ParsedTensorInfo) -> pa.DataType:
    """The type of an output's column: lists of fixed size where the signature says the size, else of any.

    Args:
        info: the output.
    """
    made = table_from_arrays({"output": no_rows(info)}).schema.field(0).type
    return _nest(made, (info.shape or ())[1:]) if info.kind == "dense" else made


def _nest(made: pa.DataType, sizes: Sequence[int | None]) -> pa.DataType:
    import pyarrow as pa

    if not sizes:
        return made
    inner = _nest(made.value_type, sizes[1:])
    return pa.list_(inner) if sizes[0] is None else pa.list_(inner, sizes[0])
