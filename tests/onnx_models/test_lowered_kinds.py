"""Every op that is lowered to ONNX, run by ONNX Runtime, against TensorFlow's kernel: with sizes told, and left open."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("tensorflow")

from arrays import all_cases, harness
from arrays.op_case import Case
from onnx_models.op_models import RefusedError, run_op

from tf1hub.arrays.kernels import kernel_of
from tf1hub.onnx.lowering_table import lowered_types

KINDS = sorted(set(all_cases.CASES) & lowered_types())
OTHER_DTYPES = {"float16", "bfloat16", "complex128"}
"""ONNX Runtime has few kernels for them; it computes half precision in single where it has none."""
CONSTANTS = {"filter"}
"""Inputs that modules have as constants, beside those that say shapes."""
REFUSED = {
    "computes with complex numbers": None,
    "makes complex numbers of double precision": None,
    "changes between complex and real numbers": None,
    "takes strings, which ONNX Runtime has no kernel for": None,
    "gathers rows of strings": None,
    "writes to a diagonal": {"Einsum"},
    "leaves open whether there are weights": {"Bincount", "DenseBincount"},
    "counts each row by itself": {"DenseBincount"},
    "takes other diagonals than the main one": {
        "MatrixDiagPartV2",
        "MatrixDiagPartV3",
        "MatrixDiagV2",
        "MatrixDiagV3",
        "MatrixSetDiagV2",
        "MatrixSetDiagV3",
    },
    "makes matrices of another size than their diagonals": {"MatrixDiagV2", "MatrixDiagV3"},
    "gives as many boxes as there are classes": {"CombinedNonMaxSuppression"},
    "lowers the scores of boxes that overlap": {"NonMaxSuppressionV5"},
    "drops all axes of size 1": {"Squeeze"},
    "has inputs that ONNX's Equal does not take": {"Equal", "NotEqual"},
    "of sizes that the module leaves open": {"Conv2D"},
    "takes a number of frequencies that the module leaves open": {"Mfcc"},
    "needs the number of dimensions of a sparse tensor": {"SparseReshape"},
}
"""What is refused, and of which op types; None for any."""


def different(case: Case, open_sizes: bool, error: str) -> bool:
    """What is known to differ, and told in `docs/onnx.md`."""
    inputs = [
        array for value in case.inputs.values() for array in (value if isinstance(value, list) else [value])
    ]
    if case.kind == "Mean" and 0 in inputs[0].shape:
        return True  # the mean of nothing is 0 for ONNX Runtime
    if case.kind in ("Equal", "NotEqual") and open_sizes and "broadcast" in error:
        return True  # shapes that do not go together are an error where the model runs
    if case.kind == "Conv2D" and open_sizes and "kernel channels * group" in error:
        return True  # groups of channels whose number is open are an error where the model runs
    if case.kind == "GatherNd" and open_sizes:
        return "'shape' of 'type' is required" in error  # the number of dimensions is open, too
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_gives_what_tensorflow_gives(kind: str) -> None:
    ran = 0
    for case in all_cases.CASES[kind]:
        inputs = {name: value if isinstance(value, list) else [value] for name, value in case.inputs.items()}
        arrays = [array for value in inputs.values() for array in value]
        wanted = str(case.attributes.get("dtype", case.attributes.get("DstT", "")))
        if {str(array.dtype) for array in arrays} & OTHER_DTYPES or any(
            name in wanted for name in OTHER_DTYPES
        ):
            continue
        known = [name in case.known or name in CONSTANTS for name, value in inputs.items() for _ in value]
        node, expected = harness.node_of(case), harness.by_tensorflow(case)
        for open_sizes in (False, True):
            ran += check(case, node, arrays, known, open_sizes, expected)
        if kind in ("SpaceToBatchND", "BatchToSpaceND"):  # which the sizes of a picture decide
            ran += check(case, node, arrays, [False, True, False], True, expected)
    assert ran


def check(
    case: Case, node: Any, arrays: list[Any], known: list[bool], open_sizes: bool, expected: list[Any]
) -> int:
    """Compares one case; says whether it ran."""
    refusal = ""
    try:
        found = run_op(node, arrays, known, open_sizes)
        harness.assert_like(case, found, expected)
    except RefusedError as refused:
        refusal = str(refused)
    except Exception as error:
        if not different(case, open_sizes, str(error)):
            raise AssertionError(f"{case}, open sizes: {open_sizes}: {error}") from error
        return 0
    reasons = [reason for reason in REFUSED if reason in refusal]
    assert bool(reasons) == bool(refusal), f"{case}: {refusal}"
    assert all(REFUSED[reason] is None or case.kind in REFUSED[reason] for reason in reasons), case
    return int(not refusal)


NOT_COMPUTED = {"Const", "ControlTrigger", "DebugIdentity", "HostConst", "NoOp", "Print", "PrintV2"}
"""What every module has, or what only shows."""


def test_no_lowering_lacks_a_case() -> None:
    """What performs (variables, tables, lists, branches, functions) is held by whole modules and random programs."""
    kernels = {kind: kernel_of(kind) for kind in lowered_types() - set(KINDS)}
    left = {kind for kind, kernel in kernels.items() if kernel is None or kernel.form != "performs"}
    deprecated = (pathlib.Path(__file__).parent / "test_deprecated_kinds.py").read_text()
    assert {kind for kind in left - NOT_COMPUTED if f'"{kind}"' not in deprecated} == set()


def test_at_least_150_kinds_are_lowered() -> None:
    assert len(lowered_types()) >= 150
    assert all(re.fullmatch(r"\w+", kind) for kind in lowered_types())
