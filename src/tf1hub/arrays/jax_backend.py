"""JAX as the array library of a run: what is known stays NumPy's, what is traced becomes `cond`, `scan` and `while_loop`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from tf1hub.arrays.array_list import ArrayList
from tf1hub.arrays.backend import Backend, BranchRunner, call_kernel
from tf1hub.arrays.interpreter import ProgramRun
from tf1hub.arrays.named_fractions import NamedFraction, compute_with_fractions, trace_fractions
from tf1hub.arrays.named_sizes import find_inconclusive
from tf1hub.arrays.op_table import Kernel
from tf1hub.arrays.prepared import PreparedOp
from tf1hub.errors import CheckFailedError, UnsupportedGraphError
from tf1hub.program.references import Reference


class JaxBackend(Backend):
    """JAX. A choice or a loop whose predicate is known runs as NumPy's does.

    Args:
        written: the nodes of the variables that the program may write: what is traced by itself hands them on.
    """

    def __init__(self, written: Iterable[str] = ()) -> None:
        self.written = sorted(written)

    def compute(self, run: ProgramRun, step: PreparedOp, inputs: Sequence[Any]) -> Sequence[Any]:
        """As NumPy's, in the namespace that the inputs ask for.

        Sizes of which only names are known, and numbers that follow from them, keep their names where they can. Where an op
        compares them, they are traced numbers to it.
        """
        if any(isinstance(value, np.ndarray) and value.dtype == object for value in inputs):
            named = compute_with_fractions(step.kind, step.attributes, step.kernel.function, inputs)
            if named is not None:
                return named
        given = self.arguments(step.kernel, inputs)
        try:
            return call_kernel(run, step, self.namespace(given), given)
        except find_inconclusive():
            if step.kernel.form == "performs":
                raise
            given = [jnp.asarray(value[()]) if _is_size_by_name(value) else value for value in given]
            return call_kernel(run, step, self.namespace(given), given)

    def namespace(self, inputs: Sequence[Any]) -> Any:
        """JAX's where an input is an array of JAX or traced."""
        traced = any(isinstance(value, jax.Array) or export.is_symbolic_dim(value) for value in inputs)
        return jnp if traced else np

    def value(self, value: Any) -> Any:
        """An output of an op as an array, also a size that JAX knows by name only."""
        if export.is_symbolic_dim(value) or isinstance(value, NamedFraction):
            return np.asarray(value, object)
        return super().value(value)

    def settle(self, value: Any) -> Any:
        """Numbers that follow from sizes with names as numbers that are traced."""
        return trace_fractions(value)

    def is_known(self, value: Any) -> bool:
        """Whether a value is not traced."""
        return not isinstance(value, jax.core.Tracer)

    def arguments(self, kernel: Kernel, inputs: Sequence[Any]) -> Sequence[Any]:
        """The inputs of an op, those as NumPy arrays that it needs so.

        Raises:
            ValueError: one of them is traced.
        """
        inputs = [trace_fractions(value) for value in inputs]
        if not kernel.host and not kernel.known:
            return inputs
        found = list(inputs)
        for index in range(len(found)) if kernel.host else kernel.known:
            if index >= len(found) or not isinstance(found[index], jax.Array):
                continue
            if not self.is_known(found[index]):
                raise ValueError(
                    f"its input {index} decides the shape of its result, and is not known while JAX traces"
                )
            found[index] = np.asarray(found[index])
        return found

    # ------------------------------------------------------------------ choices

    def choose(
        self, run: ProgramRun, index: Any, branches: Sequence[BranchRunner], what: str
    ) -> Sequence[Any]:
        """As NumPy's; `lax.switch` where the index is traced."""
        index = _concrete(index)
        if self.is_known(index):
            return super().choose(run, index, branches, what)
        packed: list[_Packed] = []

        def trace_branch(branch: BranchRunner) -> Callable[[Any], list[Any]]:
            def compute(key: Any) -> list[Any]:
                inner = _inner(run, key)
                values = [*branch(inner), *(inner.state.read(node) for node in self.written)]
                packed.append(_Packed(values, what))
                return packed[-1].leaves

            return compute

        numbers = index.astype(np.int32) if index.dtype == bool else index
        last = len(branches) - 1
        chosen = (
            numbers if index.dtype == bool else jnp.where((numbers < 0) | (numbers > last), last, numbers)
        )
        try:
            leaves = lax.switch(chosen, [trace_branch(branch) for branch in branches], run.random.fork())
        except TypeError:  # what they give differs
            for other in packed[1:]:
                packed[0].check_like(other)
            raise
        for other in packed[1:]:
            packed[0].check_like(other)
        values = packed[0].unpack(leaves)
        count = len(values) - len(self.written)
        for node, value in zip(self.written, values[count:], strict=True):
            run.state.write(node, value)
        return values[:count]

    # ------------------------------------------------------------------ loops

    def repeat(
        self,
        run: ProgramRun,
        initial: Sequence[Any],
        condition: Callable[[ProgramRun, Sequence[Any]], Any],
        body: Callable[[ProgramRun, Sequence[Any]], Sequence[Any]],
        what: str,
        bounds: Sequence[Any] = (),
        counted: bool = False,  # noqa: ARG002
    ) -> Sequence[Any]:
        """As NumPy's while the condition is known; from there a `scan` up to the bound, or a `while_loop` without one."""
        values = list(initial)
        if any(map(_is_size_by_name, bounds or initial)):
            return _TracedLoop(run, values, condition, body, what, self.written).trace(None)
        done = 0
        while self.is_known(holds := _concrete(condition(run, values))):
            if not holds:
                return values
            values = list(body(run, values))
            done += 1
        known = [int(bound) for bound in bounds if self.is_known(bound) and not isinstance(bound, ArrayList)]
        most = max(0, min(known) - done) if known else None
        return _TracedLoop(run, values, condition, body, what, self.written).trace(most)


