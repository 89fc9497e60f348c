"""Keys of slices: TensorFlow's bytes, and the order that they are made for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf1hub.format.checkpoint.ordered_code import (
    FULL_EXTENT,
    decode_slice_name,
    encode_slice_key,
    is_slice_key,
)

# Characters of one to four bytes, and the bytes that need an escape; all of Unicode would cost seconds.
TEXT = st.text("a/\0\x01\xff\u00e9\u0100\u3042\U0001f600", max_size=6)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@pytest.mark.parametrize(
    ("name", "starts", "lengths", "key"),
    [
        # From an index that TensorFlow 1.15.5 wrote: a variable [11, 7] in parts of 4, 4 and 3 rows.
        ("embeddings", (0, 0), (4, 7), "00 656d62656464696e6773 0001 0102 80 84 80 87"),
        ("embeddings", (8, 0), (3, 7), "00 656d62656464696e6773 0001 0102 88 83 80 87"),
        # Both bytes that mark the end are escaped in the name.
        ("a\0b", (0,), (FULL_EXTENT,), "00 6100ff62 0001 0101 80 7f"),
        # Numbers of one byte end at 63 and -64, of two at 8191 and -8192.
        ("v", (63, 64), (8191, 8192), "00 76 0001 0102 bf dfff c040 e02000"),
        ("v", (-64, -65), (-8192, -8193), "00 76 0001 0102 40 2000 3fbf 1fdfff"),
        # From nine bytes on, the length spreads over two bytes.
        ("v", (1 << 55,), ((1 << 62) - 1,), "00 76 0001 0101 ff8080000000000000 ffbfffffffffffffff"),
        ("v", (1 << 62,), ((1 << 63) - 1,), "00 76 0001 0101 ffc04000000000000000 ffc07fffffffffffffff"),
        ("v", (), (), "00 76 0001 00"),
    ],
)
def test_key_is_tensorflows(name, starts, lengths, key):
    assert encode_slice_key(name, starts, lengths) == bytes.fromhex(key)


@given(st.lists(INT64, min_size=1, max_size=3), st.lists(INT64, min_size=1, max_size=3))
def test_keys_sort_as_their_numbers_do(one, other):
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    keys = [encode_slice_key("v", numbers, [0] * size) for numbers in (one, other)]
    assert (keys[0] < keys[1]) == (one < other)


@given(TEXT, TEXT)
def test_keys_sort_as_their_names_do(one, other):
    keys = [encode_slice_key(name, (0,), (1,)) for name in (one, other)]
    assert (keys[0] < keys[1]) == (one.encode() < other.encode())


@given(TEXT.filter(bool), st.lists(st.tuples(INT64, INT64), max_size=4))
def test_name_of_a_slice_is_read_back(name, sides):
    key = encode_slice_key(name, [start for start, _ in sides], [length for _, length in sides])
    assert is_slice_key(key)
    assert decode_slice_name(key).decode() == name
