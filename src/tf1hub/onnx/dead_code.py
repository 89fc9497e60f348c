"""Leaves out what no output needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import onnx


def live_nodes(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that outputs need, in order; inner graphs are thinned out in place."""
    needed = set(outputs)
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if needed.isdisjoint(node.output):
            continue
        kept.append(node)
        needed.update(node.input)
        for graph in inner_graphs(node):
            inside = live_nodes(graph.node, [output.name for output in graph.output])
            if len(inside) < len(graph.node):
                copies = [onnx.NodeProto.FromString(each.SerializeToString()) for each in inside]
                del graph.node[:]
                graph.node.extend(copies)
            needed.update(used_names(graph.node))
    kept.reverse()
    return kept


def inner_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a node holds: branches, or the body of a loop."""
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]


def used_names(nodes: Collection[onnx.NodeProto]) -> set[str]:
    """All that some nodes take, in inner graphs too."""
    found: set[str] = set()
    for node in nodes:
        found.update(node.input)
        for graph in inner_graphs(node):
            found |= used_names(graph.node)
    return found
