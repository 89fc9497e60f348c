"""Which ops have side effects, as far as their definitions tell."""

from __future__ import annotations

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_definitions import OpDefinitions

_LEAVE_VARIABLES_ALONE = op_types.READS | op_types.QUESTIONS | op_types.VARIABLES | op_types.FUNCTIONAL
_MAY_RUN_AGAIN = op_types.TENSOR_ARRAYS.keys() | {"Assert", "Print", "PrintV2"}
"""Op types that are stateful for TensorFlow, although running one twice changes no number."""


class Effects:
    """Tells what nodes do beside computing.

    Args:
        definition_of: the definitions of ops.
    """

    def __init__(self, definition_of: OpDefinitions) -> None:
        self.definition_of = definition_of

    def has_effects(self, node: NodeDef) -> bool:
        """Whether a node has side effects."""
        known = self.definition_of(node.op)
        return known is not None and known.is_stateful and not self._leaves_variables_alone(node)

    def may_write(self, node: NodeDef) -> bool:
        """Whether a node may write a variable that it is given. Random ops are stateful too, but are given none."""
        return node.op in op_types.WRITES or (
            not self._leaves_variables_alone(node) and self._takes_resources(node)
        )

    def runs_once(self, node: NodeDef) -> bool:
        """Whether it matters how often a node runs: it writes, counts or draws at random."""
        return node.op not in _MAY_RUN_AGAIN and (node.op in op_types.WRITES or self.has_effects(node))

    def _leaves_variables_alone(self, node: NodeDef) -> bool:
        if node.op in _LEAVE_VARIABLES_ALONE:
            return True
        known = self.definition_of(node.op)
        return known is None or not known.is_stateful

    def _takes_resources(self, node: NodeDef) -> bool:
        for argument in self.definition_of(node.op).input_arg:
            if argument.type_attr:
                types = [node.attr[argument.type_attr].type] if argument.type_attr in node.attr else []
            elif argument.type_list_attr:
                listed = argument.type_list_attr in node.attr
                types = list(node.attr[argument.type_list_attr].list.type) if listed else []
            else:
                types = [argument.type]
            if dtypes.RESOURCE in types:
                return True
        return False
