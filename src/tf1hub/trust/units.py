"""All graphs that a graph holds: its own nodes, the bodies of its functions, and graphs in serialized form."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from google.protobuf.message import DecodeError

from tf1hub.format import dtypes
from tf1hub.format.graph_limits import calls_itself, check_limits
from tf1hub.format.messages_pb2 import AttrValue, FunctionDef, GraphDef, NameAttrList, NodeDef
from tf1hub.trust.abilities import classified_ops, is_reaching

MAX_EMBEDDED = 16
"""How deep graphs in serialized form may lie inside each other."""

_NEVER_RUN = frozenset({"T", "dtype", "_class", "_output_shapes"})
"""Attributes of every other node, which no op takes for something to run."""
_START_OF_GRAPH = b"\n"
"""The tag of a GraphDef's first node."""


class Unit:
    """One graph: the main one, the body of a function, or one that was found in serialized form.

    Attributes:
        name: of the function; empty for a graph.
        where: in words, for people; empty for the main graph.
        nodes: by name.
        function: the function; None for a graph.
        library: that its functions are looked for in.
    """

    def __init__(
        self,
        library: Library,
        nodes: Iterable[NodeDef] | Mapping[str, NodeDef],
        where: str,
        function: FunctionDef | None = None,
    ) -> None:
        self.library = library
        self.nodes = nodes if isinstance(nodes, Mapping) else {node.name: node for node in nodes}
        self.where = where
        self.function = function
        self.name = function.signature.name if function is not None else ""

    @cached_property
    def arguments(self) -> dict[str, int]:
        """The number of each argument of a function."""
        if self.function is None:
            return {}
        return {argument.name: number for number, argument in enumerate(self.function.signature.input_arg)}

    @cached_property
    def returned(self) -> list[str]:
        """The edge of each result of a function."""
        if self.function is None:
            return []
        ret = self.function.ret
        return [ret[result.name] for result in self.function.signature.output_arg if result.name in ret]

    @cached_property
    def by_op(self) -> dict[str, list[str]]:
        """The names of the nodes of each op, so that who looks for some ops need not look at every node."""
        found: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            found.setdefault(node.op, []).append(name)
        return found

    @cached_property
    def links(self) -> dict[str, list[Unit]]:
        """For each node that runs other graphs, which: by a function's name, wherever it stands, or in serialized form."""
        found: dict[str, list[Unit]] = {}
        for name, node in self.nodes.items():
            linked = self.library.list_linked(self, node)
            if linked:
                found[name] = list(dict.fromkeys(linked))
        return found

    def find_links(self) -> None:
        """Looks for all that its nodes run, graphs in serialized form among it."""
        _ = self.links

    @cached_property
    def reaching(self) -> list[str]:
        """The nodes whose ops can do what is refused."""
        # A function that is called like an op does not take the op's place.
        return [
            name
            for op, names in self.by_op.items()
            if is_reaching(op) and self.library.is_op(op)
            for name in names
        ]

    def node_of(self, edge: str) -> str:
        """The node, or the argument, that an edge names."""
        return edge.removeprefix("^").split(":", 1)[0]


