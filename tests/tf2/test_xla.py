"""`jit_compile=True`: modules that XLA compiles, and what is said of those that it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed_on_tensorflow
from golden import cases
from tf2.old_graphs import OldGraph, Tensors
from tf2.test_control_flow import FEEDS, inputs, weight

from tf1hub.errors import UnsupportedGraphError
from tf1hub.tf2.load import load

tf1 = tf.compat.v1
X = tf.constant(FEEDS["first"])


@pytest.mark.parametrize(
    "name", ["half_plus_two", "ref_variables_mlp", "image", "image_ref_variables", "nested"]
)
def test_numeric_golden_modules_compile(name: str) -> None:
    case = cases.load(name)
    module = load(case.path)
    for call in case.calls:
        if call["tags"]:
            continue
        feeds = {key: tf.constant(value) for key, value in case.values(call["inputs"]).items()}
        compiled = tf.function(
            lambda x, call=call: module(x, signature=call["signature"], as_dict=True), jit_compile=True
        )
        for output, expected in case.values(call["outputs"]).items():
            cases.assert_matches(compiled(feeds)[output], expected)


def test_a_compiled_training_step_updates_the_statistics() -> None:
    case = cases.load("image")
    module, plain = load(case.path), load(case.path)
    (key,) = case.calls[0]["inputs"].values()
    images = tf.constant(case.value(key))
    compiled = tf.function(lambda x: module(x, training=True), jit_compile=True)
    np.testing.assert_allclose(compiled(images), plain(images, training=True), rtol=2e-4, atol=2e-5)
    for ours, theirs in zip(module.variables, plain.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-4, atol=2e-5)


def test_all_ops_that_xla_cannot_compile_are_named() -> None:
    case = cases.load("text_embedding")
    module = load(case.path)

    @tf.function(jit_compile=True)
    def compiled(texts: Any) -> Any:
        return module(texts)

    with pytest.raises(UnsupportedGraphError) as caught:
        compiled(tf.constant(["the quick fox"]))
    text = str(caught.value)
    assert (
        f"The signature 'default' of variant {{}} of {case.path} cannot be compiled with XLA (jit_compile=True), "
        "which has no kernels for:\n"
    ) in text
    listed = [line.split()[4] for line in text.splitlines() if line.startswith("  - the op type ")]
    assert listed == sorted(listed)
    assert {"LookupTableFindV2", "StringSplitV2"} <= set(listed) or {
        "LookupTableFindV2",
        "StringSplit",
    } <= set(listed)
    assert "Call the module outside of the compiled function, and give it what the module returns" in text
    # Outside of the compiled function it works as ever.
    vectors = module(tf.constant(["the quick fox"]))
    doubled = tf.function(lambda x: x * 2.0, jit_compile=True)(vectors)
    np.testing.assert_allclose(doubled, 2.0 * vectors.numpy())


def test_a_kernel_for_other_dtypes_is_none() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.string, [None], name="x")
        return {"x": x}, {"default": tf.identity(tf.tile(x, [2]), name="twice")}

    module = OldGraph(build).load()
    with pytest.raises(UnsupportedGraphError) as caught:
        tf.function(module.__call__, jit_compile=True)(tf.constant(["a"]))
    assert "  - the op type Identity (1 node, 'twice')\n  - the op type Tile (1 node, 'Tile')\n" in str(
        caught.value
    )


def test_scatters_into_an_array_are_none_that_xla_has() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        array = tf.TensorArray(tf.float32, 3, element_shape=[3])
        rows = tf.TensorArray(tf.float32, 3).unstack(w)
        return {"x": x}, {"default": array.scatter([2, 0, 1], w).stack() * x[0], "rows": rows.stack()}

    old = OldGraph(build)
    numeric = old.definition.signature_def["whole"]
    numeric.CopyFrom(old.definition.signature_def["default"])
    del numeric.outputs["default"]
    module = old.load()
    with pytest.raises(UnsupportedGraphError) as caught:
        tf.function(lambda x: module(x), jit_compile=True)(X)
    assert (
        "which has no kernels for:\n"
        "  - the op type TensorArrayScatterV3 (1 node, 'TensorArrayScatter/TensorArrayScatterV3')\n"
        "Call the module outside"
    ) in str(caught.value)
    compiled = tf.function(lambda x: module(x, signature="whole", as_dict=True)["rows"], jit_compile=True)
    np.testing.assert_array_equal(compiled(X), module.variables[0])


def test_one_signature_that_cannot_be_compiled_does_not_keep_another_from_it() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        with tf1.control_dependencies([tf1.assert_less(x, 100.0, message="x is small")]):
            return {"x": x}, {"default": tf.matmul(x, w), "text": tf.strings.as_string(x)}

    old = OldGraph(build)
    numeric = old.definition.signature_def["numeric"]
    numeric.CopyFrom(old.definition.signature_def["default"])
    del numeric.outputs["text"]
    module = old.load()
    with pytest.raises(UnsupportedGraphError, match=r"the op type AsString \(1 node, 'AsString'\)"):
        tf.function(lambda x: module(x), jit_compile=True)(X)
    compiled = tf.function(lambda x: module(x, signature="numeric"), jit_compile=True)
    np.testing.assert_allclose(compiled(X), module(X), rtol=1e-6)


def test_ops_in_functions_are_seen_too() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        number = tf.cond(
            tf.reduce_sum(x) > 0.0,
            lambda: tf.strings.to_number(tf.strings.as_string(x[0, 0])),
            lambda: tf.constant(1.0),
        )
        return {"x": x}, {"default": tf.matmul(x, w) * number}

    for version in (1, 2):
        module = OldGraph(build, version).load()
        with pytest.raises(
            UnsupportedGraphError, match=r"(?s)the op type AsString .* the op type StringToNumber"
        ):
            tf.function(lambda x, module=module: module(x), jit_compile=True)(X)


def gradients(module: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(module(x)))
    return tape.gradient(loss, module.trainable_variables)


def recurrent(x: Any, w: Any) -> Any:
    """[?, 3] as one sequence of five steps, over TensorArrays of fixed length."""
    steps = tf.transpose(tf.reshape(tf.tile(x, [1, 5]), [-1, 5, 3]), [1, 0, 2])
    rows = tf.TensorArray(tf.float32, 5).unstack(steps)

    def body(t: Any, h: Any, outputs: Any) -> Any:
        h = tf.tanh(tf.ensure_shape(rows.read(t), [None, 3]) + tf.matmul(h, w))
        return t + 1, h, outputs.write(t, h)

    start = (0, tf.zeros_like(x), tf.TensorArray(tf.float32, 5))
    outputs = tf1.while_loop(lambda t, *_: t < 5, body, start, maximum_iterations=5)[2]
    return tf.transpose(outputs.stack(), [1, 0, 2])


def dynamic(x: Any, w: Any) -> Any:
    """The same with a length that only the graph knows, as `dynamic_rnn` has it."""
    steps = tf.transpose(tf.reshape(tf.tile(x, [1, 5]), [-1, 5, 3]), [1, 0, 2])
    length = tf.shape(steps)[0]
    rows = tf.TensorArray(tf.float32, length).unstack(steps)

    def body(t: Any, h: Any, outputs: Any) -> Any:
        h = tf.tanh(tf.ensure_shape(rows.read(t), [None, 3]) + tf.matmul(h, w))
        return t + 1, h, outputs.write(t, h)

    start = (0, tf.zeros_like(x), tf.TensorArray(tf.float32, length))
    outputs = tf1.while_loop(
        lambda t, *_: t < length,
        body,
        start,
        maximum_iterations=tf.maximum(1, length),
        parallel_iterations=32,
    )[2]
    return outputs.stack()


def scanned(x: Any, w: Any) -> Any:
    return tf1.map_fn(lambda row: tf1.scan(lambda a, e: tf.tanh(a + e * w[0, 0]), row), x[:2])


def chosen(x: Any, w: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.tanh(tf.matmul(x, w)), lambda: tf.matmul(x, w))


@pytest.mark.parametrize("build", [recurrent, dynamic, scanned, chosen])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("called_before", [True, False])
def test_gradients_compile(build: Any, version: int, called_before: bool) -> None:
    def both() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        return {"x": x}, {"default": build(x, w)}

    old = OldGraph(both, version)
    _, expected, _ = old.run({"x": FEEDS["first"]})
    module = old.load()
    if called_before:
        module(X)
    compiled = tf.function(lambda x: gradients(module, x), jit_compile=True, autograph=False)
    (found,) = compiled(X)
    np.testing.assert_allclose(found, expected["w"], rtol=2e-4, atol=2e-5)


_COMPILED_AT_ONCE = """
import numpy as np, tensorflow as tf
import tf1hub as hub

def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x * 2.0)

module = hub.load(hub.create_module_spec(module_fn))
print(tf.function(lambda x: module(x), jit_compile=True, autograph=False)(np.float32([3.0])).numpy())
"""


def test_a_module_may_be_compiled_before_anything_has_run() -> None:
    assert printed_on_tensorflow(_COMPILED_AT_ONCE) == "[6.]\n"
