"""`tf1hub.apply`."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from tf1hub.applying.blocks import RowBlock, cut_into_blocks, rows_of_a_block
from tf1hub.applying.column_choice import ColumnChoice, Columns, choose_columns
from tf1hub.applying.job import Job, JobPart, stored_job
from tf1hub.applying.one_run import only_run
from tf1hub.applying.ordered import compute_in_turns, read_ahead
from tf1hub.applying.readers import READERS, count_rows, first_piece
from tf1hub.applying.source_files import describe_files, find_files
from tf1hub.applying.target import Target, check_columns, part_name
from tf1hub.arguments import path_text
from tf1hub.errors import ArgumentError, InputError
from tf1hub.predict.arrow_columns import import_pyarrow, table_from_arrays
from tf1hub.predict.batches import AUTO, RowResults
from tf1hub.predict.decoding import IMAGE, Decode
from tf1hub.predict.error_column import ERROR, table_with_errors, with_errors
from tf1hub.predict.prediction import Predictor
from tf1hub.progress import ProgressOption, shown
from tf1hub.spec.inner_outputs import Outputs
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.permission import Trust
from tf1hub.storage import Faults, is_remote, place_at

ON_ERROR = ("column", "file", "raise")
_PART_ROWS = 1 << 16


@dataclass(frozen=True)
class Applied:
    """What `tf1hub.apply` did.

    Attributes:
        target: where the results are.
        rows: of the source.
        errors: how many of these could not be computed.
        resumed: how many rows an earlier run had done.
        parts: how many parts there are; a file is one.
        batch_size: rows that were computed at once; None for all of a block.
        engine: what computed them.
        seconds: that this run took.
    """

    target: str
    rows: int
    errors: int
    resumed: int
    parts: int
    batch_size: int | None
    engine: str
    seconds: float


def apply(
    module: Predictor | ModuleSpec | str | os.PathLike[str],
    source: Any,
    target: str | os.PathLike[str],
    *,
    signature: str | None = None,
    tags: Tags = None,
    engine: str | None = None,
    outputs: Outputs | None = None,
    columns: Columns = None,
    keep: Collection[str] | None = None,
    kind: str | None = None,
    decode: Decode = None,
    batch_size: int | str | None = AUTO,
    threads: int | None = None,
    on_error: str | None = None,
    part_rows: int = _PART_ROWS,
    trust: Trust = None,
    progress: ProgressOption = None,
) -> Applied:
    """Applies a module to all rows of a source, and writes what it gives.

    Reading, decoding, computing and writing overlap, and the memory does not grow with the source. The rows keep their
    order. Parts are written whole or not at all: where the run is interrupted or killed, the same call goes on after the
    last part, and the result is the same to the byte. What differs in its source, its settings or its module is another
    job, which needs another target.

    Example:
        >>> import numpy as np, tf1hub as hub
        >>> np.save("numbers.npy", np.arange(4, dtype=np.float32).reshape(4, 1))
        >>> done = hub.apply("tests/golden/modules/half_plus_two/module", "numbers.npy", "halves.npy", engine="numpy")
        >>> np.load("halves.npy").tolist(), done.rows, done.errors
        ([[2.0], [2.5], [3.0], [3.5]], 4, 0)

    Args:
        module: a handle, a ModuleSpec, or a `Predictor`, which then says all that it was made with; best with `threads=1`.
        source: a path or URL of a file: `.parquet`, `.csv`, `.tsv`, `.jsonl`, `.tfrecord`, `.txt` (a text in each line),
            `.npy`, `.npz`; of a folder of such files, or of images; a pattern such as `"data/*.jpg"`; or a list of these.
        target: a new directory, which gets parts as Parquet; or a new file, `.parquet` or, for one output, `.npy`.
        signature: the signature's name; None is `"default"`.
        tags: the graph variant; None is the inference variant.
        engine: as for `Predictor`; None is TensorFlow where it is installed, else the fastest other one.
        outputs: as for `Predictor`.
        columns: the column of the only input; or a dict from inputs to columns, or to lists of columns that are stacked. By
            default each input is the column of its name, or the only one is the only column.
        keep: the columns of the source that are carried along; None is all that are no input. Files of images have the
            column `"name"`.
        kind: what the files are, where their names do not tell: "parquet", "csv", "jsonl", "tfrecord", "text", "npy",
            "npz", "image".
        decode: as for `Predictor`; files of images are decoded anyhow.
        batch_size: as for `Predictor`. What is measured holds for the whole job, also where it is resumed.
        threads: how many there are in all, so that the job keeps no more processors busy: each reads, decodes, computes and
            writes. None is as many as there are processors, and one more that reads ahead where the source is remote.
        on_error: what becomes of rows that cannot be computed: `"column"`, the default but for `.npy`: their outputs are
            NaN, 0 or empty, and the column `"error"` says what is wrong. `"file"`: they are left out, and told in lines of JSON in
            `_errors-*.jsonl` beside the part, or `TARGET.errors.jsonl`; in `.npy` they stay, as NaN or 0. `"raise"`: the
            run ends.
        part_rows: rows of the source for each part.
        trust: as for `Predictor`.
        progress: how progress is shown, as for `resolve`.

    Returns:
        What was done.

    Raises:
        InputError: the source is not there, of no known kind, or cannot be read; no row can be computed; or, with
            `on_error="raise"`, one cannot.
        ArgumentError: an input has no column, or an argument is of another kind.
        ExportError: something else is at the target, another run writes there, or it cannot be written.
        MissingDependencyError: pyarrow is not installed.
        Error: whatever `Predictor` raises: a fault of the set-up is never one of the rows.
    """
    import_pyarrow("tf1hub.apply")
    started = time.perf_counter()
    with shown(progress) as say, contextlib.ExitStack() as held:
        say("Looking at the source")
        found = Target(path_text(target, "target"))
        on_error = on_error or ("file" if found.ending == ".npy" else "column")
        _check_arguments(on_error, found, threads, part_rows)
        if isinstance(source, str | os.PathLike):
            found.check_outside(path_text(source, "source"))
        kind, files = find_files(source, kind)
        predictor = _predictor(
            module, kind,
            {"signature": signature, "tags": tags, "engine": engine, "outputs": outputs, "decode": decode,
             "batch_size": batch_size, "trust": trust},
        )  # fmt: skip
        piece = first_piece(kind, files)
        if piece is None:
            raise InputError(f"The source {source} has no rows.")
        kept = () if keep is None and found.ending == ".npy" else keep
        choice = choose_columns(kind, piece.table.column_names, predictor.inputs, columns, kept)
        check_columns(found.ending, predictor.outputs, choice.kept, ERROR if on_error == "column" else None)
        asked = {
            "source": describe_files(files),
            "kind": kind,
            "module": predictor.digest,
            "predictor": predictor.settings,
            "columns": {name: [*each] for name, each in choice.inputs.items()},
            "keep": [*choice.kept],
            "target": found.ending,
            "on_error": on_error,
            "part_rows": part_rows,
        }
        held.enter_context(only_run(found.directory))
        job = stored_job(found.directory, asked) or Job(asked)
        run = _JobRun(predictor, choice, found, job, on_error)
        resumed = job.rows
        if not job.complete:
            found.check_free()
            total = count_rows(kind, files)
            if not job.block_rows:
                infos = [*predictor.inputs.values(), *predictor.outputs.values()]
                job.block_rows = min(rows_of_a_block(piece, infos), part_rows)
                block = next(cut_into_blocks(READERS[kind](files, choice.read, 0), job.block_rows, 0))
                run.measure(block, total)
                run.place.make_directory("")
                job.store(run.place)
            pieces = READERS[kind](files, choice.read, resumed)
            blocks = cut_into_blocks(pieces, job.block_rows, resumed)
            if threads is None and any(is_remote(file.path) for file in files):
                blocks = read_ahead(blocks)  # so that no processor waits for the network
            named = isinstance(source, str | os.PathLike)
            what = f"Applying the module to {source if named else f'{len(files)} files'}"
            computed = compute_in_turns(blocks, run.compute, threads or _processors())
            with contextlib.closing(blocks), contextlib.closing(computed):
                run.write_parts(
                    computed,
                    part_rows,
                    lambda done, wrong: say(
                        what, done, total, f"rows ({wrong:,} errors)" if wrong else "rows"
                    ),
                )
            say("Finishing")
        found.finish(job)
    return Applied(
        target=found.path,
        rows=job.rows,
        errors=job.errors,
        resumed=resumed,
        parts=1 if found.is_file else len(job.parts),
        batch_size=job.batch_size,
        engine=predictor.engine,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True)
class _Computed:
    """A block that is computed: what is to be written, and what is wrong with rows."""

    table: Any
    rows: int
    errors: list[dict[str, Any]]


class _JobRun:
    """One run of a job.

    Args:
        predictor: computes.
        choice: of columns.
        target: where the results go.
        job: what it is and how far.
        on_error: what becomes of faulty rows.
    """

    def __init__(
        self, predictor: Predictor, choice: ColumnChoice, target: Target, job: Job, on_error: str
    ) -> None:
        self._predictor = predictor
        self._choice = choice
        self._target = target
        self._job = job
        self._on_error = on_error
        self._some_row_was_good = threading.Event()
        self.place = place_at(target.directory, Faults())

    def measure(self, block: RowBlock, total: int | None) -> None:
        """Finds out how many of all rows are computed at once."""
        table, _ = self._choice.table(block, self._predictor.inputs, self._predictor.encoded)
        self._job.batch_size = self._predictor.measure_batch_size(table, total=total)

    def compute(self, block: RowBlock) -> _Computed:
        """What is to be written of a block; runs in several threads at once."""
        table, faults = self._choice.table(block, self._predictor.inputs, self._predictor.encoded)
        results = self._predictor.predict_rows(table, batch_size=self._job.batch_size)
        if faults:
            results = results.without(faults)
        errors = results.errors
        self._check(errors, block)
        kept = block.table.select(self._choice.kept)
        told = [
            {"row": block.start + row, **kept.slice(row, 1).to_pylist()[0], ERROR: said}
            for row, said in sorted(errors.items() if self._on_error == "file" else ())
        ]
        if self._target.ending == ".npy":
            filled = with_errors(results, self._predictor.outputs)
            return _Computed(filled[next(iter(self._predictor.outputs))], len(block.table), told)
        if self._on_error == "file" and errors:
            kept = kept.take(results.rows)
        return _Computed(self._join(kept, results), len(block.table), told or [{}] * len(errors))

    def _check(self, errors: dict[int, str], block: RowBlock) -> None:
        if len(errors) < len(block.table):
            self._some_row_was_good.set()
        if errors and self._on_error == "raise":
            row, said = min(errors.items())
            raise InputError(f"Row {block.start + row}: {said}")
        if (
            len(errors) == len(block.table) > 1
            and not self._some_row_was_good.is_set()
            and not self._job.parts
        ):
            raise InputError(f"No row of the source can be computed. The first one: {errors[min(errors)]}")

    def _join(self, kept: Any, results: RowResults) -> Any:
        """The kept columns, the outputs, and the column of errors where one is wanted."""
        infos = self._predictor.outputs
        if self._on_error == "column":
            computed = table_with_errors(results, infos)
        else:
            computed = table_from_arrays(results.outputs, infos)
        for index, name in enumerate(kept.column_names):
            computed = computed.add_column(index, kept.schema.field(index), kept.column(name))
        return computed.replace_schema_metadata(None)

    def write_parts(self, blocks: Any, part_rows: int, say: Any) -> None:
        """Writes blocks as they come, a part after the other."""
        job = self._job
        computed = next(blocks, None)
        say(job.rows, job.errors)
        while computed is not None:
            part = JobPart(part_name(len(job.parts), self._target.ending), 0, 0)
            errors: list[dict[str, Any]] = []
            with self._target.open_part(part.name) as file:
                while computed is not None and (part.rows == 0 or part.rows + computed.rows <= part_rows):
                    file.write(computed.table)
                    part.rows += computed.rows
                    part.errors += len(computed.errors)
                    errors += [error for error in computed.errors if error]
                    say(job.rows + part.rows, job.errors + part.errors)
                    computed = next(blocks, None)
            if errors:
                self._target.write_errors(part.name, errors)
            job.parts.append(part)
            job.complete = computed is None
            job.store(self.place)


def _check_arguments(on_error: str, target: Target, threads: Any, part_rows: Any) -> None:
    if on_error not in ON_ERROR:
        raise ArgumentError(f"on_error= is 'column', 'file' or 'raise'; it was given {on_error!r}.")
    if on_error == "column" and target.ending == ".npy":
        raise ArgumentError(
            "A .npy file has no column for errors. Give on_error='file' or 'raise', or write to .parquet."
        )
    for name, value in (("threads", threads), ("part_rows", part_rows)):
        if value is not None and not (isinstance(value, int) and value >= 1):
            raise ArgumentError(f"{name}= is a number of at least 1; it was given {value!r}.")


def _predictor(module: Any, kind: str, given: dict[str, Any]) -> Predictor:
    if isinstance(module, Predictor):
        said = [name for name, value in given.items() if value not in (None, AUTO)]
        if said:
            raise ArgumentError(
                f"A Predictor says itself what it was made with; {', '.join(f'{name}=' for name in said)} cannot be given "
                "beside it."
            )
        return module
    if given["engine"] is None:
        given["engine"] = "tensorflow" if find_spec("tensorflow") is not None else AUTO
    if given["decode"] is None and kind == "image":
        given["decode"] = IMAGE
    # One thread for each call: the threads are those that call.
    return Predictor(module, threads=1, **given)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
