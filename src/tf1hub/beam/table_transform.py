"""A module on whole tables of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from tf1hub.tables.table_adapter import TableAdapter
from tf1hub.tables.table_mapper import TableMapper

NAMESPACE = "BeamML_TF1Hub"


class PredictTables(TableAdapter, beam.PTransform):
    """Calls a module on each `pyarrow.Table` of a pipeline, as `ReadFromParquetBatched` gives them.

    All rows stay, in their order, and the outputs become columns. A row that the module cannot take has NaN there (0 where there is none, no bytes for
    a string), and in `error_column` what is wrong with it.

    Example:
        >>> import apache_beam as beam
        >>> import pyarrow as pa
        >>> import tf1hub.beam
        >>> predict = tf1hub.beam.PredictTables(
        ...     "tests/golden/modules/text_embedding/module", columns="text", output_columns="embedding"
        ... )
        >>> with beam.Pipeline("DirectRunner") as pipeline:
        ...     tables = pipeline | beam.Create([pa.table({"text": ["hello world"]})]) | predict
        ...     _ = tables | beam.Map(lambda table: print(table.column_names))
        ['text', 'embedding', 'error']

    Args:
        handle: a handle, a `ModuleSpec`, or a `Predictor`.
        columns: the columns that have the inputs: a dict by the names of the inputs, or the name of the column for
            the only one; None where the columns have the names of the inputs.
        output_columns: what to call the columns of the outputs, in the same way; None for the names of the outputs.
        keep: the columns to hand on; None for all.
        error_column: the name of the column of errors, null in good rows; None makes a bad row an error of the pipeline.
        options: goes to `tf1hub.Predictor`: `signature`, `engine`, `outputs` and so on.

    Raises:
        ResolveError: the module could not be obtained.
        InputError: the names do not fit the signature.
    """

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of the tables that come out, as `WriteToParquetBatched` asks for it.

        Args:
            schema: that of the tables that go in.

        Raises:
            InputError: a column is missing, or would be there twice.
        """
        return self._mapper.schema(schema)

    def expand(self, tables: Any) -> Any:
        """The tables with the new columns."""
        step = beam.ParDo(_CallOnTables(self._mapper, self._error_column)).with_output_types(pa.Table)
        return tables | step


class _CallOnTables(beam.DoFn):
    def __init__(self, mapper: TableMapper, error_column: str | None) -> None:
        self._mapper = mapper
        self._error_column = error_column

    def setup(self) -> None:
        self._mapper.predictor.load()
        self._inferences = Metrics.counter(NAMESPACE, "num_inferences")
        self._bad_rows = Metrics.counter(NAMESPACE, "num_bad_rows")

    def process(self, table: pa.Table) -> Iterator[pa.Table]:
        found = self._mapper(table)
        self._inferences.inc(table.num_rows)
        if self._error_column is not None:
            self._bad_rows.inc(table.num_rows - found.column(self._error_column).null_count)
        yield found
