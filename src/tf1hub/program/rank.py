"""The order of ops that could run at the same time."""

from __future__ import annotations

from tf1hub.graphdef import op_types

_EARLY = (
    op_types.VARIABLES
    | op_types.DENSE_READS
    | op_types.TABLES
    | {name for name, does in op_types.TENSOR_ARRAYS.items() if does == "Scatter"}
)
_LATE = op_types.WRITES
_LATER_THAN_PLAIN = op_types.FUNCTIONAL


def rank_of(op: str) -> int:
    """When to run an op among all that could run now; smaller is sooner.

    Ops that need TensorFlow's Python functions cut straight-line code in pieces, so they gather
    before and after it. A variable is read before it is written where the graph leaves that open.
    """
    if op in _EARLY:
        return 0
    if op in _LATE:
        return 3
    return 2 if op in _LATER_THAN_PLAIN else 1


CONSTRUCT = 2
