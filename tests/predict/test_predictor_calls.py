"""hub.Predictor: engines, inputs, state, threads, pickles and refusals. None of it needs TensorFlow."""

from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from golden import cases

import tf1hub as hub
from tf1hub.errors import ArgumentError, InputError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import SavedModel

HALF = cases.load("half_plus_two").path


def test_the_engine_that_was_asked_for() -> None:
    predictor = hub.Predictor(HALF, engine="numpy")
    assert (predictor.engine, predictor.why) == ("numpy", "it was asked for")
    assert repr(predictor) == f"<Predictor of the signature 'default' of variant {{}} of {HALF} on numpy>"


def test_auto_says_which_engine_and_why() -> None:
    predictor = hub.Predictor(HALF)
    assert predictor.engine in ("onnx", "jax", "numpy")
    assert predictor.why.startswith("it is the fastest one that is installed and takes all of the signature")


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(ArgumentError) as caught:
        hub.Predictor(HALF, engine="torch")
    assert str(caught.value).startswith("There is no engine 'torch'. There are: 'auto', ")


@pytest.mark.parametrize(
    "given", [[[1.0], [2.0]], np.array([[1], [2]]), np.array([[1.0], [2.0]]), {"default": [[1], [2]]}]
)
def test_what_numpy_makes_arrays_of(given: object) -> None:
    outputs = hub.Predictor(HALF, engine="numpy")(given)
    assert outputs["default"].dtype == np.float32
    assert outputs["default"].tolist() == [[2.5], [3.0]]


WHERE = f"of the signature 'default' of variant {{}} of {HALF}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, f"The signature 'default' of variant {{}} of {HALF} has the inputs 'default': float32 [?, 1]. "
             "What was given lacks 'default'."),
        ({"default": [[1.0]], "x": 1}, f"The signature 'default' of variant {{}} of {HALF} has the inputs "
             "'default': float32 [?, 1]. What was given has the unknown 'x'."),
        (np.zeros([2, 3], np.float32), f"The input 'default' {WHERE} is float32 [?, 1]; it was given float32 [2, 3]."),
        ([["a"]], f"The input 'default' {WHERE} is float32 [?, 1]; it was given [['a']]."),
        (np.zeros([2, 1], complex), f"The input 'default' {WHERE} is float32 [?, 1]; it was given complex128 [2, 1]."),
    ],
)  # fmt: skip
def test_wrong_inputs(given: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        hub.Predictor(HALF, engine="numpy")(given)
    assert str(caught.value) == message


def test_what_an_engine_trips_over_in_a_damaged_graph_is_said_of_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "module"
    shutil.copytree(cases.load("dropout_cond").path, path)
    message = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for graph in message.meta_graphs:
        for node in graph.graph_def.node:
            if node.name == "is_training/input":
                node.attr["value"].tensor.tensor_shape.dim.add(size=3)
    (path / "saved_model.pb").write_bytes(message.SerializeToString())
    predictor = hub.Predictor(path, engine="numpy")
    with pytest.raises(UnsupportedGraphError) as caught:
        predictor(np.ones([2, 6], np.float32))
    assert str(caught.value).startswith(
        f"The signature 'default' of variant {{}} of {path} cannot be run: TypeError: "
    )


def test_an_array_of_anything_is_not_said_to_be_of_strings() -> None:
    with pytest.raises(InputError, match=r"it was given object \(NoneType, int\) \[2\]"):
        hub.Predictor(cases.load("text_embedding").path, engine="numpy")(np.array([1, None], object))


def test_a_pickle_carries_what_was_asked_for() -> None:
    again = pickle.loads(pickle.dumps(hub.Predictor(HALF, engine="numpy")))
    assert again.engine == "numpy"
    assert again([[4.0]])["default"].tolist() == [[4.0]]


def test_calls_from_threads() -> None:
    predictor = hub.Predictor(HALF, engine="numpy")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: float(predictor([[x]])["default"][0, 0]), map(float, range(200))))
    assert found == [x / 2 + 2 for x in range(200)]
