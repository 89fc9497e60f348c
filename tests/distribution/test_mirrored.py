"""Modules on the replicas of a MirroredStrategy, in a graph."""

from __future__ import annotations

from typing import Any

import building
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import WrongModeError

tf1 = tf.compat.v1


@pytest.fixture
def strategy() -> Any:
    with tf.Graph().as_default():
        yield tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])


def test_a_frozen_module_feeds_a_model_that_trains_on_two_replicas(strategy: Any) -> None:
    spec = hub.create_module_spec(building.affine(slope=2.0, offset=0.0))
    with strategy.scope():
        module = hub.Module(spec)
        weight = tf1.get_variable("weight", initializer=1.0)
        optimizer = tf1.train.GradientDescentOptimizer(0.5)

        def step(x: Any) -> Any:
            return optimizer.minimize(tf.reduce_sum(module(x) * weight) / 2, var_list=[weight])

        inputs = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant([1.0 + context.replica_id_in_sync_group])
        )
        train = tf.group(*strategy.experimental_local_results(strategy.run(step, args=(inputs,))))
    with tf1.Session(config=tf1.ConfigProto(device_count={"CPU": 2})) as session:
        building.initialize(session)
        session.run(train)
        # The features 2 and 4 of the replicas, halved, are the gradient: 3.
        assert session.run(weight.read_value()) == 1 - 0.5 * 3
        assert session.run(module.variables) == [2.0, 0.0]


def test_training_on_several_replicas_says_what_to_use_instead(strategy: Any) -> None:
    spec = hub.create_module_spec(building.affine())
    with strategy.scope(), pytest.raises(WrongModeError) as caught:
        hub.Module(spec, trainable=True)
    assert str(caught.value) == (
        "A tf1hub.Module in a graph can be used on the 2 replicas of MirroredStrategy, but not trained there: each "
        "replica would train variables of its own. In TensorFlow 2, tf1hub.load(handle) or "
        "tf1hub.KerasLayer(handle, trainable=True) inside strategy.scope() trains on all of them; in a graph, "
        "parameter servers do."
    )
