"""Variables as programs see them: how they are read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import is_plain_variable, is_saving, note_variable
from tf1hub.graphdef import op_types
from tf1hub.program.code import Op, Program
from tf1hub.tf2.emit.registry import emits
from tf1hub.tf2.emit.scope import EmittedReference, Scope


class EmittedVariable(EmittedReference):
    """A variable, on its way from the op that holds it to those that read or write it.

    Args:
        variable: the `tf.Variable`.
        by_value: whether ordinary ops take its value, as they do from ref variables, and not its handle.
        constant: whether the program leaves it as it is, so that one read serves all.
    """

    def __init__(self, variable: tf.Variable, by_value: bool, constant: bool) -> None:
        self.variable = variable
        self.by_value = by_value
        self.constant = constant

    def value(self, scope: Scope) -> Any:
        """The variable's value at this point of the program."""
        if not self.constant:
            # Of a plain variable the same op, without another one behind it.
            plain = is_plain_variable(self.variable)
            return self.variable.value() if plain else self.variable.read_value()
        hoisted = scope.trace.hoisted
        if id(self.variable) in hoisted:
            return hoisted[id(self.variable)]
        value = self.variable.value()
        if scope.depth == 0:
            hoisted[id(self.variable)] = value
        return value

    def tensor(self, scope: Scope) -> Any:
        """The value of a ref variable, the handle of any other."""
        return self.value(scope) if self.by_value else self.variable.handle

    def can_wait(self, scope: Scope) -> bool:
        """Whether a read of the variable is an ordinary op, which takes a fraction of the time where it runs with others."""
        return (
            self.constant
            and not self.by_value
            and scope.depth == 0
            and id(self.variable) not in scope.trace.hoisted
            and is_plain_variable(self.variable)
            and getattr(tf.compat.v1.get_default_graph(), "building_function", False)
        )

    def gather(self, scope: Scope, indices: Any, batch_dims: int) -> Any:
        """Some rows of the variable."""
        # Inside a loop or branch a handle would keep XLA and gradients from compiling.
        source = self.value(scope) if self.constant and scope.depth else self.variable
        return tf.gather(source, indices, batch_dims=batch_dims)

    def gather_nd(self, scope: Scope, indices: Any) -> Any:
        """Some elements of the variable."""
        return tf.gather_nd(self.value(scope) if self.constant and scope.depth else self.variable, indices)


def hoist(program: Program, scope: Scope) -> None:
    """Reads, outside of all regions and functions, the variables that are constant and used inside of one.

    A function that TensorFlow restored can be differentiated eagerly or in a `tf.function`, but not both,
    where a loop in it takes a variable itself.
    """
    state = scope.trace.state
    variables = state.variables
    constant = variables.keys() - scope.trace.written_variables(program)
    for op, depth in program.ops():
        if depth or op.node.op in op_types.FUNCTIONAL or op.node.op in state.functions:
            for name, _ in op.inputs:
                if name in constant:
                    EmittedVariable(variables[name], True, True).value(scope)


@emits(op_types.VARIABLES)
def emit_variable(scope: Scope, op: Op) -> None:
    """VarHandleOp, VariableV2: the variable itself."""
    name = op.node.name
    constant = name not in scope.trace.written_variables(scope.program)
    by_value = op.node.op in op_types.REF_VARIABLES
    scope.set((name, 0), EmittedVariable(scope.trace.state.variables[name], by_value, constant))


def _reference(scope: Scope, op: Op) -> EmittedVariable:
    reference = scope.get(op.inputs[0])
    assert isinstance(reference, EmittedVariable), op.node.name
    return reference


@emits(("ReadVariableOp",))
def emit_read(scope: Scope, op: Op) -> None:
    """ReadVariableOp."""
    reference = _reference(scope, op)
    if reference.can_wait(scope):
        note_variable(reference.variable)
        scope.run_later(op.node, op.inputs)
    else:
        scope.set((op.node.name, 0), reference.value(scope))


@emits(("VariableShape",))
def emit_shape(scope: Scope, op: Op) -> None:
    """VariableShape."""
    attributes = op.node.definition.attr
    out_type = attributes["out_type"].type if "out_type" in attributes else tf.int32
    scope.set((op.node.name, 0), tf.shape(_reference(scope, op).value(scope), out_type))


@emits(op_types.QUESTIONS)
def emit_question(scope: Scope, op: Op) -> None:
    """VarIsInitializedOp, IsVariableInitialized: a `tf.Variable` always is."""
    scope.set((op.node.name, 0), tf.constant(True))


@emits(op_types.GATHERS)
def emit_gather(scope: Scope, op: Op) -> None:
    """ResourceGather, ResourceGatherNd."""
    reference, indices = _reference(scope, op), scope.tensor(op.inputs[1])
    if op.node.op == "ResourceGatherNd":
        scope.set((op.node.name, 0), reference.gather_nd(scope, indices))
        return
    attributes = op.node.definition.attr
    batch_dims = attributes["batch_dims"].i if "batch_dims" in attributes else 0
    scope.set((op.node.name, 0), reference.gather(scope, indices, batch_dims))


@emits(op_types.WRITES)
def emit_write(scope: Scope, op: Op) -> None:
    """All ops that assign to a variable or to parts of it."""
    reference = _reference(scope, op)
    scope.flush()  # what waits may read the old value of a ref variable
    values = [scope.tensor(tensor) for tensor in op.inputs[1:]]
    _WRITERS[op.node.op.removeprefix("Resource").removesuffix("VariableOp")](reference.variable, *values)
    if op.node.op in op_types.REF_WRITES:
        scope.set((op.node.name, 0), reference)


def _scatter(method: str) -> Callable[[tf.Variable, Any, Any], None]:
    def write(variable: tf.Variable, indices: Any, updates: Any) -> None:
        for copy in _copies(variable):
            getattr(copy, method)(tf.IndexedSlices(updates, indices))

    return write


def _scatter_nd(method: str) -> Callable[[tf.Variable, Any, Any], None]:
    def write(variable: tf.Variable, indices: Any, updates: Any) -> None:
        for copy in _copies(variable):
            getattr(copy, method)(indices, updates)

    return write


def _copies(variable: tf.Variable) -> Sequence[tf.Variable]:
    """What to scatter into: of a variable of which each replica has its own, what TensorFlow assigns to.

    TensorFlow itself refuses to scatter into such a variable, although its parts know how.
    """
    if not (
        isinstance(variable, tf.distribute.DistributedValues)
        and variable.synchronization == tf.VariableSynchronization.ON_READ
    ):
        return [variable]
    copies: Sequence[tf.Variable] = variable.values
    if is_saving() or (tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()):
        return [copy for copy in copies if copy.handle is variable.handle]
    return copies


_WRITERS: dict[str, Callable[..., Any]] = {
    "Assign": lambda variable, value: variable.assign(value, read_value=False),
    "AssignAdd": lambda variable, value: variable.assign_add(value, read_value=False),
    "AssignSub": lambda variable, value: variable.assign_sub(value, read_value=False),
    **{f"ScatterNd{name}": _scatter_nd(f"scatter_nd_{name.lower()}") for name in ("Update", "Add", "Sub")},
    **{
        f"Scatter{name}": _scatter(f"scatter_{name.lower()}")
        for name in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Update")
    },
}
