"""A module for Spark's `predict_batch_udf`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from tf1hub.errors import InputError
from tf1hub.predict.prediction import Predictor
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tables.table_mapper import predictor_of


class MakePredictFn:
    """A TF1 Hub module as the `make_predict_fn` of `predict_batch_udf`.

    `ArrowMapper` does the same in less time, and has a column of errors.

    Example:
        >>> import tf1hub.spark
        >>> make_predict_fn = tf1hub.spark.MakePredictFn("tests/golden/modules/half_plus_two/module")
        >>> predict = make_predict_fn()  # as predict_batch_udf(make_predict_fn, return_type=..., batch_size=...) does
        >>> predict([[1.0], [2.0]]).tolist()
        [[2.5], [3.0]]

    Args:
        handle: a handle, a `ModuleSpec`, or a `Predictor`.
        inputs: the names of the inputs, in the order of the columns; None for the order of the signature.
        options: goes to `tf1hub.Predictor`: `signature`, `engine`, `outputs` and so on.

    Raises:
        ResolveError: the module could not be obtained.
        InputError: `inputs` are not those of the signature.
    """

    def __init__(
        self,
        handle: Predictor | ModuleSpec | str | os.PathLike[str],
        *,
        inputs: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self._predictor = predictor_of(handle, options)
        there = list(self._predictor.inputs)
        self._inputs = there if inputs is None else list(inputs)
        if sorted(self._inputs) != sorted(there):
            raise InputError(
                f"inputs={self._inputs} are not the inputs of the signature, which are: {', '.join(there)}. Give all of them, in "
                "the order of the columns."
            )

    def __call__(self) -> Callable[..., Any]:
        """Loads the module, and returns the function that Spark calls with arrays.

        It gives an array where the signature has one output, else a dict of arrays.
        """
        self._predictor.load()
        names = list(self._predictor.outputs)

        def predict(*columns: Any) -> Any:
            found = self._predictor.predict_rows(dict(zip(self._inputs, columns, strict=True)))
            if found.errors:
                row, sentence = min(found.errors.items())
                raise InputError(f"Row {row} of a batch of {len(columns[0])}: {sentence}")
            return found.outputs[names[0]] if len(names) == 1 else dict(found.outputs)

        return predict
