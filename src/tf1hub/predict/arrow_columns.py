"""Columns of Arrow tables as inputs of a signature, and its outputs as columns."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.errors import ArgumentError, InputError, MissingDependencyError
from tf1hub.predict.row_values import count_rows, has_rows
from tf1hub.spec.composite_arrays import RaggedArray, SparseArray
from tf1hub.spec.input_words import describe
from tf1hub.spec.tensor_info import ParsedTensorInfo

Array = npt.NDArray[Any]
_SHAPE = b"tf1hub.dense_shape"
"""The key of a field's metadata under which the size of a sparse value's rows stands, as JSON."""


def import_pyarrow(who: str) -> Any:
    """The package pyarrow.

    Args:
        who: what needs it, for the message.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingDependencyError(
            f"{who} needs pyarrow, which is not installed. Install it with: pip install 'tf1hub[arrow]'"
        ) from error
    return pyarrow


def arrays_from_table(
    table: Any, inputs: Mapping[str, ParsedTensorInfo], encoded: Collection[str] = ()
) -> dict[str, Any]:
    """The inputs of a signature that the columns of a table are.

    A column of numbers or strings is an input of one dimension, one of lists an input of several: lists of fixed or of
    equal length, nested, or flat where the signature says the sizes. A null is no value: its row is at fault. A ragged
    input is a column of lists; a sparse one a column of structs of `indices`, a list of the index of each element in
    its row, and `values`, a list of the elements. An input that has no rows is a column that says the same throughout.

    Args:
        table: a `pyarrow.Table` or `RecordBatch` with a column for each input, by its name; or with a single column,
            where there is a single input. Other columns do no harm.
        inputs: of the signature.
        encoded: the names of inputs that come as encoded bytes.

    Returns:
        The inputs by their names, as `Predictor` takes them.

    Raises:
        InputError: there is no column for an input, or its type is another one.
        MissingDependencyError: pyarrow is not installed.
    """
    pa = import_pyarrow("A table of Arrow's")
    names = table.schema.names
    found: dict[str, Any] = {}
    for name, info in inputs.items():
        column = names[0] if len(inputs) == len(names) == 1 else name
        if column not in names:
            raise InputError(
                f"The table has no column {name!r}. The inputs are {describe(inputs)}; the columns are "
                f"{', '.join(map(repr, names)) or 'none'}."
            )
        array = _plain(pa, table.column(column))
        field = table.schema.field(column)
        found[name] = _Column(pa, name, column, array, field, info).value(is_encoded=name in encoded)
    return found


def table_from_arrays(outputs: Mapping[str, Any], infos: Mapping[str, ParsedTensorInfo] | None = None) -> Any:
    """The outputs of a signature as a table: `[n, d]` as lists of fixed size.

    Args:
        outputs: by their names, as `Predictor` gives them.
        infos: what the signature says of them. Where it does not know a size, the lists are of any length, so that tables
            of many calls have the same types; without it, the arrays tell the sizes.

    Returns:
        A `pyarrow.Table`, whose columns `arrays_from_table` reads as they were.

    Raises:
        ArgumentError: an output has no rows, or a type that Arrow has none for.
        MissingDependencyError: pyarrow is not installed.
    """
    pa = import_pyarrow("A table of Arrow's")
    fields, columns = [], []
    for name, value in outputs.items():
        shape = infos[name].shape if infos is not None else None
        array, metadata = _column_of(pa, name, value, shape)
        fields.append(pa.field(name, array.type, metadata=metadata))
        columns.append(array)
    return pa.table(columns, schema=pa.schema(fields))


