"""Loops and choices over strings, of both kinds of control flow: beside an ONNX model, as a whole, against TensorFlow's session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError

pytest.importorskip("onnxruntime")

tf1 = tf.compat.v1
TEXTS = np.array([b"a bc def", b"", b"hello world of words"], object)


def look_up(words: Any) -> Any:
    weights = np.arange(20, dtype=np.float32).reshape(10, 2)
    return tf.gather(
        tf1.get_variable("table", initializer=weights), tf.strings.to_hash_bucket_fast(words, 10)
    )


def lengths(texts: Any) -> Any:
    found = tf.map_fn(tf.strings.length, texts, fn_output_signature=tf.int32)
    return tf.cast(found, tf.float32) * 2


def mapped(texts: Any) -> Any:
    return look_up(tf.map_fn(lambda text: tf.strings.join([text, "!"]), texts))


def repeated(texts: Any) -> Any:
    def step(i: Any, words: Any) -> Any:
        return i + 1, tf.strings.regex_replace(words, "[a-e]", "z")

    return look_up(tf.while_loop(lambda i, _: i < 2, step, (0, texts))[1])


def chosen(texts: Any) -> Any:
    def one() -> Any:
        return tf.strings.lower(texts), tf.constant(2.0)

    words, times = tf.cond(tf.size(texts) > 2, one, lambda: (tf.strings.upper(texts), tf.constant(3.0)))
    return times * look_up(words)


def switched(texts: Any) -> Any:
    words = tf.switch_case(
        tf.size(texts) - 2, [lambda: texts, lambda: tf.strings.upper(texts), lambda: tf.strings.strip(texts)]
    )
    return look_up(words)


def pictures(texts: Any) -> Any:
    def read(text: Any) -> Any:
        return tf.io.decode_raw(tf.strings.substr(tf.strings.join([text, "12345678"]), 0, 8), tf.uint8)

    return tf.cast(tf.map_fn(read, texts, fn_output_signature=tf.uint8), tf.float32) @ tf.ones([8, 3])


def sums(texts: Any) -> Any:
    """It reads a variable for each text, which the host part does not have."""
    return tf.map_fn(
        lambda text: tf.reduce_sum(look_up(tf.reshape(text, [1]))), texts, fn_output_signature=tf.float32
    )


@pytest.fixture(params=["functions", "switches"])
def _control_flow(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "functions":
        yield
        return
    tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


def export(program: Callable[[Any], Any], path: str) -> None:
    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=texts, outputs=program(texts))

    hub.load(hub.create_module_spec(module_fn)).export(path)


@pytest.mark.usefixtures("_control_flow")
@pytest.mark.parametrize("program", [lengths, mapped, repeated, chosen, switched, pictures])
def test_the_host_runs_them_as_a_whole(program: Callable[[Any], Any], tmp_path: Path) -> None:
    path = str(tmp_path / "module")
    export(program, path)
    with tf.Graph().as_default():
        fed = tf1.placeholder(tf.string, [None])
        output = hub.Module(path)(fed)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            expected = session.run(output, {fed: TEXTS})
    found = hub.Predictor(path, engine="onnx")(TEXTS)["default"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_loop_over_strings_that_reads_a_variable_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "module")
    export(sums, path)
    with pytest.raises(UnsupportedGraphError) as told:
        hub.Predictor(path, engine="onnx")
    assert (
        "the op type VarHandleOp (1 node, 'table'): it is needed by ops on strings, beside the model"
        in str(told.value)
    )


@pytest.mark.usefixtures("_control_flow")
def test_texts_that_a_loop_gives_come_out_of_every_engine(tmp_path: Path) -> None:
    path = str(tmp_path / "module")
    export(lambda texts: tf.map_fn(lambda text: tf.strings.join([text, "!"]), texts), path)
    for engine in ("numpy", "jax", "onnx"):
        predictor = hub.Predictor(path, engine=engine)
        for texts in (TEXTS, TEXTS[:2]):
            assert predictor(texts)["default"].tolist() == [text + b"!" for text in texts]
