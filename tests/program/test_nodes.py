"""Graphs as the analysis walks them; no TensorFlow."""

from __future__ import annotations

import pytest

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.program.nodes import execution_order


@pytest.mark.parametrize("op", sorted(op_types.CONTROL_FLOW))
def test_a_node_of_control_flow_without_its_inputs_is_named(op: str) -> None:
    taken = 2 if op in op_types.SWITCHES | op_types.MERGES else 1
    graph = {
        "x": NodeDef(name="x", op="Const"),
        "damaged": NodeDef(name="damaged", op=op, input=["x"] * (taken - 1)),
    }
    with pytest.raises(FormatError) as raised:
        execution_order(graph, [("damaged", 0)], (), ())
    assert str(raised.value) == (
        f"The node 'damaged' ({op}) has {taken - 1} inputs, where this op takes {taken}."
    )
    graph["damaged"].input.append("x")
    assert list(execution_order(graph, [("damaged", 0)], (), ())) == ["x", "damaged"]
