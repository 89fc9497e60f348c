"""Walks over a graph, and what control flow contexts add to them."""

from __future__ import annotations

import pytest

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import CondContextDef, GraphDef, NodeDef
from tf1hub.graphdef.contexts import with_contexts
from tf1hub.graphdef.inlining import inline_calls
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.graphdef.walk import ancestors

GRAPH = {
    "x": [],
    "w": [],
    "split": ["x"],
    "product": ["split:1", "w"],
    "late": ["w", "^split"],
    "sum": ["product", "late"],
}
NODES = {name: NodeDef(name=name, op="Op", input=inputs) for name, inputs in GRAPH.items()}


@pytest.mark.parametrize(
    ("given", "outside", "expected"),
    [
        ((), (), {"sum", "product", "late", "split", "x", "w"}),
        (["split:1"], (), {"sum", "product", "late", "w"}),
        (["split:0"], (), {"sum", "product", "late", "split", "x", "w"}),
        ((), ["split", "w"], {"sum", "product", "late"}),
        (["split:1"], ["w"], {"sum", "product", "late"}),
    ],
    ids=["all", "given", "another output given", "outside", "both"],
)
def test_ancestors_stop_at_what_is_given_and_at_what_lies_outside(
    given: list[str], outside: list[str], expected: set[str]
) -> None:
    assert ancestors(NODES, ["sum:0"], given, outside) == expected


def test_what_a_context_points_at_is_needed_unless_it_lies_outside() -> None:
    nodes = {name: NodeDef(name=name, op="Op") for name in ("inside", "pivot", "predicate")}
    context = CondContextDef(context_name="cond", pivot_name="pivot:0", pred_name="predicate:0")
    context.values_def.values.append("inside:0")
    contexts = [("cond_context", context)]
    assert with_contexts(nodes, ["inside"], contexts) == {"inside", "pivot", "predicate"}
    assert with_contexts(nodes, ["inside"], contexts, outside=["predicate"]) == {"inside", "pivot"}
    assert with_contexts(nodes, ["pivot"], contexts) == {"pivot"}


def call_of(op: str, output: str) -> GraphDef:
    """A graph with the call of a function that returns an output of one op."""
    graph = GraphDef()
    call = graph.node.add(name="call", op="PartitionedCall")
    call.attr["f"].func.name = "f"
    function = graph.library.function.add()
    function.signature.name = "f"
    function.signature.output_arg.add(name="y", type=1)
    inner = function.node_def.add(name="inner", op=op)
    inner.attr["T"].type = inner.attr["out_idx"].type = 3
    function.ret["y"] = f"inner:{output}:0"
    return graph


def test_outputs_in_bodies_are_numbered_by_the_record_of_ops() -> None:
    graph = call_of("UniqueWithCounts", "count")
    inline_calls(graph, recorded_definition)
    assert {node.name: list(node.input) for node in graph.node} == {
        "call/inner": [],
        "call": ["call/inner:2"],
    }


def test_a_body_with_an_unknown_op_is_refused() -> None:
    with pytest.raises(UnsupportedGraphError) as error:
        inline_calls(call_of("Unheard", "y"), recorded_definition)
    assert str(error.value) == "The op type 'Unheard' of the node 'inner' is not known here."
