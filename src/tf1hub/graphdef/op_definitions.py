"""Where the definitions of ops come from: a record of TensorFlow's, or a TensorFlow that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tf1hub.errors import FormatError
from tf1hub.format.dtypes import RESOURCE
from tf1hub.format.messages_pb2 import NodeDef

_MOST_OUTPUTS = 1 << 20
"""The most outputs of a node. A larger number is damage, and would take all memory."""

OpDefinitions: TypeAlias = Callable[[str], Any]
"""Gives the OpDef of an op type, TensorFlow's message or ours, or None where it is not known."""


def gives_state(definition: Any) -> bool:
    """Whether an op is a handle to state: a stateful one without inputs whose output is a handle.

    Args:
        definition: its OpDef; None where it is not known.
    """
    if definition is None or not definition.is_stateful or definition.input_arg:
        return False
    return any(output.is_ref or output.type == RESOURCE for output in definition.output_arg)


def first_outputs(node: NodeDef, definition: Any) -> dict[str, int]:
    """For each named output of a node, the number of its first tensor.

    Args:
        node: the node.
        definition: the OpDef of its op type, or the signature of the function that it calls.
    """
    firsts: dict[str, int] = {}
    count = 0
    for argument in definition.output_arg:
        firsts[argument.name] = count
        count += argument_length(argument, node, definition)
    return firsts


def output_types(node: NodeDef, definition: Any) -> list[int]:
    """The numbers of the dtypes of a node's outputs; arguments as for `first_outputs`.

    Raises:
        FormatError: the node or the definition is damaged.
    """
    found: list[int] = []
    for argument in definition.output_arg:
        if argument.type_list_attr:
            found.extend(attribute(argument.type_list_attr, node, definition).list.type)
            continue
        number = argument.type or attribute(argument.type_attr, node, definition).type
        length = argument_length(argument, node, definition)
        if length > _MOST_OUTPUTS:
            raise FormatError(f"The node {node.name!r} ({node.op}) says that it has {length} outputs.")
        found.extend([number] * length)
    return found


def argument_length(argument: Any, node: NodeDef, definition: Any) -> int:
    """How many tensors an argument of an op is, as a node has it: more than one where it is a list."""
    if argument.number_attr:
        return int(attribute(argument.number_attr, node, definition).i)
    if argument.type_list_attr:
        return len(attribute(argument.type_list_attr, node, definition).list.type)
    return 1


def check_inputs(node: NodeDef, count: int, definition: Any) -> None:
    """Checks that a node has as many inputs as its op takes; TensorFlow does so itself.

    Args:
        node: the node.
        count: of its inputs, control edges left out.
        definition: of its op.

    Raises:
        FormatError: it has more or fewer.
    """
    taken = sum(argument_length(argument, node, definition) for argument in definition.input_arg)
    if taken != count:
        raise FormatError(
            f"The node {node.name!r} has {count} inputs, and its op {node.op} takes {taken}. The file is damaged."
        )


def attribute(name: str, node: NodeDef, definition: Any) -> Any:
    """A node's attribute, or the default that its op has for it.

    Raises:
        FormatError: it has none.
    """
    if name in node.attr:
        return node.attr[name]
    for known in definition.attr:
        if known.name == name:
            return known.default_value
    raise FormatError(f"The node {node.name!r} ({node.op}) lacks the attribute {name!r}.")
