"""The golden modules through `KerasLayer`: the original's numbers from `predict` and from `fit`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from golden_models import assert_trained_like_the_original, fit_one_step, functional, tensors

import tf1hub as hub


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[cases.Case], str]:
    """Where the module of a case lies as TensorFlow 2 saves it, which is done once."""
    directory = tmp_path_factory.mktemp("saved")

    def save(case: cases.Case) -> str:
        path = directory / case.name
        if not path.exists():
            tf.saved_model.save(hub.load(case.path), str(path))
        return str(path)

    return save


@pytest.fixture(params=["module", "saved_model"])
def handle_of(
    request: pytest.FixtureRequest, saved: Callable[[cases.Case], str]
) -> Callable[[cases.Case], str]:
    """Where a module of a case lies: as the original wrote it, or as TensorFlow 2 saves it."""
    return saved if request.param == "saved_model" else lambda case: case.path


@pytest.mark.parametrize("name", cases.NAMES)
def test_one_step_of_fit_is_the_originals_and_stays_so_in_a_keras_file(
    name: str, handle_of: Callable[[cases.Case], str], tmp_path: pathlib.Path
) -> None:
    case = cases.load(name)
    model, inputs, loss = fit_one_step(case, handle_of(case))
    assert case.finetune is not None
    cases.assert_matches(loss, case.value(case.finetune["loss"]))
    assert_trained_like_the_original(case, model.layers[-1])

    model.save(tmp_path / "model.keras")
    restored = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_trained_like_the_original(case, restored.layers[-1])
    np.testing.assert_allclose(restored(inputs), model(inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", cases.NAMES)
def test_a_frozen_layer_predicts_what_the_original_does(
    name: str, handle_of: Callable[[cases.Case], str]
) -> None:
    case = cases.load(name)
    handle = handle_of(case)
    for call in case.calls:
        inputs, arguments = tensors(case, call["inputs"])
        if call["tags"] or arguments.get("is_training"):
            continue
        layer = hub.KerasLayer(
            handle,
            signature=call["signature"],
            arguments=arguments or None,
            signature_outputs_as_dict=True,
        )
        outputs = layer(inputs)
        for output, expected in case.values(call["outputs"]).items():
            cases.assert_matches(outputs[output], expected)
        if not isinstance(inputs, tf.SparseTensor):
            predicted = functional(layer, inputs).predict(inputs, verbose=0)
            for output, expected in case.values(call["outputs"]).items():
                if not isinstance(expected, dict):
                    cases.assert_matches(predicted[output], expected)
