"""What a caller gives for many rows as values that a signature takes, and the rows that cannot become any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf1hub.errors import InputError
from tf1hub.predict.array_inputs import ArrayInterface
from tf1hub.predict.decoding import Decoder, decode_rows
from tf1hub.predict.row_faults import find_faults, stand_ins
from tf1hub.predict.row_values import Numbers, count_rows, has_rows, pick_rows
from tf1hub.spec.tensor_info import ParsedTensorInfo


class RowInputs:
    """Inputs of many rows.

    Args:
        interface: of the signature.
        inputs: what it says of its inputs.
        decoders: for those that come encoded, by name.
    """

    def __init__(
        self,
        interface: ArrayInterface,
        inputs: Mapping[str, ParsedTensorInfo],
        decoders: Mapping[str, Decoder],
    ) -> None:
        self._interface = interface
        self._inputs = inputs
        self._decoders = decoders

    @property
    def encoded(self) -> frozenset[str]:
        """The inputs that come encoded."""
        return frozenset(self._decoders)

    def whole(self, given: Any) -> dict[str, Any]:
        """The values of all rows.

        Raises:
            InputError: they are not as the signature takes them; the message names the row where one alone is at fault.
        """
        if not self._decoders:
            named = self._interface.name_inputs(given)
            try:
                return {name: self._interface.value(name, named[name]) for name in self._inputs}
            except InputError as error:
                original = error
        else:
            original = None
        values, faults = self.with_faults(given)
        if not faults:
            return values
        row, said = min(faults.items())
        if original is not None and not values:
            raise original
        raise InputError(f"Row {row}: {said}") from original

    def with_faults(self, given: Any) -> tuple[dict[str, Any], dict[int, str]]:
        """The values of all rows, where a good one stands in for each faulty row; and what is wrong with these.

        The values are empty where no row is good.

        Raises:
            InputError: it is not single rows that are wrong: a name is missing, or an array is of another type.
        """
        named = self._interface.name_inputs(given)
        faults: dict[int, str] = {}
        values: dict[str, Any] = {}
        for name, info in self._inputs.items():
            value = named[name]
            if name in self._decoders:
                value, wrong = decode_rows(list(value), self._decoders[name])
                named[name] = value
                faults = {**wrong, **faults}
            if has_rows(info):
                try:
                    values[name] = self._interface.value(name, value)
                except InputError as error:
                    faults = {**self._wrong_rows(name, value, faults, error), **faults}
            else:
                values[name] = self._interface.value(name, value)
        if not faults:
            return values, {}
        count = self._count(named, values)
        if len(faults) == count:
            return {}, faults
        rows = stand_ins(count, faults)
        for name, info in self._inputs.items():
            if name in values and has_rows(info):
                values[name] = pick_rows(values[name], rows)
            elif name not in values:
                values[name] = self._interface.value(name, _pick(named[name], rows))
        return values, faults

    def _count(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """How many rows there are, by the first input that has some."""
        name = next(name for name, info in self._inputs.items() if has_rows(info))
        return count_rows(values[name]) if name in values else len(named[name])

    def _wrong_rows(
        self, name: str, value: Any, known: Mapping[int, str], error: InputError
    ) -> dict[int, str]:
        """The rows of an input that are not as the signature takes them."""
        listed = isinstance(value, list | tuple) or getattr(value, "dtype", None) == np.dtype(object)
        if not listed:
            if not isinstance(value, np.ndarray) or not value.ndim:
                raise error
            # Without any row it is as wrong: the type or the shape of all.
            try:
                self._interface.value(name, value[:0])
            except InputError:
                raise error from None
        count = len(value)
        rows = np.array([row for row in range(count) if row not in known], np.int64)
        if not len(rows):
            return {}

        def run(start: int, stop: int) -> None:
            self._interface.value(name, _pick(value, rows[start:stop]))

        try:
            run(0, len(rows))
        except InputError:
            found = find_faults(run, 0, len(rows))
            if not found:
                raise error from None
            return {int(rows[row]): said for row, said in found.items()}
        return {}


def _pick(value: Any, rows: Numbers) -> Any:
    return value[rows] if isinstance(value, np.ndarray) else [value[row] for row in rows.tolist()]
