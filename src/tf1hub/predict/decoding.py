"""`decode=`: inputs that are given as encoded bytes, such as files of images, become arrays row by row."""

from __future__ import annotations

import importlib.util
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tf1hub.errors import ArgumentError, Error, InputError, MissingDependencyError
from tf1hub.format import dtypes
from tf1hub.spec.input_words import describe
from tf1hub.spec.tensor_info import ParsedTensorInfo

Array = npt.NDArray[Any]
Decoder: TypeAlias = Callable[[bytes], Any]
Decode: TypeAlias = str | Decoder | Mapping[str, "str | Decoder"] | None
"""`"image"`, or a function from the bytes of a row to its array; for the only input that can be meant, or by name."""

IMAGE = "image"
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_WRONG = (
    "decode= is 'image', a function from bytes to an array, or a dict of these by the names of inputs; it was given {given!r}. "
    "The inputs are {inputs}."
)


def decoders_of(decode: Decode, inputs: Mapping[str, ParsedTensorInfo]) -> dict[str, Decoder]:
    """What decodes each input that comes encoded, by name.

    Raises:
        ArgumentError: `decode` is something else, or names no input that it can be for.
        MissingDependencyError: images need Pillow, which is not installed.
    """
    if decode is None:
        return {}
    if not isinstance(decode, Mapping):
        suitable = [name for name, info in inputs.items() if decode != IMAGE or _is_image(info)]
        if len(suitable) != 1:
            raise ArgumentError(_WRONG.format(given=decode, inputs=describe(inputs)))
        decode = {suitable[0]: decode}
    found: dict[str, Decoder] = {}
    for name, how in decode.items():
        if name not in inputs or not (callable(how) or (how == IMAGE and _is_image(inputs[name]))):
            raise ArgumentError(_WRONG.format(given=decode, inputs=describe(inputs)))
        found[name] = ImageDecoder(inputs[name]) if not callable(how) else how
    return found


def fingerprint(decoder: Decoder) -> str:
    """What tells one function from another, also where both have no name: where it is from, and what it does."""
    code = getattr(decoder, "__code__", None)
    told = "" if code is None else f" {zlib.crc32(code.co_code + repr(code.co_consts).encode()):08x}"
    named = decoder if hasattr(decoder, "__qualname__") else type(decoder)
    return f"{named.__module__}.{getattr(named, '__qualname__', '')}{told}"


def _is_image(info: ParsedTensorInfo) -> bool:
    return (
        info.kind == "dense"
        and info.dtype_name in ("uint8", "float16", "bfloat16", "float32", "float64")
        and info.shape is not None
        and len(info.shape) == 4
        and info.shape[3] in (None, *_MODES)
    )


class ImageDecoder:
    """From the bytes of an image file to an array of height, width and channels.

    Numbers are from 0 to 1, as the conventions for image modules have it; bytes stay from 0 to 255. The image is resized
    (bilinear, each pixel of the source counts) where the input has a size.

    Args:
        info: the input.
    """

    def __init__(self, info: ParsedTensorInfo) -> None:
        if importlib.util.find_spec("PIL") is None:
            raise MissingDependencyError(
                "decode='image' needs Pillow, which is not installed. Install it with: pip install 'tf1hub[images]'"
            )
        assert info.shape is not None
        _, self._height, self._width, channels = info.shape
        self._mode = _MODES[channels or 3]
        self._dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))

    def __call__(self, data: bytes) -> Array:
        """Decodes one image."""
        from PIL import Image

        # Nothing is left open: the bytes are all here.
        image: Image.Image = Image.open(io.BytesIO(data))
        if self._height is not None and self._width is not None:
            size = (self._width, self._height)
            # A JPEG can be decoded at an eighth, a quarter or half of its size; twice what is needed looks the same.
            if self._mode == "L" or (image.width >= 4 * self._width and image.height >= 4 * self._height):
                image.draft(self._mode, (2 * self._width, 2 * self._height))
            if image.mode != self._mode:
                image = image.convert(self._mode)
            if image.size != size:
                image = image.resize(size, Image.Resampling.BILINEAR)
        elif image.mode != self._mode:
            image = image.convert(self._mode)
        pixels = np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, -1)
        if self._dtype == np.uint8:
            return pixels
        numbers = pixels.astype(np.float32)
        numbers *= np.float32(1 / 255)
        return numbers.astype(self._dtype, copy=False)


def decode_rows(
    rows: Sequence[Any], decoder: Decoder, first: int = 0
) -> tuple[list[Array | None], dict[int, str]]:
    """Decodes rows; those that cannot be decoded are None, each with what is wrong with it.

    Args:
        rows: the bytes of each.
        decoder: what decodes one.
        first: the number of the first row.
    """
    found: list[Array | None] = []
    faults: dict[int, str] = {}
    for number, data in enumerate(rows, first):
        try:
            found.append(_decode_row(data, decoder))
        except (MemoryError, MissingDependencyError):
            raise
        except InputError as error:
            found.append(None)
            faults[number] = str(error)
        except Error:
            raise
        except Exception as error:  # noqa: BLE001  # Pillow, and functions of users, raise anything
            found.append(None)
            faults[number] = f"It cannot be decoded: {type(error).__name__}: {error}"
    return found, faults


def _decode_row(data: Any, decoder: Decoder) -> Array:
    if not isinstance(data, bytes):
        raise InputError(f"It is to be decoded, so it must be bytes; it was given {type(data).__name__}.")
    return np.asarray(decoder(data))
