"""How an array library runs a program: the namespace of each op, choices and loops.

This is NumPy's, where every value is known: a choice runs its branch, and a loop runs in Python. A library that
traces subclasses it, and calls these where the predicate is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tf1hub.arrays.interpreter import ProgramRun
    from tf1hub.arrays.op_table import Kernel
    from tf1hub.arrays.prepared import PreparedOp

BranchRunner: TypeAlias = "Callable[[ProgramRun], Sequence[Any]]"
"""Runs a branch with a run, and gives its results."""


def call_kernel(run: ProgramRun, step: PreparedOp, namespace: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    """What computes an op, called with its inputs; it computes in a namespace, unless it asks the run for one."""
    kernel = step.kernel
    if kernel.form == "computes":
        return kernel.function(namespace, step.attributes, *inputs)
    if kernel.form == "performs":
        return kernel.function(run, step, *inputs)
    return kernel.function(namespace, step.attributes, run.random, *inputs)


class Backend:
    """NumPy."""

    def compute(self, run: ProgramRun, step: PreparedOp, inputs: Sequence[Any]) -> Sequence[Any]:
        """The outputs of an op.

        Args:
            run: where the op stands.
            step: the op.
            inputs: their values; of ref variables what they hold, where the op does not work on variables.
        """
        return call_kernel(run, step, np, inputs)

    def namespace(self, inputs: Sequence[Any]) -> Any:  # noqa: ARG002
        """The namespace that an op computes in, by its inputs: NumPy's where none is traced."""
        return np

    def value(self, value: Any) -> Any:
        """An output of an op as an array: NumPy gives scalars for some."""
        if isinstance(value, np.ndarray):
            return value
        if isinstance(value, bytes):
            array = np.empty((), object)
            array[()] = value
            return array
        return np.asarray(value) if isinstance(value, np.generic | bool | int | float) else value

    def settle(self, value: Any) -> Any:
        """A value as what is no op of the program takes it: a cond, a loop, or who runs the program."""
        return value

    def is_known(self, value: Any) -> bool:  # noqa: ARG002
        """Whether a value is known now, and not traced."""
        return True

    def arguments(self, kernel: Kernel, inputs: Sequence[Any]) -> Sequence[Any]:  # noqa: ARG002
        """The inputs of an op as its kernel needs them."""
        return inputs

    def choose(
        self,
        run: ProgramRun,
        index: Any,
        branches: Sequence[BranchRunner],
        what: str,  # noqa: ARG002
    ) -> Sequence[Any]:
        """The results of the branch that `index` names.

        Args:
            run: where the choice stands.
            index: a boolean for two branches (false, true), an integer for any number; an index that is out of range
                names the last branch.
            branches: each runs one branch with the run that it is given: `run` itself, or an inner one.
            what: the choice in words, for messages.
        """
        chosen = int(index)
        return branches[chosen if 0 <= chosen < len(branches) else -1](run)

    def repeat(
        self,
        run: ProgramRun,
        initial: Sequence[Any],
        condition: Callable[[ProgramRun, Sequence[Any]], Any],
        body: Callable[[ProgramRun, Sequence[Any]], Sequence[Any]],
        what: str,  # noqa: ARG002
        bounds: Sequence[Any] = (),  # noqa: ARG002
        counted: bool = False,  # noqa: ARG002
    ) -> Sequence[Any]:
        """The values after running `body` while `condition` holds.

        Args:
            run: where the loop stands.
            initial: the values before the first iteration.
            condition: computes the condition, a boolean, with the run that it is given, for the values.
            body: runs one iteration in the same way and returns the next values.
            what: the loop in words, for messages.
            bounds: numbers, none of which the number of iterations exceeds.
            counted: whether the loop runs until it reaches the least of the bounds.
        """
        values = list(initial)
        while condition(run, values):
            values = list(body(run, values))
        return values
