"""Lists of tensors, which loops that are functions keep, through ONNX Runtime against TensorFlow's session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import InputError, UnsupportedGraphError

pytest.importorskip("onnxruntime")

tf1, raw = tf.compat.v1, tf.raw_ops
X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
ANY = -1


def mapped(x: Any) -> Any:
    return tf.map_fn(lambda row: row * tf.reduce_sum(row), x)


def scanned(x: Any) -> Any:
    return tf.scan(lambda total, row: 0.5 * total + row, x, reverse=True)


def folded(x: Any) -> Any:
    return tf.foldl(lambda total, row: tf.tanh(total + row), x)


def recurrent(x: Any) -> Any:
    kernel = tf1.get_variable("kernel", [3, 4], initializer=tf1.ones_initializer())
    made = tf.TensorArray(tf.float32, tf.shape(x)[0])
    given = tf.TensorArray(tf.float32, tf.shape(x)[0]).unstack(x)

    def step(i: Any, state: Any, out: Any) -> Any:
        state = tf.tanh(state + given.read(i))
        return i + 1, state, out.write(i, tf.linalg.matvec(kernel, state, transpose_a=True))

    _, state, out = tf.while_loop(lambda i, *_: i < tf.shape(x)[0], step, (0, tf.zeros([3]), made))
    return tf.concat([tf.reshape(out.stack(), [-1]), state], 0)


def grown(x: Any) -> Any:
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
    _, array = tf.while_loop(
        lambda i, _: i < 2 * tf.shape(x)[0], lambda i, a: (i + 1, a.write(i, x[i // 2 :][:1])), (0, array)
    )
    return array.concat()


def chosen(x: Any) -> Any:
    old = tf.TensorArray(tf.float32, 4, element_shape=[3]).write(1, x[0])
    new = tf.cond(tf.reduce_sum(x) > 0, lambda: old.write(2, x[1]), lambda: old.write(3, -x[2]))
    return tf.cond(x[0, 0] > 0, lambda: new.gather([3, 2, 1]), lambda: new.gather([0, 1, 2]))


def pushed(x: Any) -> Any:
    stack = raw.EmptyTensorList(element_shape=ANY, max_num_elements=-1, element_dtype=tf.float32)

    def push(i: Any, values: Any) -> Any:
        return i + 1, raw.TensorListPushBack(input_handle=values, tensor=x[i] * 2)

    _, stack = tf.while_loop(lambda i, _: i < tf.shape(x)[0], push, (0, stack))
    stack, last = raw.TensorListPopBack(input_handle=stack, element_shape=[3], element_dtype=tf.float32)
    count = raw.TensorListLength(input_handle=stack)
    every = raw.TensorListStack(input_handle=stack, element_shape=[3], element_dtype=tf.float32)
    return tf.concat([every, [last], tf.fill([1, 3], tf.cast(count, tf.float32))], 0)


def popped(x: Any) -> Any:
    """As a gradient reads: from the last to the first."""
    values = raw.TensorListFromTensor(tensor=x, element_shape=[3])

    def pop(i: Any, total: Any, left: Any) -> Any:
        left, row = raw.TensorListPopBack(input_handle=left, element_shape=ANY, element_dtype=tf.float32)
        return i + 1, total * 0.5 + row, left

    _, total, left = tf.while_loop(lambda i, *_: i < tf.shape(x)[0] - 1, pop, (0, x[0], values))
    return tf.concat(
        [[total], raw.TensorListStack(input_handle=left, element_shape=[3], element_dtype=tf.float32)], 0
    )


def resized(x: Any) -> Any:
    values = raw.TensorListFromTensor(tensor=x, element_shape=[3])
    parts = []
    for size in (2, tf.shape(x)[0] + 2):
        some = raw.TensorListResize(input_handle=values, size=size)
        parts.append(raw.TensorListStack(input_handle=some, element_shape=[3], element_dtype=tf.float32))
    return tf.concat(parts, 0)


def resized_while_empty(x: Any) -> Any:
    values = raw.TensorListReserve(element_shape=ANY, num_elements=1, element_dtype=tf.float32)
    values = raw.TensorListResize(input_handle=values, size=tf.shape(x)[0])
    values = raw.TensorListSetItem(input_handle=values, index=1, item=x[0])
    return raw.TensorListStack(input_handle=values, element_shape=[3], element_dtype=tf.float32)


def scattered(x: Any) -> Any:
    shape, places = [3], [4, 0, 1, 6, 2]
    first = raw.TensorListScatter(tensor=x, indices=places, element_shape=shape)
    second = raw.TensorListScatterV2(tensor=x, indices=places, element_shape=shape, num_elements=9)
    third = raw.TensorListScatterV2(tensor=x, indices=places, element_shape=shape, num_elements=-1)
    third = raw.TensorListScatterIntoExistingList(input_handle=third, tensor=x[:2], indices=[2, 7])
    found = [raw.TensorListStack(input_handle=each, element_shape=shape, element_dtype=tf.float32)
             for each in (first, second, third)]  # fmt: skip
    some = raw.TensorListGather(
        input_handle=second, indices=[6, 3, 3], element_shape=shape, element_dtype=tf.float32
    )
    return tf.concat([*found, some], 0)


def split(x: Any) -> Any:
    values = raw.TensorListSplit(tensor=x[:4], element_shape=[-1, 3], lengths=tf.constant([2, 2], tf.int64))
    joined, lengths = raw.TensorListConcatV2(
        input_handle=values,
        element_shape=[-1, 3],
        leading_dims=tf.zeros([0], tf.int64),
        element_dtype=tf.float32,
    )
    shape = raw.TensorListElementShape(input_handle=values, shape_type=tf.int32)
    item = raw.TensorListGetItem(
        input_handle=values, index=1, element_shape=[-1, 3], element_dtype=tf.float32
    )
    return tf.concat(
        [
            tf.reshape(each, [-1])
            for each in (joined, item, tf.cast(lengths, tf.float32), tf.cast(shape, tf.float32))
        ],
        0,
    )


def unwritten(x: Any) -> Any:
    """Elements that nobody wrote are zeros, of sizes that are computed too."""
    values = raw.TensorListReserve(element_shape=tf.shape(x), num_elements=3, element_dtype=tf.float32)
    values = raw.TensorListSetItem(
        input_handle=values, index=5, item=x + 1, resize_if_index_out_of_bounds=True
    )
    again = raw.TensorListReserve(element_shape=tf.shape(x), num_elements=2, element_dtype=tf.float32)
    found = [raw.TensorListStack(input_handle=each, element_shape=tf.shape(x), element_dtype=tf.float32)
             for each in (values, again)]  # fmt: skip
    return tf.concat(found, 0)


WAYS = (mapped, scanned, folded, recurrent, grown, chosen, pushed, popped, resized, resized_while_empty, scattered,
        split, unwritten)  # fmt: skip


def write(build: Callable[[Any], Any], path: Path, dtype: Any = tf.float32) -> str:
    def module_fn() -> None:
        x = tf1.placeholder(dtype, [None, 3])
        hub.add_signature(inputs=x, outputs=build(x))

    spec = hub.create_module_spec(module_fn)
    spec.export(str(path), values=hub.initial_values(spec))
    return str(path)


@pytest.mark.parametrize("build", WAYS, ids=lambda build: build.__name__)
def test_a_model_with_lists_gives_a_sessions_numbers(build: Callable[[Any], Any], tmp_path: Path) -> None:
    path = write(build, tmp_path / "module")
    predictor = hub.Predictor(path, engine="onnx")
    with tf.Graph().as_default():
        given = tf1.placeholder(tf.float32, [None, 3])
        outputs = hub.Module(path)(given)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for x in (X, -X):
                wanted = session.run(outputs, {given: x})
                np.testing.assert_allclose(predictor(x)["default"], wanted, rtol=1e-5, atol=1e-6)


def test_a_place_behind_the_end_is_an_error(tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        values = raw.TensorListReserve(
            element_shape=[3], num_elements=tf.shape(x)[0], element_dtype=tf.float32
        )
        values = raw.TensorListSetItem(input_handle=values, index=3, item=x[0])
        return raw.TensorListStack(input_handle=values, element_shape=[3], element_dtype=tf.float32)

    predictor = hub.Predictor(write(build, tmp_path / "module"), engine="onnx")
    predictor(X)
    with pytest.raises(InputError, match="ONNX Runtime cannot compute"):
        predictor(X[:3])


def test_lists_of_strings_run_beside_the_model(tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        values = raw.TensorListFromTensor(tensor=tf.as_string(x), element_shape=[3])
        stacked = raw.TensorListStack(input_handle=values, element_shape=[3], element_dtype=tf.string)
        return tf.cast(tf.strings.length(stacked), tf.float32) * 2

    path = write(build, tmp_path / "module")
    expected = hub.Predictor(path, engine="numpy")(X)["default"]
    np.testing.assert_array_equal(hub.Predictor(path, engine="onnx")(X)["default"], expected)


def test_lists_of_strings_that_a_function_keeps_are_refused() -> None:
    @tf.function
    def keep(texts: Any) -> Any:
        values = raw.TensorListFromTensor(tensor=texts, element_shape=ANY)
        return raw.TensorListStack(input_handle=values, element_shape=ANY, element_dtype=tf.string)

    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=texts, outputs=keep(texts))

    with pytest.raises(UnsupportedGraphError, match="keeps strings"):
        hub.Predictor(hub.create_module_spec(module_fn), engine="onnx")
