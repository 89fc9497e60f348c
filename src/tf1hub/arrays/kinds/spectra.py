"""Fourier transforms of one to three dimensions.

What each does is said by TensorFlow's op definitions (`core/ops/spectral_ops.cc`).
"""

from __future__ import annotations

from typing import Any

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import sizes_of


@op("FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D")
def fft(call: Call, x: Any) -> Any:
    """The transform over the last axes, or its inverse."""
    name = call.kind.lower().removesuffix("d").rstrip("23")
    axes = tuple(range(-_rank(call.kind), 0))
    function = call.xp.fft.ifftn if name == "ifft" else call.xp.fft.fftn
    return function(x, axes=axes).astype(x.dtype)


def _rank(kind: str) -> int:
    return {"2D": 2, "3D": 3}.get(kind[-2:], 1)


@op("RFFT", "RFFT2D", "RFFT3D", known=(1,))
def rfft(call: Call, x: Any, lengths: Any) -> Any:
    """The transform of real numbers, cut or filled up with zeros to a length for each axis."""
    sizes, axes = sizes_of(lengths), tuple(range(-_rank(call.kind), 0))
    return call.xp.fft.rfftn(x, s=sizes, axes=axes).astype(call.dtype("Tcomplex"))


@op("IRFFT", "IRFFT2D", "IRFFT3D", known=(1,))
def irfft(call: Call, x: Any, lengths: Any) -> Any:
    """The inverse of the transform of real numbers."""
    sizes, axes = sizes_of(lengths), tuple(range(-_rank(call.kind), 0))
    return call.xp.fft.irfftn(x, s=sizes, axes=axes).astype(call.dtype("Treal"))
