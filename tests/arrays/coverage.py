"""What each engine does with each op type, as a page: `docs/op_coverage.md`. The cases of ops say it.

`PYTHONPATH=src:tests python -m arrays.coverage` writes the page.
"""

from __future__ import annotations

import pathlib

from arrays import all_cases

from tf1hub.arrays.kernels import computed_types, kernel_of
from tf1hub.onnx import kinds as onnx_kinds
from tf1hub.onnx.lowering_table import lowered_types

assert onnx_kinds  # importing them fills the table of lowerings
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "op_coverage.md"

_HEAD = """# Ops on each engine

The op types that modules run on without TensorFlow: {numpy} on NumPy, {jax} of them on JAX, {onnx} in ONNX. This page is written by the tests
(`PYTHONPATH=src:tests python -m arrays.coverage`).

- *exact*: every bit is TensorFlow's. *close*: within the rounding of the dtype. *distribution*: random numbers, which are never TensorFlow's.
- *whole*: it reads or writes what a run holds (variables, tables, lists, functions); whole modules hold it.
- *host*: on JAX and ONNX it runs in NumPy, before the rest. *known*: JAX takes it where what decides the shape of its result depends on inputs alone.

| op type | NumPy | JAX | ONNX |
|---|---|---|---|
"""


def page() -> str:
    """The text of the page."""
    kinds = sorted(computed_types())
    lowered = lowered_types()
    traced = [kind for kind in kinds if on_jax(kind) != "host"]
    lines = [f"| `{kind}` | {on_numpy(kind)} | {on_jax(kind)} | {on_onnx(kind, lowered)} |" for kind in kinds]
    onnx = sum(kind in lowered for kind in kinds)
    return _HEAD.format(numpy=len(kinds), jax=len(traced), onnx=onnx) + "\n".join(lines) + "\n"


def on_numpy(kind: str) -> str:
    """How near NumPy is to TensorFlow."""
    cases = all_cases.CASES.get(kind)
    if cases is None:
        kernel = kernel_of(kind)
        return "whole" if kernel is not None and kernel.form == "performs" else "exact"
    if any(case.drawn for case in cases):
        return "distribution"
    return "exact" if all(case.exact for case in cases) else "close"


def on_jax(kind: str) -> str:
    """The same of JAX, or where else it runs."""
    kernel = kernel_of(kind)
    assert kernel is not None
    if kernel.host:
        return "host"
    refused = [case.refused for case in all_cases.CASES.get(kind, ())]
    if refused and all(refused):
        return "known"
    return on_numpy(kind)


def on_onnx(kind: str, lowered: frozenset[str]) -> str:
    """Whether a model has it."""
    if kind in lowered:
        return "yes"
    kernel = kernel_of(kind)
    return "host" if kernel is not None and kernel.host else "-"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
