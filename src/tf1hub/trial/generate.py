"""Inputs for a signature, generated from its types and shapes; no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1hub.format import dtypes
from tf1hub.format.attachments import IMAGE_MODULE_INFO_KEY
from tf1hub.spec.composite_arrays import RaggedArray, SparseArray
from tf1hub.spec.inspection import decode_attachment
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

IMAGE_SIZES = ((64, 64), (97, 131))
"""What images of any size are tried with, where the module tells no size: height, width."""

LENGTHS = (5, 9)
"""What other open dimensions than those of images and batches are."""

MAX_ELEMENTS = 1 << 26
"""The most elements that an input is generated with. A damaged signature declares any number of them."""

_BATCHES = (3, 1)
_FEW = (1, 3)
_LONG = (400, 1000)
_FEW_LARGE = (1, 2)
_LARGE = 1 << 17  # elements of one row, such as those of an image that a large network takes
_SENTENCES = (b"the quick brown fox", b"", b"Jumps over!", "lÀzy dög 猫".encode(), b"a")
_WORDS = (b"the", b"quick", b"brown", b"fox", b"jumps", b"over", b"a", b"lazy", b"dog")


@dataclass(frozen=True)
class Example:
    """Values for all inputs of a signature.

    Attributes:
        feeds: a value for each input: an array, here or in an `ArrayFile`, a SparseArray or a RaggedArray; or what a caller
            gave.
        batch: the batch size; None where no input has an open batch dimension.
        words: what they are, for the report.
    """

    feeds: Mapping[str, Any]
    batch: int | None
    words: str


class CannotGenerateError(Exception):
    """No values can be generated for an input; the message says for which."""


def examples(
    inputs: Mapping[str, ParsedTensorInfo],
    image_size: tuple[int, int] | None,
    lengths: tuple[int, ...] = LENGTHS,
    together: bool = False,
    long: bool = False,
) -> Iterator[Example]:
    """Yields inputs of several batch sizes and, where dimensions are open, of several sizes.

    Args:
        inputs: the signature's.
        image_size: height and width that the module expects, where it tells; tried first.
        lengths: what other open dimensions are.
        together: whether batch and sizes change together, so that each takes several values in few runs, the first of
            them a small one; else each size comes with each batch.
        long: whether the first dimension is long too: that of a sound is no batch, and windows have to fit in.

    Raises:
        CannotGenerateError: no values can be generated for an input.
    """
    is_open = any(_has_batch(info) for info in inputs.values())
    sizes = [image_size, *IMAGE_SIZES] if image_size else list(IMAGE_SIZES)
    batches: tuple[int | None, ...] = _BATCHES
    if not is_open:
        batches = (None,)
    elif long:
        batches = _LONG
    elif together:
        rows = [math.prod(_shape(info, 1, sizes[0], lengths[0])) for info in inputs.values()]
        batches = _FEW_LARGE if max(rows) >= _LARGE else _FEW
    seen = set()
    for number, (size, length) in enumerate(zip(sizes, (*lengths, lengths[0]), strict=False)):
        for batch in (batches[number % len(batches)],) if together else batches:
            shapes = {name: _shape(info, batch or 1, size, length) for name, info in inputs.items()}
            _check_sizes(inputs, shapes)
            if str(shapes) not in seen:
                seen.add(str(shapes))
                yield _example(inputs, shapes, batch, length)


def _check_sizes(inputs: Mapping[str, ParsedTensorInfo], shapes: Mapping[str, list[int]]) -> None:
    for name, shape in shapes.items():
        if math.prod(shape) > MAX_ELEMENTS:
            raise CannotGenerateError(
                f"nothing is generated for the input {name!r}, {inputs[name].describe()}: it has more than"
                f" {MAX_ELEMENTS} elements"
            )


def rows(example: Example) -> list[dict[str, Any]] | None:
    """The examples of a batch alone, or None where inputs are not plain arrays."""
    if not example.batch or not all(isinstance(value, np.ndarray) for value in example.feeds.values()):
        return None
    return [
        {
            name: value[row : row + 1] if value.ndim and len(value) == example.batch else value
            for name, value in example.feeds.items()
        }
        for row in range(example.batch)
    ]


def image_size(variant: Variant) -> tuple[int, int] | None:
    """The height and width that the publisher attached, where there are some."""
    data = variant.attachments.get(IMAGE_MODULE_INFO_KEY)
    if data is None:
        return None
    value = decode_attachment(IMAGE_MODULE_INFO_KEY, data).value
    if value is None:
        return None
    size = value["default_image_size"]
    return (size["height"], size["width"]) if size["height"] and size["width"] else None


def _has_batch(info: ParsedTensorInfo) -> bool:
    return info.shape is None or (len(info.shape) > 0 and info.shape[0] is None)


def _shape(info: ParsedTensorInfo, batch: int, size: tuple[int, int], length: int) -> list[int]:
    if info.shape is None:
        return [batch]
    shape = [length if side is None else side for side in info.shape]
    if shape and info.shape[0] is None:
        shape[0] = batch
    if len(shape) == 4 and info.shape[3] in (1, 3, 4):
        shape[1:3] = [size[axis] if info.shape[axis + 1] is None else shape[axis + 1] for axis in (0, 1)]
    return shape


def _example(
    inputs: Mapping[str, ParsedTensorInfo], shapes: Mapping[str, list[int]], batch: int | None, length: int
) -> Example:
    rng = np.random.default_rng(0)
    feeds = {name: _value(name, info, shapes[name], length, rng) for name, info in inputs.items()}
    words = ", ".join(
        f"{name} {'' if info.kind == 'dense' else info.kind + ' '}{info.dtype_name} {shapes[name]}"
        for name, info in inputs.items()
    )
    return Example(feeds, batch, words or "no inputs")


def _value(name: str, info: ParsedTensorInfo, shape: list[int], length: int, rng: np.random.Generator) -> Any:
    if info.is_sparse:
        return _sparse(info, shape or [1, length], rng)
    if info.is_composite:
        return _generate_ragged(name, info, shape, rng)
    # Lengths of sequences must fit what they are lengths of.
    if "len" in name and len(shape) == 1 and info.dtype_name in ("int32", "int64"):
        return np.full(shape, length, info.dtype_name)
    return _array(info, shape, rng)


def _array(info: ParsedTensorInfo, shape: list[int], rng: np.random.Generator) -> Any:
    if info.dtype_name == "string":
        texts = _SENTENCES if len(shape) < 2 else _WORDS
        count = int(np.prod(shape))
        return np.array([texts[i % len(texts)] for i in range(count)], object).reshape(shape)
    dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
    if dtype.kind == "b":
        # The usual boolean input asks whether this is training.
        return np.zeros(shape, dtype)
    if dtype.kind in "iu":
        # Small, because they may be ids into a table.
        return rng.integers(0, 2, shape).astype(dtype)
    return np.asarray(rng.random(shape)).astype(dtype)


def _sparse(info: ParsedTensorInfo, shape: list[int], rng: np.random.Generator) -> Any:
    indices = [[row] + [0] * (len(shape) - 1) for row in range(shape[0])]
    values = _array(info, [shape[0]], rng)
    return SparseArray(np.array(indices, np.int64), values, np.array(shape, np.int64))


def _generate_ragged(name: str, info: ParsedTensorInfo, shape: list[int], rng: np.random.Generator) -> Any:
    splits_dtype = info.row_splits_dtype_name
    if info.ragged_rank != 1 or splits_dtype is None:
        raise CannotGenerateError(f"nothing is generated for the input {name!r}, a {info.describe()}")
    rows, inner = (shape or [1])[0], list(shape[2:])
    lengths = [1 + row % 3 for row in range(rows)]
    splits = np.cumsum([0, *lengths]).astype(splits_dtype)
    values = _array(info, [sum(lengths), *inner], rng)
    return RaggedArray(values, (splits,))
