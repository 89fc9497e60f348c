"""What the author of a module writes: a `module_fn`, training, and one call of `export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

import tf1hub as hub

from .data import publishers_digits
from .network import feature_vector, logits_of
from .training import Model, Rates

tf1 = tf.compat.v1

STEPS = 200
CLASSES = 10


def module_fn(is_training: bool) -> None:
    """Builds one variant of the module: placeholders in, signatures out."""
    images = tf1.placeholder(tf.float32, [None, 8, 8, 3], name="images")
    features = feature_vector(images, is_training)
    logits = logits_of(features, CLASSES)

    # The names are those of the common signatures for images, so that a consumer
    # can replace one such module by another.
    hub.add_signature(inputs=images, outputs=features)
    hub.add_signature("image_feature_vector", inputs={"images": images}, outputs=features)
    hub.add_signature("image_classification", inputs={"images": images}, outputs=logits)
    info = hub.ImageModuleInfo()
    info.default_image_size.height = 8
    info.default_image_size.width = 8
    hub.attach_image_module_info(info)


def publish(path: Path, steps: int, progress: Callable[[int, float], None]) -> float:
    """Trains on scans of digits, writes the module to `path`, returns the test accuracy."""
    spec = hub.create_module_spec(
        module_fn, tags_and_args=[(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )
    modules = []

    def build(images: tf.Tensor, is_training: bool) -> tf.Tensor:
        module = hub.Module(spec, trainable=is_training, tags={"train"} if is_training else None)
        modules.append(module)
        return module({"images": images}, signature="image_classification")

    digits = publishers_digits()
    split = len(digits) * 4 // 5
    training, test = digits.take(slice(split)), digits.take(slice(split, None))
    model = Model(build, Rates(of_module=3e-3, of_others=3e-3), seed=0)
    reached = 0.0
    for step, reached in model.train(training, test, steps):
        progress(step, reached)
    with model.training_graph.as_default():
        modules[0].export(str(path), model.session)
    model.close()
    return reached
