"""The control flow contexts of a graph by its structure alone, without the collections that describe them.

Running needs no contexts, gradients do. A graph may lack them: frozen graphs have no collections, a publisher may
have dropped them, and a damaged file may name what is not there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tf1hub.errors import Error, FormatError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import CondContextDef, NodeDef, WhileContextDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.contexts import Context
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_definitions import OpDefinitions, output_types
from tf1hub.program.nodes import Node, Tensor, execution_order
from tf1hub.program.regions import Construct, Path, Regions, find_regions

_DEEPEST = 40
"""How deep contexts nest at most: each is two messages in another, and protobuf reads 100."""
_PARALLEL_ITERATIONS = 10
"""What TensorFlow takes where an Enter does not say it."""


@dataclass
class Structure:
    """What the nodes of a graph say of its contexts.

    Attributes:
        contexts: the outermost contexts, each with its collection.
        exits: nodes that the graph lacks: of a loop's values that nobody uses after it, gradients need the Exit too.
        problems: what keeps parts of the graph from having contexts, in sentences.
    """

    contexts: list[tuple[str, Context]] = field(default_factory=list)
    exits: list[NodeDef] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def has_control_flow(nodes: Mapping[str, NodeDef]) -> bool:
    """Whether a graph has conds or loops of TensorFlow 1."""
    return any(node.op in op_types.CONTROL_FLOW for node in nodes.values())


def find_structure(nodes: Mapping[str, NodeDef], definition_of: OpDefinitions) -> Structure:
    """Finds the contexts of a graph.

    What only a context knows is taken as `while_loop` has it by default: a loop is differentiated, and keeps
    its values in memory.

    Args:
        nodes: the graph, by name.
        definition_of: gives the definitions of ops.
    """
    found = Structure()
    try:
        order = execution_order(nodes, (), nodes, ())
        regions = find_regions(order, _predicates(order), found.problems)
        _ContextBuilder(order, regions, definition_of, found).build()
    except Error as error:
        found.contexts, found.exits = [], []
        found.problems.append(str(error))
    return found


def _predicates(nodes: Mapping[str, Node]) -> set[Tensor]:
    """The predicates by which single conds can be told: `cond` makes a copy of what it is given."""
    # What switches the predicate itself is given what may be the predicate of several conds.
    return {
        node.inputs[1]
        for node in nodes.values()
        if node.op in op_types.SWITCHES and node.inputs[0] != node.inputs[1]
    }


class _ContextBuilder:
    def __init__(
        self, nodes: Mapping[str, Node], regions: Regions, definition_of: OpDefinitions, found: Structure
    ) -> None:
        self._nodes = nodes
        self._regions = regions
        self._definition_of = definition_of
        self._found = found
        self._taken = set(nodes)
        self._used: dict[str, set[int]] = {}
        self._consumers: dict[Tensor, list[str]] = {}
        self._switches: dict[Construct, list[Node]] = {}
        for node in nodes.values():
            if node.op in op_types.SWITCHES and node.name in regions.constructs:
                self._switches.setdefault(regions.constructs[node.name], []).append(node)
            for tensor in node.inputs:
                self._used.setdefault(tensor[0], set()).add(tensor[1])
                self._consumers.setdefault(tensor, []).append(node.name)
        self._inside: dict[Path, list[str]] = {}
        self._nested: dict[Path, list[Path]] = {}
        self._outermost: list[Path] = []

    def build(self) -> None:
        for name in self._nodes:
            path = self._home(name)
            if path:
                self._add(path)
                self._inside[path].append(name)
        for path in self._outermost:
            context = self._context(path)
            if isinstance(context, WhileContextDef):
                self._found.contexts.append(("while_context", context))
            elif context is not None:
                self._found.contexts.append(("cond_context", context))

    def _add(self, path: Path) -> None:
        if path in self._inside:
            return
        if len(path) > _DEEPEST:
            raise UnsupportedGraphError(f"The graph nests conds and loops more than {_DEEPEST} deep.")
        self._inside[path], self._nested[path] = [], []
        if len(path) == 1:
            self._outermost.append(path)
        else:
            self._add(path[:-1])
            self._nested[path[:-1]].append(path)

    def _home(self, name: str) -> Path:
        """The path to the context of a node."""
        node, path = self._nodes[name], self._regions.paths[name]
        construct = self._regions.constructs.get(name)
        if construct is None or node.op in op_types.MERGES:
            return path
        if construct.is_loop:
            return (*path, (construct, 0))
        # What enters a branch lies in it. What decides which one is taken leads into both.
        branches = self._used.get(name, set()) & {0, 1}
        if not branches or (len(branches) == 2 and node.inputs[0] == node.inputs[1]):
            return path
        return (*path, (construct, max(branches)))

    def _context(self, path: Path) -> Context | None:
        context = self._loop(path) if path[-1][0].is_loop else self._branch(path)
        if context is None:
            return None
        values = context.values_def
        own = {f"{name}:{number}" for name in self._inside[path] for number in self._outputs(name)}
        values.values.extend(own | set(values.external_values))
        for nested in self._nested[path]:
            inner = self._context(nested)
            if isinstance(inner, WhileContextDef):
                context.nested_contexts.add().while_ctxt.CopyFrom(inner)
                values.values.extend(inner.loop_exit_names)
            elif inner is not None:
                context.nested_contexts.add().cond_ctxt.CopyFrom(inner)
                theirs = set(inner.values_def.values) - set(inner.values_def.external_values)
                values.values.extend(theirs)
        values.values[:] = sorted(set(values.values))
        return context

    def _outputs(self, name: str) -> set[int]:
        node = self._nodes.get(name)
        if node is None:
            return {0}  # an Exit that the graph lacks
        found = set(self._used.get(name, ()))
        definition = self._definition_of(node.op)
        if definition is not None:
            with contextlib.suppress(FormatError):
                found.update(range(len(output_types(node.definition, definition))))
        return found

    def _branch(self, path: Path) -> CondContextDef | None:
        cond, branch = path[-1]
        switches = self._switches[cond]
        deciding = [node for node in switches if node.inputs[0] == node.inputs[1]]
        predicate = next((node.inputs[1] for node in switches if node not in deciding), None)
        if predicate is None:
            predicate = deciding[0].inputs[1]
        pivot = self._pivot([*deciding, *switches], branch)
        context = CondContextDef(
            context_name=free_name(f"{predicate[0]}/cond_text", self._taken),
            pred_name=_name(predicate),
            pivot_name=_name(pivot),
            branch=branch,
        )
        self._taken.add(context.context_name)
        external = context.values_def.external_values
        own = set(self._inside[path])
        external[_name(predicate)] = _name(predicate)
        for node in switches:
            if node.name in own and node.inputs[0][0] not in own:
                external[_name(node.inputs[0])] = _name((node.name, branch))
        return context

    def _pivot(self, switches: Sequence[Node], branch: int) -> Tensor:
        """What is there if a branch is taken: an Identity of what a Switch gives, as far as there is one."""
        for node in switches:
            for user in self._consumers.get((node.name, branch), ()):
                if self._nodes[user].op in op_types.IDENTITIES:
                    return user, 0
        return switches[0].name, branch

    def _loop(self, path: Path) -> WhileContextDef | None:
        loop = path[-1][0]
        own = [self._nodes[name] for name in self._inside[path]]
        conditions = [node for node in own if node.op == op_types.LOOP_CONDITION]
        merges = [node for node in own if node.name in self._regions.loop_merges]
        entered = {source for merge in merges for source, _ in merge.inputs}
        enters = [node for node in own if node.op in op_types.ENTERS and node.name in entered]
        switches = [node for node in own if node.name in self._regions.loop_switches]
        if len(conditions) != 1 or not merges or not switches:
            self._found.problems.append(
                f"The loop {loop.key!r} has {len(conditions)} nodes LoopCond, {len(merges)} Merge and "
                f"{len(switches)} Switch; it has one LoopCond, and a Merge and a Switch for each of its variables."
            )
            return None
        exits = [node.name for node in own if node.op in op_types.EXITS]
        exits += [self._add_exit(node, path) for node in switches if (node.name, 0) not in self._consumers]
        body = next(self._bodies(switches), (switches[0].name, 1))
        context = WhileContextDef(
            context_name=str(loop.key),
            parallel_iterations=_parallel_iterations(own),
            back_prop=True,
            pivot_name=f"{conditions[0].name}:0",
            pivot_for_pred_name=f"{merges[0].name}:0",
            pivot_for_body_name=_name(body),
            loop_exit_names=[f"{name}:0" for name in exits],
            loop_enter_names=[f"{node.name}:0" for node in enters],
        )
        for node in own:
            if node.op in op_types.ENTERS and node not in enters:
                context.values_def.external_values[_name(node.inputs[0])] = f"{node.name}:0"
        return context

    def _bodies(self, switches: Sequence[Node]) -> Iterator[Tensor]:
        """What is there in each iteration, the best first."""
        users = [user for node in switches for user in self._consumers.get((node.name, 1), ())]
        yield from ((user, 0) for user in users if self._nodes[user].op in op_types.IDENTITIES)

    def _add_exit(self, switch: Node, path: Path) -> str:
        name = free_name(f"{switch.name}/Exit", self._taken)
        self._taken.add(name)
        exit_node = NodeDef(
            name=name, op="RefExit" if switch.op == "RefSwitch" else "Exit", input=[switch.name]
        )
        if "T" in switch.definition.attr:
            exit_node.attr["T"].CopyFrom(switch.definition.attr["T"])
        self._found.exits.append(exit_node)
        self._inside[path].append(name)
        return name


def _parallel_iterations(nodes: Sequence[Node]) -> int:
    said = [
        node.definition.attr["parallel_iterations"].i
        for node in nodes
        if node.op in op_types.ENTERS and "parallel_iterations" in node.definition.attr
    ]
    return max(1, *said) if said else _PARALLEL_ITERATIONS


def _name(tensor: Tensor) -> str:
    return f"{tensor[0]}:{tensor[1]}"
