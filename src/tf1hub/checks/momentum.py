"""The momentum of moving averages, recovered from the update ops of a training graph.

Batch normalization and `assign_moving_average` write `v -= (v - x) * (1 - momentum)`, for both kinds
of variables; older code writes `v = v * momentum + x * (1 - momentum)`. The factor is a constant, or
a conditional between constants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of, split_tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.constants import scalar
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.variant import Variant

_PASS = (
    op_types.IDENTITIES
    | op_types.SWITCHES
    | op_types.ENTERS
    | {"StopGradient", "Cast", "PlaceholderWithDefault"}
)
_READS = _PASS | {"ReadVariableOp"}
_SUBTRACTS = frozenset({"AssignSub", "AssignSubVariableOp"})
_CHOICES = op_types.MERGES | {"Select", "SelectV2"}
_MAX_DEPTH = 32
# float32 constants of 1 - 0.99 are not what float64 computes; averages of more than a million steps are none.
_DIGITS = 6


def momenta(variant: Variant) -> dict[str, frozenset[float]]:
    """The possible momenta of each variable that the update ops average.

    Args:
        variant: usually the one for training.

    Returns:
        Variable name to momenta, rounded to six digits; more than one where a conditional chooses.
        Variables whose momentum is no constant are left out.
    """
    names = {part.node: part.name for part in variant.variables}
    found: dict[str, frozenset[float]] = {}
    updates = [name for name in map(node_of, variant.collection("update_ops")) if name in variant.nodes]
    for name in sorted(ancestors(variant.nodes, updates)):
        node = variant.nodes[name]
        if node.op not in _SUBTRACTS | op_types.ASSIGNS or len(node.input) < 2:
            continue
        holder = _source(variant.nodes, node.input[0], _PASS)
        if holder not in names:
            continue
        factors = (
            _momenta_of_subtraction(variant.nodes, node)
            if node.op in _SUBTRACTS
            else _momenta_of_mixing(variant.nodes, node, holder)
        )
        # A factor of 1 is the branch of a conditional that leaves the average as it is.
        values = frozenset(round(value, _DIGITS) for value in factors if 0 < value <= 1)
        chosen = values - {1.0} or values
        if chosen:
            found[names[holder]] = chosen
    return found


def _momenta_of_subtraction(nodes: Mapping[str, NodeDef], update: NodeDef) -> Iterator[float]:
    """`v -= (v - x) * (1 - momentum)`: yields the momenta."""
    product = _node(nodes, update.input[1], _PASS)
    if product is None or product.op != "Mul":
        return
    for factor, other in _both_ways(product):
        difference = _node(nodes, other, _PASS)
        if difference is not None and difference.op == "Sub":
            yield from (1 - value for value in _values(nodes, factor))


def _momenta_of_mixing(nodes: Mapping[str, NodeDef], update: NodeDef, holder: str) -> Iterator[float]:
    """`v = v * momentum + x * (1 - momentum)`, or a fused op that does it: yields the momenta."""
    total = _node(nodes, update.input[1], _PASS)
    if total is None:
        return
    if total.op.startswith("FusedBatchNorm") and "exponential_avg_factor" in total.attr:
        yield 1 - total.attr["exponential_avg_factor"].f
    if total.op not in ("Add", "AddV2"):
        return
    for term in total.input:
        product = _node(nodes, term, _PASS)
        if product is None or product.op != "Mul":
            continue
        for factor, other in _both_ways(product):
            if _source(nodes, other, _READS) == holder:
                yield from _values(nodes, factor)


def _values(nodes: Mapping[str, NodeDef], name: str, depth: int = 0) -> frozenset[float]:
    """The numbers that a tensor can be; empty where it is no constant."""
    node = _node(nodes, name, _PASS)
    if node is None or depth > _MAX_DEPTH:
        return frozenset()
    if node.op == "Const":
        value = scalar(node.attr["value"].tensor)
        return frozenset() if value is None else frozenset({float(value)})
    if node.op in _CHOICES:
        choices = [edge for edge in node.input if not edge.startswith("^")][-2:]
        return frozenset().union(*(_values(nodes, edge, depth + 1) for edge in choices))
    if node.op in ("Sub", "Mul", "Add", "AddV2"):
        combine = {"Sub": float.__sub__, "Mul": float.__mul__}.get(node.op, float.__add__)
        return frozenset(
            combine(a, b)
            for left, right in _both_ways(node)[:1]
            for a in _values(nodes, left, depth + 1)
            for b in _values(nodes, right, depth + 1)
        )
    return frozenset()


def _both_ways(node: NodeDef) -> list[tuple[str, str]]:
    """The two operands of a node in both orders; nothing of a damaged one that has fewer."""
    operands = [edge for edge in node.input if not edge.startswith("^")]
    return list(itertools.permutations(operands, 2)) if len(operands) == 2 else []


def _node(nodes: Mapping[str, NodeDef], name: str, passed: frozenset[str]) -> NodeDef | None:
    """The node that computes a tensor, looked for behind ops that pass it on."""
    return nodes.get(_source(nodes, name, passed))


def _source(nodes: Mapping[str, NodeDef], name: str, passed: frozenset[str]) -> str:
    seen: set[str] = set()
    current, _ = split_tensor_name(name)
    while current in nodes and current not in seen and nodes[current].op in passed and nodes[current].input:
        seen.add(current)
        current = node_of(nodes[current].input[0])
    return current
