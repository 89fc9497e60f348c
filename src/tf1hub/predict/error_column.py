"""`on_error="column"`: all rows again, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf1hub.errors import InputError
from tf1hub.predict.arrow_columns import import_pyarrow, table_from_arrays
from tf1hub.predict.batches import RowResults
from tf1hub.spec.tensor_info import ParsedTensorInfo

ERROR = "error"


def with_errors(results: RowResults, infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """All rows in their order, the faulty ones as NaN, 0 or no bytes, and the output `"error"`.

    Raises:
        InputError: an output is sparse or ragged, and there are faulty rows.
    """
    count = len(results.rows) + len(results.errors)
    found: dict[str, Any] = {}
    for name, values in results.outputs.items():
        if not results.errors:
            found[name] = values
            continue
        if infos[name].kind != "dense":
            raise InputError(
                f"The output {name!r} is {infos[name].describe()}, which has no faulty rows to show. Leave it out (outputs=), or "
                "call predict_rows, which gives the good rows alone."
            )
        filled = np.full((count, *values.shape[1:]), _nothing(values.dtype), values.dtype)
        filled[results.rows] = values
        found[name] = filled
    errors = np.full(count, None, object)
    for row, said in results.errors.items():
        errors[row] = said
    return {**found, ERROR: errors}


def table_with_errors(results: RowResults, infos: Mapping[str, ParsedTensorInfo], error: str = ERROR) -> Any:
    """The same as a table of Arrow's, where faulty rows of sparse and ragged outputs are null.

    Args:
        results: of all rows.
        infos: what the signature says of its outputs.
        error: what the column of errors is called, the last one; null where nothing is wrong.

    Raises:
        ArgumentError: an output has a type that Arrow has none for.
        MissingDependencyError: pyarrow is not installed.
    """
    pa = import_pyarrow("A table of Arrow's")
    # Readers of Parquet fail at nulls among lists of fixed size: such rows are filled.
    dense = {name: value for name, value in results.outputs.items() if infos[name].kind == "dense"}
    filled = with_errors(RowResults(dense, results.rows, results.errors), infos)
    sentences = filled.pop(ERROR)
    said = pa.array(sentences, pa.string()) if results.errors else pa.nulls(len(sentences), pa.string())
    made = table_from_arrays(filled, infos)
    columns = {name: (made.schema.field(name), made.column(name)) for name in filled}
    others = {name: value for name, value in results.outputs.items() if name not in dense}
    if others:
        places = np.full(len(said), -1, np.int64)
        places[results.rows] = np.arange(len(results.rows))
        taken = table_from_arrays(others, infos).take(pa.array(places, mask=places < 0))
        columns.update((name, (taken.schema.field(name), taken.column(name))) for name in others)
    fields, values = zip(*(columns[name] for name in results.outputs), strict=True)
    return pa.table([*values, said], pa.schema([*fields, pa.field(error, pa.string())]))


def _nothing(dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        return b""
    return np.nan if dtype.kind in "fcV" else 0
