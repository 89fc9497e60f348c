"""`on_error="column"`: all rows again, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf1hub.errors import InputError
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


def _nothing(dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        return b""
    return np.nan if dtype.kind in "fcV" else 0
