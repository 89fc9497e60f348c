"""Signatures as StableHLO: written and compared, and called by a process that has JAX and safetensors alone.

`TF1HUB_JAX=all pytest tests/converting/test_stablehlo.py` converts all golden modules that it can.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from golden import cases

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError

pytest.importorskip("jax")
pytest.importorskip("safetensors")
pytest.importorskip("tensorflow")  # what is written is held against a graph

TEXT = {"launch_text", "text_embedding", "text_embedding_partitioned", "text_hashed", "tf112_text"}
REFUSED = {*TEXT, "lstm", "sparse_io"}
SOME = {"dropout_cond", "half_plus_two", "image", "launch_rnn", "tiny_tf16"}
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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text_hashed", "the input 'default' is text, which StableHLO does not have"),
        ("sparse_io", "values of its inputs decide shapes, or it looks something up in a table"),
        (
            "lstm",
            "JAX cannot export it with its open dimensions: Symbolic dimension 'd1_tokens' used in a context",
        ),
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
