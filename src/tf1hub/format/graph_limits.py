"""Limits of a graph: what a small file may claim that would fill a computer's memory, or never end.

Each limit is one that no honest module comes near, and each check takes time in proportion to the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tf1hub.errors import FormatError
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import AttrValue, FunctionDef, GraphDef, NodeDef, TensorProto

MAX_CONSTANT_BYTES = 2**31
"""Of one constant in memory. Written out, no more fits into a file: a protobuf message has at most 2 GiB."""
MAX_CONSTANTS_BYTES = 2**33
"""Of all constants of a graph in memory."""
MAX_CALLS_BYTES = 2**30
"""Of a graph with every call of a function written out in its place, unless the file itself is nearly as large."""
MAX_CALLS_GROWTH = 16
"""How many times its own size a graph may have then, if that is more."""
MAX_CALL_DEPTH = 256
"""How many functions may lie inside of each other. Each takes its place on a stack where it runs."""
MAX_GRADIENTS = 16
"""How many gradients of gradients a function may have."""

_STRING_BYTES = 24
"""Of a string in TensorFlow's memory, besides its characters."""
_MANY = 2**60
"""Where counting stops."""
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_CALLING = frozenset({"f", "then_branch", "else_branch", "branches", "cond"})
"""Attributes by which an op names what it runs."""

# fmt: off
NO_TENSORS = frozenset(
    [
        "N", "Tdim", "Tidx", "T", "Tshape", "U", "_class", "_output_shapes", "container", "data_format", "debug_name", "dtype",
        "epsilon", "index_type", "is_training", "keep_dims", "padding", "shape", "shared_name", "strides",
        "transpose_a", "transpose_b", "use_locking", "validate_shape",
    ]
)
# fmt: on
"""Attributes that no op has as a tensor, so that nobody makes one of what stands there; most of a graph's are such."""

_CONSTANT = (
    "{where} has the constant {node!r} of {dtype}{sides}, which takes {bytes:,} bytes in memory; the file has {held:,} bytes of it. "
    "The limit is {limit:,} bytes, which is all that a file can hold."
)
_CONSTANTS = (
    "{where} has constants that take {bytes:,} bytes in memory together; the file has {held:,} bytes of them, and the "
    "largest is {node!r}. The limit is {limit:,} bytes."
)
_ENDLESS = (
    "{where} has the function {function!r}, which always calls itself{through}: it can never end. A function that calls "
    "itself needs a condition under which it does not."
)
_WRITTEN_OUT = (
    "{where} has the function {function!r}, which calls itself through the {op} {node!r}: TensorFlow writes such calls out "
    "before anything runs, which never ends here. A function that calls itself has its name as the op of the call."
)
_GROWS = (
    "{where} has {held:,} bytes of nodes, which become {more}{bytes:,} bytes when the calls of functions are written out; "
    "{function!r} has most of them. The limit is {limit:,} bytes."
)
_DEEP = "{where} has functions that call each other more than {limit} deep, from {function!r} on. The limit is {limit}."
_GRADIENTS = (
    "{where} gives the function {function!r} more than {limit} gradients of gradients. The limit is {limit}."
)


def check_limits(graph: GraphDef, where: str) -> None:
    """Refuses a graph that claims far more memory or work than its file has bytes for.

    Args:
        graph: as it was read; nothing of it need be right.
        where: the file or the variant in words, for messages.

    Raises:
        FormatError: the first limit that it passes.
    """
    _check_constants(graph, where)
    if graph.library.function:
        functions = {function.signature.name: function for function in graph.library.function}
        _check_gradients(graph, where)
        _check_ends(functions, where)
        _check_written_out(functions, where)
        _check_calls(graph, functions, where)


def calls_itself(functions: Mapping[str, FunctionDef]) -> set[str]:
    """The functions that call themselves, directly or through others, under whatever condition.

    Args:
        functions: of a library, by name.
    """
    called = {name: set(_list_called(function.node_def, functions)) for name, function in functions.items()}
    callers: dict[str, set[str]] = {name: set() for name in functions}
    for name, others in called.items():
        for other in others:
            callers[other].add(name)
    circular = {name for name, others in called.items() if name in others}
    seen: set[str] = set()
    # From the last that a walk leaves, all that reach it back are those that it reaches too.
    for first in reversed(list(_callees_first(functions))):
        group, waiting = set[str](), [] if first in seen else [first]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                group.add(name)
                waiting.extend(callers[name])
        if len(group) > 1:
            circular |= group
    return circular


