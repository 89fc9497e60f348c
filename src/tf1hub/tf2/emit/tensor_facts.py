"""What a program tells about the values of its tensors before it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf1hub import _tensorflow
from tf1hub.program.code import Op, Program
from tf1hub.program.nodes import Tensor


def constant(program: Program, tensor: Tensor) -> npt.NDArray[Any] | None:
    """The value of a constant, or None."""
    op = program.maker(tensor)
    if op is None or op.node.op != "Const":
        return None
    value: npt.NDArray[Any] = tf.make_ndarray(op.node.definition.attr["value"].tensor)
    return value


def range_limit(program: Program, indices: Tensor) -> Tensor | None:
    """The `n` of indices that are `range(0, n)`, or None."""
    op = program.maker(indices)
    if op is None or op.node.op != "Range":
        return None
    start, limit, step = op.inputs
    return limit if constant(program, start) == 0 and constant(program, step) == 1 else None


def distinct(program: Program, indices: Tensor) -> bool:
    """Whether no index is sure to come twice."""
    op = program.maker(indices)
    if op is not None and op.node.op == "Range":
        return True
    value = constant(program, indices)
    return value is not None and len(np.unique(value)) == value.size


def same(program: Program, first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are sure to be equal, because the same ops make them from the same tensors."""
    compared: set[tuple[Tensor, Tensor]] = set()
    waiting = [(first, second)]
    while waiting:
        mine, its = (program.origin(tensor) for tensor in waiting.pop())
        if mine == its or (mine, its) in compared:
            continue
        compared.add((mine, its))
        op, other = program.by_name.get(mine[0]), program.by_name.get(its[0])
        if op is None or other is None or mine[1] != its[1] or not _do_the_same(op, other):
            return False
        waiting.extend(zip(op.inputs, other.inputs, strict=True))
    return True


def _do_the_same(op: Op, other: Op) -> bool:
    known = _tensorflow.op_def(op.node.op)
    return (
        known is not None
        and not known.is_stateful
        and op.node.op == other.node.op
        and len(op.inputs) == len(other.inputs)
        and _attributes(op) == _attributes(other)
    )


def _attributes(op: Op) -> dict[str, Any]:
    """Those that decide what an op does; the others begin with an underscore."""
    return {name: value for name, value in op.node.definition.attr.items() if not name.startswith("_")}
