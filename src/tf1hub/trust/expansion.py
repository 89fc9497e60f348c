"""Small graphs that take much time or memory: large tensors made of a few bytes, loops that may not end."""

from __future__ import annotations

from functools import cache

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import NodeDef, TensorProto
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.trust.units import Unit

MAX_ELEMENTS = 2**30
"""Elements of one tensor that a graph may ask for by constants without a word: 4 GB of float32."""

_SIZES = frozenset(
    {"dims", "shape", "size", "num_elements", "depth", "num", "limit", "output_shape", "multiples"}
)
"""Inputs of ops that say how large a result is."""
_COMPARISONS = frozenset({"Less", "LessEqual", "Greater", "GreaterEqual"})


@cache
def asks_for_size(op: str) -> bool:
    """Whether an input of an op says how large its result is."""
    definition = recorded_definition(op)
    return definition is not None and any(argument.name in _SIZES for argument in definition.input_arg)


def expanded_too_far(node: NodeDef, unit: Unit) -> bool:
    """Whether constants ask for a tensor of more than `MAX_ELEMENTS`."""
    if not asks_for_size(node.op) or not node.input:
        return False
    definition = recorded_definition(node.op)
    assert definition is not None
    for argument, edge in zip(definition.input_arg, node.input, strict=False):
        if argument.name in _SIZES:
            source = unit.nodes.get(unit.node_of(edge))
            if source is not None and source.op == "Const" and "value" in source.attr:
                elements = 1
                for number in integers(source.attr["value"].tensor):
                    elements *= max(number, 1)
                if elements > MAX_ELEMENTS:
                    return True
    return False


def integers(tensor: TensorProto) -> list[int]:
    """The numbers of a small constant of integers; empty for anything else."""
    if tensor.dtype not in (dtypes.INT32, dtypes.INT64):
        return []
    if tensor.tensor_content:
        width = 4 if tensor.dtype == dtypes.INT32 else 8
        content = tensor.tensor_content[: 64 * width]
        return [
            int.from_bytes(content[start : start + width], "little", signed=True)
            for start in range(0, len(content) - width + 1, width)
        ]
    values = list(tensor.int_val or tensor.int64_val)[:64]
    count = 1
    for side in tensor.tensor_shape.dim:
        count *= max(side.size, 0)
    # The last value stands for all that follow.
    return values + values[-1:] * min(count - len(values), 64 - len(values))


def is_counted(node: NodeDef, unit: Unit) -> bool:
    """Whether a loop ends when a number is reached, by the look of its condition."""
    if node.op == "LoopCond":
        return any(_compares(unit, edge) for edge in node.input)
    conditions = [other for other in unit.links.get(node.name, []) if len(other.returned) == 1]
    return any(_compares(other, edge) for other in conditions for edge in other.returned)


def _compares(unit: Unit, edge: str) -> bool:
    waiting, seen = [edge], set[str]()
    while waiting:
        node = unit.nodes.get(unit.node_of(waiting.pop()))
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op in _COMPARISONS:
            return True
        if node.op in ("LogicalAnd", "Identity"):
            waiting.extend(edge for edge in node.input if not edge.startswith("^"))
    return False
