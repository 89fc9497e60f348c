"""Regularization losses that differ by their variables alone: TensorFlow saves one of them, the others are copies of that.

Large networks have a loss for each of a hundred kernels. To trace and to save one takes five milliseconds, to copy what was
saved a tenth of one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.names import free_name
from tf1hub.program.code import Op
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.emit.registry import emitted_types
from tf1hub.tf2.regularization import loss_function, loss_names
from tf1hub.tf2.variant_state import VariantState

_SHAPES = "_output_shapes"
_WITHOUT_PLACE = ("_class", _SHAPES)
_COPIED = frozenset({*op_types.IDENTITIES, "ReadVariableOp", "Const"})
"""Op types that are written down as they are although something has to be done about others of them."""


@dataclass(frozen=True)
class _LossOps:
    """The ops of a loss that can be copied.

    Attributes:
        kind: the same for losses that differ by their variables alone.
        variable: the node of the only variable.
        names: of the ops, in the order in which they run.
    """

    kind: Hashable
    variable: str
    names: list[str]


@dataclass(frozen=True)
class _Loss:
    """A loss.

    Attributes:
        index: of the function in `SavedLosses.functions` that computes it, or one of its kind.
        ops: its own, and those of the one of its kind, where that is copied; else None.
    """

    index: int
    ops: tuple[_LossOps, _LossOps] | None = None


class SavedLosses:
    """The losses of a loaded module as they are saved.

    Args:
        callables: the variants of the loaded module.

    Attributes:
        functions: the `tf.function`s to save in their place.
    """

    def __init__(self, callables: CallableVariants) -> None:
        state = callables.loaded[-1]
        self.functions: list[Any] = []
        self._variables = {node: index for index, node in enumerate(callables.resources.variables)}
        self._losses: list[_Loss] = []
        first: dict[Hashable, tuple[int, _LossOps]] = {}
        for name in loss_names(state):
            ops = _ops_of(state, name)
            if ops is not None and ops.kind in first:
                index, other = first[ops.kind]
                self._losses.append(_Loss(index, (ops, other)))
                continue
            index = len(self.functions)
            self._losses.append(_Loss(index))
            self.functions.append(loss_function(state, name))
            # Any other than a number may have a shape that is that of its variable.
            if ops is not None and self.functions[-1].get_concrete_function().output_shapes.rank == 0:
                first[ops.kind] = index, ops

    def complete(self, graph: Any) -> None:
        """Adds the copies to what TensorFlow saved.

        Args:
            graph: the MetaGraphDef.
        """
        if len(self._losses) == len(self.functions):
            return
        objects = graph.object_graph_def
        listed = objects.nodes[_children(objects.nodes[0])["regularization_losses"]]
        functions = _children(listed)
        variables = _children(objects.nodes[_children(objects.nodes[0])["variables"]])
        copies = _Copies(graph)
        numbers = []
        for loss in self._losses:
            number = functions[str(loss.index)]
            if loss.ops is not None:
                own, other = loss.ops
                variable = variables[str(self._variables[own.variable])]
                number = copies.copy(number, variable, dict(zip(other.names, own.names, strict=True)))
            numbers.append(number)
        del listed.children[:]
        for index, number in enumerate(numbers):
            listed.children.add(node_id=number, local_name=str(index))


class _Copies:
    """Makes copies of saved functions of one variable.

    Args:
        graph: the MetaGraphDef.
    """

    def __init__(self, graph: Any) -> None:
        self._objects = graph.object_graph_def
        self._library = graph.graph_def.library
        self._functions = {function.signature.name: function for function in self._library.function}

    def copy(self, number: int, variable: int, names: dict[str, str]) -> int:
        """A copy of an object that is a function: the number of the copy.

        Args:
            number: of the object.
            variable: the number of the variable that the copy uses.
            names: what the copy calls its ops, by what they are called.
        """
        (name,) = self._objects.nodes[number].function.concrete_functions
        copied = self._copy_function(name, variable, names)
        (traced,) = self._objects.nodes[number].children
        concrete = self._add(traced.node_id)
        self._objects.nodes[concrete].bare_concrete_function.concrete_function_name = copied
        found = self._add(number)
        node = self._objects.nodes[found]
        node.function.concrete_functions[:] = [copied]
        for reference in (*node.children, *node.dependencies):
            reference.node_id = concrete
        return found

    def _add(self, number: int) -> int:
        self._objects.nodes.add().CopyFrom(self._objects.nodes[number])
        return len(self._objects.nodes) - 1

    def _copy_function(self, name: str, variable: int, names: dict[str, str]) -> str:
        copied = free_name(name, self._functions)
        function = self._functions[copied] = self._library.function.add()
        function.CopyFrom(self._functions[name])
        function.signature.name = copied
        (argument,) = function.signature.input_arg
        described = self._objects.nodes[variable].variable
        for data in argument.handle_data:
            data.shape.CopyFrom(described.shape)
        for node in function.node_def:
            node.name = _new_name(node.name, names)
            node.input[:] = [_new_name(given, names) for given in node.input]
            node.attr.pop(_SHAPES, None)
        for returned in (function.ret, function.control_ret):
            for key, value in list(returned.items()):
                returned[key] = _new_name(value, names)
        self._objects.concrete_functions[copied].CopyFrom(self._objects.concrete_functions[name])
        self._objects.concrete_functions[copied].bound_inputs[:] = [variable]
        return copied


def _children(node: Any) -> dict[str, int]:
    return {child.local_name: child.node_id for child in node.children}


def _new_name(text: str, names: dict[str, str]) -> str:
    """An op, or a reference to one, by its new name: `^scope/name` or `scope/name:output:0`."""
    path, colon, output = text.partition(":")
    scope, slash, name = path.partition("/")
    return f"{scope}{slash}{names.get(name, name)}{colon}{output}"


def _ops_of(state: VariantState, loss: str) -> _LossOps | None:
    """What a loss consists of; None where its function does not follow from its ops and the rank of one variable."""
    program = state.program([loss])
    numbers: dict[str, int] = {}
    kind: list[Hashable] = []
    variables: list[str] = []
    for item in program.region.items:
        if not isinstance(item, Op) or any(name not in numbers for name, _ in item.inputs):
            return None
        node = item.node
        what: Hashable
        if node.op in op_types.VARIABLES:
            if node.name not in state.variables:
                return None  # the graph is damaged, as its function will tell
            variables.append(node.name)
            shape = state.variables[node.name].shape
            what = node.op, state.variables[node.name].dtype, shape.rank
            if not shape.is_fully_defined():
                return None
        elif _is_ordinary(state, item):
            what = _without_place(node.definition)
        else:
            return None
        kind.append((what, tuple((numbers[name], index) for name, index in item.inputs)))
        numbers[node.name] = len(numbers)
    ((name, index),) = program.fetches
    if len(variables) != 1 or name not in numbers:
        return None
    return _LossOps((*kind, numbers[name], index), variables[0], list(numbers))


def _is_ordinary(state: VariantState, op: Op) -> bool:
    """Whether an op is written down as it is."""
    kind = op.node.op
    if kind in state.functions or (kind in emitted_types() and kind not in _COPIED):
        return False
    return kind != "Const" or state.asset_path((op.node.name, 0)) is None


def _without_place(definition: NodeDef) -> bytes:
    """What an op is, without what it is called and where it stands."""
    copy = NodeDef()
    copy.CopyFrom(definition)
    for field in ("name", "input", "device"):
        copy.ClearField(field)
    for attribute in _WITHOUT_PLACE:
        copy.attr.pop(attribute, None)
    return copy.SerializeToString(deterministic=True)
