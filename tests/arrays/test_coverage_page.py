"""The page that says which engine has which op is what the table of ops and its cases say."""

from __future__ import annotations

import pytest

from tf1hub.arrays.kernels import computed_types

pytest.importorskip("onnx")
from arrays import coverage


def test_the_page_is_up_to_date() -> None:
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(), (
        "docs/op_coverage.md is stale; write it again: PYTHONPATH=src:tests python -m arrays.coverage"
    )


def test_numpy_and_jax_have_the_ops_that_published_modules_use() -> None:
    kinds = computed_types()
    assert len(kinds) >= 190
    assert sum(coverage.on_jax(kind) != "host" for kind in kinds) >= 190
