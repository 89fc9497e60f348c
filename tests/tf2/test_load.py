"""What `hub.load` takes, and what it says of what it does not take."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

import tf1hub as hub
from tf1hub.errors import InputError

tf1 = tf.compat.v1


def module_fn() -> None:
    x = tf1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=2.0))


def saved_model(path: str) -> str:
    root = tf.Module()
    root.w = tf.Variable(3.0)
    root.call = tf.function(lambda x: x * root.w, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(root, path)
    return path


def test_saved_models_may_lie_in_remote_storage() -> None:
    assert hub.load(saved_model("ram://test_load/saved")).call([2.0]).numpy().tolist() == [6.0]


def test_saved_models_may_be_text(tmp_path: pathlib.Path) -> None:
    path = saved_model(str(tmp_path / "saved"))
    binary = tmp_path / "saved" / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(binary.read_bytes())
    binary.with_suffix(".pbtxt").write_text(text_format.MessageToString(message))
    binary.unlink()
    assert hub.load(path).call([2.0]).numpy().tolist() == [6.0]


def test_tags_of_a_saved_model_are_a_set_too(tmp_path: pathlib.Path) -> None:
    path = saved_model(str(tmp_path / "saved"))
    assert hub.load(path, tags={"serve"}).call([2.0]).numpy().tolist() == [6.0]
    with pytest.raises(TypeError) as caught:
        hub.load(path, tags="serve")
    assert str(caught.value) == "Tags are a set of strings: write {'serve'} instead of 'serve'."


def test_a_choice_of_variables_of_a_saved_model_is_refused(tmp_path: pathlib.Path) -> None:
    path = saved_model(str(tmp_path / "saved"))
    text = (
        f"trainable= of tf1hub.load is for TF1 modules, and {path} is a SavedModel of TensorFlow 2, whose variables are "
        "what they were when it was saved. Leave it out, and give the optimizer those of the loaded object's "
        "trainable_variables that you choose; or use tf1hub.KerasLayer(handle, trainable=...), which takes names too."
    )
    for choice in (False, ["w"], np.False_, callable):
        with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
            hub.load(path, trainable=choice)
    for choice in (True, np.True_):
        assert hub.load(path, trainable=choice).w.numpy() == 3.0


def test_numpys_bools_choose_as_pythons_do() -> None:
    spec = hub.create_module_spec(module_fn)
    assert len(hub.load(spec, trainable=np.True_).trainable_variables) == 1
    assert not hub.load(spec, trainable=np.False_).trainable_variables


@pytest.mark.parametrize("choice", [None, 3])
def test_what_chooses_nothing_is_refused(choice: Any) -> None:
    text = (
        f"trainable= was given {choice}. Give True for the variables that the publisher marked, False for none, a "
        "predicate of their names, or a list of names of variables or scopes."
    )
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        hub.load(hub.create_module_spec(module_fn), trainable=choice)


def several_inputs() -> None:
    words = tf1.placeholder(tf.string, [None])
    rows = tf1.sparse_placeholder(tf.float32, [None, 2])
    dense = tf1.sparse_tensor_dense_matmul(rows, tf1.get_variable("v", [2, 2]))
    hub.add_signature(
        "mixed", inputs={"words": words, "rows": rows}, outputs={"y": dense, "n": tf.size(words)}
    )
    hub.add_signature(inputs=rows, outputs=dense)


SYMBOLIC = (
    "The signature {signature!r} of variant {{}} of {name}() was given a KerasTensor, which has no value: only layers "
    "take one. Write: outputs = tf1hub.KerasLayer({arguments})(inputs)"
)


def test_symbolic_tensors_of_keras_are_for_layers() -> None:
    text = SYMBOLIC.format(signature="default", name="module_fn", arguments="handle")
    spec = hub.create_module_spec(module_fn)
    module, x = hub.load(spec), tf.keras.Input([])
    for inputs in (x, {"default": x}, [x]):
        with pytest.raises(InputError, match=f"^{re.escape(text)}$") as caught:
            module(inputs)
        assert caught.value.__cause__ is None
    assert tf.keras.Model(x, hub.KerasLayer(spec)(x))(tf.constant([2.0])).numpy().tolist() == [4.0]


def test_symbolic_tensors_of_keras_may_be_among_several_inputs() -> None:
    module = hub.load(hub.create_module_spec(several_inputs))
    rows = tf.keras.Input([2], sparse=True)
    text = SYMBOLIC.format(signature="default", name="several_inputs", arguments="handle")
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        module(rows)
    text = SYMBOLIC.format(signature="mixed", name="several_inputs", arguments="handle, signature='mixed'")
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        module({"words": tf.constant(["a"]), "rows": rows}, signature="mixed", as_dict=True)
