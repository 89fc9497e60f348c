"""The table of ops, held against TensorFlow's kernels: on NumPy, and traced by JAX.

Under JAX the last case of each op runs; `TF1HUB_OP_CASES=all pytest tests/arrays` runs them all.
"""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any

import numpy as np
import pytest
from arrays import all_cases, harness
from arrays.beside_tensorflow import assert_same
from arrays.op_case import Case

from tf1hub.arrays.kernels import computed_types, kernel_of
from tf1hub.arrays.randomness import Random

KINDS = sorted(all_cases.CASES)
WITHOUT_RESULT = {"ControlTrigger", "HistogramSummary", "NoOp", "Print", "PrintV2", "ScalarSummary"}
"""What only orders or shows."""
BY_PROGRAMS = {"Const", "HostConst"}
"""What every module has, so that all tests of whole modules hold it."""
DEPRECATED = {"BatchNormWithGlobalNormalization", "TopK"}
"""What TensorFlow makes no more: `onnx_models/test_deprecated_kinds.py`."""
ALL = os.environ.get("TF1HUB_OP_CASES") == "all"


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_gives_what_tensorflow_gives(kind: str) -> None:
    for case in all_cases.CASES[kind]:
        check(case, harness.by_table(case, Random(5)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if harness.traceable(kind)])
def test_jax_gives_what_tensorflow_gives_or_says_why_not(kind: str) -> None:
    jax = pytest.importorskip("jax")
    if not hasattr(jax, "enable_x64"):
        pytest.skip("this JAX cannot be told for a while to keep 64 bits")
    from tf1hub.arrays.keys import KeyRandom

    cases = [case for case in all_cases.CASES[kind] if not harness.has_strings(case)]
    for case in cases if ALL else cases[-1:]:
        if case.refused is None:
            check(case, harness.by_jax(case, KeyRandom(jax.random.key(5))))
        else:
            with pytest.raises(ValueError, match=case.refused):
                harness.by_jax(case)


def check(case: Case, found: list[Any]) -> None:
    try:
        harness.assert_like(case, found, harness.by_tensorflow(case))
    except AssertionError as error:
        raise AssertionError(f"{case}: {error}") from error


def test_every_op_that_computes_has_a_case() -> None:
    tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    computing = {kind for kind in computed_types() if kernel_of(kind).form != "performs"}
    untested = {
        kind
        for kind in computing - set(KINDS) - WITHOUT_RESULT - BY_PROGRAMS - DEPRECATED
        if f'"{kind}"' not in tests
    }
    assert untested == set()


@pytest.mark.parametrize(("kind", "form"), [("DecodeBmp", "BMP"), ("DecodeGif", "GIF")])
def test_pictures_of_other_kinds_of_files(kind: str, form: str) -> None:
    images = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 4, (5, 6, 3)).astype(np.uint8) * 60
    frames = [images.fromarray(each) for each in (pixels, pixels[::-1])]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if form == "GIF" else {}
    frames[0].save(file, form, **more)
    assert_same(kind, file.getvalue())
