"""Which function lowers which op types.

A lowering gets the call and its inputs, and returns its output, or the list of its outputs:

    @lowers("Softplus")
    def softplus(call, x):
        return call.graph.op("Softplus", x)

Inputs that it cannot go on with it refuses: `raise CannotLower("takes a number of classes that is computed")`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

LoweringFunction: TypeAlias = Callable[..., Any]

FUNCTION_NAME = "the name of a function"
"""Stands for all op types that are no ops: old graphs call a function by using its name as one."""

_LOWERINGS: dict[str, LoweringFunction] = {}


class CannotLower(Exception):  # noqa: N818  # said as the others of its kind say it, and never seen outside
    """An op that ONNX cannot take the way that it is used; the message says what it does, as the end of a sentence."""


def lowers(*op_types: str) -> Callable[[LoweringFunction], LoweringFunction]:
    """Says that a function lowers these op types."""

    def register(lowering: LoweringFunction) -> LoweringFunction:
        for op in op_types:
            assert op not in _LOWERINGS, op
            _LOWERINGS[op] = lowering
        return lowering

    return register


def by_reference(lowering: LoweringFunction) -> LoweringFunction:
    """Says that a lowering takes references as they are, and not the values of ref variables."""
    lowering.by_reference = True  # type: ignore[attr-defined]
    return lowering


def lowering_of(op: str) -> LoweringFunction | None:
    """What lowers an op type; None where nothing that was imported does."""
    return _LOWERINGS.get(op)


def lowered_types() -> frozenset[str]:
    """The op types that something here lowers."""
    return frozenset(_LOWERINGS) - {FUNCTION_NAME}
