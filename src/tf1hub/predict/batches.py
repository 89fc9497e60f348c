"""Many rows through a signature, batch after batch: in order, on several threads, and around rows that are at fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1hub.errors import InputError
from tf1hub.predict.batch_size import SECONDS, has_accelerator, measure_batch_size
from tf1hub.predict.loaded_signature import LoadedSignature
from tf1hub.predict.row_faults import FAULTS, find_faults, stand_ins
from tf1hub.predict.row_values import (
    JoinedRows,
    Numbers,
    Rows,
    byte_count,
    count_rows,
    cut_rows,
    has_rows,
    no_rows,
    pick_rows,
)

AUTO = "auto"
_WORTH_MEASURING = 256
"""Rows. Fewer are one batch, unless they are large."""
_LARGE = 1 << 25
"""Bytes of inputs that are large whatever the number of rows."""
_PROBED = 8


@dataclass(frozen=True)
class RowResults:
    """What many rows gave.

    Attributes:
        outputs: the outputs of the good rows, in order, by name.
        rows: int64 `[good rows]`, their numbers.
        errors: the numbers of the others, each with what is wrong with it.
    """

    outputs: dict[str, Any]
    rows: Numbers
    errors: dict[int, str]

    def without(self, faults: Mapping[int, str]) -> RowResults:
        """The same without rows that were at fault from the beginning, and for which others stood in."""
        kept = np.flatnonzero([row not in faults for row in self.rows.tolist()])
        outputs = {name: pick_rows(value, kept) for name, value in self.outputs.items()}
        return RowResults(outputs, self.rows[kept], {**self.errors, **faults})


class Batches:
    """How a signature is called with many rows.

    Args:
        signature: what is called.
        batch_size: rows of a batch; `"auto"` is measured, None is all of them.
        threads: how many batches are computed at once.
    """

    def __init__(self, signature: LoadedSignature, batch_size: int | str | None, threads: int | None) -> None:
        self._signature = signature
        self._asked = batch_size
        self._threads = threads or 1
        self._measuring = threading.Lock()
        self._with_rows = [name for name, info in signature.inputs.items() if has_rows(info)]
        self._cannot_be_cut = not signature.is_by_rows or signature.changes or signature.training

    @property
    def finds_rows(self) -> bool:
        """Whether a faulty row can be told from the others."""
        return self._signature.is_by_rows and not self._signature.writes

    @property
    def known_size(self) -> int | None:
        """The rows of a batch, where they were given or are measured already."""
        if self._asked is None or self._cannot_be_cut:
            return None
        return self._asked if isinstance(self._asked, int) else self._signature.batch_size

    def compute(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs of all rows.

        Raises:
            InputError: a row cannot be computed; or the inputs differ in their number of rows.
        """
        if self._asked is None or self._are_few(values):
            return self._signature.run(values)
        size = None
        rows = None
        if self._signature.is_by_rows:
            rows = self._rows(values)
            size = None if rows is None else self._size(rows)
        if rows is None or size is None or size >= rows.count:
            return self._signature.run(values)
        try:
            together = self._together(rows.count)
            for found, _ in self._each(rows, size, finds=False):
                together.add(found)
            return together.values()
        except _NotByRowsError:
            if self._asked == AUTO:
                self._cannot_be_cut = True
                return self._signature.run(values)
            raise

    def compute_rows(self, values: Mapping[str, Any]) -> RowResults:
        """The outputs of the good rows, and what is wrong with the others."""
        signature = self._signature
        if not signature.is_by_rows:
            raise InputError(
                f"The {signature.where} does not compute rows: an input or output has no dimension for them. Call the "
                "predictor with whole inputs instead."
            )
        rows = Rows(values, signature.inputs)
        size = None if self._asked is None else self._size(rows)
        together, none = self._together(rows.count), None
        errors: dict[int, str] = {}
        start = 0
        for found, faults in self._each(rows, size or max(rows.count, 1), finds=self.finds_rows):
            count = min(size or rows.count, rows.count - start)
            if faults:
                good = np.array([row for row in range(count) if row not in faults], np.int64)
                found = {name: pick_rows(value, good) for name, value in found.items()}
                errors.update({start + row: said for row, said in faults.items()})
            if len(faults) < count:
                together.add(found)
            elif none is None:
                none = found
            start += count
        numbers = np.delete(np.arange(rows.count, dtype=np.int64), [*errors])
        return RowResults(together.values() if len(numbers) or none is None else none, numbers, errors)

    def no_results(self, errors: dict[int, str]) -> RowResults:
        """What rows gave that are all at fault."""
        return RowResults(self._nothing(), np.empty(0, np.int64), errors)

    def measure(self, values: Mapping[str, Any], total: int | None = None) -> int | None:
        """The rows of a batch, measured on these if they are enough; None for all at once.

        Args:
            values: of some rows.
            total: how many are to be computed, so that the measuring takes a small part of that.
        """
        if not self._signature.is_by_rows or self._asked is None:
            return None
        rows = self._rows(values)
        return None if rows is None else self._size(rows, always=True, total=total)

    def _are_few(self, values: Mapping[str, Any]) -> bool:
        """Whether it is plain at a glance that the rows are one batch: a call of few is not to wait for more."""
        if self._asked != AUTO:
            return False
        measured, size = self._signature.batch_size, 0
        for name in self._with_rows:
            value = values[name]
            if type(value) is not np.ndarray or len(value) > (measured or _WORTH_MEASURING):
                return False
            size += byte_count(value)
        return measured is not None or size <= _LARGE

    def _rows(self, values: Mapping[str, Any]) -> Rows | None:
        """The rows. Inputs of different lengths have none where nobody asked for batches: not every first axis is one of rows."""
        try:
            return Rows(values, self._signature.inputs)
        except InputError:
            if self._asked == AUTO:
                return None
            raise

    def _size(self, rows: Rows, *, always: bool = False, total: int | None = None) -> int | None:
        if isinstance(self._asked, int):
            return self._asked
        signature = self._signature
        if self._cannot_be_cut:
            return None
        if signature.batch_size is None:
            is_small = rows.count <= 1 or (
                rows.count <= _WORTH_MEASURING and rows.bytes_per_row() * rows.count <= _LARGE
            )
            if is_small and not always:
                return None
            with self._measuring:
                if signature.batch_size is None and not self._cannot_be_cut:
                    self._measure(rows, total)
        return None if self._cannot_be_cut else signature.batch_size

    def _measure(self, rows: Rows, total: int | None) -> None:
        run = self._signature.run
        start = 0

        def next_rows(size: int) -> dict[str, Any]:
            # The same rows again and again would find all that they look up in the processor's cache.
            nonlocal start
            start = start if start + size <= rows.count else 0
            start += size
            return rows.cut(start - size, start)

        try:
            run(rows.cut(0, 1))  # what engines prepare at the first call is no part of the measuring
            started = time.perf_counter()
            if not _is_by_rows(run, rows):
                self._cannot_be_cut = True
                return
            left = max(SECONDS - (time.perf_counter() - started), SECONDS / 4)
            self._signature.batch_size = measure_batch_size(
                lambda size: run(next_rows(size)),
                rows.count,
                left,
                total,
                accelerated=has_accelerator(self._signature.engine),
            )
        except FAULTS:
            # A row among those to measure with is at fault: the next call measures.
            return

    def _each(self, rows: Rows, size: int, *, finds: bool) -> Iterator[tuple[dict[str, Any], dict[int, str]]]:
        starts = range(0, rows.count, size) or range(1)

        def compute(start: int) -> tuple[dict[str, Any], dict[int, str]]:
            return self._batch(rows, start, min(start + size, rows.count), finds)

        if self._threads == 1 or len(starts) == 1 or self._signature.writes:
            yield from map(compute, starts)
            return
        from concurrent.futures import (
            ThreadPoolExecutor,  # which takes longer to import than a sentence to embed
        )

        with ThreadPoolExecutor(self._threads, "tf1hub") as pool:
            try:
                yield from pool.map(compute, starts)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _batch(self, rows: Rows, start: int, stop: int, finds: bool) -> tuple[dict[str, Any], dict[int, str]]:
        run = self._signature.run
        try:
            return self._check(run(rows.cut(start, stop)), stop - start), {}
        except _NotByRowsError:
            raise
        except FAULTS as error:
            can = rows.count > 0 and not self._signature.writes
            faults = find_faults(lambda a, b: run(rows.cut(a, b)), start, stop) if can else {}
            if not faults:
                raise
            if not finds:
                row, said = next(iter(faults.items()))
                if len(faults) == rows.count == 1:
                    raise
                raise type(error)(f"Row {row}: {said}") from error
        count = stop - start
        faults = {row - start: said for row, said in faults.items()}
        if len(faults) == count:
            return self._nothing(), faults
        return self._check(run(rows.pick(start + stand_ins(count, faults))), count), faults

    def _check(self, found: dict[str, Any], count: int) -> dict[str, Any]:
        for name, value in found.items():
            if count_rows(value) != count:
                raise _NotByRowsError(
                    f"The {self._signature.where} gave {count_rows(value)} rows of the output {name!r} for {count} rows of "
                    "inputs. It does not compute row by row, and cannot be called in batches; give batch_size=None."
                )
        return found

    def _nothing(self) -> dict[str, Any]:
        return {name: no_rows(info) for name, info in self._signature.outputs.items()}

    def _together(self, rows: int) -> _Together:
        return _Together({name: JoinedRows(rows, name) for name in self._signature.outputs})


