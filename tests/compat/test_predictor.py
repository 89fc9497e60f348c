"""tf.contrib.predictor: of SavedModels that TensorFlow wrote, and of Estimators."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tf1hub.compat import predictor
from tf1hub.errors import CreationError, UnknownNameError

tf1 = tf.compat.v1


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = str(tmp_path_factory.mktemp("saved") / "model")
    signature = tf1.saved_model.signature_def_utils.predict_signature_def
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None], name="x")
        s = tf1.placeholder_with_default(1.0, [], name="s")
        y = tf.multiply(x * s, tf1.get_variable("w", initializer=3.0), name="y")
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.Builder(directory)
        signatures = {
            "serving_default": signature({"a": x, "s": s}, {"b": y}),
            "other": signature({"a": x}, {"c": y + 1}),
        }
        builder.add_meta_graph_and_variables(session, ["serve", "cpu"], signatures)
        builder.save()
    return directory


def load(saved: str, **kwargs: Any) -> predictor.Predictor:
    return predictor.from_saved_model(saved, tags="serve,cpu", **kwargs)


def test_a_saved_model_is_called_with_arrays(saved: str) -> None:
    predict = load(saved)
    for _ in range(2):
        np.testing.assert_array_equal(predict({"a": [1.0, 2.0]})["b"], [3, 6])
    np.testing.assert_array_equal(predict({"a": [1.0], "s": 2.0})["b"], [6])
    assert sorted(predict.feed_tensors) == ["a", "s"]
    assert list(predict.fetch_tensors) == ["b"]
    assert predict.session.graph is predict.graph
    assert repr(predict).startswith("Predictor with feed tensors {")


def test_the_signature_and_the_graph_can_be_chosen(saved: str) -> None:
    graph = tf.Graph()
    predict = load(saved, signature_def_key="other", graph=graph)
    assert predict.graph is graph
    np.testing.assert_array_equal(predict({"a": [1.0]})["c"], [4])
    predict = load(saved, input_names={"in": "x:0"}, output_names={"out": "y:0"})
    np.testing.assert_array_equal(predict({"in": [1.0]})["out"], [3])
    with tf.Graph().as_default():
        signature = tf1.saved_model.signature_def_utils.predict_signature_def(
            {"q": predict.graph.get_tensor_by_name("x:0")}, {"r": predict.graph.get_tensor_by_name("y:0")}
        )
    np.testing.assert_array_equal(load(saved, signature_def=signature)({"q": [1.0]})["r"], [3])


def test_what_is_not_there_is_named(saved: str) -> None:
    with pytest.raises(UnknownNameError) as unknown:
        load(saved)({"q": [1.0]})
    assert str(unknown.value) == "The predictor has no input 'q'. It has: 'a', 's'."
    assert isinstance(unknown.value, ValueError)
    with pytest.raises(UnknownNameError) as unknown:
        load(saved, signature_def_key="none")
    assert str(unknown.value) == f"No signature 'none' in {saved}. It has: 'other', 'serving_default'."
    with pytest.raises(RuntimeError, match="'serve' could not be found in SavedModel"):
        predictor.from_saved_model(saved)
    with pytest.raises(OSError, match="SavedModel file does not exist at"):
        predictor.from_saved_model("/nothing/here")


@pytest.mark.parametrize(
    "given",
    [
        {"input_names": {}},
        {"output_names": {}},
        {"signature_def_key": "a", "input_names": {}, "output_names": {}},
    ],
)
def test_one_way_of_saying_what_to_run_is_enough(given: dict[str, Any]) -> None:
    with pytest.raises(CreationError) as wrong:
        predictor.from_saved_model("anywhere", **given)
    assert str(wrong.value) == (
        "A predictor is made of one of three: signature_def_key, or signature_def, or input_names and output_names "
        f"together. Given: {', '.join(given)}."
    )


@pytest.mark.skipif(not hasattr(tf1, "estimator"), reason="this TensorFlow has no Estimator")
def test_an_estimator_is_called_with_arrays(tmp_path: pathlib.Path) -> None:
    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        step = tf1.train.get_global_step()
        rate = tf1.train.exponential_decay(1.0, step, 10, 0.5)
        y = features["x"] * tf1.get_variable("w", initializer=3.0)
        output = tf1.estimator.export.PredictOutput
        if mode == tf1.estimator.ModeKeys.PREDICT:
            outputs = {"serving_default": output({"y": y}), "twice": output({"z": 2 * y})}
            return tf1.estimator.EstimatorSpec(mode, {"y": y}, export_outputs=outputs)
        loss = tf.reduce_sum(y - labels)
        train = tf1.train.GradientDescentOptimizer(rate).minimize(loss, step)
        return tf1.estimator.EstimatorSpec(mode, loss=loss, train_op=train)

    def receiver() -> Any:
        fed = tf1.placeholder(tf.float32, [None])
        return tf1.estimator.export.ServingInputReceiver({"x": fed}, {"fed": fed})

    config = tf1.estimator.RunConfig(str(tmp_path), save_summary_steps=None)
    estimator = tf1.estimator.Estimator(model_fn, config=config)
    estimator.train(lambda: tf.data.Dataset.from_tensors(({"x": [1.0]}, [0.0])).repeat(), steps=1)
    np.testing.assert_array_equal(predictor.from_estimator(estimator, receiver)({"fed": [1.0]})["y"], [2])
    predict = predictor.from_estimator(estimator, receiver, output_key="twice")
    np.testing.assert_array_equal(predict({"fed": [1.0]})["z"], [4])
    with pytest.raises(UnknownNameError) as unknown:
        predictor.from_estimator(estimator, receiver, output_key="none")
    assert str(unknown.value) == (
        "No signature 'none' in the model of the Estimator. It has: 'serving_default', 'twice'."
    )
