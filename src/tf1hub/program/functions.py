"""Functions of a graph's library as programs: a function's body is a graph of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import FunctionDef, FunctionDefLibrary, NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.function_bodies import FirstOutputs, number_edge, outputs_of
from tf1hub.graphdef.op_definitions import OpDefinitions
from tf1hub.graphdef.walk import functions_used
from tf1hub.program.code import Body, Op
from tf1hub.program.decompile import decompile
from tf1hub.program.effects import Effects


class Functions:
    """The functions of a library, read when first asked for.

    Args:
        library: of the GraphDef.
        definition_of: the definitions of ops.
    """

    def __init__(self, library: FunctionDefLibrary, definition_of: OpDefinitions) -> None:
        self.effects = Effects(definition_of)
        self._library = library
        self._definitions = {function.signature.name: function for function in library.function}
        self._gradients = {given.function_name: given.gradient_func for given in library.gradient}
        self._bodies: dict[str, Body] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def body(self, name: str) -> Body:
        """The function as a program.

        Raises:
            FormatError: there is no such function, or its body is damaged.
            UnsupportedGraphError: its control flow cannot be read.
        """
        with self._lock:
            if name not in self._bodies:
                if name not in self._definitions:
                    raise FormatError(
                        f"The graph calls the function {name!r}, which its library does not have."
                    )
                self._bodies[name] = self._read(self._definitions[name])
            return self._bodies[name]

    def gradient(self, name: str) -> str | None:
        """The function for the gradient of a function, if its maker gave it one.

        It takes the arguments and the gradients of the results, and gives those of the arguments.
        """
        return self._gradients.get(name)

    def list_called(self, nodes: Iterable[NodeDef]) -> list[str]:
        """The functions that `nodes` call, directly or through others."""
        return sorted(functions_used(nodes, self._library))

    def nodes_used(self, nodes: Iterable[NodeDef]) -> Iterable[NodeDef]:
        """The nodes of all functions that `nodes` call, directly or through others."""
        for name in self.list_called(nodes):
            yield from self._definitions[name].node_def

    def may_write(self, op: Op) -> bool:
        """Whether an op may write variables that it is given."""
        if not (op.node.op in op_types.FUNCTIONAL or op.node.op in self):
            return True
        used = self.nodes_used([op.node.definition])
        return any(self.effects.may_write(node) for node in used)

    def _read(self, function: FunctionDef) -> Body:
        arguments = [(argument.name, 0) for argument in function.signature.input_arg]
        numbers = {
            node.name: outputs_of(node, self._definitions, self.effects.definition_of)
            for node in function.node_def
        }
        outputs = numbers.__getitem__
        definitions = {node.name: _flatten(node, outputs) for node in function.node_def}
        results = [
            number_edge(function.ret[result.name], outputs) for result in function.signature.output_arg
        ]
        targets = list(function.control_ret.values()) or [
            node.name for node in function.node_def if self.effects.has_effects(node)
        ]
        program = decompile(definitions, results, self.effects, targets, arguments)
        return Body(arguments, program)


def _flatten(node: NodeDef, outputs: FirstOutputs) -> NodeDef:
    copy = NodeDef()
    copy.CopyFrom(node)
    edges = [
        edge if edge.startswith("^") else "{}:{}".format(*number_edge(edge, outputs)) for edge in node.input
    ]
    copy.input[:] = edges
    return copy
