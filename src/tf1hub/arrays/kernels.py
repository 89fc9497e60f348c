"""The filled table of ops: what computes an op type."""

from __future__ import annotations

import tf1hub.arrays.kinds  # noqa: F401  # fills the table
from tf1hub.arrays.op_table import FUNCTION_NAME, Kernel, kernels_by_op

__all__ = ["computed_types", "kernel_of"]


def kernel_of(op: str) -> Kernel | None:
    """What computes an op type; None where nothing here does.

    Example:
        >>> kernel_of("AddV2").form, kernel_of("FooBar")
        ('computes', None)
    """
    return kernels_by_op().get(op)


def computed_types() -> frozenset[str]:
    """The op types that the table has."""
    return frozenset(kernels_by_op()) - {FUNCTION_NAME}
