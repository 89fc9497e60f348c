"""A module on the batches of a Ray Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tf1hub.tables.table_adapter import TableAdapter

if TYPE_CHECKING:
    import pyarrow as pa


class HubPredictor(TableAdapter):
    """A TF1 Hub module for `map_batches`.

    Give an object of it: then Ray runs tasks, which need no more CPUs than there are, and each process loads the module once
    for all of its tasks. The class itself can be given too, with the arguments as `fn_constructor_kwargs`; then Ray runs
    actors.

    Batches are tables (`batch_format="pyarrow"`, which is the fastest, and keeps nulls) or dicts of arrays. All rows stay, in
    their order, and the outputs become columns. A row that the module cannot take has NaN there (0 where there is none, no
    bytes for a string), and in `error_column` what is wrong with it.

    Example:
        >>> import pyarrow as pa
        >>> import tf1hub.ray
        >>> predict = tf1hub.ray.HubPredictor(
        ...     "tests/golden/modules/text_embedding/module", columns="text", output_columns="embedding"
        ... )
        >>> predict(pa.table({"text": ["hello world"]})).column_names  # as ray_dataset.map_batches(predict) does
        ['text', 'embedding', 'error']

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

    def __call__(self, batch: pa.Table | dict[str, Any]) -> pa.Table | dict[str, Any]:
        """The batch with the new columns, of the kind that was given.

        Args:
            batch: a table, or a dict of arrays.

        Raises:
            InputError: a column is missing, or would be there twice; or a row cannot be taken, and there is no column for
                errors.
        """
        if not isinstance(batch, dict):
            return self._mapper(batch)
        return self._mapper.map_arrays(batch)
