"""A module in the programs that train: MonitoredTrainingSession, Supervisor, SyncReplicasOptimizer."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, tf1
from fresh_process import printed_on_tensorflow

import tf1hub as hub
from tf1hub.format.checkpoint import CheckpointReader


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return export(affine(), tmp_path / "m")


def loss_of(path: str) -> tuple[hub.Module, Any]:
    """`a * 1 + b` is to become 0; by steps of 0.25 of its square's gradient, `a` halves the rest each time."""
    module = hub.Module(path, trainable=True)
    return module, tf.reduce_sum(tf.square(module([1.0])))


def test_a_monitored_session_initializes_trains_saves_and_goes_on(path: str, tmp_path: pathlib.Path) -> None:
    directory = str(tmp_path / "train")
    for until, expected in ((2, -0.25), (3, -0.625)):
        with tf.Graph().as_default():
            _, loss = loss_of(path)
            step = tf1.train.get_or_create_global_step()
            train = tf1.train.GradientDescentOptimizer(0.25).minimize(loss, global_step=step)
            hooks = [tf1.train.StopAtStepHook(last_step=until)]
            with tf1.train.MonitoredTrainingSession(
                checkpoint_dir=directory, hooks=hooks, save_checkpoint_steps=1, save_summaries_steps=None
            ) as session:
                while not session.should_stop():
                    session.run(train)
        latest = tf.train.latest_checkpoint(directory)
        assert latest is not None
        np.testing.assert_allclose(CheckpointReader(latest).array("module/a"), expected)
    with tf.Graph().as_default(), tf1.Session() as session:
        again = hub.Module(path)
        tf1.train.init_from_checkpoint(latest, {"module/": "module/"})
        session.run(tf1.global_variables_initializer())
        np.testing.assert_allclose(session.run(again([1.0])), [0.375])


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_a_supervisor_runs_the_initializers(path: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        module, loss = loss_of(path)
        train = tf1.train.GradientDescentOptimizer(0.25).minimize(loss)
        # Its thread that counts steps reads them eagerly in TensorFlow 2, and fails: so it has none to count.
        supervisor = tf1.train.Supervisor(
            logdir=str(tmp_path / "logs"), save_model_secs=0, summary_op=None, global_step=None
        )
        with supervisor.managed_session() as session:
            session.run(train)
            assert session.run(module.variable_map["a"]) == 0.5


# In a process of its own: the thread that hands out tokens fails when its queue is closed with the session, whatever is
# trained, and may do so later.
_REPLICAS = """
import sys
import tensorflow as tf
import tf1hub as hub

tf1 = tf.compat.v1
with tf.Graph().as_default():
    module = hub.Module(sys.argv[1], trainable=True)
    step = tf1.train.get_or_create_global_step()
    # One replica, whose step needs two gradients.
    optimizer = tf1.train.SyncReplicasOptimizer(
        tf1.train.GradientDescentOptimizer(0.25), replicas_to_aggregate=2, total_num_replicas=1
    )
    train = optimizer.minimize(tf.reduce_sum(tf.square(module([1.0]))), global_step=step)
    hooks = [optimizer.make_session_run_hook(is_chief=True, num_tokens=2)]
    with tf1.train.MonitoredTrainingSession(hooks=hooks, stop_grace_period_secs=1) as session:
        # The third waits until the first two gradients, both of the first value, have moved it once by their mean.
        for _ in range(3):
            session.run(train)
        print(*session.run([module.variable_map["a"], step]))
"""


def test_replicas_that_wait_for_each_other_train_it(path: str) -> None:
    assert printed_on_tensorflow(_REPLICAS, path).split() == ["0.5", "1"]
