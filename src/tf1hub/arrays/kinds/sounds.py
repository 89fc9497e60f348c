"""Sounds: from files of PCM, as spectrograms, and as what of those a listener hears (MFCC).

Semantics: `core/ops/audio_ops.cc`, with `spectrogram.cc`, `mfcc.cc` and `mfcc_mel_filterbank.cc` of `core/kernels`.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import namespace_for

_FLOOR = 1e-12
"""The least loudness of a band, whose logarithm is taken."""


def hann_window(size: int) -> npt.NDArray[np.float64]:
    """Weights of a frame, those of one that goes on after its last sample."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def transform_length(size: int) -> int:
    """The next power of two."""
    return 1 << max(0, size - 1).bit_length()


@op("AudioSpectrogram")
def spectrogram(call: Call, sound: Any) -> Any:
    """The loudness of each frequency in each frame, `[channels, frames, frequencies]`, of `[samples, channels]`."""
    xp, size, step = call.xp, int(call["window_size"]), int(call["stride"])
    samples = sound.shape[0]
    count = max(0, (samples - size) // step + 1) if isinstance(samples, int) else (samples - size) // step + 1
    of = namespace_for(np, (count,))
    places = of.arange(count)[:, np.newaxis] * step + np.arange(size)
    wide = np.float64 if xp is np else sound.dtype
    frames = xp.transpose(sound.astype(wide))[:, places] * hann_window(size).astype(wide)
    found = xp.fft.rfft(frames, transform_length(size), axis=-1)
    squares = xp.square(xp.real(found)) + xp.square(xp.imag(found))
    return (squares if call["magnitude_squared"] else xp.sqrt(squares)).astype(np.float32)


def mel_weights(count: int, rate: int, low: float, high: float, bands: int) -> npt.NDArray[np.float64]:
    """How much of each of `count` frequencies each band takes, as triangles of one width on the mel scale."""
    hertz = 0.5 * rate / (count - 1)
    first, last = int(1.5 + low / hertz), int(high / hertz)
    if high <= low or last >= count or first > last:
        raise ValueError(f"{count} frequencies of a sound of {rate} Hz have no bands from {low} to {high} Hz")
    ends = _to_mel(np.asarray([low, high]))
    centers = ends[0] + (ends[1] - ends[0]) / (bands + 1) * np.arange(1, bands + 2)
    mels = _to_mel(np.arange(count) * hertz)
    below = np.searchsorted(centers[:bands], mels, side="left") - 1
    starts = np.where(below < 0, ends[0], centers[below])
    parts = (centers[below + 1] - mels) / (centers[below + 1] - starts)
    weights = np.zeros((count, bands + 2))
    numbers = np.arange(first, last + 1)
    weights[numbers, below[numbers] + 1] += parts[numbers]
    weights[numbers, below[numbers] + 2] += 1 - parts[numbers]
    return weights[:, 1 : bands + 1]


def _to_mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(hertz / 700.0)


def cosine_weights(bands: int, coefficients: int) -> npt.NDArray[np.float64]:
    """The discrete cosine transform of bands: `[bands, coefficients]`."""
    angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(coefficients))
    found: npt.NDArray[np.float64] = np.sqrt(2.0 / bands) * np.cos(angles)
    return found


@op("Mfcc", known=(1,))
def cepstrum(call: Call, frequencies: Any, rate: Any) -> Any:
    """The cosine transform of the logarithms of bands of frequencies, whose loudness is squared."""
    xp, bands = call.xp, int(call["filterbank_channel_count"])
    limits = float(call["lower_frequency_limit"]), float(call["upper_frequency_limit"])
    wide = np.float64 if xp is np else frequencies.dtype
    mel = mel_weights(frequencies.shape[-1], int(rate), *limits, bands)
    heard = xp.matmul(xp.sqrt(frequencies.astype(wide)), mel.astype(wide))
    cosines = cosine_weights(bands, int(call["dct_coefficient_count"])).astype(wide)
    return xp.matmul(xp.log(xp.maximum(heard, np.asarray(_FLOOR, wide))), cosines).astype(np.float32)


@op("DecodeWav", host=True)
def decode_wav(call: Call, contents: Any) -> tuple[Any, Any]:
    """The samples of a WAV file with 16 bits each, from -1 to 1, `[samples, channels]`, and how many a second has.

    More samples than the file has are zeros; more channels are the last one again.
    """
    pcm, rate = _read_wav(bytes(contents[()]))
    samples, channels = call["desired_samples"], call["desired_channels"]
    which = np.minimum(np.arange(channels if channels >= 0 else pcm.shape[1]), pcm.shape[1] - 1)
    found = np.zeros((samples if samples >= 0 else len(pcm), len(which)), np.float32)
    count = min(len(found), len(pcm))
    found[:count] = pcm[:count, which] / np.float32(1 << 15)
    return found, np.asarray(rate, np.int32)


def _read_wav(data: bytes) -> tuple[npt.NDArray[np.int16], int]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("Header mismatch: the bytes are no WAV file")
    at, channels, rate = 12, 0, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if kind not in (1, 0xFFFE) or bits != 16 or not channels:
                raise ValueError(
                    f"a WAV file of the kind {kind} with {bits} bits; only PCM with 16 bits is read"
                )
        elif name == b"data" and channels:
            whole = len(body) // (2 * channels) * channels
            return np.frombuffer(body, "<i2", whole).reshape(-1, channels), rate
        at += 8 + size + size % 2
    raise ValueError("a WAV file without samples")


@op("EncodeWav", host=True)
def encode_wav(call: Call, sound: Any, rate: Any) -> Any:
    """A WAV file with 16 bits for each sample; what lies outside of -1 to 1 becomes the nearest."""
    scaled = sound.astype(np.float32) * np.float32(1 << 15)
    numbers = np.clip(np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled), -32768, 32767)
    body = numbers.astype("<i2").tobytes()
    channels, hertz = sound.shape[1], int(rate)
    form = struct.pack("<HHIIHH", 1, channels, hertz, hertz * channels * 2, channels * 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body))
    found = np.empty((), object)
    found[()] = b"RIFF" + struct.pack("<I", len(head) + len(body)) + head + body
    return found
