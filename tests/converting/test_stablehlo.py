"""Signatures as StableHLO: written and compared, and called by a process that has JAX and safetensors alone.

`TF1HUB_JAX=all pytest tests/converting/test_stablehlo.py` converts all golden modules that it can.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed
from golden import cases

import tf1hub as hub
from tf1hub.errors import CheckFailedError, InputError, UnsupportedGraphError

pytest.importorskip("jax")
pytest.importorskip("flatbuffers")
pytest.importorskip("safetensors")
from safetensors import numpy as numpy_files

tf1 = tf.compat.v1
TEXT = {"launch_text", "text_embedding", "text_embedding_partitioned", "text_hashed", "tf112_text"}
REFUSED = {*TEXT, "sparse_io"}
SOME = {"dropout_cond", "half_plus_two", "image", "lstm", "tiny_tf16"}
TAKEN = sorted(set(cases.NAMES) - REFUSED if os.environ.get("TF1HUB_JAX") == "all" else SOME)
ALONE = """
import json, pathlib, sys
import numpy as np
from jax import export
from safetensors.numpy import load_file

directory = pathlib.Path(sys.argv[1])
about = json.loads((directory / "signatures.json").read_text())["signatures"]["default"]
weights = load_file(directory / "weights.safetensors")
program = export.deserialize(bytearray((directory / about["file"]).read_bytes()))
own = {name: weights[name] for name in about["weights"]}
assert program.platforms == ("cpu", "cuda", "tpu")
for count in (2, 5):
    (shape,) = (told["shape"] for told in about["inputs"].values())
    x = np.linspace(0, 1, count * 16 * 16 * 3, dtype=np.float32).reshape(count, 16, 16, 3)
    np.save(directory.parent / f"{count}.npy", program.call(own, {"default": x})["default"])
