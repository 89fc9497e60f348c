"""Strings to buckets by hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tf1hub.arrays.fingerprints import FINGERPRINTS, fingerprint64, hash64, siphash
from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.string_arrays import Strings, each_number


def _buckets(hashed: Callable[[bytes], int], strings: Strings, attributes: Attributes) -> list[Any]:
    numbers = each_number(hashed, strings, np.uint64)
    return [(numbers % np.uint64(attributes["num_buckets"])).astype(np.int64)]


@computes("StringToHashBucketFast", host=True)
def bucket_fast(xp: Any, attributes: Attributes, strings: Any) -> list[Any]:
    """The remainder of Fingerprint64."""
    return _buckets(FINGERPRINTS.__getitem__, strings, attributes)


@computes("StringToHashBucket", host=True)
def bucket(xp: Any, attributes: Attributes, strings: Any) -> list[Any]:
    """The remainder of TensorFlow's Hash64."""
    return _buckets(hash64, strings, attributes)


@computes("StringToHashBucketStrong", host=True)
def bucket_strong(xp: Any, attributes: Attributes, strings: Any) -> list[Any]:
    """The remainder of SipHash with a key."""
    first, second = (number & (1 << 64) - 1 for number in attributes["key"])
    return _buckets(lambda text: siphash((first, second), text), strings, attributes)


@computes("Fingerprint", host=True)
def fingerprint(xp: Any, attributes: Attributes, data: Any, method: Any) -> list[Any]:
    """Fingerprint64 of each row's bytes, as 8 bytes in little-endian order; `method` is `farmhash64`.

    A row of strings of more than one is hashed as the fingerprints of its strings.
    """
    if data.dtype.hasobject:
        flat = data.reshape(len(data), -1).tolist()
        rows = [row[0] if data.ndim == 1 else b"".join(_bytes_of(text) for text in row) for row in flat]
    else:
        rows = [np.ascontiguousarray(row).tobytes() for row in data]
    found = [list(_bytes_of(row)) for row in rows]
    return [np.array(found, np.uint8).reshape(len(rows), 8)]


def _bytes_of(text: bytes) -> bytes:
    return fingerprint64(text).to_bytes(8, "little")
