"""Variables: what holds them, reads them and writes them."""

from __future__ import annotations

from typing import Any

from tf1hub.graphdef import op_types
from tf1hub.onnx.broadcasting import arithmetic
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.traced_values import Value
from tf1hub.program.references import VariableReference


@lowers(*op_types.VARIABLES)
def variable(call: LoweringCall) -> VariableReference:
    """What holds a variable."""
    return VariableReference(call.op.node.name, call.kind in op_types.REF_VARIABLES)


def _node(reference: Any) -> str:
    if not isinstance(reference, VariableReference):
        raise CannotLower("reads or writes a variable that cannot be followed")
    return reference.node


@lowers("ReadVariableOp")
@by_reference
def read(call: LoweringCall, reference: Any) -> Value:
    """The value at this point."""
    return call.scope.lowering.variable(_node(reference))


@lowers("VariableShape")
@by_reference
def variable_shape(call: LoweringCall, reference: Any) -> Value:
    """The sizes of a variable."""
    graph = call.graph
    sizes = graph.shape_of(call.scope.lowering.variable(_node(reference)))
    return graph.cast(sizes, call["out_type"])


@lowers(*op_types.QUESTIONS)
@by_reference
def is_initialized(call: LoweringCall, reference: Any) -> Value:
    """Whether it has a value: it has."""
    _node(reference)
    return call.graph.const(True)


@lowers("Assign", "AssignVariableOp", "AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp")
@by_reference
def assign(call: LoweringCall, reference: Any, *_: Any) -> list[Any]:
    """A new value; added to the old one, or taken from it."""
    node, lowering = _node(reference), call.scope.lowering
    value = call.scope.value(call.op.inputs[1])
    if "Add" in call.kind:
        value = arithmetic(call, "Add", lowering.variable(node), value)
    elif "Sub" in call.kind:
        value = arithmetic(call, "Sub", lowering.variable(node), value)
    if value.known is not None:
        # What a program gives a variable is told from what was stored by being no constant.
        value = call.graph.op("Identity", value)
    lowering.variables[node] = value
    return [reference] if call.kind in op_types.REF_WRITES else []


_HOW = {"Add": "add", "Mul": "mul", "Min": "min", "Max": "max", "Update": None, "Sub": "add", "Div": "mul"}


@lowers(*(kind for kind in op_types.WRITES if "Scatter" in kind))
@by_reference
def scatter(call: LoweringCall, reference: Any, *_: Any) -> list[Any]:
    """New values for some rows or elements."""
    graph, lowering, node = call.graph, call.scope.lowering, _node(reference)
    old = lowering.variable(node)
    indices, updates = (call.scope.value(tensor) for tensor in call.op.inputs[1:3])
    kind = call.kind.removeprefix("Resource").removeprefix("Scatter")
    places = graph.int64(indices)
    if kind.startswith("Nd"):
        kind = kind.removeprefix("Nd")
    else:
        places = graph.unsqueeze(places, call.rank(places))
        sizes = graph.concat([graph.shape_of(indices), graph.slice(graph.shape_of(old), 1, None, 0)], 0)
        updates = graph.op("Expand", updates, sizes)
    if kind == "Sub":
        updates = graph.op("Neg", updates)
    if kind == "Div":
        if old.dtype.kind != "f":
            raise CannotLower("divides integers of a variable")
        updates = graph.op("Reciprocal", updates)
    value = graph.op("ScatterND", old, places, updates, reduction=_HOW[kind])
    lowering.variables[node] = value
    return [reference] if call.kind in op_types.REF_WRITES else []
