"""How often a loop runs at most, where it counts: `i = 0; while i < n and ...: i += 1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tf1hub.graphdef.constants import integer
from tf1hub.program.code import Body, LoopVariable, Op, Program
from tf1hub.program.nodes import Node, Tensor


def bounds_of(
    nodes: Mapping[str, Node],
    carried: Mapping[Tensor, Tensor],
    variables: Sequence[LoopVariable],
    condition: Tensor,
) -> tuple[list[Tensor], bool]:
    """What bounds the iterations of a loop.

    XLA can only differentiate a loop whose number of iterations is bounded.

    Returns:
        Each tensor `n` of a part `i < n` of the condition whose `i` counts from 0 in steps of 1, and
        whether the condition has no other parts.
    """

    def source(tensor: Tensor) -> Tensor:
        tensor = carried.get(tensor, tensor)
        while (node := nodes.get(tensor[0])) is not None and node.op == "Identity":
            tensor = carried.get(node.inputs[0], node.inputs[0])
        return tensor

    def constant(tensor: Tensor) -> int | None:
        node = nodes.get(source(tensor)[0])
        return (
            integer(node.definition.attr["value"].tensor) if node is not None and node.op == "Const" else None
        )

    def counts(variable: LoopVariable) -> bool:
        step = nodes.get(source(variable.next)[0])
        if constant(variable.initial) != 0 or step is None or step.op not in ("Add", "AddV2"):
            return False
        this: Tensor = (variable.name, 0)
        first, second = step.inputs
        return (source(first) == this and constant(second) == 1) or (
            source(second) == this and constant(first) == 1
        )

    by_name = {variable.name: variable for variable in variables}
    bounds: list[Tensor] = []
    complete = True
    waiting = [condition]
    while waiting:
        node = nodes.get(source(waiting.pop())[0])
        if node is not None and node.op == "LogicalAnd":
            waiting.extend(node.inputs)
            continue
        found = False
        if node is not None and node.op == "Less":
            counter, bound = source(node.inputs[0]), source(node.inputs[1])
            found = counter[0] in by_name and bound[0] not in by_name and counts(by_name[counter[0]])
            if found:
                bounds.append(bound)
        complete = complete and found
    return bounds, complete


def bounds_of_functions(program: Program, loop: Op, condition: Body, body: Body) -> list[Tensor | int]:
    """What bounds the iterations of a loop whose condition and body are functions.

    Args:
        program: where the loop stands.
        loop: the While.
        condition: the function that decides whether to go on.
        body: the function that is one iteration.

    Returns:
        For each part `i < n` of the condition whose `i` counts from 0 in steps of 1, the tensor `n` outside of the
        loop, or the number.
    """

    def counts(index: int) -> bool:
        step = body.program.maker(body.program.fetches[index])
        if _number(program, loop.inputs[index]) != 0 or step is None or step.node.op not in ("Add", "AddV2"):
            return False
        this = body.arguments[index]
        first, second = step.inputs
        return (body.program.origin(first) == this and _number(body.program, second) == 1) or (
            body.program.origin(second) == this and _number(body.program, first) == 1
        )

    def outside(bound: Tensor) -> Tensor | int | None:
        origin = condition.program.origin(bound)
        if origin not in condition.arguments:
            return _number(condition.program, bound)
        index = condition.arguments.index(origin)
        stays = body.program.origin(body.program.fetches[index]) == body.arguments[index]
        return loop.inputs[index] if stays else None

    bounds: list[Tensor | int] = []
    waiting = list(condition.program.fetches)
    while waiting:
        part = condition.program.maker(waiting.pop())
        if part is None:
            continue
        if part.node.op == "LogicalAnd":
            waiting.extend(part.inputs)
        elif part.node.op == "Less":
            counter = condition.program.origin(part.inputs[0])
            bound = outside(part.inputs[1])
            if (
                counter in condition.arguments
                and bound is not None
                and counts(condition.arguments.index(counter))
            ):
                bounds.append(bound)
    return bounds


def _number(program: Program, tensor: Tensor) -> int | None:
    op = program.maker(tensor)
    if op is None or op.node.op != "Const":
        return None
    return integer(op.node.definition.attr["value"].tensor)