def _is_size_by_name(value: Any) -> bool:
    """Whether a value is a size of an export's open dimensions."""
    return isinstance(value, np.ndarray) and value.ndim == 0 and export.is_symbolic_dim(value[()])


def _concrete(number: Any) -> Any:
    """The number itself where JAX knows it, as it does while it takes gradients without compiling; else what was given."""
    if not isinstance(number, jax.core.Tracer):
        return number
    try:
        return np.asarray(int(number), number.dtype)
    except TypeError:  # what JAX raises for a number that it does not know
        return number


class _TracedLoop:
    """A loop that is traced: its values, and the variables that it writes, are carried."""

    def __init__(
        self, run: ProgramRun, values: list[Any], condition: Any, body: Any, what: str, written: Sequence[str]
    ) -> None:
        self._run = run
        self._condition = condition
        self._body = body
        self._what = what
        self._written = written
        self._values = self._with_shapes(self._with_numbers(values))
        self._packed = self._pack(run, self._values)

    def trace(self, most: int | None) -> list[Any]:
        """The values after the last iteration."""
        start = (jnp.asarray(True), self._run.random.fork(), self._packed.leaves)
        if most is None:
            _, _, leaves = lax.while_loop(lambda carry: carry[0], self._step, self._enter(start))
        else:

            def step_while_it_holds(carry: Any, _: Any) -> tuple[Any, None]:
                return lax.cond(carry[0], self._step, lambda same: same, carry), None

            (_, _, leaves), _ = lax.scan(step_while_it_holds, self._enter(start), None, length=most)
        values = self._packed.unpack(leaves)
        count = len(values) - len(self._written)
        for node, value in zip(self._written, values[count:], strict=True):
            self._run.state.write(node, value)
        return values[:count]

    def _enter(self, carry: Any) -> Any:
        _, key, leaves = carry
        return self._holds(leaves, key), key, leaves

    def _open(self, leaves: Sequence[Any], key: Any) -> tuple[ProgramRun, list[Any]]:
        inner = _inner(self._run, key)
        values = self._packed.unpack(leaves)
        count = len(values) - len(self._written)
        for node, value in zip(self._written, values[count:], strict=True):
            inner.state.write(node, value)
        return inner, values[:count]

    def _holds(self, leaves: Sequence[Any], key: Any) -> Any:
        inner, values = self._open(leaves, key)
        return jnp.asarray(self._condition(inner, values)).reshape(())

    def _step(self, carry: Any) -> Any:
        """One iteration, and whether there is another one."""
        _, key, leaves = carry
        inner, values = self._open(leaves, key)
        following = self._pack(inner, list(self._body(inner, values)))
        self._packed.check_like(following)
        after = [
            jnp.asarray(new, old.dtype)
            for new, old in zip(following.leaves, self._packed.leaves, strict=True)
        ]
        key = inner.random.fork()
        return self._holds(after, key), key, after

    def _pack(self, run: ProgramRun, values: Sequence[Any]) -> _Packed:
        return _Packed([*values, *(run.state.read(node) for node in self._written)], self._what)

    def _with_numbers(self, values: list[Any]) -> list[Any]:
        """The values, with those sizes with names as traced numbers that an iteration changes, as one that counts down does."""
        while any(map(_is_size_by_name, values)):
            after = self._run_once(values)
            changed = [
                _is_size_by_name(value) and not _same_object(value, new)
                for value, new in zip(values, after, strict=True)
            ]
            if not any(changed):
                break
            values = [
                jnp.asarray(value[()]) if new else value for value, new in zip(values, changed, strict=True)
            ]
        return values

    def _run_once(self, values: Sequence[Any]) -> list[Any]:
        """What an iteration gives, traced for its shapes alone."""
        found: list[Any] = []
        inner = _inner(self._run)

        def once() -> Any:
            found.extend(self._body(inner, [_trace(value) for value in values]))
            return _leaves_only(found)

        jax.eval_shape(once)
        return found

    def _with_shapes(self, values: list[Any]) -> list[Any]:
        """The values with what one iteration tells: the shapes of elements that nobody has written yet."""
        if not any(isinstance(value, ArrayList) and _is_vague(value) for value in values):
            return values
        for index, (value, after) in enumerate(zip(values, self._run_once(values), strict=True)):
            if isinstance(value, ArrayList) and _is_vague(value) and isinstance(after, ArrayList):
                shape = _element_shape(after)
                if shape is not None:
                    values[index] = value.with_shape(shape)
        return values


