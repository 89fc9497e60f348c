"""A module on the Arrow batches of a Spark DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tf1hub.errors import MissingDependencyError
from tf1hub.spark.spark_types import arrow_type_for_spark, spark_type
from tf1hub.tables.table_adapter import TableAdapter

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowMapper(TableAdapter):
    """A TF1 Hub module for `mapInArrow`.

    The module is found and pinned where the object is made. What it takes to find it again goes to the workers, and each of
    their processes loads it once.

    All rows stay, in their order, and the outputs become columns: arrays, or numbers where a row has one; strings are binary.
    A row that the module cannot take has NaN there (0 where there is none, no bytes for
    a string), and in `error_column` what is wrong with it.

    Example:
        >>> import pyarrow as pa
        >>> import tf1hub.spark
        >>> embed = tf1hub.spark.ArrowMapper(
        ...     "tests/golden/modules/text_embedding/module", columns="text", output_columns="embedding"
        ... )
        >>> batch = pa.record_batch({"text": ["hello world"]})
        >>> [found] = embed([batch])  # as df.mapInArrow(embed, embed.schema(df.schema)) does
        >>> str(found.schema.field("embedding").type)
        'list<item: float>'

    Args:
        handle: a handle, a `ModuleSpec`, or a `Predictor`.
        columns: the columns that have the inputs: a dict by the names of the inputs, or the name of the column for
            the only one; None where the columns have the names of the inputs.
        output_columns: what to call the columns of the outputs, in the same way; None for the names of the outputs.
        keep: the columns to hand on; None for all.
        error_column: the name of the column of errors, null in good rows; None makes a bad row an error of the job.
        options: goes to `tf1hub.Predictor`: `signature`, `engine`, `outputs` and so on.

    Raises:
        ResolveError: the module could not be obtained.
        InputError: the names do not fit the signature.
        MissingDependencyError: PyArrow is not installed.
    """

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of a partition with the new columns.

        Raises:
            InputError: a column is missing, or would be there twice; or a row cannot be taken, and there is no column for
                errors.
        """
        import pyarrow as pa

        types = {name: arrow_type_for_spark(type_) for name, type_ in self._mapper.output_types().items()}
        for batch in batches:
            table = self._mapper(pa.Table.from_batches([batch]))
            for name, type_ in types.items():
                place = table.schema.get_field_index(name)
                table = table.set_column(place, pa.field(name, type_), table.column(name).cast(type_))
            yield from table.combine_chunks().to_batches()

    def schema(self, schema: Any) -> Any:
        """The schema of the DataFrame that comes out, as `mapInArrow` asks for it.

        Args:
            schema: that of the DataFrame that goes in: `df.schema`.

        Returns:
            A `StructType`.

        Raises:
            InputError: a column is missing, or would be there twice.
            MissingDependencyError: Spark is not installed.
        """
        try:
            from pyspark.sql.types import StringType, StructField, StructType
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                "tf1hub.spark.ArrowMapper.schema needs PySpark, which is not installed. Install it with: "
                "pip install 'tf1hub[spark]'"
            ) from error
        fields = [schema[column] for column in self._mapper.kept_columns(schema.names)]
        fields += [
            StructField(name, spark_type(type_)) for name, type_ in self._mapper.output_types().items()
        ]
        if self._error_column is not None:
            fields.append(StructField(self._error_column, StringType()))
        return StructType(fields)
