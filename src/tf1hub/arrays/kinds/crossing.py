"""Features crossed: all combinations of the values that columns have in a row, as strings or as hashes of those.

Semantics: `SparseCross`, `SparseCrossV2` and `SparseCrossHashed` of `core/ops/sparse_ops.cc`, and `FingerprintCat64` of
`core/platform/fingerprint.h`. The values of the last column change fastest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.fingerprints import FINGERPRINTS, join_fingerprints, siphash
from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.string_arrays import string_array

_MOST = (1 << 63) - 1
_MASK = (1 << 64) - 1


def _rows_of(count: int, inputs: Sequence[Any], dense: Sequence[Any]) -> list[list[list[Any]]]:
    """For each column the values of each row: of sparse tensors first, then of dense ones."""
    indices, values, shapes = inputs[:count], inputs[count : 2 * count], inputs[2 * count : 3 * count]
    height = int(shapes[0][0]) if count else len(dense[0])
    columns: list[list[list[Any]]] = []
    for places, given in zip(indices, values, strict=True):
        rows: list[list[Any]] = [[] for _ in range(height)]
        for row, value in zip(places[:, 0].tolist(), given.tolist(), strict=True):
            rows[row].append(value)
        columns.append(rows)
    columns += [np.reshape(each, (height, -1)).tolist() for each in dense]
    return columns


def _cross(
    columns: list[list[list[Any]]], join: Callable[[Sequence[Any]], Any]
) -> tuple[Any, list[Any], Any]:
    """All combinations of each row: their places, what they are joined to, and the sizes of that matrix."""
    places: list[tuple[int, int]] = []
    found: list[Any] = []
    widest = 0
    height = len(columns[0])
    for row in range(height):
        crossed = [join(each) for each in itertools.product(*(column[row] for column in columns))]
        places += [(row, place) for place in range(len(crossed))]
        found += crossed
        widest = max(widest, len(crossed))
    return np.asarray(places, np.int64).reshape(-1, 2), found, np.asarray([height, widest], np.int64)


def _join_with(separator: bytes) -> Callable[[Sequence[Any]], bytes]:
    return lambda parts: separator.join(part if isinstance(part, bytes) else b"%d" % part for part in parts)


@computes("SparseCross", host=True)
def cross(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """Values joined by `_X_`, or the remainder of the fingerprints of all of them, which the hash key begins."""
    count = int(attributes["N"])
    columns = _rows_of(count, inputs, inputs[3 * count :])
    if not attributes["hashed_output"]:
        indices, found, sizes = _cross(columns, _join_with(b"_X_"))
        return [indices, string_array(found), sizes]
    key, buckets = int(attributes["hash_key"]) & _MASK, int(attributes["num_buckets"]) or _MOST
    hashed = [[[_fingerprint_of(value) for value in row] for row in column] for column in columns]

    def join(parts: Sequence[int]) -> int:
        total = key
        for part in parts:
            total = join_fingerprints(total, part)
        return total % buckets

    indices, found, sizes = _cross(hashed, join)
    return [indices, np.asarray(found, np.int64), sizes]


def _fingerprint_of(value: Any) -> int:
    return FINGERPRINTS[value] if isinstance(value, bytes) else int(value) & _MASK


@computes("SparseCrossV2", host=True)
def cross_with(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """Values joined by a separator, which is the last input."""
    count = int(attributes["N"])
    columns = _rows_of(count, inputs, inputs[3 * count : -1])
    indices, found, sizes = _cross(columns, _join_with(inputs[-1][()]))
    return [indices, string_array(found), sizes]


@computes("SparseCrossHashed", host=True)
def cross_hashed(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """The remainders of fingerprints, or of SipHash with the salt as its key where the hash is to be a strong one."""
    count = int(attributes["N"])
    buckets, strong, salt = inputs[-3:]
    columns = _rows_of(count, inputs, inputs[3 * count : -3])
    first, second = (number & _MASK for number in salt.tolist())
    modulus = int(buckets) or _MOST

    def hash_of(value: Any, is_dense: bool) -> int:
        if isinstance(value, int):
            if is_dense and not bool(strong):
                return value & _MASK
            # Of integers the kernel hashes the lower half alone.
            value = (value & 0xFFFFFFFF).to_bytes(4, "little")
        return siphash((first, second), value) if bool(strong) else FINGERPRINTS[value]

    hashed = [
        [[hash_of(value, place >= count) for value in row] for row in column]
        for place, column in enumerate(columns)
    ]

    def join(parts: Sequence[int]) -> int:
        total = parts[0]
        for part in parts[1:]:
            total = join_fingerprints(total, part)
        return total % modulus

    indices, found, sizes = _cross(hashed, join)
    return [indices, np.asarray(found, np.int64), sizes]