def _trace(value: Any) -> Any:
    """A value as one that is not known; lists of arrays stay as they are."""
    if isinstance(value, Reference | ArrayList) or not hasattr(value, "dtype") or value.dtype == object:
        return value
    return lax.optimization_barrier(jnp.asarray(value))


def _is_vague(array: ArrayList) -> bool:
    """Whether nothing tells the shape of the elements."""
    known = array.element_shape is not None and None not in array.element_shape
    return not known and _element_shape(array) is None


def _element_shape(array: ArrayList) -> tuple[int, ...] | None:
    if array.stack is not None:
        return tuple(array.stack.shape[1:])
    return next((tuple(element.shape) for element in array.elements if element is not None), None)


def _leaves_only(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, jax.Array)]


def _inner(run: ProgramRun, key: Any = None) -> ProgramRun:
    """A run for what is traced by itself, with random numbers of its own."""
    inner = run.inner()
    inner.random = run.random.with_key(key)
    return inner


class _Packed:
    """Values as the arrays that JAX carries, and what puts them together again.

    Args:
        values: arrays, lists of arrays, and Python objects, which stay as they are.
        what: where they come from, in words.
    """

    def __init__(self, values: Sequence[Any], what: str) -> None:
        self._what = what
        self._values = list(values)
        self.leaves = [leaf for leaf in map(self._leaf, self._values) if leaf is not None]

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, ArrayList):
            try:
                return jnp.asarray(value.pack(jnp).stack)
            except CheckFailedError as error:
                raise UnsupportedGraphError(
                    f"{self._what} carries a TensorArray whose elements have no known shape."
                ) from error
        if isinstance(value, Reference) or not hasattr(value, "dtype") or value.dtype == object:
            return None
        return jnp.asarray(value)

    def unpack(self, leaves: Sequence[Any]) -> list[Any]:
        """The values with other arrays."""
        remaining = iter(leaves)
        found: list[Any] = []
        for value in self._values:
            if isinstance(value, ArrayList):
                shape = value.element_shape
                found.append(ArrayList(value.dtype, shape, (), next(remaining), value.grows))
            elif self._is_object(value):
                found.append(value)
            else:
                found.append(next(remaining))
        return found

    @staticmethod
    def _is_object(value: Any) -> bool:
        return isinstance(value, Reference) or not hasattr(value, "dtype") or value.dtype == object

    def check_like(self, other: _Packed) -> None:
        """Checks that other values can take the place of these.

        Raises:
            UnsupportedGraphError: they are other objects, or of other shapes.
        """
        for mine, its in zip(self._values, other._values, strict=True):
            if self._is_object(mine) and not isinstance(mine, ArrayList) and not _same_object(mine, its):
                raise UnsupportedGraphError(
                    f"{self._what} decides by a traced value between different strings, variables or tables."
                )
        for one, another in zip(self.leaves, other.leaves, strict=True):
            if one.shape != another.shape:
                raise UnsupportedGraphError(
                    f"{self._what} gives arrays of the shapes {_show(one.shape)} and {_show(another.shape)}, and which of "
                    "them is not known while JAX traces."
                )


def _show(shape: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _same_object(mine: Any, its: Any) -> bool:
    if mine is its:
        return True
    if hasattr(mine, "dtype") and hasattr(its, "dtype"):
        return bool(np.array_equal(mine, its))
    node = getattr(mine, "node", None)
    return node is not None and type(mine) is type(its) and node == getattr(its, "node", None)
