"""A module as a model of Beam's `RunInference`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from tf1hub.beam.example_groups import byte_count, group_examples
from tf1hub.errors import ArgumentError, InputError
from tf1hub.predict.prediction import Predictor
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tables.table_mapper import predictor_of


class SetupFault(BaseException):
    """What fails for every row: the module cannot be loaded, or the machine cannot run it.

    It is no `Exception`, so `with_exception_handling` does not take it for a fault of the rows at hand: the pipeline
    fails, and no row becomes a dead letter for it.
    """


class HubModelHandler(ModelHandler):
    """A TF1 Hub module in `RunInference`.

    An example is the value of the signature's only input (a text, an array), or a dict that has each input by its name;
    what else is in the dict is left alone. The result of one is a `PredictionResult`: `inference` is a dict of the
    outputs by their names, and `model_id` the handle.

    The module is found and pinned where the handler is made. What it takes to find it again goes to the workers, and
    each of their processes loads it once.

    A row that the module cannot take fails alone. Without `with_exception_handling`, the pipeline fails, and says of which
    row and why. With it, the row becomes a dead letter: a pair of its `PredictionResult`, whose `inference` is the
    `InputError`, and what Beam says of that, in `failed_postprocessing[0]`.

    Example:
        >>> import apache_beam as beam
        >>> from apache_beam.ml.inference.base import RunInference
        >>> import tf1hub.beam
        >>> handler = tf1hub.beam.HubModelHandler("tests/golden/modules/half_plus_two/module")
        >>> with beam.Pipeline("DirectRunner") as pipeline:
        ...     results = pipeline | beam.Create([[1.0], [2.0]]) | RunInference(handler)
        ...     _ = results | beam.Map(lambda result: print(result.inference["default"]))
        [2.5]
        [3.]

    Args:
        handle: a handle, a `ModuleSpec`, or a `Predictor`.
        on_error: `"raise"` as above. `"return"`: the result of a bad row is its `PredictionResult`, whose `inference` is
            the `InputError`.
        min_batch_size: the least rows of a batch.
        max_batch_size: the most rows of a batch.
        max_batch_duration_secs: the longest time to wait for a batch, in streaming pipelines.
        max_batch_weight: the most that a batch weighs.
        element_size_fn: the weight of an example.
        batch_length_fn: the length of an example: those of like length come into one batch.
        batch_bucket_boundaries: the lengths at which batches are parted.
        large_model: whether all processes of a machine share one copy.
        model_copies: how many copies all processes of a machine share.
        env_vars: variables of the environment to set on the workers before the module is loaded.
        options: goes to `tf1hub.Predictor`: `signature`, `engine`, `outputs` and so on.

    Raises:
        ResolveError: the module could not be obtained.
        InputError: the signature takes or gives what is no dense tensor.
    """

    def __init__(
        self,
        handle: Predictor | ModuleSpec | str | os.PathLike[str],
        *,
        on_error: Literal["raise", "return"] = "raise",
        min_batch_size: int | None = None,
        max_batch_size: int | None = None,
        max_batch_duration_secs: int | None = None,
        max_batch_weight: int | None = None,
        element_size_fn: Callable[[Any], int] | None = None,
        batch_length_fn: Callable[[Any], int] | None = None,
        batch_bucket_boundaries: list[int] | None = None,
        large_model: bool = False,
        model_copies: int | None = None,
        env_vars: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            min_batch_size=min_batch_size,
            max_batch_size=max_batch_size,
            max_batch_duration_secs=max_batch_duration_secs,
            max_batch_weight=max_batch_weight,
            element_size_fn=element_size_fn,
            large_model=large_model,
            model_copies=model_copies,
            env_vars=dict(env_vars or {}),
            # Older versions of Beam do not have these two.
            **{
                name: value
                for name, value in {
                    "batch_length_fn": batch_length_fn,
                    "batch_bucket_boundaries": batch_bucket_boundaries,
                }.items()
                if value is not None
            },
        )
        if on_error not in ("raise", "return"):
            raise ArgumentError(f"on_error={on_error!r} is neither 'raise' nor 'return'.")
        self._on_error = on_error
        self._predictor = predictor_of(handle, options)
        self._model_id = str(self._predictor.handle)
        self._is_asked_by_run_inference = False
        self._is_followed_by_raise_error = False
        _check_dense(self._predictor)

    def load_model(self) -> Predictor:
        """Loads the module in this process.

        Raises:
            SetupFault: that is not possible.
        """
        try:
            self._predictor.load()
        except Exception as error:
            raise SetupFault(str(error)) from error
        return self._predictor

    def run_inference(
        self, batch: Sequence[Any], model: Any, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """The results of a batch, in its order.

        Args:
            batch: the examples.
            model: what `load_model` gave, or a stand-in for it that calls another process.
            inference_args: there are none.

        Raises:
            InputError: a row cannot be taken, and `raise_error` does not follow.
            SetupFault: the module cannot be called.
        """
        del inference_args
        inferences: list[Any] = [None] * len(batch)
        groups, faults = group_examples(batch, self._predictor.inputs)
        for group in groups:
            try:
                found = model.predict_rows(group.arrays)
            except Exception as error:
                raise SetupFault(str(error)) from error
            _fill(inferences, group.rows, found)
            faults.update((group.rows[number], sentence) for number, sentence in found.errors.items())
        for row, sentence in faults.items():
            inferences[row] = InputError(sentence)
        if faults:
            Metrics.counter(self.get_metrics_namespace(), "num_bad_rows").inc(len(faults))
            if self._on_error == "raise" and not self._is_followed_by_raise_error:
                row = min(faults)
                raise InputError(f"Row {row} of a batch of {len(batch)}: {faults[row]}")
        return [
            PredictionResult(example, inference, self._model_id)
            for example, inference in zip(batch, inferences, strict=True)
        ]

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """About how many bytes a batch has."""
        return sum(map(byte_count, batch))

    def get_metrics_namespace(self) -> str:
        """The namespace of the metrics: Beam's own, and `num_bad_rows`."""
        return "BeamML_TF1Hub"

    def validate_inference_args(self, inference_args: dict[str, Any] | None) -> None:
        """Refuses arguments of a call, which a signature does not have.

        Raises:
            ArgumentError: there are some.
        """
        if inference_args:
            raise ArgumentError(
                f"A signature has inputs only, no inference_args such as {next(iter(inference_args))!r}. Give it as an input of "
                "each example, or choose it where the handler is made: tf1hub.beam.HubModelHandler(handle, signature=...)"
            )
        self._is_asked_by_run_inference = True

    def get_postprocess_fns(self) -> Iterable[Callable[[Any], Any]]:
        """What follows in the pipeline: a step that raises the errors of single rows.

        Beam hands whole batches to the dead letters, but single rows of the steps that follow. A `KeyedModelHandler` takes no
        handler that has such steps. It asks when it is made; `RunInference` asks after `validate_inference_args`.
        """
        self._is_followed_by_raise_error = self._on_error == "raise" and self._is_asked_by_run_inference
        return [raise_error] if self._is_followed_by_raise_error else []

    def update_model_path(self, model_path: str | None = None) -> None:
        """Takes another module, with the settings of the one before.

        Args:
            model_path: its handle; None or the same one changes nothing.

        Raises:
            SetupFault: it cannot be obtained, or its inputs or outputs are no dense tensors.
        """
        if model_path and model_path != self._model_id:
            try:
                predictor = self._predictor.with_handle(model_path)
                _check_dense(predictor)
            except Exception as error:
                raise SetupFault(str(error)) from error
            self._predictor, self._model_id = predictor, model_path


