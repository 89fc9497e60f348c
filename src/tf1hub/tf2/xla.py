"""What of a signature XLA cannot compile, found while a `jit_compile=True` function is traced.

XLA itself says so too, but only when the function first runs, with names that TensorFlow made up while it
prepared the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import tensorflow as tf

from tf1hub import _tensorflow
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import tensor_name
from tf1hub.graphdef import op_types
from tf1hub.tf2.emit.tensor_arrays import find_fill_limit
from tf1hub.tf2.signature_functions import plan_fetches
from tf1hub.tf2.variant_state import VariantState

_READ_ELSEWHERE = (
    op_types.VARIABLES
    | op_types.WRITES
    | op_types.DENSE_READS
    | op_types.QUESTIONS
    | op_types.TENSOR_ARRAYS.keys()
    | op_types.FUNCTIONAL
    | op_types.PLACEHOLDERS
    | op_types.CONTROL_FLOW
    # Whatever uses a text is found by itself; the texts of an Assert are dropped with it.
    | {"Const", "NoOp", "RefIdentity"}
)
"""Op types that become others, for which XLA has kernels (but for some scatters), or that vanish."""


def check_compilable(state: VariantState, signature: str, update: bool) -> None:
    """Refuses a signature that XLA cannot compile.

    Args:
        state: of the variant.
        signature: its name.
        update: whether the variant's update ops run too.

    Raises:
        UnsupportedGraphError: XLA has no kernels for some of its ops; all are listed.
    """
    problems = list(_not_compilable(state, signature, update))
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise UnsupportedGraphError(
            f"The signature {signature!r} of {state.variant.where} cannot be compiled with XLA (jit_compile=True), "
            f"which has no kernels for:{listed}\n"
            "Call the module outside of the compiled function, and give it what the module returns; or compile nothing."
        )


def _not_compilable(state: VariantState, signature: str, update: bool) -> Iterator[str]:
    inputs = state.variant.inputs(signature).values()
    fed = {tensor_name(name) for info in inputs for name in info.tensor_names}
    fetches, targets = plan_fetches(state, signature, fed, update)
    program = state.program(fetches, targets, fed)
    nodes = [op.node.definition for op, _ in program.ops()]
    found: dict[str, list[str]] = {}
    for op, _ in program.ops():
        if op_types.TENSOR_ARRAYS.get(op.node.op) == "Scatter" and find_fill_limit(program, op) is None:
            found.setdefault(op.node.op, []).append(op.node.name)
    for node in [*nodes, *state.functions.nodes_used(nodes)]:
        if node.op not in _READ_ELSEWHERE and node.op not in state.functions and not _has_kernel(node):
            found.setdefault(node.op, []).append(node.name)
    for kind, names in sorted(found.items()):
        count = "1 node," if len(names) == 1 else f"{len(names)} nodes, such as"
        yield f"the op type {kind} ({count} {min(names)!r})"


def _has_kernel(node: NodeDef) -> bool:
    return any(_suits(node, constraints) for constraints in _kernels(node.op))


def _suits(node: NodeDef, constraints: Mapping[str, Iterable[int]]) -> bool:
    return all(
        attribute not in node.attr or not node.attr[attribute].type or node.attr[attribute].type in allowed
        for attribute, allowed in constraints.items()
    )


@cache
def _kernels(op: str) -> list[dict[str, frozenset[int]]]:
    """For each of XLA's kernels for an op type, the dtypes that its attributes may have."""
    # XLA registers its kernels when TensorFlow first makes a tensor.
    with tf.init_scope():
        tf.constant(0)
    return _tensorflow.compiled_kernels(op)
