"""A signature cut in two for JAX: what runs in NumPy on the host, before anything is traced, and the rest.

On the host runs what JAX cannot trace: ops on strings and tables, ops whose values decide the shape of a result, and all
that they need. It may depend on the inputs, not on variables: those are what is trained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.prepared import Code
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.tensor_names import split_tensor_name, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.program.code import Op, Program
from tf1hub.program.nodes import Tensor

_KNOWN_FROM_SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank", "VariableShape", "Const"})
"""Op types whose results are known while JAX traces, whatever they are given."""
_OBJECTS = op_types.TABLES | op_types.VARIABLES


@dataclass(eq=False)
class Parts:
    """A signature in two parts.

    Attributes:
        host: what runs in NumPy, or None where nothing has to. Its arguments are the inputs.
        handed: the names of the tensors that it hands on; its fetches.
        known: the tensors among `arguments` whose values decide shapes, so that JAX traces anew where they change.
        device: the rest. Its arguments are `arguments`.
        arguments: the names of the inputs and of `handed`, in the order of `device.arguments`.
        fetches: the names of the tensors that `device` gives.
    """

    host: Code | None
    handed: tuple[str, ...]
    known: frozenset[str]
    device: Code
    arguments: tuple[str, ...]
    fetches: tuple[str, ...]


def cut_for_jax(
    module: ModuleCode, fed: Iterable[str], fetches: Iterable[str], targets: Iterable[str]
) -> Parts:
    """Cuts what computes some tensors in two parts.

    Args:
        module: the variant.
        fed: names of the tensors that are given.
        fetches: names of the tensors that are wanted.
        targets: nodes to run too, such as update ops.

    Raises:
        UnsupportedGraphError: the graph cannot be read.
    """
    fed, fetches, targets = tuple(fed), tuple(fetches), tuple(targets)
    whole = module.code(fetches, targets, fed)
    program = whole.program
    found = _Host(program, {split_tensor_name(name) for name in fed})
    handed = tuple(tensor_name("{}:{}".format(*tensor)) for tensor in found.list_handed(program.fetches))
    known = frozenset(tensor_name("{}:{}".format(*tensor)) for tensor in found.known)
    if not handed:
        return Parts(None, (), known & set(fed), whole, fed, fetches)
    try:
        host = module.code(handed, (), fed)
        arguments = (*found.used_inputs(fed, program.fetches), *handed)
        device = module.code(fetches, targets, arguments)
    except UnsupportedGraphError:
        # What would be handed on lies in a loop or a cond. All of it can run while nothing is traced.
        return Parts(None, (), frozenset(), whole, fed, fetches)
    return Parts(host, handed, known & set(arguments), device, arguments, fetches)


class _Host:
    """Which ops of a program run on the host."""

    def __init__(self, program: Program, fed: set[Tensor]) -> None:
        self._program = program
        self._fed = fed
        self._seen: dict[Tensor, tuple[bool, bool]] = {}
        self.known: set[Tensor] = set()
        self.ops: set[str] = set()
        for op, _ in program.ops():
            kernel = kernel_of(op.node.op)
            if kernel is None or op.node.op in _OBJECTS:
                continue
            if kernel.host and all(self._is_free(tensor) for tensor in op.inputs):
                self._add(op.node.name)
            for index in kernel.known:
                if index < len(op.inputs):
                    self._need(program.origin(op.inputs[index]))

    def _need(self, tensor: Tensor) -> None:
        """Has the host compute what decides a shape; of what depends on a variable's shape too, the other parts."""
        waiting, met = [tensor], set()
        while waiting:
            current = waiting.pop()
            if current in met or not self._depends_on_input(current):
                continue
            met.add(current)
            if self._is_free(current):
                self.known.add(current)
                self._add(current[0])
                continue
            op = self._program.by_name.get(current[0])
            if op is not None:
                waiting.extend(self._program.origin(each) for each in op.inputs)

    def list_handed(self, fetches: Iterable[Tensor]) -> list[Tensor]:
        """The tensors that the rest takes from the host, in order."""
        wanted: dict[Tensor, None] = {}
        for op, _ in self._program.ops():
            if op.node.name not in self.ops:
                for tensor in op.inputs:
                    self._want(self._program.origin(tensor), wanted)
        for tensor in fetches:
            self._want(self._program.origin(tensor), wanted)
        found = [tensor for tensor in wanted if tensor not in self._fed]
        # What only shapes decide is known wherever they are.
        self.known.update(tensor for tensor in found if not self._depends_on_input(tensor))
        return found

    def used_inputs(self, fed: Iterable[str], fetches: Iterable[Tensor]) -> list[str]:
        """The inputs that the rest takes itself."""
        taken = {
            self._program.origin(tensor)
            for op, _ in self._program.ops()
            if op.node.name not in self.ops
            for tensor in op.inputs
        }
        taken.update(self._program.origin(tensor) for tensor in fetches)
        return [name for name in fed if split_tensor_name(name) in taken]

    def _want(self, tensor: Tensor, wanted: dict[Tensor, None]) -> None:
        op = self._program.by_name.get(tensor[0])
        if tensor[0] in self.ops and op is not None and op.node.op not in (*_OBJECTS, "Const"):
            wanted[tensor] = None

    def _add(self, name: str) -> None:
        waiting = [name]
        while waiting:
            name = waiting.pop()
            op = self._program.by_name.get(name)
            if op is not None and name not in self.ops and (name, 0) not in self._fed:
                self.ops.add(name)
                waiting.extend(self._program.origin(tensor)[0] for tensor in op.inputs)

    def _is_free(self, tensor: Tensor) -> bool:
        """Whether a value depends on no variable, no chance and no loop."""
        return _walk(self._program, self._program.origin(tensor), self._fed, self._seen)[0]

    def _depends_on_input(self, tensor: Tensor) -> bool:
        """Whether a value depends on the value of an input, and not on its shape alone."""
        return _walk(self._program, self._program.origin(tensor), self._fed, self._seen)[1]


def _walk(
    program: Program, tensor: Tensor, fed: set[Tensor], seen: dict[Tensor, tuple[bool, bool]]
) -> tuple[bool, bool]:
    """Whether a value depends on inputs and constants alone, and whether on the value of an input."""
    stack = [tensor]
    while stack:
        current = stack[-1]
        if current in seen:
            stack.pop()
            continue
        if current in fed:
            seen[current] = (True, True)
            continue
        op = program.by_name.get(current[0])
        if op is None or not _is_plain(op):
            seen[current] = (op is not None and op.node.op in op_types.TABLES, False)
            continue
        inputs = [program.origin(each) for each in op.inputs]
        missing = [each for each in inputs if each not in seen]
        if missing:
            stack.extend(missing)
            continue
        free = all(seen[each][0] for each in inputs)
        by_value = op.node.op not in _KNOWN_FROM_SHAPES and any(seen[each][1] for each in inputs)
        seen[current] = (free, by_value)
    return seen[tensor]


def _is_plain(op: Op) -> bool:
    """Whether an op computes from its inputs alone, or looks something up in a table."""
    kernel = kernel_of(op.node.op)
    return kernel is not None and (
        kernel.form == "computes" or (kernel.host and op.node.op not in op_types.TABLES)
    )
