"""Random old programs, read and traced again, give graph mode's outputs and gradients."""

from __future__ import annotations

from hypothesis import example
from tf2.many_programs import X, graph_of, over_programs
from tf2.old_graphs import OldGraph, assert_same
from tf2.random_programs import Block, Choice, Counted, Rows, Step, Until


@over_programs(500)
@example(
    [(Counted(2, (Choice(None, (Counted(2, (Step("matmul"),), True),), (Step("input"),)),), False),)], True
)
@example([(Rows((Until(0.2, (Step("scale"),)),), True), Choice(0.0, (), (Step("tanh"),)))], False)
def test_random_programs_give_graph_modes_numbers_and_gradients(blocks: list[Block], resource: bool) -> None:
    old = OldGraph(graph_of(blocks, resource))
    assert_same(old, {"x": X}, {"x": -0.5 * X})