assert not {"tf1hub", "tensorflow"} & set(sys.modules)
"""


@pytest.mark.parametrize("name", TAKEN)
def test_a_module_goes_into_stablehlo_and_gives_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(cases.load(name).path, tmp_path / "exported", to="stablehlo")
    assert conversion.all_compared


def test_a_process_with_jax_and_safetensors_alone_calls_it(tmp_path: pathlib.Path) -> None:
    path = cases.load("image").path
    hub.convert(path, tmp_path / "exported", to="stablehlo", signature="default")
    subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "exported")], check=True, timeout=120, cwd=tmp_path
    )
    predictor = hub.Predictor(path, engine="numpy")
    for count in (2, 5):
        x = np.linspace(0, 1, count * 16 * 16 * 3, dtype=np.float32).reshape(count, 16, 16, 3)
        np.testing.assert_allclose(
            np.load(tmp_path / f"{count}.npy"), predictor(x)["default"], **cases.TOLERANCE
        )


def test_no_tensorflow_is_needed(tmp_path: pathlib.Path) -> None:
    program = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import tf1hub as hub\n"
        "conversion = hub.convert(sys.argv[1], sys.argv[2], to='stablehlo', signature='default')\n"
        "print(conversion.all_compared, max(row.max_rel for row in conversion.compared) < 1e-5)\n"
    )
    assert printed(program, cases.load("lstm").path, str(tmp_path / "exported")) == "True True\n"


def test_open_sizes_may_have_a_limit_and_pictures_any_size(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        # As in ALBERT: a table of positions cut to the length, a mask of the same length, and a product of sizes.
        ids = tf1.placeholder(tf.float32, [None, None, 3])
        mask = tf1.placeholder(tf.float32, [None, None])
        table = tf1.get_variable("positions", initializer=np.arange(24, dtype=np.float32).reshape(8, 3))
        size = tf.shape(ids)
        found = (ids + table[None, : size[1]]) * mask[:, :, None]
        rows = tf.reshape(found, [tf.reduce_prod(size[:2]), 3])
        hub.add_signature("positions", {"ids": ids, "mask": mask}, {"rows": rows})
        for name, align in (("resized", False), ("aligned", True)):
            images = tf1.placeholder(tf.float32, [None, None, None, 1])
            hub.add_signature(name, images, tf1.image.resize_bilinear(images, [5, 4], align))
        # Numbers of single precision that become a size: as long as the numbers are exact.
        waves = tf1.placeholder(tf.float32, [None])
        length = tf.cast(tf.size(waves), tf.float32)
        ramp = waves * tf.range(length) / length
        hub.add_signature("ramp", waves, ramp[: tf.cast(tf.math.ceil(length * 0.75), tf.int32)])

    spec = hub.create_module_spec(module_fn)
    conversion = hub.convert(spec, tmp_path / "exported", to="stablehlo")
    assert conversion.all_compared
    assert "Sizes have limits, which the graph sets: d0_default <= 4194304, d1 <= 8." in conversion.notes
    about = json.loads((tmp_path / "exported" / "signatures.json").read_text())["signatures"]
    assert {name: told["limits"] for name, told in about.items()} == {
        "aligned": [],
        "positions": ["d1 <= 8"],
        "ramp": ["d0_default <= 4194304"],
        "resized": [],
    }


def test_pictures_of_open_sizes_go_through_strides_rates_and_borders(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        images = tf1.placeholder(tf.float32, [None, None, None, 3])
        kernel = tf1.get_variable(
            "kernel", initializer=np.linspace(-1, 1, 81, dtype=np.float32).reshape(3, 3, 3, 3)
        )
        size = tf.shape(images)
        half = tf1.nn.conv2d(images, kernel, [1, 2, 2, 1], "SAME")
        # In a space of batches, with borders that the size decides, as TensorFlow 1 dilated; and back to the same size.
        dilated = tf1.nn.atrous_conv2d(half, kernel, 2, "SAME") + half
        mirrored = tf.pad(dilated, [[0, 0], [2, 1], [1, 3], [0, 0]], "REFLECT")[:, 2:-1, 1:-3]
        doubled = tf1.image.resize_nearest_neighbor(mirrored + half, tf.shape(half)[1:3] * 2)
        whole = tf.pad(images, [[0, 0], [0, (8 - size[1] % 8) % 8], [0, -size[2] % 8], [0, 0]])
        cut = tf1.nn.avg_pool(whole, [1, 3, 3, 1], [1, 1, 1, 1], "SAME")[:, : size[1], : size[2]] + images
        patches = tf1.image.extract_image_patches(images, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
        triangle = tf.linalg.band_part(tf.ones([size[1], size[1]]), -1, 0)
        # From the last one to the first, by a place that counts down.
        folded = tf1.foldr(lambda total, each: total * 0.5 + each, images)
        largest, places = tf.nn.max_pool_with_argmax(images, [1, 3, 2, 1], [1, 2, 1, 1], "SAME")
        where = tf.unravel_index(tf.reshape(places, [-1]), tf.shape(images, tf.int64)[1:])
        hub.add_signature(
            inputs=images,
            outputs={
                "doubled": doubled,
                "cut": cut,
                "patches": patches,
                "triangle": triangle,
                "folded": folded,
                "middle": images[:, size[1] // 2],
                "cropped": tf.image.central_crop(images, 0.75),
                "cubic": tf.image.resize(images, [2 * size[1], 5], "bicubic"),
                "area": tf1.image.resize_area(images, (size[1:3] + 1) // 2),
                "largest": largest,
                "where": where,
            },
        )
        # A window that has to fit in, and steps that follow from the length, as of the frames of a sound.
        waves = tf1.placeholder(tf.float32, [None])
        hub.add_signature("frames", waves, tf.abs(tf.signal.stft(waves, 8, 4)))

    spec = hub.create_module_spec(module_fn)
    shapes = ((2, 9, 14, 3), (1, 16, 11, 3))
    examples = {
        "default": [{"default": np.random.default_rng(0).random(shape, np.float32)} for shape in shapes]
    }
    with pytest.raises(InputError) as told:
        hub.convert(
            spec,
            tmp_path / "exported",
            to="stablehlo",
            signature="frames",
            examples={"frames": [{"default": np.ones(3, np.float32)}]},
        )
    assert str(told.value) == (
        "examples= has inputs of the signature 'frames' that the form does not take: example 1 (Input shapes do not "
        "match the symbolic shape constraint floordiv(d0_default, 4) >= 1). Give others, or none."
    )
    conversion = hub.convert(spec, tmp_path / "exported", to="stablehlo", examples=examples)
    assert conversion.all_compared
    assert [row.inputs for row in conversion.compared if row.signature == "frames"] == [
        ("default float32 [400]", "default float32 [1000]")
    ]
    about = json.loads((tmp_path / "exported" / "signatures.json").read_text())["signatures"]
    assert about["default"]["limits"] == []
    assert about["default"]["inputs"]["default"]["shape"] == ["d0_default", "d1_default", "d2_default", "3"]
    assert about["frames"]["limits"] == ["floordiv(d0_default, 4) >= 1"]
    assert "Sizes have limits, which the graph sets: floordiv(d0_default, 4) >= 1." in conversion.notes


def test_weights_that_read_otherwise_are_found_in_the_other_process(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file = numpy_files.save_file
    monkeypatch.setattr(
        numpy_files,
        "save_file",
        lambda arrays, path: save_file({**arrays, "a": np.asarray(arrays["a"] + 1)}, path),
    )
    with pytest.raises(CheckFailedError, match="does not compute what the module computes"):
        hub.convert(cases.load("half_plus_two").path, tmp_path / "exported", to="stablehlo")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text_hashed", "the input 'default' is text, which StableHLO does not have"),
        ("sparse_io", "values of its inputs decide shapes, or it looks something up in a table"),
    ],
)
def test_what_it_cannot_take_is_said_before_anything_is_written(
    name: str, reason: str, tmp_path: pathlib.Path
) -> None:
    path = cases.load(name).path
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(path, tmp_path / "exported", to="stablehlo")
    assert str(caught.value).startswith(f"{path} cannot be converted to 'stablehlo':\n  - {reason}")
    assert not (tmp_path / "exported").exists()
