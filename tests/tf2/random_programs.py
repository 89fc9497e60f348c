"""Random small programs: straight code, conds, loops and TensorArrays, nested, over both kinds of variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from hypothesis import strategies as st

tf1 = tf.compat.v1

Block = tuple[Any, ...]
"""Statements, each of which turns a [2, 3] tensor into another one."""


@dataclass(frozen=True)
class Step:
    """An op with the input, a constant or a variable."""

    kind: str


@dataclass(frozen=True)
class Choice:
    """A cond on the data or, at `above=None`, on a flag that is nested in itself."""

    above: float | None
    then: Block
    otherwise: Block


@dataclass(frozen=True)
class Counted:
    """A loop of some rounds, counted by itself or by `maximum_iterations`."""

    rounds: int
    body: Block
    maximum: bool


@dataclass(frozen=True)
class Until:
    """A loop that ends when the data says so, after three rounds at most."""

    limit: float
    body: Block


@dataclass(frozen=True)
class Rows:
    """A loop over rows through TensorArrays, and what is done with the one that it fills."""

    body: Block
    dynamic: bool
    ending: str = "stack"


_STEPS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "tanh": lambda y, x, w, v: tf.tanh(y),
    "input": lambda y, x, w, v: y * 0.5 + x,
    "matmul": lambda y, x, w, v: tf.matmul(y, w) * 0.3,
    "scale": lambda y, x, w, v: y * v,
    "constant": lambda y, x, w, v: y - tf.constant([0.1, 0.2, 0.3]),
    "shape": lambda y, x, w, v: y * tf.cast(tf.shape(x)[0], tf.float32) * 0.3,
    "reverse": lambda y, x, w, v: tf.reverse(y, [0]),
}


_ENDINGS: dict[str, Callable[[Any, Callable[[int], Any]], Any]] = {
    "stack": lambda rows, new: rows.stack(),
    "repeats": lambda rows, new: rows.gather([1, 0, 0])[:2] * rows.gather([1, 1]),
    "in front": lambda rows, new: (
        new(3).write(2, rows.read(0)).scatter(tf.range(2), rows.stack()).gather([2, 1])
    ),
    "partly": lambda rows, new: new(4).unstack(rows.stack()).write(2, rows.read(1)).stack()[1:3],
}


def blocks(depth: int) -> st.SearchStrategy[Block]:
    """Blocks that nest at most `depth` deep; at most one statement of each nests.

    More would make TensorFlow's own gradients of nested loops take minutes.
    """
    steps = st.lists(st.builds(Step, st.sampled_from(sorted(_STEPS))), max_size=2).map(tuple)
    if depth == 0:
        return steps
    inner = blocks(depth - 1)
    above = st.sampled_from([None, -1.0, 0.0, 0.5])
    nested = st.one_of(
        st.builds(Choice, above, inner, steps),
        st.builds(Choice, above, steps, inner),
        st.builds(Counted, st.integers(0, 3), inner, st.booleans()),
        st.builds(Until, st.sampled_from([0.2, 1.0]), inner),
        st.builds(Rows, inner, st.booleans(), st.sampled_from(sorted(_ENDINGS))),
    )
    return st.builds(
        lambda before, between, after: (*before, *between, *after[:1]),
        steps,
        st.tuples(nested) | steps,
        steps,
    )


def programs() -> st.SearchStrategy[Block]:
    """Whole programs, up to three deep."""
    return st.one_of(blocks(1), blocks(2), blocks(3))


def build(block: Block, y: Any, x: Any, w: Any, v: Any, flag: Any) -> Any:
    """Adds a block to the default graph."""
    for statement in block:
        y = _build(statement, y, lambda inner, z: build(inner, z, x, w, v, flag), (x, w, v), flag)
    return y


def _build(statement: Any, y: Any, inside: Callable[[Block, Any], Any], values: Any, flag: Any) -> Any:
    if isinstance(statement, Step):
        return _STEPS[statement.kind](y, *values)
    if isinstance(statement, Choice):
        predicate = flag if statement.above is None else tf.reduce_sum(y) > statement.above
        # `identity` makes something of an empty branch.
        return tf.cond(
            predicate,
            lambda: tf.identity(inside(statement.then, y)),
            lambda: tf.identity(inside(statement.otherwise, y)),
        )
    if isinstance(statement, Counted):
        limit = 100 if statement.maximum else statement.rounds
        _, y = tf.while_loop(
            lambda i, _: i < limit,
            lambda i, z: (i + 1, inside(statement.body, z)),
            (0, y),
            maximum_iterations=statement.rounds if statement.maximum else None,
        )
        return y
    if isinstance(statement, Until):
        _, y = tf.while_loop(
            lambda i, z: tf.logical_and(tf.reduce_max(tf.abs(z)) > statement.limit, i > -3),
            lambda i, z: (i - 1, inside(statement.body, z) * 0.4),
            (0, y),
        )
        return y
    return _rows(statement, y, inside)


def _rows(statement: Rows, y: Any, inside: Callable[[Block, Any], Any]) -> Any:
    def new(size: int) -> Any:
        return tf.TensorArray(
            tf.float32,
            size=0 if statement.dynamic else size,
            dynamic_size=statement.dynamic,
            element_shape=[3],
            clear_after_read=False,
        )

    source = tf.TensorArray(tf.float32, size=2, element_shape=[3]).unstack(y)

    def body(i: Any, target: Any) -> Any:
        row = tf.tile(source.read(i)[tf.newaxis], [2, 1])
        return i + 1, target.write(i, tf.reduce_mean(inside(statement.body, tf.ensure_shape(row, [2, 3])), 0))

    _, target = tf.while_loop(lambda i, _: i < 2, body, (0, new(2)))
    return tf.ensure_shape(_ENDINGS[statement.ending](target, new), [2, 3])
