"""Modules in the style that people published, through every engine and form, and a step of training, against graph mode.

`TF1HUB_PUBLISHED=all pytest tests/published` takes all modules through JAX and TensorFlow, both variants, and to all forms;
without it some of them go through these engines, and fewer to forms.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from interop.running import feed, initialize, run_finetuning_step
from published.published_modules import PUBLISHED, Published, publish

import tf1hub as hub
from tf1hub.errors import CheckFailedError, InputError, UnsupportedGraphError
from tf1hub.predict.engines import installed_engines

tf1 = tf.compat.v1
ALL = os.environ.get("TF1HUB_PUBLISHED") == "all"
RATE = 0.1


class Made:
    """A module on disk, and what graph mode computes with it.

    Args:
        published: what it is.
        directory: an empty one.
    """

    def __init__(self, published: Published, directory: Path) -> None:
        self.published = published
        self.path = publish(published, directory)

    @cached_property
    def expected(self) -> list[list[dict[str, Any]]]:
        """The outputs of each call, and of the same call once more in the same session."""
        return [self._run_twice(signature, inputs) for signature, inputs in self.published.calls]

    def _run_twice(self, signature: str, inputs: Any) -> list[dict[str, Any]]:
        with tf.Graph().as_default():
            outputs = hub.Module(self.path)(feed(inputs), signature=signature, as_dict=True)
            with tf1.Session() as session:
                initialize(session)
                return [session.run(outputs) for _ in range(2)]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    return cache(lambda name: Made(PUBLISHED[name], tmp_path_factory.mktemp(name)))


def assert_same(found: Any, expected: Any, chance: bool) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if chance:
            assert found[name].shape == value.shape
            np.testing.assert_allclose(np.mean(found[name]), np.mean(value), atol=0.5)
        elif value.dtype.kind in "SUO":
            np.testing.assert_array_equal(found[name], value, err_msg=name)
        else:
            np.testing.assert_allclose(found[name], value, **cases.TOLERANCE, err_msg=name)


ON_ALL_ENGINES = (
    tuple(PUBLISHED) if ALL else ("elmo", "word_ngrams", "biggan", "galaxies", "detector", "captions")
)
RUNS = [(name, engine) for name in PUBLISHED for engine in installed_engines()
        if engine in ("numpy", "onnx") or name in ON_ALL_ENGINES]  # fmt: skip


@pytest.mark.parametrize(("name", "engine"), RUNS)
def test_an_engine_gives_graph_modes_numbers(name: str, engine: str, made: Callable[[str], Made]) -> None:
    module = made(name)
    for (signature, inputs), expected in zip(module.published.calls, module.expected, strict=True):
        reason = module.published.refused.get(f"{engine} {signature}")
        if reason is not None:
            with pytest.raises(UnsupportedGraphError, match=reason):
                hub.Predictor(module.path, signature, engine=engine)
            continue
        predictor = hub.Predictor(module.path, signature, engine=engine)
        for outputs in expected:  # the second call finds what the first one wrote
            assert_same(predictor(inputs), outputs, signature in module.published.chance)


OF_TENSORFLOW = ("frozen_graph", "saved_model", "tflite")
SOME = tuple(PUBLISHED) if ALL else ("mobilenet_v2", "bert", "elmo", "biggan")
PACKAGES = {"onnx": ("onnx", "onnxruntime"), "stablehlo": ("jax", "flatbuffers", "safetensors")}
HERE = [form for form, names in PACKAGES.items() if all(map(importlib.util.find_spec, names))]
# Each is compared in a process of its own, which takes seconds; a refusal takes none.
CONVERSIONS = [
    (name, form) for name in PUBLISHED for form in HERE if name in SOME or form in PUBLISHED[name].refused
]
CONVERSIONS += [(name, form) for name in SOME for form in OF_TENSORFLOW]


@pytest.mark.parametrize(("name", "form"), CONVERSIONS)
def test_a_form_gives_graph_modes_numbers_or_says_what_it_cannot_take(
    name: str, form: str, made: Callable[[str], Made], tmp_path: Path
) -> None:
    module = made(name)
    signature = module.published.calls[0][0]
    examples = [inputs for called, inputs in module.published.calls if called == signature]
    options: dict[str, Any] = {"frozen": True} if form == "saved_model" else {"signature": signature}
    reason = module.published.refused.get(form)
    if reason is not None:
        with pytest.raises((UnsupportedGraphError, CheckFailedError), match=reason):
            hub.convert(
                module.path, tmp_path / "converted", to=form, examples={signature: examples}, **options
            )
        assert not (tmp_path / "converted").exists()
        return
    conversion = hub.convert(
        module.path, tmp_path / "converted", to=form, examples={signature: examples}, **options
    )
    assert conversion.compared
    for row in conversion.compared:
        assert row.max_abs is not None or row.signature in module.published.chance


IN_INFERENCE = tuple(PUBLISHED) if ALL else ("biggan",)
ALIKE = (
    ()
    if ALL
    else ("inception", "nasnet", "resnet_v2", "mobilenet_v2", "albert", "nnlm", "use_lite", "dcgan", "vggish")
)
STEPS = [(name, True) for name in PUBLISHED if name not in ALIKE] + [(name, False) for name in IN_INFERENCE]


@pytest.mark.parametrize(("name", "training"), STEPS)
def test_a_step_in_jax_gives_graph_modes_variables(
    name: str, training: bool, made: Callable[[str], Made]
) -> None:
    jax = pytest.importorskip("jax")
    module = made(name)
    assert module.published.step is not None
    signature, output = module.published.step
    inputs = next(inputs for called, inputs in module.published.calls if called == signature)
    step = {"tags": ["train"] if training else [], "signature": signature, "output": output, "lr": RATE}
    expected = run_finetuning_step(hub, module.path, step, inputs)

    function, params = hub.to_jax(module.path, signature, training=training)

    def loss_of(trainable: Any, others: Any, given: Any) -> Any:
        outputs, after = function.run({**trainable, **others}, given, jax.random.key(0))
        regularization = function.regularization({**trainable, **others})
        return (outputs[output] ** 2).mean() + regularization, (regularization, after)

    @jax.jit
    def train(params: Any, given: Any) -> Any:
        trainable, others = function.split(params)
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (regularization, after)), gradients = gradient(trainable, others, given)
        return (
            loss,
            regularization,
            {**after, **{key: trainable[key] - RATE * gradients[key] for key in trainable}},
        )

    loss, regularization, after = train(params, function.prepare(dict(inputs)))
    cases.assert_matches(np.asarray(loss), expected["loss"])
    cases.assert_matches(np.asarray(regularization), expected["reg_loss"])
    assert after.keys() == expected["variables_after"].keys()
    for variable, value in expected["variables_after"].items():
        np.testing.assert_allclose(np.asarray(after[variable]), value, **cases.TOLERANCE, err_msg=variable)


def test_a_list_whose_length_values_decide_is_refused_while_jax_traces(made: Callable[[str], Made]) -> None:
    jax = pytest.importorskip("jax")
    module = made("captions")
    number = [signature for signature, _ in module.published.calls].index("greedy")
    inputs = module.published.calls[number][1]
    function, params = hub.to_jax(module.path, "greedy")
    with pytest.raises(InputError, match="writes to a TensorArray that grows, whose length is not known"):
        jax.jit(function)(params, inputs)
    assert_same(function(params, inputs), module.expected[number][0], chance=False)
