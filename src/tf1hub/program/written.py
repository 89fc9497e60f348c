"""Which variables a program may write."""

from __future__ import annotations

from collections.abc import Callable, Set

from tf1hub.graphdef import op_types
from tf1hub.program.code import Op, Program
from tf1hub.program.nodes import Tensor

_KEEP_UNWRITTEN = op_types.READS | op_types.QUESTIONS | op_types.IDENTITIES
_HAND_ON = op_types.REF_WRITES | op_types.IDENTITIES
"""Op types whose output may be the variable that they are given."""


def written_variables(program: Program, variables: Set[str], writes: Callable[[Op], bool]) -> set[str]:
    """The nodes of the variables that a program may write.

    Args:
        program: the program.
        variables: the nodes that hold variables.
        writes: whether an op that calls functions may write what it is given.
    """
    found: set[str] = set()
    ops = [op for op, _ in program.ops()]
    carriers = {name for name, _ in program.joins} | {op.node.name for op in ops if op.node.op in _HAND_ON}
    carriers |= variables
    for op in ops:
        kind = op.node.op
        if kind in op_types.WRITES:
            behind = _behind(program, op.inputs[0])
            # A reference out of a function, say, may be to any variable.
            found |= behind if behind.issubset(variables) else variables
        elif kind not in _KEEP_UNWRITTEN:
            # Most inputs are numbers; what is behind them need not be looked for.
            references = [tensor for tensor in op.inputs if tensor[0] in carriers]
            given = {name for tensor in references for name in _behind(program, tensor) if name in variables}
            handles = {name for name in given if program.by_name[name].node.op in op_types.RESOURCE_VARIABLES}
            if handles and writes(op):
                found |= handles
    return found


def _behind(program: Program, reference: Tensor) -> set[str]:
    """The nodes that a reference may come from, through conds, loops and writes of ref variables."""
    found: set[str] = set()
    seen: set[Tensor] = set()
    waiting = [reference]
    while waiting:
        tensor = program.origin(waiting.pop())
        if tensor in seen:
            continue
        seen.add(tensor)
        op = program.by_name.get(tensor[0])
        if tensor in program.joins:
            waiting.extend(program.joins[tensor])
        elif op is not None and op.node.op in op_types.REF_WRITES:
            waiting.append(op.inputs[0])
        else:
            found.add(tensor[0])
    return found