class _Together:
    """The outputs of batches, as they come."""

    def __init__(self, outputs: dict[str, JoinedRows]) -> None:
        self._outputs = outputs

    def add(self, found: Mapping[str, Any]) -> None:
        try:
            for name, joined in self._outputs.items():
                joined.add(found[name])
        except InputError as error:
            raise _NotByRowsError(str(error)) from error

    def values(self) -> dict[str, Any]:
        try:
            return {name: joined.value() for name, joined in self._outputs.items()}
        except InputError as error:
            raise _NotByRowsError(str(error)) from error


class _NotByRowsError(InputError):
    """The rows depend on each other."""


def _is_by_rows(run: Callable[[Mapping[str, Any]], dict[str, Any]], rows: Rows) -> bool:
    """Whether the first rows give the same alone as together with others."""
    count = min(_PROBED, rows.count)
    middle = (count + 1) // 2
    together = run(rows.cut(0, count))
    for start, stop in ((0, middle), (middle, count)):
        for name, found in run(rows.cut(start, stop)).items():
            if count_rows(together[name]) != count or not _alike(
                cut_rows(together[name], start, stop), found
            ):
                return False
    return True


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        parts = [(a, b) for x, y in zip(one, other, strict=True) for a, b in _pairs(x, y)]
        return all(_alike(a, b) for a, b in parts)
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "fcV":
        return np.allclose(one.astype(np.complex128), other.astype(np.complex128), 1e-2, 1e-3, equal_nan=True)
    return np.array_equal(one, other)


def _pairs(one: Any, other: Any) -> list[tuple[Any, Any]]:
    return [*zip(one, other, strict=True)] if isinstance(one, tuple) else [(one, other)]