def _plain(pa: Any, column: Any) -> Any:
    """A column as one array, without dictionaries and views."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # where it has no chunk at all
            column = pa.array([], column.type) if not column.num_chunks else pa.concat_arrays(column.chunks)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column


class _Column:
    """A column that an input is read from."""

    def __init__(
        self, pa: Any, name: str, column: str, array: Any, field: Any, info: ParsedTensorInfo
    ) -> None:
        self._pa = pa
        self._name = name
        self._column = column
        self._array = array
        self._field = field
        self._info = info

    def value(self, *, is_encoded: bool) -> Any:
        types, array, info = self._pa.types, self._array, self._info
        if info.is_sparse:
            return self._sparse()
        if info.is_composite:
            return self._make_ragged()
        inner = _innermost(types, array.type)
        is_text = types.is_null(inner) or _is_text(types, inner)
        is_number = types.is_null(inner) or not _is_text(types, inner)
        if not (is_text if is_encoded or info.dtype_name == "string" else is_number):
            raise self._wrong("encoded bytes" if is_encoded else info.describe())
        if not has_rows(info) and not is_encoded:
            return self._same_for_all()
        if is_encoded:
            return self._flat(array)
        found = self._dense(array)
        return self._shape_rows(found) if isinstance(found, np.ndarray) else found

    def _wrong(self, wanted: str) -> InputError:
        advice = ""
        if _is_text(self._pa.types, self._array.type) and self._info.shape and len(self._info.shape) == 4:
            advice = " If it has files of images, decode='image' decodes them."
        return InputError(
            f"The column {self._column!r} is {self._array.type}; the input {self._name!r} takes {wanted}.{advice}"
        )

    def _same_for_all(self) -> Any:
        values = self._array.unique()
        if len(values) != 1:
            raise InputError(
                f"The input {self._name!r} is {self._info.describe()}, one value for all rows; the column {self._column!r} has "
                f"{len(values)} different ones."
            )
        return values[0].as_py()

    def _dense(self, array: Any) -> Any:
        """An array of all rows; a list of each where they are not alike."""
        types = self._pa.types
        if isinstance(array.type, self._pa.BaseExtensionType):
            shape = getattr(array.type, "shape", None)
            found = self._dense(array.storage)
            if shape is None or not isinstance(found, np.ndarray):
                return found
            return found.reshape(len(array), *shape)
        if not _is_list(types, array.type):
            return self._flat(array)
        if array.null_count:
            return array.to_pylist()
        if types.is_fixed_size_list(array.type):
            size = array.type.list_size
        else:
            lengths = np.diff(array.offsets.to_numpy())
            if len(lengths) and (lengths != lengths[0]).any():
                return array.to_pylist()
            size = int(lengths[0]) if len(lengths) else 0
        inner = self._dense(array.flatten())
        if not isinstance(inner, np.ndarray) or (inner.dtype == object and None in inner.ravel().tolist()):
            return array.to_pylist()
        return inner.reshape(len(array), size, *inner.shape[1:])

    def _flat(self, array: Any) -> Any:
        """Numbers, or bytes where strings are; with nulls, a list or an array of objects with None."""
        if _is_text(self._pa.types, array.type):
            return _as_binary(self._pa, array).to_numpy(zero_copy_only=False)
        if array.null_count:
            return array.to_pylist()
        return array.to_numpy(zero_copy_only=False)

    def _shape_rows(self, found: Array) -> Array:
        """Flat rows in the shape that the signature says."""
        wanted = self._info.shape
        if wanted is None or found.ndim == len(wanted) or found.ndim != 2:
            return found
        sizes = [size for size in wanted[1:] if size is not None]
        if len(sizes) == len(wanted) - 1 and found.shape[1] == math.prod(sizes):
            return found.reshape(len(found), *sizes)
        return found

    def _make_ragged(self) -> RaggedArray:
        array, splits = self._array, []
        dtype = self._info.row_splits_dtype_name or "int64"
        for _ in range(self._info.ragged_rank or 1):
            if not _is_list(self._pa.types, array.type) or array.null_count:
                raise self._wrong(self._info.describe())
            if self._pa.types.is_fixed_size_list(array.type):
                offsets = np.arange(len(array) + 1) * array.type.list_size
            else:
                offsets = array.offsets.to_numpy()
            splits.append((offsets - offsets[0]).astype(dtype))
            array = array.flatten()
        return RaggedArray(np.asarray(self._dense(array)), tuple(splits))

    def _sparse(self) -> SparseArray:
        array, types = self._array, self._pa.types
        if not types.is_struct(array.type) or {"indices", "values"} - {each.name for each in array.type}:
            raise self._wrong(self._info.describe())
        indices, values = array.field("indices"), array.field("values")
        lengths = np.diff(values.offsets.to_numpy())
        inner = np.asarray(self._dense(indices.flatten()))
        inner = inner.reshape(len(inner), -1)
        rows = np.repeat(np.arange(len(array)), lengths)
        stored = (self._field.metadata or {}).get(_SHAPE)
        known = [size or 0 for size in (self._info.shape or ())[1:]]
        found = inner.max(0).tolist() if len(inner) else [-1] * inner.shape[1]
        widest = [max(size, last + 1) for size, last in zip(known or [0] * len(found), found, strict=True)]
        sizes = json.loads(stored) if stored else widest
        return SparseArray(
            np.concatenate([rows[:, None], inner], 1).astype(np.int64),
            np.asarray(self._dense(values.flatten())),
            np.array([len(array), *sizes], np.int64),
        )


def _is_list(types: Any, kind: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_text(types: Any, kind: Any) -> bool:
    tests = (
        "string",
        "large_string",
        "binary",
        "large_binary",
        "fixed_size_binary",
        "string_view",
        "binary_view",
    )
    return any(getattr(types, f"is_{name}")(kind) for name in tests if hasattr(types, f"is_{name}"))


def _as_binary(pa: Any, array: Any) -> Any:
    """Texts as their bytes. A cast would import all of Arrow's functions, which takes a tenth of a second."""
    if pa.types.is_string(array.type):
        return array.view(pa.binary())
    if pa.types.is_large_string(array.type):
        return array.view(pa.large_binary())
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        return array
    return array.cast(pa.large_binary())


