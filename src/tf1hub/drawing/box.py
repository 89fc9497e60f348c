"""What a picture is made of: boxes in boxes, and the edges between those of the same box."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SCOPE = "scope"
OPS = "op"
VARIABLES = "variable"
TABLES = "table"
CONSTANTS = "constant"
SIGNATURES = "signature"

MANY = 48
"""More boxes than this in one box are put into groups: nobody reads a row of thousands."""


class Box:
    """A node of the graph, a scope of nodes, or what a signature takes or gives.

    Attributes:
        key: its whole name; that of a node is the node's, that of a scope ends with `/`.
        label: what is written in it.
        kind: `SCOPE`, `OPS` and so on.
        detail: lines below the label.
        op: the node's op, where it is a node.
        children: what is inside, by key.
        edges: pairs of children of which the second takes what the first gives; the value says whether it
            takes data, and does not only wait.
        takers: children that take something from outside this box.
        givers: children that give something to what is outside.
        nodes: how many nodes of the graph it stands for.
        weights: how many numbers its variables hold.
        reaching: what it can do that is refused.
    """

    __slots__ = (
        "children",
        "detail",
        "edges",
        "givers",
        "key",
        "kind",
        "label",
        "nodes",
        "op",
        "parent",
        "reaching",
        "takers",
        "weights",
    )

    def __init__(self, key: str, label: str, kind: str, detail: Iterable[str] = (), op: str = "") -> None:
        self.key = key
        self.label = label
        self.kind = kind
        self.detail = tuple(detail)
        self.op = op
        self.parent: Box | None = None
        self.children: dict[str, Box] = {}
        self.edges: dict[tuple[Box, Box], bool] = {}
        self.takers: dict[Box, bool] = {}
        self.givers: dict[Box, bool] = {}
        self.nodes = 0
        self.weights = 0
        self.reaching: tuple[str, ...] = ()

    def add(self, child: Box) -> Box:
        """Puts a box into this one."""
        self.children[child.key] = child
        child.parent = self
        return child

    def line(self) -> list[Box]:
        """The boxes that this one is in, the outermost first, and itself."""
        found = [self]
        while (parent := found[-1].parent) is not None:
            found.append(parent)
        return found[::-1]

    def walk(self) -> Iterator[Box]:
        """This box and all that are in it, inner ones last."""
        waiting = [self]
        while waiting:
            box = waiting.pop()
            yield box
            waiting.extend(box.children.values())

    def __repr__(self) -> str:
        return f"<{self.kind} {self.key}: {len(self.children)} children>"


def connect(source: Box, target: Box, data: bool) -> None:
    """Notes that `target` takes what `source` gives, in every box that this is seen in."""
    sources, targets = source.line(), target.line()
    depth = 0
    while depth < min(len(sources), len(targets)) and sources[depth] is targets[depth]:
        depth += 1
    if depth == len(sources) or depth == len(targets):
        return
    common = sources[depth - 1]
    pair = sources[depth], targets[depth]
    common.edges[pair] = data or common.edges.get(pair, False)
    for outer, inner in zip(sources[depth:], sources[depth + 1 :], strict=False):
        outer.givers[inner] = data or outer.givers.get(inner, False)
    for outer, inner in zip(targets[depth:], targets[depth + 1 :], strict=False):
        outer.takers[inner] = data or outer.takers.get(inner, False)


def count(root: Box) -> None:
    """Adds up nodes and weights, and what is refused, from the inside out."""
    for box in [*root.walk()][::-1]:
        for child in box.children.values():
            box.nodes += child.nodes
            box.weights += child.weights
            box.reaching = tuple(dict.fromkeys((*box.reaching, *child.reaching)))


def flatten(root: Box) -> None:
    """Takes away scopes that hold one box only: what is in them takes their place, and their name."""
    for box in [*root.walk()][::-1]:
        for scope in list(box.children.values()):
            if scope.kind != SCOPE or len(scope.children) != 1:
                continue
            (inner,) = scope.children.values()
            inner.label = (
                scope.label if inner.key == scope.key.rstrip("/") else f"{scope.label}/{inner.label}"
            )
            # In the same place, so that the order of the graph stays.
            box.children = {
                (inner.key if child is scope else key): (inner if child is scope else child)
                for key, child in box.children.items()
            }
            inner.parent = box


def group(scope: Box, order: list[Box]) -> None:
    """Puts the children of a box with too many into groups of neighbours in the order of the graph."""
    if len(order) <= MANY:
        return
    size = max(MANY // 2, -(-len(order) // MANY))
    groups: dict[Box, Box] = {}
    inside: list[tuple[Box, list[Box]]] = []
    for start in range(0, len(order), size):
        members = order[start : start + size]
        if len(members) == 1:
            groups[members[0]] = members[0]
            continue
        label = f"{start + 1} – {start + len(members)}"
        box = Box(f"{scope.key}#{start + 1}-{start + len(members)}/", label, SCOPE)
        inside.append((box, members))
        groups.update(dict.fromkeys(members, box))
    edges, takers, givers = scope.edges, scope.takers, scope.givers
    scope.children, scope.edges, scope.takers, scope.givers = {}, {}, {}, {}
    for box in dict.fromkeys(groups.values()):
        scope.add(box)
    for box, members in inside:
        for member in members:
            box.add(member)
    for (source, target), data in edges.items():
        connect(source, target, data)
    for box in givers:
        scope.givers[groups[box]] = True
        if groups[box] is not box:
            groups[box].givers[box] = True
    for box in takers:
        scope.takers[groups[box]] = True
        if groups[box] is not box:
            groups[box].takers[box] = True
    for box, members in inside:
        group(box, members)
