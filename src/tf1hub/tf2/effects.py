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


def runs_once(node: NodeDef) -> bool:
    """Whether it matters how often a node runs: it writes, counts or draws at random."""
    return node.op not in _MAY_RUN_AGAIN and (node.op in op_types.WRITES or has_effects(node))
