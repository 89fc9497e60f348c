"""Loops and choices that are functions, and lists of tensors, where strings are in them: they run outside of the model, as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import shape_of
from tf1hub.format import dtypes
from tf1hub.graphdef.op_definitions import output_types
from tf1hub.onnx.host_ops import HostFlow, has_strings
from tf1hub.onnx.lowering_scope import LoweringScope
from tf1hub.onnx.traced_values import Entity, Shape, Value
from tf1hub.program.code import Cond, Loop, Op, Region

_FUNCTIONS_OF = {
    "Case": ("branches",),
    "If": ("then_branch", "else_branch"),
    "StatelessCase": ("branches",),
    "StatelessIf": ("then_branch", "else_branch"),
    "StatelessWhile": ("cond", "body"),
    "While": ("cond", "body"),
}
_ELEMENT_SHAPES = {"TensorListGetItem": (2, 0), "TensorListPopBack": (1, 0), "TensorListStack": (1, 1)}
"""Which input tells the shape of an element, and how many open dimensions come before it in the last output."""


def host_function_outputs(scope: LoweringScope, op: Op) -> Sequence[Entity] | None:
    """The outputs of an op that the host runs with all that its functions do, as inputs of the model; None for all others."""
    kind = op.node.op
    if scope.graph.depth or op.node.name not in scope.lowering.nodes:
        return None
    if kind in _FUNCTIONS_OF:
        names = [name for attr in _FUNCTIONS_OF[kind] for name in _function_names(op, attr)]
        if not any(_works_on_strings(scope, name, set()) for name in names):
            return None
        return _from_outside(
            scope, op, [shape_of(s) for s in op.node.definition.attr["output_shapes"].list.shape]
        )
    if kind.startswith(("TensorList", "EmptyTensorList")):
        keeps_strings = op.node.definition.attr["element_dtype"].type == dtypes.STRING
        if keeps_strings or any(isinstance(scope.get(tensor), HostFlow) for tensor in op.inputs):
            return _from_outside(scope, op, _list_shapes(scope, op))
    return None


def _function_names(op: Op, attr: str) -> list[str]:
    value = op.node.definition.attr[attr]
    return [value.func.name] if value.HasField("func") else [each.name for each in value.list.func]


def _works_on_strings(scope: LoweringScope, name: str, seen: set[str]) -> bool:
    """Whether a function, or one that it calls, has an op that takes or gives strings."""
    if name in seen:
        return False
    seen.add(name)
    region = scope.lowering.functions.body(name).program.region
    if has_strings(scope, region, handed_on=False):
        return True
    return any(
        _works_on_strings(scope, inner, seen) for op in _ops_of(region) for inner in _list_called(scope, op)
    )


def _ops_of(region: Region) -> Iterable[Op]:
    for item in region.items:
        if isinstance(item, Op):
            yield item
        else:
            inner = item.branches if isinstance(item, Cond) else (item.condition_region, item.body)
            assert isinstance(item, Cond | Loop)
            for each in inner:
                yield from _ops_of(each)


def _list_called(scope: LoweringScope, op: Op) -> list[str]:
    if op.node.op in scope.lowering.functions:
        return [op.node.op]
    attrs = _FUNCTIONS_OF.get(op.node.op, ("f",) if op.node.op.endswith("PartitionedCall") else ())
    return [name for attr in attrs for name in _function_names(op, attr)]


def _list_shapes(scope: LoweringScope, op: Op) -> list[Shape]:
    """What is told of the outputs of an op on a list."""
    if op.node.op == "TensorListLength":
        return [()]
    if op.node.op not in _ELEMENT_SHAPES:
        return []
    place, before = _ELEMENT_SHAPES[op.node.op]
    given = scope.get(op.inputs[place])
    if not isinstance(given, Value) or given.rank == 0 or given.elements is None:
        return []
    element = tuple(None if size is None or size < 0 else size for size in given.elements)
    shape: Shape = (*[None] * before, *element)
    return [None, shape] if op.node.op == "TensorListPopBack" else [shape]


def _from_outside(scope: LoweringScope, op: Op, shapes: Sequence[Shape]) -> list[Entity]:
    definition = scope.lowering.functions.effects.definition_of(op.node.op)
    found: list[Entity] = []
    for index, number in enumerate(output_types(op.node.definition, definition)):
        if dtypes.base(number) in (dtypes.VARIANT, dtypes.RESOURCE):
            found.append(HostFlow())
            continue
        shape = shapes[index] if index < len(shapes) else None
        dtype: Any = np.dtype(dtypes.numpy_dtype(number))
        found.append(scope.lowering.from_outside((op.node.name, index), dtype, shape))
    return found
