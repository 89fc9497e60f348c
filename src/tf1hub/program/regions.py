"""Where each node of an old graph stands: in which loop, in which branch of which cond.

TF1 writes control flow as single nodes; a value of a branch that is not taken is dead. This file finds the
nesting again: each node gets a path of steps, one per loop or branch around it. A `Switch` outside loops
steps into a branch and a `Merge` steps out again; `Enter` steps into a loop's frame and `Exit` out.
Switches and merges that meet in one branch belong to one cond; so nothing here depends on the
`cond_context` messages, which hand-written graphs lack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tf1hub.errors import UnsupportedGraphError
from tf1hub.graphdef import op_types
from tf1hub.program.nodes import Node, Tensor


@dataclass(slots=True, eq=False)
class Construct:
    """A cond or a loop, while its nodes are being gathered.

    Two constructs that turn out to be one are joined; `current` gives what they became.

    Attributes:
        key: what two parts of one construct agree on: the predicate of a cond, the frame of a loop.
        merged_into: the construct that this one was joined to.
    """

    key: Tensor | str
    merged_into: Construct | None = None

    @property
    def is_loop(self) -> bool:
        """Whether this is a loop."""
        return isinstance(self.key, str)

    def current(self) -> Construct:
        """The construct that this one is part of by now."""
        top = self
        while top.merged_into is not None:
            top = top.merged_into
        here = self
        while here.merged_into is not None:
            here.merged_into, here = top, here.merged_into
        return top

    def join(self, other: Construct) -> None:
        """Makes the two one."""
        mine, its = self.current(), other.current()
        if mine is not its:
            its.merged_into = mine


Entered: TypeAlias = tuple[Construct, int]
"""Into a construct: which one, and for a cond which branch (0: false, 1: true)."""
Path: TypeAlias = tuple[Entered, ...]


@dataclass(slots=True)
class Regions:
    """The nesting of a graph.

    Attributes:
        paths: the steps from outside to each node. A Switch, Merge, Enter or Exit stands where its
            construct stands; everything else inside.
        constructs: for each Switch and Merge of a cond, and each Enter and Exit, its construct.
        loop_merges: the merges that start an iteration.
        loop_switches: the switches that end one.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    constructs: dict[str, Construct] = field(default_factory=dict)
    loop_merges: set[str] = field(default_factory=set)
    loop_switches: set[str] = field(default_factory=set)

    def settle(self) -> None:
        """Replaces constructs by what they became."""
        seen: dict[Path, Path] = {}
        for name, path in self.paths.items():
            if path not in seen:
                seen[path] = tuple((construct.current(), branch) for construct, branch in path)
            self.paths[name] = seen[path]
        for name, construct in self.constructs.items():
            self.constructs[name] = construct.current()


def find_regions(
    nodes: Mapping[str, Node], predicate_groups: Collection[Tensor] = (), problems: list[str] | None = None
) -> Regions:
    """The nesting of a graph's nodes.

    Args:
        nodes: the nodes in execution order.
        predicate_groups: tensors whose every Switch is known to belong to one cond; the
            `pred_name`s of cond contexts. They only save ops: a cond of which no two parts meet is
            otherwise taken for several.
        problems: where faults go, one sentence each; None to raise the first one.

    Raises:
        UnsupportedGraphError: the nodes do not nest.
    """
    return _Finder(nodes, frozenset(predicate_groups), problems).run()


