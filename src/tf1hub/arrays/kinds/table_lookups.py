"""Lookup tables as ops see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.op_table import performs
from tf1hub.graphdef import op_types


@performs(*op_types.TABLES, host=True)
def table(run: Any, step: Any, *inputs: Any) -> list[Any]:
    """The table that the node makes, filled."""
    return [run.state.table(step.name)]


@performs("LookupTableFind", "LookupTableFindV2", host=True)
def find(run: Any, step: Any, table: Any, keys: Any, default: Any) -> list[Any]:
    """The values of keys, or the default."""
    return [table.find(np.asarray(run.read(keys)), np.asarray(run.read(default)))]


@performs("LookupTableSize", "LookupTableSizeV2", host=True)
def size(run: Any, step: Any, table: Any) -> list[Any]:
    """The number of keys."""
    return [np.int64(len(table))]


@performs("LookupTableExport", "LookupTableExportV2", host=True)
def export(run: Any, step: Any, table: Any) -> list[Any]:
    """All keys and values."""
    return list(table.contents())


@performs("LookupTableInsert", "LookupTableInsertV2", "InitializeTable", "InitializeTableV2", host=True)
def insert(run: Any, step: Any, table: Any, keys: Any, values: Any) -> list[Any]:
    """Gives keys values."""
    table.insert(np.asarray(run.read(keys)), np.asarray(run.read(values)))
    return []


@performs("LookupTableRemoveV2", host=True)
def remove(run: Any, step: Any, table: Any, keys: Any) -> list[Any]:
    """Takes keys out."""
    table.remove(np.asarray(run.read(keys)))
    return []


@performs("LookupTableImport", "LookupTableImportV2", host=True)
def replace(run: Any, step: Any, table: Any, keys: Any, values: Any) -> list[Any]:
    """Gives the table these keys and values, and no others."""
    table.clear()
    table.insert(np.asarray(run.read(keys)), np.asarray(run.read(values)))
    return []


@performs(*op_types.TABLE_FILLS_FROM_FILES, host=True)
def fill_from_file(run: Any, step: Any, table: Any, path: Any) -> list[Any]:
    """Fills the table from the lines of a file."""
    if not len(table):
        attributes = step.attributes
        table.fill_from_file(
            run.read(path)[()].decode(),
            attributes["key_index"],
            attributes["value_index"],
            attributes["vocab_size"],
            attributes["delimiter"],
            attributes.get("offset", 0),
        )
    return []
