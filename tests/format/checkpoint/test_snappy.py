"""Snappy: every kind of element by its bytes, each fault, and what the writer of the tests makes."""

from __future__ import annotations

import random

import pytest
from format.checkpoint.snappy_writer import compress, copy, literal
from hypothesis import given
from hypothesis import strategies as st

from tf1hub.format.checkpoint.snappy import SnappyError, decompress
from tf1hub.format.checkpoint.varint import encode_varint

MOST = 1 << 20


def pieces(size: int, *elements: bytes) -> bytes:
    return encode_varint(size) + b"".join(elements)


LONG = bytes(range(256)) * 300  # 76,800 bytes

READ = {
    "nothing": (pieces(0), b""),
    "a literal of one byte": (pieces(1, literal(b"x")), b"x"),
    "a literal with its length in the tag": (pieces(60, literal(LONG[:60])), LONG[:60]),
    "one byte of length": (pieces(61, literal(LONG[:61], 1)), LONG[:61]),
    "one byte of length for less": (pieces(3, literal(b"abc", 1)), b"abc"),
    "the most in one byte of length": (pieces(256, literal(LONG[:256], 1)), LONG[:256]),
    "two bytes of length": (pieces(257, literal(LONG[:257], 2)), LONG[:257]),
    "three bytes of length": (pieces(len(LONG), literal(LONG, 3)), LONG),
    "four bytes of length": (pieces(len(LONG), literal(LONG, 4)), LONG),
    "two literals": (pieces(4, literal(b"ab"), literal(b"cd")), b"abcd"),
    "the shortest copy of one byte": (pieces(8, literal(b"abcd"), copy(4, 4, 1)), b"abcdabcd"),
    "the longest copy of one byte": (pieces(27, literal(LONG[:16]), copy(16, 11, 1)), LONG[:16] + LONG[:11]),
    "the farthest copy of one byte": (
        pieces(2053, literal(LONG[5:2054], 2), copy(2047, 4, 1)),
        LONG[5:2054] + LONG[7:11],
    ),
    "a copy of two bytes": (pieces(1001, literal(LONG[:1000], 2), copy(999, 1, 2)), LONG[:1000] + LONG[1:2]),
    "the longest and farthest copy of two bytes": (
        pieces(65_664, literal(LONG[:65_600], 3), copy(65_535, 64, 2)),
        LONG[:65_600] + LONG[65:129],
    ),
    "a copy of four bytes": (pieces(9, literal(b"abcde"), copy(5, 4, 4)), b"abcdeabcd"),
    "the farthest copy": (pieces(len(LONG) + 64, literal(LONG, 3), copy(len(LONG), 64, 4)), LONG + LONG[:64]),
    "one byte over and over": (pieces(65, literal(b"x"), copy(1, 64, 2)), b"x" * 65),
    "a pattern over and over": (pieces(13, literal(b"abc"), copy(3, 10, 1)), b"abcabcabcabca"),
    "a copy of a copy": (
        pieces(18, literal(b"xyz"), copy(2, 5, 1), copy(8, 10, 2)),
        b"xyzyzyzyxyzyzyzyxy",
    ),
    "a length in more bytes than it needs": (b"\x81\x80\x00" + literal(b"x"), b"x"),
}


@pytest.mark.parametrize(("block", "expected"), READ.values(), ids=READ)
def test_elements_of_every_kind(block: bytes, expected: bytes) -> None:
    assert decompress(block, MOST) == expected


FAULTS = {
    "empty": (b"", "it does not start with a length of at most 32 bits"),
    "length cut off": (b"\x80", "it does not start with a length of at most 32 bits"),
    "length of six bytes": (b"\x80" * 5 + b"\x00", "it does not start with a length of at most 32 bits"),
    "length of 33 bits": (b"\xff" * 4 + b"\x1f", "it does not start with a length of at most 32 bits"),
    "a huge length": (
        pieces((1 << 32) - 1, literal(b"x")),
        "it says that it holds 4294967295 bytes; 1048576 are the most",
    ),
    "a length that lies by little": (
        pieces(5, literal(b"abcd")),
        "it says that it holds 5 bytes, and 4 come out",
    ),
    "nothing behind the length": (pieces(5), "it says that it holds 5 bytes, and 0 come out"),
    "more in a literal": (
        pieces(3, literal(b"abcd")),
        "it says that it holds 3 bytes, and more than 3 come out",
    ),
    "more in a copy": (
        pieces(4, literal(b"abcd"), copy(1, 64, 2), copy(1, 64, 2)),
        "it says that it holds 4 bytes, and more than 4 come out",
    ),
    "something behind the end": (
        pieces(1, literal(b"x"), literal(b"y")),
        "it says that it holds 1 bytes, and more than 1 come out",
    ),
    "literal cut off": (
        pieces(4, literal(b"abcd")[:-1]),
        "the literal at its byte 1 has 4 bytes, and 3 are left",
    ),
    "literal of four gigabytes": (
        pieces(4, b"\xfc\xff\xff\xff\xffabcd"),
        "the literal at its byte 1 has 4294967296 bytes, and 4 are left",
    ),
    "length of a literal cut off": (
        pieces(4, b"\xfc\x03\x00"),
        "the literal at its byte 1 has 4 bytes, and 0 are left",
    ),
    "copy of one byte cut off": (pieces(8, literal(b"abcd"), b"\x01"), "the copy at its byte 6 is cut off"),
    "copy of two bytes cut off": (
        pieces(8, literal(b"abcd"), b"\x0e\x04"),
        "the copy at its byte 6 is cut off",
    ),
    "copy of four bytes cut off": (
        pieces(8, literal(b"abcd"), b"\x0f\x04\x00\x00"),
        "the copy at its byte 6 is cut off",
    ),
    "copy of nothing": (
        pieces(4, copy(1, 4, 1)),
        "the copy at its byte 1 goes back by 1 bytes, after 0 came out",
    ),
    "copy from before the start": (
        pieces(8, literal(b"abcd"), copy(5, 4, 2)),
        "the copy at its byte 6 goes back by 5 bytes, after 4 came out",
    ),
    "copy from far before the start": (
        pieces(8, literal(b"abcd"), copy((1 << 32) - 1, 4, 4)),
        "the copy at its byte 6 goes back by 4294967295 bytes, after 4 came out",
    ),
    "copy of itself": (
        pieces(8, literal(b"abcd"), copy(0, 4, 1)),
        "the copy at its byte 6 goes back by 0 bytes, after 4 came out",
    ),
}


@pytest.mark.parametrize(("block", "message"), FAULTS.values(), ids=FAULTS)
def test_fault_has_its_own_sentence(block: bytes, message: str) -> None:
    with pytest.raises(SnappyError) as error:
        decompress(block, MOST)
    assert str(error.value) == message


@given(st.lists(st.sampled_from([b"scope/", b"layer_1", b"kernel", b"\x00\x01\x01", b"abcabcabc", b"\xff"])))
def test_what_is_compressed_comes_back(words: list[bytes]) -> None:
    data = b"".join(words)
    assert decompress(compress(data), MOST) == data


def test_compressed_block_of_every_kind_of_element_comes_back() -> None:
    rng = random.Random(0)
    noise = rng.randbytes(70_000)
    data = noise[:20] + noise[:300] + b"ab" * 400 + noise + noise[100:300]
    assert decompress(compress(data), MOST) == data


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_give_an_error_or_at_most_what_they_say(rest: bytes, size: int) -> None:
    try:
        out = decompress(encode_varint(size) + rest, 100)
    except SnappyError as error:
        assert str(error)  # noqa: PT017
    else:
        assert len(out) == size <= 100
