"""Features of serialized `tf.train.Example`s, as serving signatures of estimators take them.

Semantics: `ParseExample`, `ParseExampleV2` and `ParseSingleExample` of `core/ops/parsing_ops.cc`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.string_arrays import string_array
from tf1hub.format.messages_pb2 import Example

_LISTS = {"float_list": "float32", "int64_list": "int64", "bytes_list": "object"}


def _array(values: Sequence[Any], dtype: Any) -> Any:
    return string_array(values) if np.dtype(dtype).hasobject else np.asarray(values, dtype)


class _ExampleFeatures:
    """The features of some examples.

    Args:
        serialized: a vector of their bytes.
    """

    def __init__(self, serialized: Any) -> None:
        self._features: list[Mapping[str, Any]] = []
        for row, data in enumerate(serialized.tolist()):
            try:
                self._features.append(Example.FromString(data).features.feature)
            except DecodeError as error:
                raise ValueError(f"Could not parse example input {row}: {error}") from error

    def find_lists(self, key: bytes, dtype: Any) -> list[list[Any] | None]:
        """What each example has of a feature; None where it has nothing."""
        name, found = key.decode("utf-8", "surrogateescape"), list[list[Any] | None]()
        for row, features in enumerate(self._features):
            kind = features[name].WhichOneof("kind") if name in features else None
            if kind is not None and np.dtype(_LISTS[kind]) != np.dtype(dtype):
                raise ValueError(
                    f"Key: {name}, Index: {row}.  Data types don't match. It has a {kind}, but expected type: {dtype}"
                )
            found.append(None if kind is None else list(getattr(features[name], kind).value))
        return found

    def make_sparse(self, key: bytes, dtype: Any) -> tuple[Any, Any, Any]:
        """A feature of any number of values: indices, values, sizes."""
        rows = [values or [] for values in self.find_lists(key, dtype)]
        places = [(row, place) for row, values in enumerate(rows) for place in range(len(values))]
        sizes = np.asarray([len(rows), max(map(len, rows), default=0)], np.int64)
        flat = _array([value for values in rows for value in values], dtype)
        return np.asarray(places, np.int64).reshape(-1, 2), flat, sizes

    def make_ragged(self, key: bytes, dtype: Any, splits: Any) -> tuple[Any, Any]:
        """The same as values and where each row of them ends."""
        rows = [values or [] for values in self.find_lists(key, dtype)]
        ends = np.cumsum([0, *map(len, rows)])
        return _array([value for values in rows for value in values], dtype), ends.astype(splits)

    def make_dense(self, key: bytes, default: Any, shape: Any) -> Any:
        """A feature of one shape; where an example lacks it, the default.

        Of a shape whose first size is open, rows are filled up to the longest one with the default.
        """
        rows, name = self.find_lists(key, default.dtype), key.decode("utf-8", "replace")
        if shape is not None and len(shape) and shape[0] is None:
            return self._fill_up(name, rows, default, tuple(shape[1:]))
        size, found = int(np.prod(shape)), list[Any]()
        for row, values in enumerate(rows):
            if values is None and not default.size and size:
                raise ValueError(f"Name: <unknown>, Feature: {name} is required but could not be found.")
            given = default.ravel().tolist() if values is None else values
            if len(given) != size:
                raise ValueError(
                    f"Key: {name}, Index: {row}.  Number of values != expected.  Values size: {len(given)} but output "
                    f"shape: {list(shape)}"
                )
            found += given
        return _array(found, default.dtype).reshape(len(rows), *shape)

    @staticmethod
    def _fill_up(name: str, rows: list[list[Any] | None], default: Any, inner: tuple[int, ...]) -> Any:
        size = int(np.prod(inner))
        given = [values or [] for values in rows]
        for row, values in enumerate(given):
            if size and len(values) % size:
                raise ValueError(
                    f"Key: {name}, Index: {row}.  Number of values is not a multiple of stride length. Values size: "
                    f"{len(values)} but output shape: {[None, *inner]}"
                )
        longest = max(map(len, given), default=0)
        filling = default.ravel().tolist()[:1] or [b"" if default.dtype.hasobject else 0]
        flat = [value for values in given for value in (*values, *filling * (longest - len(values)))]
        return _array(flat, default.dtype).reshape(len(given), longest // size if size else 0, *inner)


def _parse(
    serialized: Any,
    sparse: Sequence[tuple[bytes, Any]],
    dense: Sequence[tuple[bytes, Any, Any]],
    ragged: Sequence[tuple[bytes, Any, Any]] = (),
) -> list[Any]:
    """All features in the order that the ops have; of one example without the axis of examples."""
    features = _ExampleFeatures(serialized.reshape(-1))
    found = [features.make_sparse(*each) for each in sparse]
    tensors = [features.make_dense(*each) for each in dense]
    if serialized.ndim == 0:
        found = [(indices[:, 1:], values, sizes[1:]) for indices, values, sizes in found]
        tensors = [tensor[0] for tensor in tensors]
    rows = [features.make_ragged(*each) for each in ragged]
    if serialized.ndim == 0:
        rows = [(values, splits[:0]) for values, splits in rows]
    parts = [part[index] for index in range(3) for part in found]
    return [*parts, *tensors, *(values for values, _ in rows), *(splits for _, splits in rows)]


@computes("ParseExample", host=True)
def parse(xp: Any, attributes: Attributes, serialized: Any, names: Any, *inputs: Any) -> list[Any]:
    """Features of examples; keys are inputs, one for each."""
    few, many = int(attributes["Nsparse"]), int(attributes["Ndense"])
    sparse = [key[()] for key in inputs[:few]]
    dense = [key[()] for key in inputs[few : few + many]]
    return _parse(
        serialized,
        list(zip(sparse, attributes["sparse_types"], strict=True)),
        list(zip(dense, inputs[few + many :], attributes["dense_shapes"], strict=True)),
    )


@computes("ParseExampleV2", host=True)
def parse_v2(
    xp: Any,
    attributes: Attributes,
    serialized: Any,
    names: Any,
    sparse: Any,
    dense: Any,
    ragged: Any,
    *defaults: Any,
) -> list[Any]:
    """The same with vectors of keys, and with ragged features; one example or a vector of them."""
    kinds = attributes["ragged_value_types"], attributes["ragged_split_types"]
    return _parse(
        serialized,
        list(zip(sparse.tolist(), attributes["sparse_types"], strict=True)),
        list(zip(dense.tolist(), defaults, attributes["dense_shapes"], strict=True)),
        list(zip(ragged.tolist(), *kinds, strict=True)),
    )


@computes("ParseSingleExample", host=True)
def parse_one(xp: Any, attributes: Attributes, serialized: Any, *defaults: Any) -> list[Any]:
    """Features of one example; keys are attributes."""
    keys = [
        [key.encode("utf-8", "surrogateescape") for key in attributes[name]]
        for name in ("sparse_keys", "dense_keys")
    ]
    return _parse(
        serialized,
        list(zip(keys[0], attributes["sparse_types"], strict=True)),
        list(zip(keys[1], defaults, attributes["dense_shapes"], strict=True)),
    )
