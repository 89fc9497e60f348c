"""A table in, the same table with the outputs of a module and a column of errors out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from tf1hub.errors import InputError
from tf1hub.predict.arrow_columns import import_pyarrow, table_from_arrays
from tf1hub.predict.batches import RowResults
from tf1hub.predict.engines import AUTO
from tf1hub.predict.error_column import ERROR, table_with_errors, with_errors
from tf1hub.predict.prediction import Predictor
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.tables.column_types import column_type

if TYPE_CHECKING:
    import pyarrow as pa

Names = str | Mapping[str, str] | None
"""How an argument names columns: one name, where there is one input or output; or a name for each."""


def predictor_of(
    handle: Predictor | ModuleSpec | str | os.PathLike[str], options: Mapping[str, Any]
) -> Predictor:
    """The predictor that an engine's workers get.

    Unless the caller says otherwise, it runs on TensorFlow where that is installed, which is the fastest for many rows; and
    on one thread, because Beam, Ray and Spark run as many workers as there are cores.

    Args:
        handle: a handle, or a predictor that is ready.
        options: what `Predictor` takes.

    Raises:
        InputError: there is a predictor, and options for making one.
    """
    if not isinstance(handle, Predictor):
        engine = "tensorflow" if find_spec("tensorflow") is not None else AUTO
        return Predictor(handle, **{"threads": 1, "engine": engine, **options})
    if options:
        raise InputError(
            f"{handle!r} is ready, so {', '.join(sorted(options))} cannot be chosen any more. Give it to "
            "tf1hub.Predictor, or give a handle instead of a Predictor."
        )
    return handle


class TableMapper:
    """Calls a module on tables: all rows stay, in their order, and its outputs become columns.

    A row that the module cannot take has NaN in the columns of the outputs (0 where there is none, no bytes for a string),
    and in `error_column` what is wrong with it. Nulls would be clearer, but PyArrow does not read lists of fixed size that
    have any from Parquet.

    Args:
        predictor: calls the module.
        columns: the columns that have the inputs; None where they have the names of the inputs.
        output_columns: what to call the columns of the outputs; None for the names of the outputs.
        keep: the columns to hand on; None for all.
        error_column: the name of the column of errors, null in good rows; None makes a bad row an error of the job.

    Attributes:
        predictor: calls the module.

    Raises:
        InputError: the names do not fit the signature.
        MissingDependencyError: PyArrow is not installed.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        columns: Names = None,
        output_columns: Names = None,
        keep: Iterable[str] | None = None,
        error_column: str | None = "error",
    ) -> None:
        import_pyarrow("A table")
        self.predictor = predictor
        self._inputs = _name_columns(columns, list(predictor.inputs), "input")
        self._outputs = _name_columns(output_columns, list(predictor.outputs), "output")
        self._keep = None if keep is None else [keep] if isinstance(keep, str) else list(keep)
        self._error_column = error_column
        if error_column is not None and ERROR in self._outputs:
            raise InputError(
                f"The signature has an output {ERROR!r}, which is what errors are called here. Rename it: "
                f"outputs={{'other': {ERROR!r}, ...}}; or do without a column of errors: error_column=None"
            )
        made = [*self._outputs.values(), *([] if error_column is None else [error_column])]
        if len(set(made)) < len(made):
            raise InputError(
                f"Two of the new columns would have one name: {', '.join(made)}. Choose others: output_columns=, error_column="
            )

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the new columns.

        Raises:
            InputError: a column is missing, or would be there twice; or a row cannot be taken, and there is no column for
                errors.
        """
        kept = self.kept_columns(table.column_names)
        given = table.select(list(self._inputs.values())).rename_columns(list(self._inputs))
        found = self._predict(given, table.num_rows)
        infos = self.predictor.outputs
        if self._error_column is None:
            made = table_from_arrays(found.outputs, infos)
        else:
            made = table_with_errors(found, infos)
        result = table.select(kept)
        for name, type_ in self._types().items():
            # A batch's own sizes, where the signature leaves them open, are not those of the next one.
            result = result.append_column(self._outputs[name], made.column(name).cast(type_))
        if self._error_column is None:
            return result
        return result.append_column(self._error_column, made.column(made.num_columns - 1))

    def map_arrays(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The same for columns that are arrays.

        Raises:
            InputError: as above.
        """
        kept = self.kept_columns(list(arrays))
        inputs = self.predictor.inputs
        given = {name: _rows_of(arrays[column], inputs[name]) for name, column in self._inputs.items()}
        found = self._predict(given, len(next(iter(given.values()), ())))
        values = found.outputs if self._error_column is None else with_errors(found, self.predictor.outputs)
        result = {column: arrays[column] for column in kept}
        result.update((column, values[name]) for name, column in self._outputs.items())
        if self._error_column is not None:
            result[self._error_column] = values[ERROR]
        return result

    def output_types(self) -> dict[str, pa.DataType]:
        """The types of the new columns but that of errors, by their names."""
        return {self._outputs[name]: type_ for name, type_ in self._types().items()}

    def _types(self) -> dict[str, pa.DataType]:
        """The types of the columns of the outputs, by the names of the outputs."""
        return {name: column_type(self.predictor.outputs[name]) for name in self._outputs}

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of the tables that come out.

        Args:
            schema: that of the tables that go in.

        Raises:
            InputError: a column is missing, or would be there twice.
        """
        import pyarrow as pa

        fields = [schema.field(column) for column in self.kept_columns(schema.names)]
        fields += [pa.field(column, type_) for column, type_ in self.output_types().items()]
        if self._error_column is not None:
            fields.append(pa.field(self._error_column, pa.string()))
        return pa.schema(fields)

    def kept_columns(self, there: Sequence[str]) -> list[str]:
        """The columns that are handed on, after a check that the new ones can stand beside them.

        Args:
            there: the columns that there are.

        Raises:
            InputError: a column is missing, or would be there twice.
        """
        for name, column in self._inputs.items():
            if column not in there:
                raise InputError(
                    f"There is no column {column!r} for the input {name!r}. The columns are: {', '.join(there)}. Name the "
                    f"one that has it: columns={{{name!r}: ...}}"
                )
        kept = list(there) if self._keep is None else self._keep
        for column in kept:
            if column not in there:
                raise InputError(
                    f"There is no column {column!r} to keep. The columns are: {', '.join(there)}."
                )
        for name, column in self._outputs.items():
            if column in kept:
                raise InputError(
                    f"The output {name!r} would be a second column {column!r}. Give it another name: "
                    f"output_columns={{{name!r}: ...}}"
                )
        if self._error_column in kept:
            raise InputError(
                f"There is a column {self._error_column!r} already. Name another one for the errors of this module: "
                "error_column=..."
            )
        return kept

    def _predict(self, given: Any, rows: int) -> RowResults:
        """The outputs of the rows, and what is wrong with the others."""
        found = self.predictor.predict_rows(given)
        if found.errors and self._error_column is None:
            row, sentence = min(found.errors.items())
            raise InputError(f"Row {row} of a batch of {rows}: {sentence}")
        return found


def _name_columns(given: Names, names: list[str], what: str) -> dict[str, str]:
    """The columns by the names of the inputs, or of the outputs."""
    argument = "columns=" if what == "input" else "output_columns="
    if given is None:
        return {name: name for name in names}
    if isinstance(given, str):
        if len(names) > 1:
            raise InputError(
                f"{argument}{given!r} names one column, but the signature has {len(names)} {what}s: {', '.join(names)}. Give a "
                f"dict with the column of each."
            )
        return dict.fromkeys(names, given)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InputError(
            f"{argument}: the signature has no {what} {unknown[0]!r}. Its {what}s are: {', '.join(names)}."
        )
    return {name: given.get(name, name) for name in names}


def _rows_of(column: Any, info: ParsedTensorInfo) -> Any:
    """A column of arrays as rows, each of which may be at fault.

    A column of lists is an array of arrays. Where all texts of a batch are missing, Ray gives an array of NaN.
    """
    dtype = getattr(column, "dtype", None)
    if dtype == np.object_ and any(isinstance(value, np.ndarray) for value in column):
        return list(column)
    return (
        column.astype(object)
        if info.dtype_name == "string" and dtype is not None and dtype.kind == "f"
        else column
    )
