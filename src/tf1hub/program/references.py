"""What travels through a program and is no tensor."""

from __future__ import annotations


class Reference:
    """What stands for a variable, a table or a list of arrays, on its way through a program."""


class VariableReference(Reference):
    """A variable, on its way from the op that holds it to those that read or write it.

    Args:
        node: the node that holds the variable.
        by_value: whether ordinary ops take its value, as they do from ref variables, and not its handle.
    """

    __slots__ = ("by_value", "node")

    def __init__(self, node: str, by_value: bool) -> None:
        self.node = node
        self.by_value = by_value

    def __repr__(self) -> str:
        return f"<variable {self.node!r}>"