def _check_constants(graph: GraphDef, where: str) -> None:
    total = largest = 0
    name = ""
    for node in _all_nodes(graph):
        attrs = node.attr
        for key in attrs:
            if key in NO_TENSORS:
                continue
            attr = attrs[key]
            for tensor in _tensors_of(attr):
                size = _bytes_in_memory(tensor)
                if size > MAX_CONSTANT_BYTES:
                    raise FormatError(
                        _CONSTANT.format(
                            where=where,
                            node=node.name,
                            dtype=dtypes.name_of(tensor.dtype),
                            sides=[side.size for side in tensor.tensor_shape.dim],
                            bytes=size,
                            held=tensor.ByteSize(),
                            limit=MAX_CONSTANT_BYTES,
                        )
                    )
                total += size
                if size > largest:
                    largest, name = size, node.name
    if total > MAX_CONSTANTS_BYTES:
        constants = (
            tensor
            for node in _all_nodes(graph)
            for attr in node.attr.values()
            for tensor in _tensors_of(attr)
        )
        held = sum(tensor.ByteSize() for tensor in constants)
        raise FormatError(
            _CONSTANTS.format(where=where, bytes=total, held=held, node=name, limit=MAX_CONSTANTS_BYTES)
        )


def _tensors_of(attr: AttrValue) -> Iterable[TensorProto]:
    kind = attr.WhichOneof("value")
    if kind == "tensor":
        return (attr.tensor,)
    return attr.list.tensor if kind == "list" else ()


def _bytes_in_memory(tensor: TensorProto) -> int:
    """What the elements of a constant take; more than the limit for one that passes it by far."""
    width = dtypes.size_of(tensor.dtype) or (_STRING_BYTES if tensor.dtype == dtypes.STRING else 1)
    size, sides = width, [side.size for side in tensor.tensor_shape.dim]
    if 0 in sides:
        return 0
    for side in sides:
        size *= max(side, 1)
        if size > 2**80:
            break
    return size


def _check_gradients(graph: GraphDef, where: str) -> None:
    gradients = {given.function_name: given.gradient_func for given in graph.library.gradient}
    for first in gradients:
        seen, name = {first}, gradients[first]
        # A chain that ends where it began is no longer than it looks.
        while name in gradients and name not in seen:
            seen.add(name)
            name = gradients[name]
            if len(seen) > MAX_GRADIENTS:
                raise FormatError(_GRADIENTS.format(where=where, function=first, limit=MAX_GRADIENTS))


def _needs(function: FunctionDef, functions: Mapping[str, FunctionDef]) -> list[tuple[str, ...]]:
    """Which functions must end for one to end: one of each group.

    What lies behind a Switch counts as any other node: TensorFlow writes the calls out before it runs, endlessly.
    """
    groups = [group for node in function.node_def for group in _functions_of(node)]
    groups += [(node.op,) for node in function.node_def if node.op in functions]
    return [group for group in groups if all(name in functions for name in group)]


def _functions_of(node: NodeDef) -> Iterator[tuple[str, ...]]:
    """The functions that a node runs for certain: one of each group."""
    attrs = {key: attr for key, attr in node.attr.items() if key in _CALLING}
    if "f" in attrs and node.op in _CALLS:
        yield (attrs["f"].func.name,)
    if "then_branch" in attrs and "else_branch" in attrs:
        yield attrs["then_branch"].func.name, attrs["else_branch"].func.name
    if "branches" in attrs and attrs["branches"].list.func:
        yield tuple(each.name for each in attrs["branches"].list.func)
    if "cond" in attrs and attrs["cond"].func.name:
        # A loop asks its condition at least once.
        yield (attrs["cond"].func.name,)


