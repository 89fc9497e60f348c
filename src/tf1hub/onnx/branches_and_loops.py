"""Choices and loops as `If` and `Loop`. Variables that they write are among their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper

from tf1hub.onnx.lowering_scope import LoweringScope
from tf1hub.onnx.lowering_table import CannotLower
from tf1hub.onnx.onnx_graph import Graph, tensor_type, type_of
from tf1hub.onnx.stacked_arrays import Elements, join_elements
from tf1hub.onnx.traced_values import Entity, Poison, Shape, Value, wider
from tf1hub.program.references import Reference

_Branch: TypeAlias = Callable[[LoweringScope], list[Entity]]


def choose(scope: LoweringScope, predicate: Value, branches: Sequence[_Branch]) -> list[Entity]:
    """The results of one of two branches (false, true).

    Args:
        scope: where the choice stands.
        predicate: a boolean.
        branches: each lowers one branch into the scope that it is given.
    """
    lowering, graph = scope.lowering, scope.graph
    if predicate.known is not None:
        inner = LoweringScope(lowering, scope.program, graph, dict(scope.values))
        return branches[int(bool(predicate.known.reshape(-1)[0]))](inner)
    before = dict(lowering.variables)
    inners, results, after = [], [], []
    for branch in branches:
        lowering.variables = dict(before)
        inner = scope.inner()
        results.append(branch(inner))
        inners.append(inner.graph)
        after.append(lowering.variables)
    lowering.variables = before
    written = [node for node in dict.fromkeys([*after[0], *after[1]]) if _differs(node, before, after)]
    for found in after:
        for node in found.keys() - before.keys() - set(written):
            lowering.variables[node] = found[node]
    for node in written:
        lowering.variables.setdefault(node, lowering.variable(node))
        for result, found in zip(results, after, strict=True):
            result.append(found.get(node, lowering.variables[node]))
    joined = _If(scope, predicate, inners).join(results)
    for node, value in zip(written, joined[len(joined) - len(written) :], strict=True):
        assert isinstance(value, Value)
        lowering.variables[node] = value
    return joined[: len(joined) - len(written)]


def _differs(node: str, before: dict[str, Value], after: Sequence[dict[str, Value]]) -> bool:
    found = [variables.get(node, before.get(node)) for variables in after]
    if node in before:
        return any(value is not before[node] for value in found)
    # Read for the first time in a branch: a constant, unless it was written too.
    return any(value is not None and value.known is None for value in found)


class _If:
    def __init__(self, scope: LoweringScope, predicate: Value, graphs: Sequence[Graph]) -> None:
        self._scope = scope
        self._predicate = predicate
        self._graphs = graphs
        self._outputs: list[list[Value]] = [[], []]
        self._results: list[tuple[np.dtype[Any], Shape]] = []

    def join(self, results: Sequence[list[Entity]]) -> list[Entity]:
        places: list[Any] = [self._place(pair) for pair in zip(*results, strict=True)]
        made = self._make()
        return [place(made) if callable(place) else place for place in places]

    def _place(self, pair: Sequence[Entity]) -> Any:
        first, second = pair
        if first is second:
            return first
        if isinstance(first, Poison) or isinstance(second, Poison):
            return Poison()
        if isinstance(first, Elements) and isinstance(second, Elements):
            first, second = join_elements(first, second, self._graphs)
            index = self._add(first.stacked, second.stacked)
            array = first.array
            return lambda made: Elements(array, made[index])
        if isinstance(first, Reference) or isinstance(second, Reference):
            same = isinstance(first, Reference) and vars(first) == vars(second)
            if same:
                return first
            raise CannotLower("chooses between different variables, tables or TensorArrays")
        index = self._add(first, second)
        return lambda made: made[index]

    def _add(self, first: Value, second: Value) -> int:
        self._outputs[0].append(first)
        self._outputs[1].append(second)
        self._results.append((first.dtype, wider(first.shape, second.shape)))
        return len(self._results) - 1

    def _make(self) -> list[Value]:
        if not self._results:
            return []
        graph = self._scope.graph
        protos = []
        for inner, values in zip(self._graphs, self._outputs, strict=True):
            outputs = [
                give_result(inner, value, shape)
                for value, (_, shape) in zip(values, self._results, strict=True)
            ]
            protos.append(helper.make_graph(inner.nodes, graph.names.free("branch"), [], outputs))
        names = [graph.names.free("if") for _ in self._results]
        node = helper.make_node(
            "If",
            [graph.name_of(self._predicate)],
            names,
            name=names[0],
            else_branch=protos[0],
            then_branch=protos[1],
        )
        graph.nodes.append(node)
        return [
            Value(dtype, shape, name, graph)
            for name, (dtype, shape) in zip(names, self._results, strict=True)
        ]


def give_result(inner: Graph, value: Value, shape: Shape) -> onnx.ValueInfoProto:
    """An output of an inner graph: a tensor that it makes, under a name of its own."""
    name = inner.names.free("result")
    inner.nodes.append(helper.make_node("Identity", [inner.name_of(value)], [name], name=name))
    full = (*shape, 2) if shape is not None and value.dtype.kind == "c" else shape
    return helper.make_tensor_value_info(name, tensor_type(value.dtype), full)


# ------------------------------------------------------------------ loops


def repeat(
    scope: LoweringScope,
    initial: Sequence[Entity],
    condition: Callable[[LoweringScope, Sequence[Entity]], Entity],
    body: Callable[[LoweringScope, Sequence[Entity]], list[Entity]],
    bounds: Sequence[Value],
    counted: bool,
) -> list[Entity]:
    """The values after running `body` while `condition` holds.

    The body is lowered until the shapes of what it carries stay what they are: the first times tell which variables
    it writes, what TensorArrays hold, and which sizes change.

    Args:
        scope: where the loop stands.
        initial: the values before the first iteration.
        condition: lowers the condition into the scope that it is given, for the values.
        body: lowers one iteration in the same way, and gives the next values.
        bounds: scalars, none of which the number of iterations exceeds.
        counted: whether the loop runs until it reaches the least of the bounds.
    """
    return _LoopBody(scope, initial, condition, body, bounds, counted).results()


class _LoopBody:
    def __init__(
        self,
        scope: LoweringScope,
        initial: Sequence[Entity],
        condition: Callable[[LoweringScope, Sequence[Entity]], Entity],
        body: Callable[[LoweringScope, Sequence[Entity]], list[Entity]],
        bounds: Sequence[Value],
        counted: bool,
    ) -> None:
        self._scope = scope
        self._lowering = scope.lowering
        self._initial = list(initial)
        self._condition = condition
        self._body = body
        self._bounds = bounds
        self._counted = counted and bool(bounds)
        self._written: list[str] = []

    def results(self) -> list[Entity]:
        for _ in range(20):
            found = self._attempt()
            if found is not None:
                return found
        raise CannotLower(
            "carries a tensor whose number of dimensions changes from one iteration to the next"
        )

    def _attempt(self) -> list[Entity] | None:
        """The results, or None where what is carried had to be changed."""
        lowering, scope = self._lowering, self._scope
        before = dict(lowering.variables)
        starts: list[Entity] = [*self._initial, *(lowering.variable(node) for node in self._written)]
        carried = [value for value in starts if _is_carried(value)]
        inner = scope.inner(is_loop=True)
        graph = inner.graph
        names = [graph.names.free("carried") for _ in carried]
        inside = iter(zip(names, carried, strict=True))
        values = [_inside(value, *next(inside), graph) if _is_carried(value) else value for value in starts]
        count = len(self._initial)
        for node, value in zip(self._written, values[count:], strict=True):
            assert isinstance(value, Value)
            lowering.variables[node] = value
        after = self._body(inner, values[:count])
        written = [
            node
            for node, value in lowering.variables.items()
            if node not in self._written
            and (value is not before[node] if node in before else value.known is None)
        ]
        if any(isinstance(value, Poison) for value in after):
            lowering.variables = before
            return [Poison()] * count
        after += [lowering.variables[node] for node in self._written]
        changed = bool(written) or self._has_changed(starts, after)
        if changed:
            lowering.variables = before
            self._written += written
            return None
        going_on = self._going_on(inner, after[:count])
        start = self._start(starts[:count])
        lowering.variables = before
        made = self._make(graph, names, carried, [v for v, s in zip(after, starts, strict=True) if _is_carried(s)],
                          start, going_on)  # fmt: skip
        results: list[Entity] = []
        tensors = iter(made)
        for value in starts:
            if isinstance(value, Elements):
                results.append(Elements(value.array, next(tensors), value.fresh))
            else:
                results.append(next(tensors) if _is_carried(value) else value)
        for node, value in zip(self._written, results[count:], strict=True):
            assert isinstance(value, Value)
            lowering.variables[node] = value
        return results[:count]

    def _has_changed(self, starts: list[Entity], after: list[Entity]) -> bool:
        """Widens what is carried to what comes back; whether there was anything to widen."""
        changed = False
        for index, (start, end) in enumerate(zip(starts, after, strict=True)):
            if isinstance(start, Elements):
                assert isinstance(end, Elements)
                new: Entity = start.widen(end, self._scope.graph)
            elif isinstance(start, Value):
                assert isinstance(end, Value)
                shape = wider(start.shape, end.shape)
                same = shape == start.shape
                new = start if same else _as_shape(start, shape)
            else:
                if vars(start) != vars(end):
                    raise CannotLower("replaces a variable, table or TensorArray by another one in a loop")
                continue
            if new is not start:
                changed = True
                if index < len(self._initial):
                    self._initial[index] = new
                else:
                    node = self._written[index - len(self._initial)]
                    assert isinstance(new, Value)
                    self._lowering.variables[node] = new
        return changed

    def _start(self, starts: list[Entity]) -> Value | None:
        """The condition before the first iteration; None where it holds for as long as the loop counts."""
        if self._counted:
            return None
        beside = LoweringScope(
            self._lowering, self._scope.program, self._scope.graph, dict(self._scope.values)
        )
        return _boolean(beside.graph, self._condition(beside, starts))

    def _going_on(self, inner: LoweringScope, after: list[Entity]) -> Value:
        if self._counted:
            return inner.graph.const(True)
        return _boolean(inner.graph, self._condition(inner, after))

    def _make(
        self,
        graph: Graph,
        names: list[str],
        carried: list[Entity],
        after: list[Entity],
        start: Value | None,
        going_on: Value,
    ) -> list[Value]:
        outer = self._scope.graph
        tensors = [_tensor(value) for value in carried]
        step, holds = outer.names.free("iteration"), outer.names.free("holds")
        inputs = [
            helper.make_tensor_value_info(step, onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info(holds, onnx.TensorProto.BOOL, []),
            *(
                onnx.ValueInfoProto(name=name, type=type_of(value))
                for name, value in zip(names, tensors, strict=True)
            ),
        ]
        outputs = [give_result(graph, going_on, ())]
        outputs += [give_result(graph, _tensor(v), s.shape) for v, s in zip(after, tensors, strict=True)]
        body = helper.make_graph(graph.nodes, outer.names.free("body"), inputs, outputs)
        limit = outer.name_of(self._limit()) if self._bounds else ""
        first = "" if start is None else outer.name_of(start)
        results = [outer.names.free("loop") for _ in tensors]
        given = [limit, first, *(outer.name_of(value) for value in tensors)]
        outer.nodes.append(
            helper.make_node("Loop", given, results or [outer.names.free("loop")], name=body.name, body=body)
        )
        return [
            Value(value.dtype, value.shape, name, outer) for name, value in zip(results, tensors, strict=True)
        ]

    def _limit(self) -> Value:
        graph = self._scope.graph
        scalars = [graph.int64(bound) for bound in self._bounds]
        scalars = [graph.reshape(bound, []) if bound.shape != () else bound for bound in scalars]
        return scalars[0] if len(scalars) == 1 else graph.op("Min", *scalars)


def _is_carried(value: Entity) -> bool:
    return isinstance(value, Value | Elements)


def _tensor(value: Entity) -> Value:
    if isinstance(value, Elements):
        return value.stacked
    assert isinstance(value, Value)
    return value


def _inside(value: Entity, name: str, same: Entity, graph: Graph) -> Entity:
    """What the body sees of a carried value."""
    assert same is value
    tensor = _tensor(value)
    inner = Value(tensor.dtype, tensor.shape, name, graph)
    return Elements(value.array, inner, value.fresh) if isinstance(value, Elements) else inner


def _as_shape(value: Value, shape: Shape) -> Value:
    """The same tensor, of which less is told."""
    copy = Value(value.dtype, shape, graph=value.graph, known=value.known, label=value.label)
    copy.set_name(value._name)
    copy.first = value.first
    return copy


def _boolean(graph: Graph, value: Entity) -> Value:
    if not isinstance(value, Value):
        raise CannotLower("")
    return value if value.shape == () else graph.reshape(value, [])
