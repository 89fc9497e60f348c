"""Names of tensors and nodes as GraphDefs and collections write them."""

from __future__ import annotations


def node_of(name: str) -> str:
    """The node behind an input, tensor or control name.

    Example:
        >>> node_of("layer/add:1"), node_of("^init"), node_of("x")
        ('layer/add', 'init', 'x')
    """
    name = name.removeprefix("^")
    if ":" not in name:  # as most names are, of which a graph has many
        return name
    node, separator, index = name.rpartition(":")
    # Inside functions a name reads `node:output:index`, hence only digits end a plain one.
    return node if separator and index.isdecimal() else name


def tensor_name(name: str) -> str:
    """The full form of an input name, `:0` made explicit.

    Example:
        >>> tensor_name("x"), tensor_name("x:1"), tensor_name("^x")
        ('x:0', 'x:1', '^x')
    """
    if name.startswith("^") or ":" in name:
        return name
    return name + ":0"


def split_tensor_name(name: str) -> tuple[str, int]:
    """The node and the output number of a tensor name.

    Example:
        >>> split_tensor_name("x:1"), split_tensor_name("x")
        (('x', 1), ('x', 0))
    """
    node, separator, index = name.rpartition(":")
    if separator and index.isdecimal():
        return node, int(index)
    return name, 0
