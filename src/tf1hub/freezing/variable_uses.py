"""Which nodes hand variables on, and what is done with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tf1hub.format.messages_pb2 import FunctionDef, FunctionDefLibrary, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.walk import attrs_with_functions

HAND_ON = (
    op_types.IDENTITIES
    | op_types.SWITCHES
    | op_types.MERGES
    | op_types.ENTERS
    | op_types.EXITS
    | op_types.NEXT_ITERATIONS
)
AS_REF = {
    "AssignVariableOp": "Assign",
    "AssignAddVariableOp": "AssignAdd",
    "AssignSubVariableOp": "AssignSub",
    **{op: op.removeprefix("Resource") for op in op_types.RESOURCE_WRITES if op.startswith("Resource")},
}
"""The writes of resource variables that have a twin for ref variables."""


@dataclass(frozen=True)
class VariableUses:
    """What becomes of the variables of a graph.

    Attributes:
        carriers: what hands variables on: the name of the node, and the variables that may come out of it.
        uses: for each variable what takes it, and at which of its inputs.
        written: the variables that are written.
        handles: the variables that something takes by their handle, and has no twin that takes a value.
    """

    carriers: Mapping[str, set[str]]
    uses: Mapping[str, list[tuple[NodeDef, int]]]
    written: set[str]
    handles: set[str]

    def behind(self, node: NodeDef) -> set[str]:
        """The variables that a node takes."""
        found: set[str] = set()
        for edge in node.input:
            name = node_of(edge)
            if edge.startswith("^"):
                continue
            if name in self.uses:
                found.add(name)
            found |= self.carriers.get(name, set())
        return found


def follow_variables(
    nodes: Mapping[str, NodeDef], keep: Collection[str], fed: Collection[str], library: FunctionDefLibrary
) -> VariableUses:
    """Follows each variable through what hands it on, to what is done with it.

    Args:
        nodes: the nodes of the graph.
        keep: the names of those that are looked at.
        fed: the tensors that are given, and not computed.
        library: the graph's functions.
    """
    consumers: dict[str, list[tuple[NodeDef, int]]] = {}
    for name in keep:
        for index, edge in enumerate(nodes[name].input):
            if not edge.startswith("^") and tensor_name(edge) not in fed:
                consumers.setdefault(node_of(edge), []).append((nodes[name], index))
    carriers: dict[str, set[str]] = {}
    uses: dict[str, list[tuple[NodeDef, int]]] = {}
    for variable in (nodes[name] for name in sorted(keep) if nodes[name].op in op_types.VARIABLES):
        ref = variable.op in op_types.REF_VARIABLES
        waiting, seen = [variable.name], set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for node, index in consumers.get(name, ()):
                uses.setdefault(variable.name, []).append((node, index))
                if (node.op in HAND_ON and _hands_on(node, index, ref)) or (
                    node.op in op_types.REF_WRITES and index == 0
                ):
                    carriers.setdefault(node.name, set()).add(variable.name)
                    waiting.append(node.name)
    written = {
        name
        for name, takers in uses.items()
        if any(
            (node.op in op_types.WRITES and index == 0)
            or _wants_reference(node)
            or writes_inside(node, index, library)
            for node, index in takers
        )
    }
    handles = {
        name
        for name, takers in uses.items()
        if nodes[name].op in op_types.RESOURCE_VARIABLES
        and any(not _is_plain(node, index) for node, index in takers)
    }
    # What one op chooses from is of one kind.
    changed = True
    while changed:
        changed = False
        for sources in carriers.values():
            for kind in (written, handles):
                if sources & kind and not sources <= kind:
                    kind |= sources
                    changed = True
    return VariableUses(carriers, uses, written, handles)


def _hands_on(node: NodeDef, index: int, ref: bool) -> bool:
    if ref and not node.op.startswith("Ref"):
        return False  # it takes the value
    # The other input of a switch is what it asks.
    return index == 0 or node.op not in op_types.SWITCHES


def writes_inside(node: NodeDef, index: int, library: FunctionDefLibrary) -> bool:
    """Whether a node writes the variable whose handle is one of its inputs in a function that it calls.

    Args:
        node: the node.
        index: of the input.
        library: the functions.
    """
    if not library.function:
        return False
    functions = {function.signature.name: function for function in library.function}
    seen: set[tuple[str, int]] = set()
    waiting = [(node, index)]
    while waiting:
        caller, place = waiting.pop()
        # The first input of a cond is what it asks.
        argument = place - (caller.op in op_types.FUNCTIONAL_CONDS | op_types.FUNCTIONAL_CASES)
        for name in _list_called(caller, functions):
            if (name, argument) in seen:
                continue
            seen.add((name, argument))
            for inner, position in _users_inside(functions[name], argument):
                if inner.op in op_types.WRITES and position == 0:
                    return True
                waiting.append((inner, position))
    return False


def _users_inside(function: FunctionDef, argument: int) -> Iterator[tuple[NodeDef, int]]:
    """What takes an argument of a function, also through identities, with the number of the input."""
    declared = function.signature.input_arg
    waiting = [declared[argument].name] if 0 <= argument < len(declared) else []
    while waiting:
        carrier = waiting.pop()
        for node in function.node_def:
            for position, edge in enumerate(node.input):
                if edge.partition(":")[0] == carrier:
                    yield node, position
                    if node.op in op_types.IDENTITIES:
                        waiting.append(node.name)


def _list_called(node: NodeDef, functions: Mapping[str, FunctionDef]) -> list[str]:
    names = [node.op]
    for attr in attrs_with_functions([node]):
        names += (
            [attr.func.name] if attr.WhichOneof("value") == "func" else [each.name for each in attr.list.func]
        )
    return [name for name in names if name in functions]


def _wants_reference(node: NodeDef) -> bool:
    """Whether an op takes a ref variable as such, and has no twin that takes its value."""
    if node.op in HAND_ON or node.op in op_types.QUESTIONS:
        return False
    definition = recorded_definition(node.op)
    return definition is not None and any(argument.is_ref for argument in definition.input_arg)


def _is_plain(node: NodeDef, index: int) -> bool:
    """Whether there is an op on numbers, or on a variable for one call, that does the same."""
    if node.op in HAND_ON or node.op in op_types.READS or node.op in op_types.QUESTIONS:
        return True
    return index == 0 and node.op in AS_REF and recorded_definition(AS_REF[node.op]) is not None