def raise_error(result: Any) -> Any:
    """Raises the error of a bad row, and hands on the result of a good one.

    `RunInference(HubModelHandler(...))` ends with it. For a `KeyedModelHandler`, it is given by hand:

        KeyedModelHandler(HubModelHandler(handle, on_error="return")).with_postprocess_fn(tf1hub.beam.raise_error)

    Args:
        result: a `PredictionResult`, or a pair of a key and one.

    Raises:
        InputError: the row was bad.
    """
    found = result if isinstance(result, PredictionResult) else result[1]
    if isinstance(found.inference, InputError):
        raise found.inference
    return result


def _fill(inferences: list[Any], rows: Sequence[int], found: Any) -> None:
    """Puts the outputs of the good rows of a group in their places, row by row."""
    good = found.rows.tolist()
    names = list(found.outputs)
    by_row = [
        value if getattr(value, "shape", ())[:1] == (len(good),) else [value] * len(good)
        for value in found.outputs.values()
    ]
    if len(names) == 1:
        name = names[0]
        for number, value in zip(good, by_row[0], strict=True):
            inferences[rows[number]] = {name: value}
        return
    for number, values in zip(good, zip(*by_row, strict=True), strict=True):
        inferences[rows[number]] = dict(zip(names, values, strict=True))


def _check_dense(predictor: Predictor) -> None:
    for what, tensors in (("input", predictor.inputs), ("output", predictor.outputs)):
        for name, tensor in tensors.items():
            if tensor.kind != "dense":
                raise InputError(
                    f"The {what} {name!r} is no dense tensor but {tensor.describe()}, which a single example has not. Choose "
                    "another signature, or for an output others: outputs=[...]; tf1hub.beam.PredictTables takes tables."
                )
