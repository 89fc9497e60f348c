"""`tf1hub.Predictor`."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Any

from tf1hub.errors import ArgumentError
from tf1hub.predict.batches import AUTO, Batches, RowResults
from tf1hub.predict.decoding import Decode, Decoder, decoders_of, fingerprint
from tf1hub.predict.engines import engine_named
from tf1hub.predict.error_column import ERROR, with_errors
from tf1hub.predict.jpegs_on_tensorflow import JpegReader
from tf1hub.predict.jpegs_with_simplejpeg import find_simplejpeg
from tf1hub.predict.loaded_signature import LoadedSignature
from tf1hub.predict.row_inputs import RowInputs
from tf1hub.predict.specification import Specification, current_settings, handle_of
from tf1hub.spec.inner_outputs import Outputs, name_outputs
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.permission import Trust, permission
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.unknown import tag_set

ON_ERROR = ("raise", "column")
AS_MADE = "as made"
"""The size of batches that a predictor was made with."""


class Predictor:
    """A signature of a module as a function from arrays to arrays. It needs no TensorFlow.

    What the signature writes (a recurrent state, say) is kept from call to call, as in a session. Calls may come from
    several threads; those of a signature that writes wait for each other. A pickle carries what was asked for, with the
    digest of the module and how handles are resolved here, not the weights, and not what was written since. Where it
    arrives, the module is loaded when it is first needed, once for all equal predictors of a process.

    Many rows are computed batch after batch, where each row of the outputs is that of the inputs alone.

    Example:
        >>> import tf1hub as hub
        >>> predictor = hub.Predictor("tests/golden/modules/half_plus_two/module", engine="numpy")
        >>> predictor([[1.0], [2.0]])["default"].tolist()
        [[2.5], [3.0]]
        >>> predictor.engine, predictor.why
        ('numpy', 'it was asked for')

    Args:
        handle: a handle or a ModuleSpec; or the path of an ONNX model that `tf1hub.convert` wrote, which has one
            signature.
        signature: the signature's name; None is `"default"`.
        tags: the graph variant; None is the inference variant.
        engine: what runs it. `"numpy"` runs everywhere. `"tensorflow"` alone imports TensorFlow. `"auto"` takes the
            fastest of the others that is installed and takes all of the signature.
        outputs: the outputs that are wanted, so that no other is computed: their names, or any tensors of the graph as
            for `ModuleSpec.with_outputs`. None is all of the signature.
        batch_size: the most rows that are computed at once. `"auto"` measures it, when there are more than 256 rows or
            32 MB, in at most two seconds: the smallest whose rate is within 5 % of the best. None is all rows at once.
        threads: how many batches are computed at once; on TensorFlow and ONNX Runtime, each then takes one thread. None
            is one batch after the other, on as many threads as the engine chooses.
        on_error: what a call does about a row that cannot be computed: `"raise"`, or `"column"`, which gives the others
            and one more output, `"error"`: what is wrong with each row, None where nothing is. The numbers of a faulty
            row are NaN or 0.
        decode: for inputs that are given as encoded bytes: `"image"` for image files, which are resized to what the
            input takes; or a function from bytes to the array of a row; or a dict of these by the names of inputs.
        seed: for random ops: equal seeds give equal numbers on one engine. None gives others each time.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Raises:
        ResolveError: the module could not be obtained.
        FormatError: it is damaged.
        UnknownTagsError: no variant has these tags.
        UnknownSignatureError: the variant has no such signature.
        UnknownNameError: there is no such output.
        ArgumentError: there is no such engine, or an argument is of another kind.
        MissingDependencyError: what the engine needs is not installed.
        TrustError: the signature does what nobody allowed.
        UnsupportedGraphError: the engine lacks op types of the signature, all of which are listed; or the graph cannot
            be read.
    """

    def __init__(
        self,
        handle: ModuleSpec | str | os.PathLike[str],
        signature: str | None = None,
        tags: Tags = None,
        engine: str = "auto",
        *,
        outputs: Outputs | None = None,
        batch_size: int | str | None = AUTO,
        threads: int | None = None,
        on_error: str = "raise",
        decode: Decode = None,
        seed: int | None = None,
        trust: Trust = None,
    ) -> None:
        _check_arguments(batch_size, threads, on_error)
        engine_named(engine)
        specification = Specification(
            handle=handle_of(handle),
            signature=signature,
            tags=None if tags is None else tag_set(tags),
            engine=engine,
            outputs=None if outputs is None else tuple(name_outputs(outputs).items()),
            threads=threads,
            seed=seed,
            trust=permission(trust),
            settings=current_settings(),
        )
        self._set(specification, (batch_size, threads, on_error, decode))
        self._take(specification.load())

    def _set(self, specification: Specification, options: tuple[Any, ...]) -> None:
        self._specification = specification
        self._options = options
        self._loading = threading.Lock()
        self._loaded: LoadedSignature | None = None

    def _take(self, loaded: LoadedSignature) -> LoadedSignature:
        batch_size, threads, on_error, decode = self._options
        self._batches = Batches(loaded, batch_size, threads)
        self._rows = RowInputs(loaded.interface, loaded.inputs, _decoders(decode, loaded, threads))
        if on_error == "column" and ERROR in loaded.outputs:
            raise ArgumentError(
                f"on_error='column' would add an output {ERROR!r}, and the signature has one. Choose or rename the others by "
                "outputs=."
            )
        self._loaded = loaded
        return loaded

    @property
    def _signature(self) -> LoadedSignature:
        """The signature; loaded where this came as a pickle and is first used."""
        if self._loaded is not None:
            return self._loaded
        with self._loading:
            return self._loaded or self._take(self._specification.load_shared())

    @property
    def handle(self) -> ModuleSpec | str:
        """What was asked for: a handle, with the full path where it is one of this machine; or a ModuleSpec."""
        return self._specification.handle

    @property
    def digest(self) -> str:
        """The digest of the module's content, as a pin has it. A pickle holds the module to it."""
        with self._loading:
            self._specification = self._specification.pin()
        return str(self._specification.digest)

    @property
    def engine(self) -> str:
        """The name of the engine that runs it."""
        return self._signature.engine

    @property
    def why(self) -> str:
        """Why that engine, in words."""
        return self._signature.why

    @property
    def inputs(self) -> dict[str, ParsedTensorInfo]:
        """The inputs: name to type and shape."""
        return self._signature.inputs

    @property
    def outputs(self) -> dict[str, ParsedTensorInfo]:
        """The outputs: name to type and shape."""
        return self._signature.outputs

    @property
    def encoded(self) -> frozenset[str]:
        """The inputs that come as encoded bytes (`decode=`)."""
        _ = self._signature
        return self._rows.encoded

    @property
    def settings(self) -> dict[str, Any]:
        """What, beside the module, its numbers depend on, as JSON may have it."""
        asked, decode = self._specification, self._options[3]
        named = decode if isinstance(decode, dict) else {} if decode is None else {"": decode}
        return {
            "signature": asked.signature,
            "tags": None if asked.tags is None else sorted(asked.tags),
            "engine": self.engine,
            "outputs": None if asked.outputs is None else dict(asked.outputs),
            "seed": asked.seed,
            "decode": {
                name: how if isinstance(how, str) else fingerprint(how) for name, how in named.items()
            },
            "batch_size": self._options[0],
        }

    def __call__(self, inputs: Any = None) -> dict[str, Any]:
        """The outputs for some inputs.

        Args:
            inputs: a dict of arrays (or what NumPy makes arrays of) by the names of the inputs, or the value of the only
                one; None where there is none. Strings are arrays of bytes or of str. A sparse input is a `SparseArray`, a
                triple of indices, values and dense shape, a matrix of SciPy's, or a `tf.SparseTensor`; a ragged one a
                `RaggedArray` or a `tf.RaggedTensor`. Also an Arrow table or record batch with a column for each input.

        Returns:
            Arrays by the names of the outputs; strings are objects (bytes). A sparse output is a `SparseArray`, a ragged
            one a `RaggedArray`.

        Raises:
            InputError: an input is missing, extra, or of another type or shape; or an op cannot compute with it. Where a
                row alone is at fault, the message begins with its number.
            CheckFailedError: an assertion of the graph does not hold.
            UnsupportedGraphError: the graph is damaged in a way that only shows when it runs.
        """
        loaded = self._signature
        if self._options[2] == "column" and self._batches.finds_rows:
            return with_errors(self.predict_rows(inputs), loaded.outputs)
        return self._batches.compute(self._rows.whole(self._arrays(inputs)))

    def predict_rows(self, inputs: Any, *, batch_size: int | str | None = AS_MADE) -> RowResults:
        """The outputs of the rows that can be computed, and what is wrong with the others.

        Example:
            >>> import tf1hub as hub
            >>> predictor = hub.Predictor("tests/golden/modules/text_embedding/module", engine="numpy")
            >>> results = predictor.predict_rows(["a sentence", None, "another one"])
            >>> results.outputs["default"].shape, results.rows.tolist(), list(results.errors)
            ((2, 7), [0, 2], [1])

        Args:
            inputs: as for a call.
            batch_size: another one than the predictor was made with; None is all rows at once.

        Returns:
            The outputs of the good rows, their numbers, and the sentence about each other row.

        Raises:
            InputError: it is not single rows that are wrong.
            Error: a fault of the set-up, as for a call.
        """
        _ = self._signature
        values, faults = self._rows.with_faults(self._arrays(inputs))
        if not values and faults:
            return self._batches.no_results(faults)
        batches = self._batches
        if batch_size != AS_MADE:
            batches = Batches(self._signature, batch_size, self._specification.threads)
        results = batches.compute_rows(values)
        if not faults:
            return results
        return results.without(faults)

    def load(self) -> None:
        """Loads the module in this process, where that was not needed yet: a pickle that arrives loads nothing.

        Raises:
            Error: whatever making a predictor raises.
        """
        _ = self._signature

    def with_handle(self, handle: ModuleSpec | str | os.PathLike[str]) -> Predictor:
        """A predictor for another module, with the same settings, resolved as this one was.

        Args:
            handle: a handle or a ModuleSpec.

        Raises:
            Error: whatever making a predictor raises.
        """
        other = _again(replace(self._specification, handle=handle_of(handle), digest=None), self._options)
        other._take(other._specification.load())
        return other

    def measure_batch_size(self, inputs: Any, *, total: int | None = None) -> int | None:
        """How many rows are computed at once, measured on these where `batch_size="auto"` was not measured yet.

        Args:
            inputs: as for a call.
            total: how many rows are to be computed, if that is known: the measuring then takes a small part of their time.

        Returns:
            The number; None where all rows are computed at once.
        """
        _ = self._signature
        given = self._arrays(inputs)
        if self._rows.encoded and (known := self._batches.known_size) is not None:
            return known  # and nothing need be decoded
        values, _ = self._rows.with_faults(given)
        return self._batches.measure(values, total)

    def _arrays(self, inputs: Any) -> Any:
        """What was given, where it is a table of Arrow's: its columns as arrays."""
        if isinstance(inputs, dict) or type(inputs).__module__.partition(".")[0] != "pyarrow":
            return inputs
        from tf1hub.predict.arrow_columns import arrays_from_table

        return arrays_from_table(inputs, self.inputs, self._rows.encoded)

    def __reduce__(self) -> tuple[Any, ...]:
        batch_size, threads, on_error, decode = self._options
        if batch_size == AUTO and self._loaded is not None and self._loaded.batch_size is not None:
            batch_size = self._loaded.batch_size
        _ = self.digest
        return _again, (self._specification, (batch_size, threads, on_error, decode))

    def __repr__(self) -> str:
        return f"<Predictor of the {self._signature.where} on {self.engine}>"


def _again(specification: Specification, options: tuple[Any, ...]) -> Predictor:
    """What a pickle of a predictor gives."""
    predictor = Predictor.__new__(Predictor)
    predictor._set(specification, options)
    return predictor


def _decoders(decode: Decode, loaded: LoadedSignature, threads: int | None) -> dict[str, Decoder]:
    """What decodes inputs, by name."""
    if decode is None:
        return {}
    # Only that engine has imported TensorFlow anyway.
    reader = JpegReader(threads) if loaded.engine == "tensorflow" else find_simplejpeg()
    return decoders_of(decode, loaded.inputs, reader)


def _check_arguments(batch_size: Any, threads: Any, on_error: Any) -> None:
    if not (batch_size in (None, AUTO) or (_is_count(batch_size))):
        raise ArgumentError(
            f"batch_size= is a number of at least 1, 'auto', or None for all rows at once; it was given {batch_size!r}."
        )
    if threads is not None and not _is_count(threads):
        raise ArgumentError(f"threads= is a number of at least 1, or None; it was given {threads!r}.")
    if on_error not in ON_ERROR:
        raise ArgumentError(f"on_error= is 'raise' or 'column'; it was given {on_error!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
