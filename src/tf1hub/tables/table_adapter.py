"""What the classes for Beam, Ray and Spark that take tables are made with."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tf1hub.predict.prediction import Predictor
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tables.table_mapper import Names, TableMapper, predictor_of


class TableAdapter:
    """Holds a module that is called on tables; a class of each engine hands these to it.

    Args:
        handle: a handle, a `ModuleSpec`, or a `Predictor`.
        columns: the columns that have the inputs; None where they have the names of the inputs.
        output_columns: what to call the columns of the outputs; None for the names of the outputs.
        keep: the columns to hand on; None for all.
        error_column: the name of the column of errors; None makes a bad row an error of the job.
        options: goes to `tf1hub.Predictor`.

    Raises:
        ResolveError: the module could not be obtained.
        InputError: the names do not fit the signature.
        MissingDependencyError: PyArrow is not installed.
    """

    def __init__(
        self,
        handle: Predictor | ModuleSpec | str | os.PathLike[str],
        *,
        columns: Names = None,
        output_columns: Names = None,
        keep: Iterable[str] | None = None,
        error_column: str | None = "error",
        **options: Any,
    ) -> None:
        super().__init__()  # Beam's class of steps, where it is one
        self._error_column = error_column
        self._mapper = TableMapper(
            predictor_of(handle, options),
            columns=columns,
            output_columns=output_columns,
            keep=keep,
            error_column=error_column,
        )
