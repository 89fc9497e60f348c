"""What the user of a module writes. Of the publisher's program it knows nothing but the module's path.

Three ways to tell even numbers from odd ones, from a few labels:

    frozen        a linear classifier on the module's features, which stay as they are
    fine-tuned    the same, and the module's own variables are trained too
    from scratch  the same network without the module: what the few labels alone give
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import tf1hub as hub

from .data import Digits
from .network import feature_vector, logits_of
from .training import Model, Rates

STEPS = 100
CLASSES = 2  # even or odd


class Approach(NamedTuple):
    """One way to train."""

    name: str
    uses_module: bool
    fine_tunes: bool
    rates: Rates


# The module's variables are fine-tuned a hundred times slower than the classifier on
# top learns, so that few labels do not ruin what the module knows. From scratch, each
# rate from 0.001 to 0.01 gives about the same.
APPROACHES = (
    Approach("frozen features", uses_module=True, fine_tunes=False, rates=Rates(0, 1e-2)),
    Approach("fine-tuned", uses_module=True, fine_tunes=True, rates=Rates(1e-4, 1e-2)),
    Approach("from scratch", uses_module=False, fine_tunes=False, rates=Rates(0, 3e-3)),
)
FINE_TUNED = APPROACHES[1]


class Applied(NamedTuple):
    """A module in a graph, and the features [N, F] that it computes there."""

    module: hub.Module
    features: tf.Tensor


def learn(
    approach: Approach, module_path: Path, few: Digits, test: Digits, steps: int, seed: int
) -> list[tuple[int, float]]:
    """Trains on few labels; returns the learning curve: (step, accuracy on `test`)."""
    model, _ = make_model(approach, module_path, seed)
    curve = list(model.train(few, test, steps))
    model.close()
    return curve


def make_model(approach: Approach, module_path: Path, seed: int) -> tuple[Model, list[Applied]]:
    """The model of an approach, and what it made of the module in its training and its test graph."""
    applied: list[Applied] = []

    def build(images: tf.Tensor, is_training: bool) -> tf.Tensor:
        if approach.uses_module:
            applied.append(apply_module(module_path, images, approach.fine_tunes and is_training))
            features = applied[-1].features
        else:
            features = feature_vector(images, is_training)
        return logits_of(features, CLASSES)

    return Model(build, approach.rates, seed), applied


def apply_module(path: Path, images: tf.Tensor, fine_tunes: bool) -> Applied:
    """All that a program needs to do to use a module, or to fine-tune it."""
    module = hub.Module(str(path), trainable=fine_tunes, tags={"train"} if fine_tunes else None)
    images = tf.image.resize(images, hub.get_expected_image_size(module))
    return Applied(module, module({"images": images}, signature="image_feature_vector"))


def fine_tune_and_export(module_path: Path, new_path: Path, few: Digits, test: Digits, steps: int) -> float:
    """Exports a module as fine-tuning left it, and loads it again.

    Returns:
        The greatest difference between a feature of the fine-tuned model and the
        same feature of the module that was loaded again.
    """
    model, (in_training, in_test) = make_model(FINE_TUNED, module_path, seed=0)
    for _ in model.train(few, test, steps):
        pass
    with model.training_graph.as_default():
        in_training.module.export(str(new_path), model.session)
    expected = model.predict(test.images, in_test.features)
    model.close()
    with hub.eval_function_for_module(str(new_path)) as module:
        return float(np.max(np.abs(module(test.images) - expected)))
