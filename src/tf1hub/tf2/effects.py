"""Which ops run for more than their results, as far as TensorFlow tells."""

from __future__ import annotations

from tf1hub import _tensorflow
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.tf2 import op_types

_LEAVE_VARIABLES_ALONE = (
    op_types.DENSE_READS | op_types.GATHERS | op_types.QUESTIONS | op_types.VARIABLES | op_types.FUNCTIONAL
)
_MAY_RUN_AGAIN = op_types.TENSOR_ARRAYS.keys() | {"Assert", "Print", "PrintV2"}
"""Op types that are stateful for TensorFlow, although running one twice changes no number."""


def has_effects(node: NodeDef) -> bool:
    """Whether a node runs for what it does."""
    known = _tensorflow.op_def(node.op)
    return known is not None and known.is_stateful and not leaves_variables_alone(node)


def leaves_variables_alone(node: NodeDef) -> bool:
    """Whether a node, as such, writes no variable that it is given."""
    if node.op in _LEAVE_VARIABLES_ALONE:
        return True
    known = _tensorflow.op_def(node.op)
    return known is None or not known.is_stateful


def may_write(node: NodeDef) -> bool:
    """Whether a node, as such, may write a variable that it is given: one that draws at random, say, is given none."""
    return node.op in op_types.WRITES or (not leaves_variables_alone(node) and _takes_resources(node))


def _takes_resources(node: NodeDef) -> bool:
    for argument in _tensorflow.op_def(node.op).input_arg:
        if argument.type_attr:
            types = [node.attr[argument.type_attr].type] if argument.type_attr in node.attr else []
        elif argument.type_list_attr:
            listed = argument.type_list_attr in node.attr
            types = list(node.attr[argument.type_list_attr].list.type) if listed else []
        else:
            types = [argument.type]
        if _RESOURCE in types:
            return True
    return False


_RESOURCE = 20
"""The number of resources among the dtypes of messages."""


def runs_once(node: NodeDef) -> bool:
    """Whether it matters how often a node runs: it writes, counts or draws at random."""
    return node.op not in _MAY_RUN_AGAIN and (node.op in op_types.WRITES or has_effects(node))
