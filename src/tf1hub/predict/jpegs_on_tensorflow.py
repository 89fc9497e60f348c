"""JPEGs of one size, decoded by TensorFlow: many in one call, during which other threads run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.errors import InputError
from tf1hub.predict.jpeg_header import sort_jpegs
from tf1hub.predict.loaded_signature import readable
from tf1hub.predict.on_tensorflow import session_config

Array = npt.NDArray[Any]


class JpegReader:
    """Decodes JPEGs that have the size that is wanted. TensorFlow is imported when it is first used.

    The pixels are Pillow's to the bit: both have libjpeg-turbo, with its accurate transform. What TensorFlow refuses, and
    what is not written as most JPEGs are, is left to Pillow.

    Args:
        threads: as for `Predictor`.
    """

    def __init__(self, threads: int | None) -> None:
        self._threads = threads
        self._making = threading.Lock()
        self._calls: dict[tuple[int, ...], Callable[..., Any]] = {}
        self._made_in = os.getpid()

    def read(self, files: Sequence[Any], pixels: Array) -> list[int]:
        """Fills in the pixels of grey or coloured files; see `ImageReader`."""
        fit, others = sort_jpegs(files, *pixels.shape[1:3])
        if not fit:
            return others
        return sorted(others + self._fill(self._call(pixels.shape[1:]), files, pixels, fit))

    def _fill(self, call: Any, files: Sequence[Any], pixels: Array, numbers: list[int]) -> list[int]:
        """Fills in some; those that are at fault are found by halving."""
        given = np.empty(len(numbers), object)
        given[:] = [files[number] for number in numbers]
        try:
            with readable("A JPEG"):
                found = call(given)[0]
        except InputError:
            if len(numbers) == 1:
                return numbers
            middle = len(numbers) // 2
            halves = numbers[:middle], numbers[middle:]
            return [number for half in halves for number in self._fill(call, files, pixels, half)]
        if numbers[-1] - numbers[0] == len(numbers) - 1:
            pixels[numbers[0] : numbers[-1] + 1] = found
        else:
            pixels[numbers] = found
        return []

    def _call(self, shape: tuple[int, ...]) -> Callable[..., Any]:
        if os.getpid() != self._made_in:
            from tf1hub.tf2.processes import check_threads

            check_threads()
        with self._making:
            if shape not in self._calls:
                self._calls[shape] = _make_call(shape, self._threads)
            return self._calls[shape]


def _make_call(shape: tuple[int, ...], threads: int | None) -> Callable[..., Any]:
    """A function from strings `[n]` to the pixels of their images, uint8 `[n, *shape]`."""
    import tensorflow as tf

    from tf1hub._tensorflow import session_call

    with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
        files = tf.compat.v1.placeholder(tf.string, [None])
        count = tf.size(files)

        def decode(number: Any, images: Any) -> tuple[Any, Any]:
            image = tf.io.decode_jpeg(files[number], channels=shape[2], dct_method="INTEGER_ACCURATE")
            return number + 1, images.write(number, tf.ensure_shape(image, shape))

        images = tf.TensorArray(tf.uint8, count, element_shape=shape)
        _, images = tf.while_loop(lambda number, _: number < count, decode, [0, images])
        pixels = images.stack()
    session = tf.compat.v1.Session(graph=graph, config=session_config(tf, threads))
    return session_call(session, [files.name], [pixels.name])