class _Finder:
    def __init__(
        self, nodes: Mapping[str, Node], groups: frozenset[Tensor], problems: list[str] | None
    ) -> None:
        self._nodes = nodes
        self._groups = groups
        self._problems = problems
        self._regions = Regions()
        self._by_predicate: dict[tuple[Tensor, Path], Construct] = {}
        self._outputs: dict[str, Path] = {}
        """Paths of what flows out of a node, where they are not the node's own; a Switch's lacks its branch."""

    def run(self) -> Regions:
        self._find_loop_nodes()
        for node in self._nodes.values():
            try:
                self._place(node)
            except UnsupportedGraphError as error:
                if self._problems is None:
                    raise
                self._problems.append(str(error))
                self._regions.paths[node.name] = ()
        self._regions.settle()
        return self._regions

    def _find_loop_nodes(self) -> None:
        for node in self._nodes.values():
            if node.op in op_types.MERGES:
                sources = (self._nodes.get(source) for source, _ in node.inputs)
                if any(source is not None and source.op in op_types.NEXT_ITERATIONS for source in sources):
                    self._regions.loop_merges.add(node.name)
            elif node.op in op_types.SWITCHES:
                predicate = self._nodes.get(node.inputs[1][0])
                if predicate is not None and predicate.op == op_types.LOOP_CONDITION:
                    self._regions.loop_switches.add(node.name)

    def _place(self, node: Node) -> None:
        if node.op in op_types.MERGES:
            self._place_merge(node)
            return
        path = self._meet(node)
        regions = self._regions
        if node.op in op_types.ENTERS:
            frame = Construct(node.definition.attr["frame_name"].s.decode(errors="replace"))
            regions.paths[node.name] = path
            regions.constructs[node.name] = frame
            self._outputs[node.name] = (*path, (frame, 0))
        elif node.op in op_types.EXITS:
            if not path or not path[-1][0].is_loop:
                raise UnsupportedGraphError(
                    f"The node {node.name!r} ({node.op}) leaves a loop, but is in none."
                )
            regions.paths[node.name] = path[:-1]
            regions.constructs[node.name] = path[-1][0]
        elif node.op in op_types.SWITCHES and node.name not in regions.loop_switches:
            regions.paths[node.name] = path
            cond = self._cond(node.inputs[1], path)
            regions.constructs[node.name] = cond
        else:
            regions.paths[node.name] = path

    def _cond(self, predicate: Tensor, path: Path) -> Construct:
        cond = Construct(self._root(predicate))
        if predicate in self._groups:
            cond = self._by_predicate.setdefault((predicate, path), cond)
        return cond

    def _root(self, tensor: Tensor) -> Tensor:
        """The tensor behind identities: a cond's pivot has the raw predicate, the others a copy."""
        while (node := self._nodes.get(tensor[0])) is not None and node.op == "Identity":
            tensor = node.inputs[0]
        return tensor

    def _place_merge(self, node: Node) -> None:
        regions = self._regions
        if node.name in regions.loop_merges:
            regions.paths[node.name] = self._meet(node, self._forward_inputs(node))
            return
        if len(node.inputs) != 2:
            raise UnsupportedGraphError(
                f"The node {node.name!r} (Merge) has {len(node.inputs)} inputs; only two-way merges can be read."
            )
        first, second = (self._path_of(tensor) for tensor in node.inputs)
        if not first or len(first) != len(second) or first[-1][0].is_loop or second[-1][0].is_loop:
            raise self._no_pair(node)
        for mine, its in zip(first[:-1], second[:-1], strict=True):
            self._unite(node, mine, its)
        (cond, branch), (other, other_branch) = first[-1], second[-1]
        if branch == other_branch or cond.current().key != other.current().key:
            raise self._no_pair(node)
        cond.join(other)
        regions.constructs[node.name] = cond
        regions.paths[node.name] = self._longer(node, first[:-1], self._controls_path(node))

    def _no_pair(self, node: Node) -> UnsupportedGraphError:
        return UnsupportedGraphError(
            f"The node {node.name!r} (Merge) joins {node.inputs[0][0]!r} and {node.inputs[1][0]!r}, "
            f"which are not the two branches of one cond."
        )

    def _forward_inputs(self, node: Node) -> list[Tensor]:
        sources = ((tensor, self._nodes.get(tensor[0])) for tensor in node.inputs)
        return [
            tensor
            for tensor, source in sources
            if source is None or source.op not in op_types.NEXT_ITERATIONS
        ]

    def _meet(self, node: Node, inputs: Iterable[Tensor] | None = None) -> Path:
        path: Path = ()
        for tensor in node.inputs if inputs is None else inputs:
            path = self._longer(node, path, self._path_of(tensor))
        return self._longer(node, path, self._controls_path(node)) if node.controls else path

    def _controls_path(self, node: Node) -> Path:
        path: Path = ()
        for name in node.controls:
            path = self._longer(node, path, self._path_of((name, -1)))
        return path

    def _path_of(self, tensor: Tensor) -> Path:
        name, index = tensor
        if name in self._outputs:
            return self._outputs[name]
        path = self._regions.paths.get(name, ())  # what is fed stands outside of everything
        construct = self._regions.constructs.get(name)
        if construct is not None and self._nodes[name].op in op_types.SWITCHES and index >= 0:
            return (*path, (construct, index))
        return path

    def _longer(self, node: Node, first: Path, second: Path) -> Path:
        """The deeper of two paths, one of which must lead to the other."""
        if first is second:
            return first
        for mine, its in zip(first, second, strict=False):
            self._unite(node, mine, its)
        return first if len(first) >= len(second) else second

    def _unite(self, node: Node, mine: Entered, its: Entered) -> None:
        first, second = mine[0].current(), its[0].current()
        if mine[1] == its[1] and first.key == second.key:
            first.join(second)
            return
        raise UnsupportedGraphError(
            f"The node {node.name!r} ({node.op}) takes values from {_in_words(mine)} and from {_in_words(its)}, "
            f"which cannot both be there."
        )


def _in_words(step: Entered) -> str:
    construct, branch = step
    if isinstance(construct.key, str):
        return f"the loop {construct.key!r}"
    return f"the {'true' if branch else 'false'} branch of the cond on {construct.key[0]!r}"
