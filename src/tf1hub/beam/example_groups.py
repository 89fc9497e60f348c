"""Examples of a pipeline as the arrays of a signature: those whose values have the same shapes come together."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tf1hub.predict.row_values import has_rows
from tf1hub.spec.tensor_info import ParsedTensorInfo

Array = npt.NDArray[Any]


class Group(NamedTuple):
    """Examples that can be one batch.

    Attributes:
        arrays: the inputs by name.
        rows: the numbers of the examples.
    """

    arrays: dict[str, Array]
    rows: Sequence[int]


def group_examples(
    examples: Sequence[Any], inputs: Mapping[str, ParsedTensorInfo]
) -> tuple[list[Group], dict[int, str]]:
    """The examples as batches, and what is wrong with those that are none.

    Args:
        examples: each the value of the only input, or a dict of the inputs by name.
        inputs: those of the signature, dense ones.
    """
    faults: dict[int, str] = {}
    rows: list[int] = []
    columns: dict[str, list[Any]] = {name: [] for name in inputs}
    for row, example in enumerate(examples):
        values = _values(example, inputs)
        if isinstance(values, str):
            faults[row] = values
            continue
        rows.append(row)
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    plain = {name: _plain_column(columns[name], info) for name, info in inputs.items()}
    whole = {name: column for name, column in plain.items() if column is not None}
    if len(whole) == len(inputs):
        return [Group(whole, rows)], faults
    return _groups_by_shape(columns, rows, inputs), faults


def _values(example: Any, inputs: Mapping[str, ParsedTensorInfo]) -> Sequence[Any] | str:
    """The values of one example, in the order of the inputs; or what is wrong with it."""
    if not isinstance(example, Mapping):
        as_dict = getattr(example, "as_dict", None) or getattr(
            example, "_asdict", None
        )  # beam.Row, a named tuple
        if as_dict is None:
            if len(inputs) == 1:
                return (example,)
            return (
                f"The example is {_show(example)}. The signature has {len(inputs)} inputs, so an example is a dict of them: "
                f"{', '.join(inputs)}."
            )
        example = as_dict()
    missing = [name for name in inputs if name not in example]
    if missing:
        return f"The example lacks the input {missing[0]!r}. It has: {', '.join(map(str, example))}."
    return [example[name] for name in inputs]


def _plain_column(values: list[Any], info: ParsedTensorInfo) -> Array | None:
    """The values as one array, where that is quick to see; None else."""
    if not values or info.shape is None or info.shape[:1] != (None,):
        return None
    if info.dtype_name == "string":
        if len(info.shape) > 1 or not {*map(type, values)} <= {str, bytes}:
            return None
        column = np.empty(len(values), object)
        column[:] = values
        return column
    first = values[0]
    if isinstance(first, np.ndarray):
        same = all(
            type(v) is np.ndarray and v.shape == first.shape and v.dtype == first.dtype for v in values
        )
        return np.stack(values) if same else None
    if not info.shape[1:] and {*map(type, values)} <= {float}:
        return np.array(values)
    return None


def _groups_by_shape(
    columns: Mapping[str, list[Any]], rows: list[int], inputs: Mapping[str, ParsedTensorInfo]
) -> list[Group]:
    found: dict[Any, list[tuple[int, list[Array]]]] = {}
    for row, values in zip(rows, zip(*columns.values(), strict=True), strict=True):
        arrays = [_as_array(value, info) for value, info in zip(values, inputs.values(), strict=True)]
        key = tuple(map(_key, arrays, inputs.values()))
        found.setdefault(key, []).append((row, arrays))
    groups = []
    for members in found.values():
        stacked = {
            name: np.stack([arrays[number] for _, arrays in members])
            if has_rows(info)
            else members[0][1][number]
            for number, (name, info) in enumerate(inputs.items())
        }
        groups.append(Group(stacked, [row for row, _ in members]))
    return groups


def _as_array(value: Any, info: ParsedTensorInfo) -> Array:
    if hasattr(value, "dtype"):
        return np.asarray(value)
    if info.dtype_name == "string":
        return np.array(value, object)
    try:
        return np.asarray(value)
    except ValueError:  # lists of other lengths, which the predictor refuses in its words
        return np.array(value, object)


def _key(array: Array, info: ParsedTensorInfo) -> Any:
    # An input without rows is the same for all rows of a batch.
    own = b"" if has_rows(info) else repr(array.tolist())
    return array.shape, array.dtype.str, own


def byte_count(example: Any) -> int:
    """About how many bytes an example has."""
    if isinstance(example, str | bytes):
        return len(example)
    if isinstance(example, np.ndarray):
        return example.nbytes
    if isinstance(example, Mapping):
        return sum(map(byte_count, example.values()))
    return sys.getsizeof(example)


def _show(value: Any) -> str:
    text = repr(value)
    return f"{text[:80]}..." if len(text) > 80 else text
