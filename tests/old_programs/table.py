"""The corpus of old programs: what each needs, and its arguments. Also read by Python 3.7."""

import os

PUBLISHER = "publish_modules"

# What a program needs beyond TensorFlow: Keras 2 ("layers"), tf-slim, the Estimator.
PROGRAMS = {
    "publish_modules": set(),
    "sentence_similarity": set(),
    "elmo_features": set(),
    "nested_module": set(),
    "evaluate_module": set(),
    "image_info": set(),
    "image_retraining": set(),
    "monitored_restart": set(),
    "bert_tokens": set(),
    "crf_tagger": set(),
    "fine_tuning": {"layers"},
    "warm_start": set(),
    "keras_lambda": {"layers"},
    "bert_keras_layer": {"layers"},
    "publish_train_tags": {"layers", "slim"},
    "slim_head": {"layers", "slim"},
    "estimator_model_fn": {"estimator"},
    "text_classification_column": {"estimator"},
}

_WITH_WORK = (
    "nested_module",
    "crf_tagger",
    "monitored_restart",
    "warm_start",
    "bert_keras_layer",
    "estimator_model_fn",
    "text_classification_column",
)


def arguments(name, modules, work):
    """The command line of a program: the modules of the publisher, and an empty directory to work in."""
    if name == PUBLISHER:
        return ["--export_dir", modules]
    if name == "image_retraining":
        return [
            "--image_dir", os.path.join(work, "images"),
            "--bottleneck_dir", os.path.join(work, "bottlenecks"),
            "--tfhub_module", os.path.join(modules, "image"),
        ]  # fmt: skip
    if name == "publish_train_tags":
        return [work]
    return [modules, work] if name in _WITH_WORK else [modules]
