"""Ops on images: the table's, held against TensorFlow's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from arrays.beside_tensorflow import as_array, assert_same

from tf1hub.arrays.kernels import kernel_of

NUMBERS = np.random.default_rng(0)
IMAGES = NUMBERS.uniform(0, 1, [2, 5, 7, 3]).astype(np.float32)
BYTES = NUMBERS.integers(0, 256, [1, 6, 4, 3], np.uint8)


@pytest.mark.parametrize("kind", ["ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"])
def test_sizes(kind: str) -> None:
    ways = [(False, False), (True, False)] + [(False, True)] * (kind != "ResizeArea")
    for (corners, half), size in itertools.product(ways, ([3, 4], [11, 9], [5, 7], [1, 1], [10, 2])):
        more = {} if kind == "ResizeArea" else {"half_pixel_centers": half}
        for images in (IMAGES, BYTES):
            assert_same(
                kind,
                images / 255 if images is BYTES and kind != "ResizeNearestNeighbor" else images,
                np.array(size, np.int32),
                align_corners=corners,
                exactly=False,
                **more,
            )


def test_colours() -> None:
    grey = np.broadcast_to(np.float32([0.0, 0.5, 1.0])[:, None], [3, 3]).copy()
    for images in (IMAGES, grey, np.zeros([0, 3], np.float32)):
        assert_same("RGBToHSV", images, exactly=False)
        assert_same("HSVToRGB", images, exactly=False)
    assert_same("AdjustContrastv2", IMAGES, np.float32(1.7), exactly=False)
    for delta in (0.3, -0.4):
        assert_same("AdjustHue", IMAGES, np.float32(delta), exactly=False)
    for factor in (0.2, 3.0):
        assert_same("AdjustSaturation", IMAGES, np.float32(factor), exactly=False)


def file_of(kind: str, channels: int) -> bytes:
    rows, columns = np.mgrid[:24, :20]
    picture = np.stack([rows * 9, columns * 12, rows + columns, 255 - rows], -1)[..., :channels].astype(
        np.uint8
    )
    encode = {"jpeg": tf.io.encode_jpeg, "png": tf.io.encode_png}[kind]
    found: bytes = encode(picture).numpy()
    return found


def test_pictures_without_loss() -> None:
    pytest.importorskip("PIL")
    for own, wanted in itertools.product((1, 3, 4), (0, 1, 3, 4)):
        for dtype in (np.uint8, np.uint16):
            assert_same("DecodePng", file_of("png", own), channels=wanted, dtype=dtype)
        assert_same("DecodeImage", file_of("png", own), channels=wanted, dtype=np.float32, exactly=False)


def test_photographs_are_nearly_the_same() -> None:
    pytest.importorskip("PIL")
    kernel = kernel_of("DecodeJpeg")
    assert kernel is not None
    for own, wanted in itertools.product((1, 3), (0, 1, 3)):
        contents = file_of("jpeg", own)
        expected = tf.raw_ops.DecodeJpeg(contents=contents, channels=wanted).numpy()
        (found,) = kernel.function(np, {"channels": wanted, "ratio": 1}, as_array(contents))
        assert found.shape == expected.shape
        difference = np.abs(found.astype(int) - expected)
        assert difference.mean() < 2
        assert difference.max() <= 8
