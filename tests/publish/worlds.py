"""Programs around a module, as short as a test wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


@dataclass
class Result:
    """What one application gave.

    Attributes:
        outputs: name to value.
        trainable: names in the module of the trainable variables.
        gradients: those among them that the sum of the outputs depends on.
    """

    outputs: dict[str, Any]
    trainable: list[str]
    gradients: list[str]


def applied(spec: Any, inputs: Any, signature: str | None = None, tags: set[str] | None = None) -> Result:
    """Instantiates a module, trainable, applies it once and runs it."""
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True, tags=tags)
        outputs = module(inputs, signature=signature, as_dict=True)
        trainable = tf1.trainable_variables()
        sums = [
            tf.reduce_sum(value)
            for value in outputs.values()
            if isinstance(value, tf.Tensor) and value.dtype.is_floating
        ]
        gradients = tf1.gradients(sums, trainable) if sums and trainable else []
        names = [variable.op.name.removeprefix("module/") for variable in trainable]
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            values = session.run(outputs)
    found = [name for name, gradient in zip(names, gradients, strict=True) if gradient is not None]
    return Result(values, sorted(names), sorted(found))
