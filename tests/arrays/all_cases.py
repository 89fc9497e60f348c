"""All cases of ops; importing the families makes them."""

from __future__ import annotations

from arrays import (
    cases_chance,
    cases_elementwise,
    cases_images,
    cases_indexing,
    cases_linear,
    cases_reductions,
    cases_shaping,
    cases_sounds_and_slopes,
    cases_sparse_and_text,
)
from arrays.op_case import CASES

__all__ = [
    "CASES",
    "cases_chance",
    "cases_elementwise",
    "cases_images",
    "cases_indexing",
    "cases_linear",
    "cases_reductions",
    "cases_shaping",
    "cases_sounds_and_slopes",
    "cases_sparse_and_text",
]
