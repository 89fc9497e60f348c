"""The hashes of strings that ops of graphs use: FarmHash's Fingerprint64, TensorFlow's Hash64, and SipHash.

All arithmetic is modulo 2^64. Sources: FarmHash (`farmhash.cc`, the fingerprint that never changes), MurmurHash64A
with TensorFlow's seed, and "SipHash: a fast short-input PRF" (2 and 4 rounds).
"""

from __future__ import annotations

from tf1hub.arrays.remembered import Remembered

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = (1 << 64) - 1


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return ((value >> by) | (value << (64 - by))) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _of_two(first: int, second: int, factor: int) -> int:
    inner = _mix((first ^ second) * factor)
    return (_mix((second ^ inner) * factor) * factor) & _MASK


def fingerprint64(data: bytes) -> int:
    """FarmHash's Fingerprint64: what StringToHashBucketFast takes the remainder of.

    Example:
        >>> fingerprint64(b"hello")
        13009744463427800296
    """
    size = len(data)
    if size <= 16:
        return _up_to_16(data, size)
    if size <= 32:
        return _up_to_32(data, size)
    return _up_to_64(data, size) if size <= 64 else _long(data, size)


def join_fingerprints(one: int, other: int) -> int:
    """A fingerprint of two, as TensorFlow's `FingerprintCat64` makes it with the constants of MurmurHash64A."""
    factor = 0xC6A4A7935BD1E995
    found = ((one ^ factor) ^ (_mix(other * factor) * factor)) & _MASK
    return _mix(_mix(found * factor) * factor)


FINGERPRINTS = Remembered(fingerprint64, 1 << 16)
"""Fingerprint64 of the words that came last."""


def _up_to_16(data: bytes, size: int) -> int:
    factor = _K2 + size * 2
    if size >= 8:
        a, b = (_word(data, 0) + _K2) & _MASK, _word(data, size - 8)
        return _of_two((_rotate(b, 37) * factor + a) & _MASK, ((_rotate(a, 25) + b) * factor) & _MASK, factor)
    if size >= 4:
        return _of_two((size + (_word(data, 0, 4) << 3)) & _MASK, _word(data, size - 4, 4), factor)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return (_mix((y * _K2 & _MASK) ^ (z * _K0 & _MASK)) * _K2) & _MASK
    return _K2


def _up_to_32(data: bytes, size: int) -> int:
    factor = _K2 + size * 2
    a, b = _word(data, 0) * _K1 & _MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & _MASK, _word(data, size - 16) * _K2 & _MASK
    return _of_two(
        (_rotate(a + b, 43) + _rotate(c, 30) + d) & _MASK, (a + _rotate(b + _K2, 18) + c) & _MASK, factor
    )


def _up_to_64(data: bytes, size: int) -> int:
    factor = _K2 + size * 2
    a, b = _word(data, 0) * _K2 & _MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & _MASK, _word(data, size - 16) * _K2 & _MASK
    y = (_rotate(a + b, 43) + _rotate(c, 30) + d) & _MASK
    z = _of_two(y, (a + _rotate(b + _K2, 18) + c) & _MASK, factor)
    e, f = _word(data, 16) * factor & _MASK, _word(data, 24)
    g = (y + _word(data, size - 32)) * factor & _MASK
    h = (z + _word(data, size - 24)) * factor & _MASK
    return _of_two(
        (_rotate(e + f, 43) + _rotate(g, 30) + h) & _MASK, (e + _rotate(f + a, 18) + g) & _MASK, factor
    )


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """A weak hash of 32 bytes with two seeds."""
    w, x, y, z = (_word(data, at + offset) for offset in (0, 8, 16, 24))
    a = (a + w) & _MASK
    b = _rotate(b + a + z, 21)
    before = a
    a = (a + x + y) & _MASK
    b = (b + _rotate(a, 44)) & _MASK
    return (a + z) & _MASK, (b + before) & _MASK


def _long(data: bytes, size: int) -> int:
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = (size - 1) // 64 * 64
    for at in range(0, end, 64):
        x = _rotate(x + y + v[0] + _word(data, at + 8), 37) * _K1 & _MASK
        y = _rotate(y + v[1] + _word(data, at + 48), 42) * _K1 & _MASK
        x ^= w[1]
        y = (y + v[0] + _word(data, at + 40)) & _MASK
        z = _rotate(z + w[0], 33) * _K1 & _MASK
        v = _weak(data, at, v[1] * _K1 & _MASK, (x + w[0]) & _MASK)
        w = _weak(data, at + 32, (z + w[1]) & _MASK, (y + _word(data, at + 16)) & _MASK)
        z, x = x, z
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    at = size - 64
    w = ((w[0] + ((size - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x = _rotate(x + y + v[0] + _word(data, at + 8), 37) * factor & _MASK
    y = _rotate(y + v[1] + _word(data, at + 48), 42) * factor & _MASK
    x ^= w[1] * 9 & _MASK
    y = (y + v[0] * 9 + _word(data, at + 40)) & _MASK
    z = _rotate(z + w[0], 33) * factor & _MASK
    v = _weak(data, at, v[1] * factor & _MASK, (x + w[0]) & _MASK)
    w = _weak(data, at + 32, (z + w[1]) & _MASK, (y + _word(data, at + 16)) & _MASK)
    z, x = x, z
    return _of_two(
        (_of_two(v[0], w[0], factor) + _mix(y) * _K0 + z) & _MASK,
        (_of_two(v[1], w[1], factor) + x) & _MASK,
        factor,
    )


def hash64(data: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """TensorFlow's Hash64, a MurmurHash64A: what StringToHashBucket takes the remainder of."""
    factor = 0xC6A4A7935BD1E995
    size = len(data)
    result = seed ^ (size * factor & _MASK)
    whole = size // 8 * 8
    for at in range(0, whole, 8):
        word = _mix(_word(data, at) * factor) * factor & _MASK
        result = (result ^ word) * factor & _MASK
    if size > whole:
        result = (result ^ _word(data, whole, size - whole)) * factor & _MASK
    return _mix(_mix(result) * factor)


def siphash(key: tuple[int, int], data: bytes) -> int:
    """SipHash-2-4: what StringToHashBucketStrong takes the remainder of.

    Args:
        key: two numbers of 64 bits.
        data: the bytes.
    """
    v = [
        key[0] ^ 0x736F6D6570736575,
        key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261,
        key[1] ^ 0x7465646279746573,
    ]
    size = len(data)
    padded = data + b"\0" * (7 - size % 8) + bytes([size & 0xFF])
    for at in range(0, len(padded), 8):
        word = _word(padded, at)
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rotate_left(value: int, by: int) -> int:
    return _rotate(value, 64 - by)


def _sip_rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0] = (v[0] + v[1]) & _MASK
        v[1] = _rotate_left(v[1], 13) ^ v[0]
        v[0] = _rotate_left(v[0], 32)
        v[2] = (v[2] + v[3]) & _MASK
        v[3] = _rotate_left(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & _MASK
        v[3] = _rotate_left(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & _MASK
        v[1] = _rotate_left(v[1], 17) ^ v[2]
        v[2] = _rotate_left(v[2], 32)