def _innermost(types: Any, kind: Any) -> Any:
    while True:
        if hasattr(kind, "storage_type"):
            kind = kind.storage_type
        elif _is_list(types, kind):
            kind = kind.value_type
        else:
            return kind


def _column_of(
    pa: Any, name: str, value: Any, shape: tuple[int | None, ...] | None
) -> tuple[Any, dict[bytes, bytes] | None]:
    if isinstance(value, RaggedArray):
        array = _numbers(pa, name, value.flat_values)
        for splits in reversed(value.nested_row_splits):
            array = pa.LargeListArray.from_arrays(splits.astype(np.int64), array)
        return array, None
    if isinstance(value, SparseArray):
        counts = np.bincount(value.indices[:, 0], minlength=count_rows(value))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        inner = _numbers(pa, name, np.ascontiguousarray(value.indices[:, 1:]))
        indices = pa.LargeListArray.from_arrays(offsets, inner)
        values = pa.LargeListArray.from_arrays(offsets, _numbers(pa, name, value.values))
        sizes = json.dumps(value.dense_shape[1:].tolist()).encode()
        return pa.StructArray.from_arrays([indices, values], ["indices", "values"]), {_SHAPE: sizes}
    return _numbers(pa, name, np.asarray(value), shape), None


def _numbers(pa: Any, name: str, value: Array, shape: tuple[int | None, ...] | None = None) -> Any:
    """An array of any number of dimensions as nested lists, of fixed size but where `shape` does not know it."""
    if not value.ndim:
        raise ArgumentError(f"The output {name!r} has no rows, so it cannot be a column.")
    if value.dtype.kind == "V" or value.dtype.name.startswith(("bfloat16", "float8")):
        value = value.astype(np.float32)  # which holds all of their numbers
    if value.dtype.kind == "c":
        raise ArgumentError(f"The output {name!r} is {value.dtype.name}, and Arrow has no type for that.")
    flat = np.ascontiguousarray(value).reshape(-1)
    array = pa.array(flat, _type_of_objects(pa, flat)) if flat.dtype.hasobject else pa.array(flat)
    for axis in range(value.ndim - 1, 0, -1):
        size = value.shape[axis]
        count = math.prod(value.shape[:axis])
        if shape is not None and axis < len(shape) and shape[axis] is None:
            array = pa.LargeListArray.from_arrays(np.arange(count + 1, dtype=np.int64) * size, array)
            continue
        kind = pa.list_(array.type, size)
        # Lists of size 0 do not say how many there are.
        array = pa.FixedSizeListArray.from_arrays(array, size) if size else pa.array([[]] * count, kind)
    return array


def _type_of_objects(pa: Any, flat: Array) -> Any:
    """Bytes are bytes; the sentences of faulty rows are text."""
    return pa.string() if any(isinstance(each, str) for each in flat) else pa.binary()
