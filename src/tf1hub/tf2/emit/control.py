"""Choices and loops as `tf.cond` and `tf.while_loop`, whatever they were written as."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.errors import UnsupportedGraphError
from tf1hub.program.nodes import Tensor
from tf1hub.tf2.emit.scope import EmittedReference, Scope

_RunBranch = Callable[[Scope], Sequence[Any]]


def choose(scope: Scope, index: Any, branches: Sequence[_RunBranch], what: str) -> list[Any]:
    """The results of the branch that `index` names.

    Args:
        scope: where the choice stands.
        index: a boolean for two branches (false, true), an integer for any number.
        branches: each emits one branch into the scope it is given.
        what: the choice in words, for messages.

    Raises:
        UnsupportedGraphError: the branches give different variables or TensorArrays.
    """
    scope.flush()
    decided = tf.get_static_value(index)
    if decided is not None:
        chosen = int(decided)
        return list(branches[chosen if 0 <= chosen < len(branches) else -1](scope.beside()))
    objects: list[list[Any]] = [[] for _ in branches]

    def function(number: int) -> Callable[[], list[Any]]:
        def run() -> list[Any]:
            results = branches[number](scope.inner())
            objects[number] = [value if isinstance(value, EmittedReference) else None for value in results]
            # A function without results would be taken for one without side effects.
            return [tf.zeros([]) if isinstance(value, EmittedReference) else value for value in results] or [
                tf.zeros([])
            ]

        return run

    functions = [function(number) for number in range(len(branches))]
    if index.dtype == tf.bool:
        results = tf.cond(index, functions[1], functions[0])
    else:
        results = tf.switch_case(index, functions)
    return [
        _agree(result, [found[i] for found in objects], what)
        for i, result in enumerate(results[: len(objects[0])])
    ]


def _agree(result: Any, objects: Sequence[Any], what: str) -> Any:
    if all(value is None for value in objects):
        return result
    if all(value is objects[0] for value in objects):
        return objects[0]
    raise UnsupportedGraphError(f"{what} chooses between different variables, tables or TensorArrays.")


class _ShapesGrewError(Exception):
    """The body returned shapes that the loop's variables do not allow."""

    def __init__(self, shapes: list[tf.TensorShape]) -> None:
        super().__init__(shapes)
        self.shapes = shapes


def repeat(
    scope: Scope,
    initial: Sequence[Any],
    condition: Callable[[Scope, Sequence[Any]], Any],
    body: Callable[[Scope, Sequence[Any]], Sequence[Any]],
    what: str,
    parallel_iterations: int = 10,
    maximum_iterations: Any = None,
) -> list[Any]:
    """The values after running `body` while `condition` holds.

    Args:
        scope: where the loop stands.
        initial: the values before the first iteration; Python objects among them stay as they are.
        condition: emits the condition into the scope it is given, for the values it is given.
        body: emits one iteration in the same way and returns the next values.
        what: the loop in words, for messages.
        parallel_iterations: as `tf.while_loop` takes it.
        maximum_iterations: a tensor, or None.

    Raises:
        UnsupportedGraphError: an iteration replaces a variable or TensorArray by another one.
    """
    scope.flush()
    moving = [index for index, value in enumerate(initial) if not isinstance(value, EmittedReference)]

    def all_values(tensors: Sequence[Any]) -> list[Any]:
        values = list(initial)
        for index, tensor in zip(moving, tensors, strict=False):
            values[index] = tensor
        return values

    def one_iteration(shapes: Sequence[tf.TensorShape], *tensors: Any) -> list[Any]:
        results = list(body(scope.inner(), all_values(tensors)))
        for index, value in enumerate(initial):
            if isinstance(value, EmittedReference) and results[index] is not value:
                raise UnsupportedGraphError(
                    f"{what} replaces a variable, table or TensorArray by another one."
                )
        results = [results[index] for index in moving]
        wider = [
            shape.most_specific_compatible_shape(result.shape)
            for shape, result in zip(shapes, results, strict=True)
        ]
        if any(
            new.rank != old.rank or (new.rank and new.as_list() != old.as_list())
            for new, old in zip(wider, shapes, strict=True)
        ):
            raise _ShapesGrewError(wider)
        return results or [tf.constant(0)]

    starts = [initial[index] for index in moving]
    shapes = [start.shape for start in starts]
    while True:
        try:
            results = tf.while_loop(
                lambda *tensors: condition(scope.inner(), all_values(tensors)),
                lambda *tensors, shapes=shapes: one_iteration(shapes, *tensors[: len(moving)]),
                starts or [tf.constant(0)],
                shape_invariants=shapes or [tf.TensorShape([])],
                parallel_iterations=parallel_iterations,
                maximum_iterations=maximum_iterations,
            )
        except _ShapesGrewError as grew:
            # TF1 kept the shapes that a loop allows in Python only; a traced body tells them again.
            shapes = grew.shapes
        else:
            return all_values(results)


def least(scope: Scope, bounds: Sequence[Tensor | int]) -> Any:
    """The least of some bounds, as `repeat` takes it for `maximum_iterations`; None where there are none."""
    if not bounds:
        return None
    values = [
        tf.constant(bound, tf.int64) if isinstance(bound, int) else scope.tensor(bound) for bound in bounds
    ]
    known = [tf.get_static_value(value) for value in values]
    if None not in known:
        return tf.constant(min(*known, tf.int32.max), tf.int32)  # XLA wants to see a constant
    narrow = [
        value if value.dtype == tf.int32 else tf.cast(tf.minimum(value, tf.int32.max), tf.int32)
        for value in values
    ]
    return functools.reduce(tf.minimum, narrow)
