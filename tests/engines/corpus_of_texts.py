"""What the tests of all engines feed: many texts, three rows of them bad; and what must come of them.

`TF1HUB_ENGINE_ROWS=200000 make test-engines` takes so many.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from golden import cases

import tf1hub as hub

MODULE = cases.load("text_embedding").path
COLUMNS = {"columns": "text", "output_columns": "embedding"}
ROWS = int(os.environ.get("TF1HUB_ENGINE_ROWS", "3000"))
BAD = (0, ROWS * 2 // 5 + 34, ROWS - 1)
ENGINE = "numpy"
SENTENCE = "is string [?]; it was given"
"""What the message about a bad row has."""


def texts() -> list[str | None]:
    """Texts of words that the module knows and others; None in the bad rows."""
    words = ["hello", "world", "the", "cat", "unknown", ""]
    found: list[str | None] = [f"{words[i % 5]} {words[i % 6]} {words[i % 7 % 6]}" for i in range(ROWS)]
    for row in BAD:
        found[row] = None
    return found


def table() -> pa.Table:
    return pa.table({"id": pa.array(range(ROWS)), "text": pa.array(texts(), pa.string())})


def write_parquet(folder: Path) -> str:
    """The table as two files of several row groups."""
    whole = table()
    for part, start in enumerate((0, ROWS // 2)):
        pq.write_table(whole.slice(start, ROWS // 2), folder / f"part{part}.parquet", row_group_size=500)
    return str(folder / "part*.parquet")


def expected() -> dict[int, Any]:
    """The embedding of each good row, by its number."""
    found = hub.Predictor(MODULE, engine=ENGINE).predict_rows({"default": texts()})
    assert sorted(found.errors) == list(BAD)
    return dict(zip(found.rows.tolist(), found.outputs["default"], strict=True))


def check_rows(rows: list[tuple[int, Any, str | None]]) -> None:
    """Holds that each row is there once, with its number to the bit or with its error.

    Args:
        rows: number, embedding and error of each.
    """
    wanted = expected()
    assert sorted(number for number, _, _ in rows) == list(range(ROWS))
    for number, embedding, error in rows:
        if number in BAD:
            assert error is not None
            assert SENTENCE in error
            assert embedding is None or np.isnan(embedding).all()
        else:
            assert error is None
            np.testing.assert_array_equal(np.asarray(embedding, np.float32), wanted[number])


def rows_of(found: pa.Table) -> list[tuple[int, Any, str | None]]:
    columns = (found.column(name).to_pylist() for name in ("id", "embedding", "error"))
    return list(zip(*columns, strict=True))
