"""`decode=`: inputs that are given as encoded bytes, such as files of images, become arrays row by row."""

from __future__ import annotations

import importlib.util
import io
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

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
_SCALE = np.float32(1 / 255)
_TOGETHER, _TOGETHER_BYTES = 64, 1 << 21
"""The most images, and bytes of pixels, that are decoded in one go: the processor's cache holds them."""
_WRONG = (
    "decode= is 'image', a function from bytes to an array, or a dict of these by the names of inputs; it was given {given!r}. "
    "The inputs are {inputs}."
)


class ImageReader(Protocol):
    """Decodes many image files at once."""

    def read(self, files: Sequence[Any], pixels: Array) -> list[int]:
        """Fills in their pixels, uint8 `[files, height, width, channels]`; gives the numbers of those that it leaves out."""
        ...


def decoders_of(
    decode: Decode, inputs: Mapping[str, ParsedTensorInfo], reader: ImageReader | None = None
) -> dict[str, Decoder]:
    """What decodes each input that comes encoded, by name.

    Args:
        decode: what was asked for.
        inputs: of the signature.
        reader: what decodes images faster than Pillow, and to the same pixels, where the engine has that.

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
        found[name] = ImageDecoder(inputs[name], reader) if not callable(how) else how
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
        reader: what decodes many files at once, if there is something; Pillow does what it leaves out.

    Attributes:
        dtype: of the numbers.
    """

    def __init__(self, info: ParsedTensorInfo, reader: ImageReader | None = None) -> None:
        if importlib.util.find_spec("PIL") is None:
            raise MissingDependencyError(
                "decode='image' needs Pillow, which is not installed. Install it with: pip install 'tf1hub[images]'"
            )
        assert info.shape is not None
        _, self._height, self._width, channels = info.shape
        self._mode = _MODES[channels or 3]
        self.dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
        # TensorFlow makes a channel for transparency, Pillow tells how transparent: of a JPEG, that is nothing to be had.
        self._reader = reader if self._mode != "RGBA" else None

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Of each image; None where the input has no size."""
        if self._height is None or self._width is None:
            return None
        return self._height, self._width, len(self._mode)

    def __call__(self, data: bytes) -> Array:
        """Decodes one image."""
        return self.numbers(self.pixels(data))

    def read(self, rows: Sequence[Any], pixels: Array) -> Sequence[int]:
        """Fills in pixels of images, many at once; gives the numbers of those that are still to be decoded one by one."""
        return range(len(rows)) if self._reader is None else self._reader.read(rows, pixels)

    def pixels(self, data: bytes) -> Array:
        """One image as uint8."""
        from PIL import Image, UnidentifiedImageError

        # Nothing is left open: the bytes are all here.
        try:
            image: Image.Image = Image.open(io.BytesIO(data))
        except UnidentifiedImageError:
            # Pillow's own words tell where in the memory they lay, and a job that is done again gives the same reasons.
            raise UnidentifiedImageError(f"cannot identify an image in the {len(data)} bytes") from None
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
        return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, -1)

    def numbers(self, pixels: Array, out: Array | None = None) -> Array:
        """Pixels of one image or many as the input takes them, in an array that is given or in a new one."""
        if out is None:
            out = np.empty(pixels.shape, self.dtype)
        if self.dtype == np.uint8:
            out[...] = pixels
        elif self.dtype == np.float32:
            np.multiply(pixels, _SCALE, out=out)
        else:
            out[...] = np.multiply(pixels, _SCALE)
        return out


def decode_rows(
    rows: Sequence[Any], decoder: Decoder, first: int = 0
) -> tuple[Array | list[Array | None], dict[int, str]]:
    """Decodes rows; of those that cannot be decoded, what is wrong with each.

    Args:
        rows: the bytes of each.
        decoder: what decodes one.
        first: the number of the first row.

    Returns:
        An array of all rows, where images have one size, in which those at fault are 0; else a list of the array of each row,
        None for those at fault. And the faults.
    """
    faults: dict[int, str] = {}
    if not isinstance(decoder, ImageDecoder) or decoder.shape is None:
        arrays: list[Array | None] = [None] * len(rows)
        _decode_each(rows, range(len(rows)), decoder, arrays, faults, first)
        return arrays, faults
    found = np.empty((len(rows), *decoder.shape), decoder.dtype)
    step = max(1, min(_TOGETHER, _TOGETHER_BYTES // max(math.prod(decoder.shape), 1)))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        pixels = np.zeros((len(some), *decoder.shape), np.uint8)
        left = decoder.read(some, pixels)
        _decode_each(some, left, decoder.pixels, pixels, faults, first + start)
        decoder.numbers(pixels, found[start : start + len(some)])
    return found, faults


def _decode_each(
    rows: Sequence[Any],
    numbers: Iterable[int],
    decode: Decoder,
    found: Any,
    faults: dict[int, str],
    first: int,
) -> None:
    """Decodes some of the rows, one by one, into `found` or `faults`."""
    for number in numbers:
        try:
            found[number] = _decode_row(rows[number], decode)
        except (MemoryError, MissingDependencyError):
            raise
        except InputError as error:
            faults[first + number] = str(error)
        except Error:
            raise
        except Exception as error:  # noqa: BLE001  # Pillow, and functions of users, raise anything
            faults[first + number] = f"It cannot be decoded: {type(error).__name__}: {error}"


def _decode_row(data: Any, decoder: Decoder) -> Array:
    if not isinstance(data, bytes):
        raise InputError(f"It is to be decoded, so it must be bytes; it was given {type(data).__name__}.")
    return np.asarray(decoder(data))