def _check_ends(functions: Mapping[str, FunctionDef], where: str) -> None:
    needs = {name: _needs(function, functions) for name, function in functions.items()}
    waiting_for: dict[str, list[tuple[str, int]]] = {}
    for name, groups in needs.items():
        for number, group in enumerate(groups):
            for other in set(group):
                waiting_for.setdefault(other, []).append((name, number))
    missing = {name: set(range(len(groups))) for name, groups in needs.items()}
    ready = [name for name, groups in missing.items() if not groups]
    ends = set(ready)
    while ready:
        for name, number in waiting_for.get(ready.pop(), ()):
            missing[name].discard(number)
            if not missing[name] and name not in ends:
                ends.add(name)
                ready.append(name)
    if len(ends) == len(functions):
        return
    path, name = dict[str, None](), next(name for name in functions if name not in ends)
    while name not in path:
        path[name] = None
        name = needs[name][min(missing[name])][0]
    circle = list(path)[list(path).index(name) :]
    others = [repr(other) for other in circle[1:4]] + ["others"] * (len(circle) > 4)
    through = f" through {', '.join(others)}" if others else ""
    raise FormatError(_ENDLESS.format(where=where, function=name, through=through))


def _check_written_out(functions: Mapping[str, FunctionDef], where: str) -> None:
    circular = calls_itself(functions)
    for name in functions:
        for node in functions[name].node_def if name in circular else ():
            if node.op in _CALLS and "f" in node.attr and node.attr["f"].func.name in circular:
                raise FormatError(_WRITTEN_OUT.format(where=where, function=name, op=node.op, node=node.name))


class _Size(NamedTuple):
    bytes: int
    names: int  # nodes and edges, which have the call's name in front when they are written out
    depth: int


def _check_calls(graph: GraphDef, functions: Mapping[str, FunctionDef], where: str) -> None:
    sizes: dict[str, _Size] = {}
    for name in _callees_first(functions):
        found = _write_out(functions[name].node_def, functions, sizes)
        if found.depth > MAX_CALL_DEPTH:
            raise FormatError(_DEEP.format(where=where, function=name, limit=MAX_CALL_DEPTH))
        sizes[name] = found
    held = graph.ByteSize()
    limit = max(MAX_CALLS_BYTES, MAX_CALLS_GROWTH * held)
    # Each function is written out, also for its own sake.
    total = sum(size.bytes for size in sizes.values()) + _write_out(graph.node, functions, sizes).bytes
    if total > limit:
        most = max(sizes, key=lambda name: sizes[name].bytes)
        more, shown = ("more than ", _MANY) if total > _MANY else ("", total)
        raise FormatError(
            _GROWS.format(where=where, held=held, more=more, bytes=shown, function=most, limit=limit)
        )


def _write_out(
    nodes: Iterable[NodeDef], functions: Mapping[str, FunctionDef], sizes: Mapping[str, _Size]
) -> _Size:
    size = names = depth = 0
    for node in nodes:
        size += node.ByteSize()
        names += 1 + len(node.input)
        for name in _list_called((node,), functions):
            # One that is not known yet calls this one.
            inner = sizes.get(name, _Size(0, 0, 0))
            size = min(size + inner.bytes + inner.names * (len(node.name) + 1), 2 * _MANY)
            names = min(names + inner.names, 2 * _MANY)
            depth = max(depth, inner.depth)
    return _Size(size, names, depth + 1)


def _callees_first(functions: Mapping[str, FunctionDef]) -> Iterator[str]:
    """The names of functions, each behind those that it calls, as far as they do not call each other."""

    def list_callees(name: str) -> Iterator[str]:
        return iter(dict.fromkeys(_list_called(functions[name].node_def, functions)))

    seen: set[str] = set()
    for first in functions:
        if first in seen:
            continue
        seen.add(first)
        path = [(first, list_callees(first))]
        while path:
            name, rest = path[-1]
            other = next((other for other in rest if other not in seen), None)
            if other is None:
                path.pop()
                yield name
            else:
                seen.add(other)
                path.append((other, list_callees(other)))


def _list_called(nodes: Iterable[NodeDef], functions: Mapping[str, FunctionDef]) -> Iterator[str]:
    """The functions that nodes name to run, each as often as they do."""
    for node in nodes:
        if node.op in functions:
            yield node.op
        for attr in node.attr.values():
            kind = attr.WhichOneof("value")
            if kind == "func" and attr.func.name in functions:
                yield attr.func.name
            elif kind == "list":
                yield from (each.name for each in attr.list.func if each.name in functions)


def _all_nodes(graph: GraphDef) -> Iterator[NodeDef]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
