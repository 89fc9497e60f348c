"""Small modules that tests build, and the few lines that every graph test needs."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


def affine(slope: float = 2.0, offset: float = 1.0, *, use_resource: bool = True) -> Callable[[], None]:
    """`slope * x + offset`, both of them variables, the slope regularized."""

    def module_fn() -> None:
        with tf1.variable_scope("", use_resource=use_resource):
            x = tf1.placeholder(tf.float32, [None], name="x")
            a = tf1.get_variable("a", initializer=slope, regularizer=lambda w: 0.5 * w * w)
            b = tf1.get_variable("b", initializer=offset, trainable=False)
        hub.add_signature(inputs=x, outputs=a * x + b)

    return module_fn


def initialize(session: Any) -> None:
    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])


def run(*fetches: Any, feed: dict[Any, Any] | None = None) -> Any:
    """Initializes the default graph in a new session and runs it there."""
    with tf1.Session() as session:
        initialize(session)
        values = session.run(list(fetches), feed)
    return values[0] if len(fetches) == 1 else values


def export(module_fn: Callable[..., None] | Any, path: pathlib.Path | str, **kwargs: Any) -> str:
    """Makes a module with its initial values on disk; returns its path."""
    spec = module_fn if isinstance(module_fn, hub.ModuleSpec) else hub.create_module_spec(module_fn, **kwargs)
    tags = {"train"} if frozenset({"train"}) in spec.get_tags() else None
    with tf.Graph().as_default():
        module = hub.Module(spec, tags=tags)
        with tf1.Session() as session:
            initialize(session)
            module.export(path, session)
    return str(path)
