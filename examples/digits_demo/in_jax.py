"""What a user of JAX writes: the module and a classifier on top, trained together with optax. No TensorFlow is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import tf1hub as hub

from .data import Digits

STEPS = 60
CLASSES = 2  # even or odd


def fine_tune(module_path: Path, few: Digits, test: Digits, steps: int = STEPS) -> float:
    """Trains on few labels, and returns the accuracy on `test`."""
    function, params = hub.to_jax(str(module_path), "image_feature_vector", training=True)
    trained, others = function.split(params)
    features = function.apply(params, {"images": few.images[:1]}, jax.random.key(0))[0]["default"].shape[-1]
    trainable = {"module": trained, "head": jnp.zeros([features, CLASSES])}
    # The module's variables are trained a hundred times slower, so that few labels do not ruin what it knows.
    optimizer = optax.multi_transform(
        {"module": optax.adam(1e-4), "head": optax.adam(1e-2)}, {"module": "module", "head": "head"}
    )
    state = optimizer.init(trainable)

    def loss_of(trainable: Any, others: Any, key: Any) -> Any:
        variables = {**trainable["module"], **others}
        outputs, after = function.apply(variables, {"images": few.images}, key)
        logits = outputs["default"] @ trainable["head"]
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, few.labels).mean()
        return loss + function.regularization(variables), after

    @jax.jit
    def step(trainable: Any, others: Any, state: Any, key: Any) -> Any:
        gradients, after = jax.grad(loss_of, has_aux=True)(trainable, others, key)
        updates, state = optimizer.update(gradients, state)
        # What the graph writes itself, such as moving averages, comes out of `apply`.
        return optax.apply_updates(trainable, updates), {name: after[name] for name in others}, state

    for number in range(steps):
        trainable, others, state = step(trainable, others, state, jax.random.key(number))
    inference, _ = hub.to_jax(str(module_path), "image_feature_vector")
    outputs = jax.jit(inference)({**trainable["module"], **others}, {"images": test.images})
    return float(np.mean(np.argmax(outputs["default"] @ trainable["head"], -1) == test.labels))
