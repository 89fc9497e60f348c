"""Ops that become other names, constants and tables."""

from __future__ import annotations

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import gradient_names, op_types
from tf1hub.program.code import Op
from tf1hub.program.nodes import Node
from tf1hub.tf2.emit.references import EmittedVariable
from tf1hub.tf2.emit.registry import emits
from tf1hub.tf2.emit.scope import Scope


@emits(op_types.IDENTITIES)
def emit_identity(scope: Scope, op: Op) -> None:
    """The tensor itself; the value of a ref variable."""
    value = scope.known_value(op.inputs[0])
    if gradient_names.ATTRIBUTE in op.node.definition.attr:
        scope.run_later(op.node, op.inputs)
    elif isinstance(value, EmittedVariable) and value.by_value and op.node.op == "Identity":
        scope.set((op.node.name, 0), value.value(scope))
    else:
        scope.alias((op.node.name, 0), op.inputs[0])


@emits(("PlaceholderWithDefault",))
def emit_default(scope: Scope, op: Op) -> None:
    """A default: what is fed is given before anything is emitted."""
    scope.alias((op.node.name, 0), op.inputs[0])


@emits(("Const",))
def emit_constant(scope: Scope, op: Op) -> None:
    """A constant, or the path of an asset."""
    path = None if scope.in_function else scope.trace.state.asset_path((op.node.name, 0))
    if path is None:
        scope.run_later(op.node, op.inputs)
    else:
        scope.set((op.node.name, 0), path)


@emits(op_types.TABLES)
def emit_table(scope: Scope, op: Op) -> None:
    """A table, by its handle."""
    scope.set((op.node.name, 0), scope.trace.state.table(op.node.name).resource_handle)


@emits(op_types.OLD_TABLE_OPS)
def emit_old_table_op(scope: Scope, op: Op) -> None:
    """An op on a table whose handle is a string: its twin that takes a resource."""
    definition = NodeDef()
    definition.CopyFrom(op.node.definition)
    definition.op += "V2"
    scope.run_later(Node(op.node.name, definition.op, op.node.inputs, (), definition), op.inputs)