class Library:
    """A graph with its functions.

    Args:
        graph: the graph.
        where: in words; empty for the main graph.
        depth: how many graphs in serialized form lie around it.
        nodes: the graph's nodes by name, where somebody has them already.
    """

    def __init__(
        self, graph: GraphDef, where: str = "", depth: int = 0, nodes: Mapping[str, NodeDef] | None = None
    ) -> None:
        self.depth = depth
        self.functions = {
            function.signature.name: Unit(
                self, function.node_def, _inside(where, f"the function {function.signature.name!r}"), function
            )
            for function in graph.library.function
        }
        self.gradients = {given.function_name: given.gradient_func for given in graph.library.gradient}
        self.graph = Unit(self, graph.node if nodes is None else nodes, where)
        self.restored: Collection[str] = ()
        """Nodes of variables whose values a checkpoint has, whatever the graph assigns to them."""
        self.embedded: list[Library] = []

    @classmethod
    def of_function(cls, function: Unit) -> Library:
        """A function as a graph of its own, with the functions around it."""
        library = cls(GraphDef(), function.where, function.library.depth)
        library.functions = function.library.functions
        library.gradients = function.library.gradients
        library.graph = function
        return library

    @cached_property
    def circular(self) -> set[str]:
        """The functions that call themselves."""
        return calls_itself({name: unit.function for name, unit in self.functions.items() if unit.function})

    def is_op(self, op: str) -> bool:
        """Whether a node's op is one, and not the name of a function that it calls."""
        return op not in self.functions or op in classified_ops()

    def units(self) -> Iterator[Unit]:
        """All graphs, those in serialized form too."""
        waiting = [self]
        while waiting:
            library = waiting.pop()
            for unit in (library.graph, *library.functions.values()):
                yield unit
                unit.find_links()
            waiting.extend(library.embedded)

    def list_linked(self, unit: Unit, node: NodeDef) -> list[Unit]:
        """The graphs that a node runs; one that it names twice is twice there."""
        found: list[Unit] = []
        if self.functions and node.op in self.functions:
            found += self._function(node.op)
        attrs = node.attr
        for key in attrs:
            # A name alone costs much less than the value behind it, and this looks at every node.
            if key in _NEVER_RUN:
                continue
            attr = attrs[key]
            kind = attr.WhichOneof("value")
            if kind == "func":
                found += self._list_called(attr.func)
            elif kind == "list":
                for function in attr.list.func:
                    found += self._list_called(function)
                found += self._list_named(unit, node, attr.list.s)
            elif kind == "s":
                found += self._list_named(unit, node, (attr.s,))
            elif kind == "tensor" and attr.tensor.dtype == dtypes.STRING:
                found += self._list_embedded(unit, node, attr.tensor.string_val)
        return found

    def _list_called(self, called: NameAttrList) -> Iterator[Unit]:
        yield from self._function(called.name)
        waiting: list[AttrValue] = list(called.attr.values())
        while waiting:
            attr = waiting.pop()
            for function in (attr.func, *attr.list.func):
                yield from self._function(function.name)
                waiting.extend(function.attr.values())

    def _function(self, name: str) -> Iterator[Unit]:
        # A chain of gradients of gradients may end where it began.
        seen: set[str] = set()
        while name in self.functions and name not in seen:
            seen.add(name)
            yield self.functions[name]
            name = self.gradients.get(name, "")

    def _list_named(self, unit: Unit, node: NodeDef, texts: Iterable[bytes]) -> Iterator[Unit]:
        if self.functions:
            for text in texts:
                if len(text) < 1024:
                    yield from self._function(text.decode("utf-8", "replace"))
        yield from self._list_embedded(unit, node, texts)

    def _list_embedded(self, unit: Unit, node: NodeDef, texts: Iterable[bytes]) -> Iterator[Unit]:
        for text in texts:
            if text[:1] != _START_OF_GRAPH or self.depth >= MAX_EMBEDDED:
                continue
            graph = as_graph(text)
            if graph is not None:
                where = _inside(unit.where, f"the graph inside of {node.name!r}")
                check_limits(graph, where[:1].upper() + where[1:])
                library = Library(graph, where, self.depth + 1)
                self.embedded.append(library)
                yield library.graph


def as_graph(text: bytes) -> GraphDef | None:
    """The graph that bytes are in serialized form; None where they are something else."""
    try:
        graph = GraphDef.FromString(text)
    except DecodeError:
        return None
    known = classified_ops()
    return graph if any(node.name and node.op in known for node in graph.node) else None


def reach(library: Library, start: Collection[str]) -> dict[Unit, Collection[str]]:
    """What runs where some nodes of the main graph run: the nodes of each graph, all of a function's body.

    Args:
        library: the main graph with its functions.
        start: nodes of the main graph, with all that they need.
    """
    found: dict[Unit, Collection[str]] = {library.graph: start}
    waiting = [library.graph]
    while waiting:
        unit = waiting.pop()
        for name, linked in unit.links.items():
            if name not in found[unit]:
                continue
            for other in linked:
                if other not in found:
                    found[other] = other.nodes.keys()
                    waiting.append(other)
    return found


def _inside(where: str, what: str) -> str:
    return f"{what} of {where}" if where else what
