"""What a program tells about the values of its tensors before it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf1hub.tf2.graph import Tensor
from tf1hub.tf2.program import Op, Program


def made_by(program: Program, tensor: Tensor) -> Op | None:
    """The op behind a tensor; None where a loop, a cond or a caller gives it."""
    return program.by_name.get(program.origin(tensor)[0])


def constant(program: Program, tensor: Tensor) -> npt.NDArray[Any] | None:
    """The value of a constant, or None."""
    op = made_by(program, tensor)
    if op is None or op.node.op != "Const":
        return None
    value: npt.NDArray[Any] = tf.make_ndarray(op.node.definition.attr["value"].tensor)
    return value


def range_limit(program: Program, indices: Tensor) -> Tensor | None:
    """The `n` of indices that are `range(0, n)`, or None."""
    op = made_by(program, indices)
    if op is None or op.node.op != "Range":
        return None
    start, limit, step = op.inputs
    return limit if constant(program, start) == 0 and constant(program, step) == 1 else None


def distinct(program: Program, indices: Tensor) -> bool:
    """Whether no index is sure to come twice."""
    op = made_by(program, indices)
    if op is not None and op.node.op == "Range":
        return True
    value = constant(program, indices)
    return value is not None and len(np.unique(value)) == value.size
