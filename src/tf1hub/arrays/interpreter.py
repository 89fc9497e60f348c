"""Runs a prepared program: steps in order, with the values of tensors by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tf1hub.arrays.backend import Backend
from tf1hub.arrays.prepared import (
    Block,
    Code,
    PreparedCond,
    PreparedFunctions,
    PreparedLoop,
    PreparedOp,
    PreparedWords,
)
from tf1hub.arrays.run_state import RunState
from tf1hub.errors import Error, InputError, UnsupportedGraphError
from tf1hub.program.nodes import Tensor
from tf1hub.program.references import VariableReference

# AttributeError: a damaged graph may give a handle where a value is expected.
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class ProgramRun:
    """One run of a program, or of a function that it calls.

    Args:
        code: the program.
        library: the functions of its graph.
        backend: the array library that it runs on.
        state: variables and tables.
        random: the source of random numbers.

    Attributes:
        values: the values so far, by tensor; names are unique in a program.
    """

    def __init__(
        self, code: Code, library: PreparedFunctions, backend: Backend, state: RunState, random: Any
    ) -> None:
        self.code = code
        self.library = library
        self.backend = backend
        self.state = state
        self.random = random
        self.values: dict[Tensor, Any] = {}

    def inner(self) -> ProgramRun:
        """A run for a region that is traced by itself. It sees all values, but changes neither them nor the state."""
        run = ProgramRun(self.code, self.library, self.backend, self.state.copy(), self.random)
        run.values = dict(self.values)
        return run

    def results(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the whole program for the values of its arguments.

        Returns:
            The values of the program's fetches.

        Raises:
            InputError: an op cannot compute with what it is given.
            CheckFailedError: an assertion of the graph does not hold.
        """
        self.values = dict(self.code.constants)
        self.values.update(zip(self.code.arguments, arguments, strict=True))
        if self.code.is_quiet:
            self.execute(self.code.block)
        else:
            with np.errstate(all="ignore"):
                self.execute(self.code.block)
        return [self.plain(tensor) for tensor in self.code.program.fetches]

    def plain(self, tensor: Tensor) -> Any:
        """A value as an ordinary op takes it: of a ref variable its value."""
        if tensor not in self.values:
            raise _no_such_output(*tensor)
        return self.backend.settle(self.read(self.values[tensor]))

    def read(self, value: Any) -> Any:
        """A value as an ordinary op takes it: of a ref variable its value."""
        if type(value) is VariableReference and value.by_value:
            return self.state.read(value.node)
        return value

    def call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """The results of a function of the graph."""
        code = self.library.body(name)
        run = ProgramRun(code, self.library, self.backend, self.state, self.random)
        return run.results(arguments)

    def execute(self, block: Block) -> None:
        """Runs steps from first to last."""
        for item in block:
            if type(item) is PreparedOp:
                self._step(item)
            elif type(item) is PreparedCond:
                self._choose(item)
            elif type(item) is PreparedLoop:
                self._repeat(item)
            elif type(item) is PreparedWords:
                self._recall(item)
            for tensor in item.last:
                self.values.pop(tensor, None)

    # ------------------------------------------------------------------ one op

    def _step(self, step: PreparedOp) -> None:
        kernel = step.kernel
        values = self.values
        try:
            inputs = [values[tensor] for tensor in step.inputs]
        except KeyError as error:
            raise _no_such_output(*error.args[0]) from error
        backend = self.backend
        try:
            if kernel.form != "performs":
                inputs = [self.read(value) if type(value) is VariableReference else value for value in inputs]
            outputs = backend.compute(self, step, inputs)
        except Error:
            raise
        except _FAILURES as error:
            raise InputError(_cannot_compute(step, inputs, error)) from error
        name, guarded = step.name, step.guarded
        for index, output in enumerate(outputs):
            if not (guarded and (name, index) in step.code.arguments):
                values[name, index] = output if type(output) is np.ndarray else backend.value(output)

    def _recall(self, chain: PreparedWords) -> None:
        """What a chain gives for words; only those that are new are computed."""

        def compute(words: Any) -> list[Any]:
            run = ProgramRun(self.code, self.library, self.backend, self.state, self.random)
            run.values = {**self.code.constants, chain.words: words}
            with np.errstate(all="ignore"):
                run.execute(chain.steps)
            return [run.values[tensor] for tensor in chain.results]

        found = chain.memory.find(self.plain(chain.words), compute)
        self.values.update(zip(chain.results, found, strict=True))

    # ------------------------------------------------------------------ conds and loops

    def _choose(self, choice: PreparedCond) -> None:
        cond = choice.cond

        def branch(number: int, run: ProgramRun) -> list[Any]:
            run.execute(choice.branches[number])
            found = [run.merge_value(result.values[number], result.by_reference) for result in cond.results]
            return [*found, *(np.int32(result.indices[number]) for result in cond.results)]

        what = f"the cond on {cond.predicate[0]!r}"
        parts = [partial(branch, 0), partial(branch, 1)]
        results = self.backend.choose(self, self.plain(cond.predicate), parts, what)
        for index, result in enumerate(cond.results):
            self.values[result.name, 0] = results[index]
            self.values[result.name, 1] = self.backend.value(results[index + len(cond.results)])

    def merge_value(self, tensor: Tensor, by_reference: bool) -> Any:
        """What a branch gives: of a ref variable its value, unless the merge wants the variable."""
        return self.values[tensor] if by_reference else self.plain(tensor)

    def _repeat(self, repetition: PreparedLoop) -> None:
        loop = repetition.loop

        def enter(run: ProgramRun, values: Iterable[Any]) -> None:
            for variable, value in zip(loop.variables, values, strict=True):
                run.values[variable.name, 0] = value

        def condition(run: ProgramRun, values: Sequence[Any]) -> Any:
            enter(run, values)
            run.execute(repetition.condition)
            return run.plain(loop.condition)

        def body(run: ProgramRun, values: Sequence[Any]) -> list[Any]:
            enter(run, values)
            run.execute(repetition.body)
            return [run.plain(variable.next) for variable in loop.variables]

        initial = [self.plain(variable.initial) for variable in loop.variables]
        bounds = [bound if isinstance(bound, int) else self.plain(bound) for bound in loop.bounds]
        results = self.backend.repeat(
            self, initial, condition, body, f"the loop {loop.name!r}", bounds, loop.counted
        )
        for variable, value in zip(loop.variables, results, strict=True):
            for tensor in variable.exits:
                self.values[tensor] = value


def _cannot_compute(step: PreparedOp, inputs: Sequence[Any], error: Exception) -> str:
    given = ", ".join(map(describe, inputs)) or "nothing"
    return f"The node {step.name!r} ({step.kind}) cannot compute with {given}: {error}"


def _no_such_output(name: str, output: int) -> UnsupportedGraphError:
    return UnsupportedGraphError(
        f"The graph takes output {output} of the node {name!r}, which does not have it."
    )


def describe(value: Any) -> str:
    """An array in words: its dtype and shape.

    Example:
        >>> import numpy as np
        >>> describe(np.zeros([2, 3], np.float32)), describe(np.array([b"a"], object))
        ('float32 [2, 3]', 'string [1]')
    """
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return repr(value)
    name = "string" if value.dtype.kind in "OSU" else value.dtype.name
    return f"{name} {list(value.shape)}"
