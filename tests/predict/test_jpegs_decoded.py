"""JPEGs that TensorFlow or simplejpeg decode: the pixels are Pillow's to the bit, and what these cannot do is Pillow's work."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
tf = pytest.importorskip("tensorflow")

import tf1hub as hub  # noqa: E402
from tf1hub.predict.jpeg_header import read_jpeg_header  # noqa: E402
from tf1hub.predict.jpegs_on_tensorflow import JpegReader  # noqa: E402
from tf1hub.predict.jpegs_with_simplejpeg import find_simplejpeg  # noqa: E402

SIZES = [(64, 64), (17, 33), (1, 1), (8, 5)]


@pytest.fixture(params=["tensorflow", "simplejpeg"])
def reader(request: pytest.FixtureRequest) -> Any:
    """What decodes."""
    if request.param == "tensorflow":
        return JpegReader(1)
    pytest.importorskip("simplejpeg")
    return find_simplejpeg()


def picture(size: tuple[int, int], seed: int = 0, mode: str = "RGB") -> Any:
    """Of smooth colours with noise: neither is the same for all ways to make a JPEG smaller."""
    random = np.random.default_rng(seed)
    smooth = Image.fromarray(random.integers(0, 255, (3, 3, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    noisy = np.asarray(smooth).astype(int) + random.integers(-20, 20, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode)


def encoded(image: Any, **how: Any) -> bytes:
    """The bytes of a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", **how)
    return file.getvalue()


def of_pillow(data: bytes, channels: int) -> Any:
    """The pixels as `decode="image"` has them without TensorFlow."""
    image = Image.open(io.BytesIO(data))
    mode = "L" if channels == 1 else "RGB"
    image.draft(mode, image.size) if channels == 1 else None
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels.reshape(image.height, image.width, channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_the_pixels_are_those_of_pillow(reader: Any, size: tuple[int, int], channels: int) -> None:
    files = [
        encoded(picture(size, quality, mode), quality=quality, subsampling=subsampling, **more)
        for quality in (1, 50, 90, 100)
        for subsampling in (0, 1, 2)
        for mode in ("L", "RGB")
        for more in ({}, {"restart_marker_blocks": 1}, {"comment": b"a" * 300, "dpi": (72, 72)})
    ]
    files += [encoded(picture(size, seed), subsampling=0, keep_rgb=True) for seed in range(3)]
    pixels = np.zeros((len(files), size[1], size[0], channels), np.uint8)
    assert reader.read(files, pixels) == []
    np.testing.assert_array_equal(pixels, [of_pillow(data, channels) for data in files])


def test_damaged_files_are_decoded_as_pillow_does_or_left_to_it(reader: Any) -> None:
    random = np.random.default_rng(0)
    whole = [encoded(picture((40, 24), seed), subsampling=2, quality=80) for seed in range(4)]
    files = []
    for number in range(300):
        data = bytearray(whole[number % 4])
        start = data.find(b"\xff\xda") if number % 2 else 2
        for at in random.integers(start, len(data) - 2, 3):
            data[at] = random.integers(256)
        files.append(bytes(data))
    pixels = np.zeros((len(files), 24, 40, 3), np.uint8)
    left = reader.read(files, pixels)
    assert left == sorted(left)
    assert 20 < len(left) < 280
    assert not pixels[left].any()
    for number in set(range(len(files))).difference(left):
        np.testing.assert_array_equal(pixels[number], of_pillow(files[number], 3))


def test_what_is_not_written_as_most_are_is_left_to_pillow(reader: Any) -> None:
    image = picture((16, 16))
    plain = encoded(image)
    png = io.BytesIO()
    image.save(png, "PNG")
    others: list[Any] = [
        encoded(image, progressive=True),
        encoded(image.convert("CMYK")),
        encoded(picture((16, 17))),
        plain[:-40],
        plain + b"more",
        plain[:100] + b"\xff\xd9",
        png.getvalue(),
        b"",
        None,
    ]
    files = [plain, *others, plain]
    pixels = np.zeros((len(files), 16, 16, 3), np.uint8)
    assert reader.read(files, pixels) == [*range(1, len(files) - 1)]
    assert (pixels[0] == pixels[-1]).all()
    assert pixels[0].any()
    assert not pixels[1:-1].any()


def test_a_header_says_the_size_behind_whatever_stands_before_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture((30, 20)), exif=exif, icc_profile=b"profile" * 20, comment=b"words")
    assert read_jpeg_header(data) == (20, 30, 3)
    assert read_jpeg_header(encoded(picture((30, 20), mode="L"))) == (20, 30, 1)
    assert read_jpeg_header(data[:2] + b"\xff\xd9") is None
    assert read_jpeg_header(data[:2] + b"junk" + data[2:]) is None


def export(where: Path, dtype: Any) -> str:
    """A module that gives the numbers that it gets."""
    tf1 = tf.compat.v1

    def module_fn() -> None:
        x = tf1.placeholder(dtype, [None, 12, 10, 3])
        hub.add_signature(inputs=x, outputs=tf.identity(x))

    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(tf1.global_variables_initializer())
        module.export(str(where), session)
    return str(where)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float16, tf.float32, tf.float64])
def test_engines_are_given_the_same_numbers_and_the_same_reasons(
    tmp_path: Path, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = export(tmp_path / "module", dtype)
    rows: list[Any] = [encoded(picture((10, 12), seed)) for seed in range(70)]
    rows += [encoded(picture((100, 90))), encoded(picture((10, 12)), progressive=True)]
    rows[3], rows[66] = b"no image", rows[66][:-30]
    broken = bytearray(rows[5])
    broken[broken.find(b"\xff\xda") - 5] = 0xFF
    rows[5] = bytes(broken)
    found = [
        hub.Predictor(module, engine=each, decode="image").predict_rows(rows)
        for each in ("tensorflow", "numpy")
    ]
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    of_pillow_alone = hub.Predictor(module, engine="numpy", decode="image").predict_rows(rows)
    assert {3, 66} <= of_pillow_alone.errors.keys()
    for each in found:
        assert each.errors == of_pillow_alone.errors
        np.testing.assert_array_equal(each.outputs["default"], of_pillow_alone.outputs["default"])
