"""Modules in a cluster of processes: variables on parameter servers, files on workers."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from distribution.conftest import Cluster
from golden import cases

import tf1hub as hub

tf1 = tf.compat.v1

EMBEDDINGS = np.arange(12, dtype=np.float32).reshape([4, 3])


def words_spec(directory: str) -> hub.ModuleSpec:
    """Looks words up in a file, and their embeddings in a variable of two parts."""
    with tf.io.gfile.GFile(f"{directory}/words.txt", "w") as file:
        file.write("<unk>\ngood\nbad\nfilm\n")

    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        initializer = tf.lookup.TextFileInitializer(
            f"{directory}/words.txt",
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        rows = tf.lookup.StaticHashTable(initializer, 0).lookup(words)
        with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
            embeddings = tf1.get_variable("embeddings", initializer=tf.constant(EMBEDDINGS))
        hub.add_signature(inputs=words, outputs=tf.nn.embedding_lookup(embeddings, rows))

    return hub.create_module_spec(module_fn)


@pytest.fixture(scope="session")
def words() -> str:
    """A module in the memory of this process: the parameter servers cannot read it."""
    directory = "ram://cluster_words"
    tf.io.gfile.makedirs(directory)
    spec = words_spec(directory)
    with tf.Graph().as_default():
        module = hub.Module(spec)
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            module.export(f"{directory}/module", session)
    return f"{directory}/module"


def initialize(session: Any) -> None:
    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])


def program(cluster: Cluster, words: str, worker: int) -> tuple[hub.Module, Any, Any]:
    """A module, its output, and a step that takes 1 from the embedding of the word "bad"."""
    with cluster.device(worker):
        module = hub.Module(words, trainable=True)
        output = module(["bad"])
        step = tf1.train.GradientDescentOptimizer(1.0).minimize(
            tf.reduce_sum(output), tf1.train.get_or_create_global_step()
        )
    return module, output, step


def test_variables_are_on_the_servers_and_files_are_read_by_the_worker(cluster: Cluster, words: str) -> None:
    with tf.Graph().as_default():
        module, output, _ = program(cluster, words, worker=0)
        assert {variable.device for variable in module.variables} == {"/job:ps/task:0", "/job:ps/task:1"}
        with tf.device("/job:ps/task:0"):
            read_by_server = tf.io.read_file(f"{words}/saved_model.pb")
        with tf1.Session(cluster.targets[0]) as session:
            with pytest.raises(tf.errors.OpError):
                session.run(read_by_server)
            initialize(session)
            np.testing.assert_array_equal(session.run(output), EMBEDDINGS[[2]])


def test_two_workers_share_the_variables(cluster: Cluster, words: str) -> None:
    sessions, outputs, steps = [], [], []
    for worker in range(2):
        with tf.Graph().as_default():
            _, output, step = program(cluster, words, worker)
            # The second one finds the variables initialized, and initializes its own table.
            sessions.append(
                tf1.train.MonitoredTrainingSession(
                    cluster.targets[worker], is_chief=worker == 0, log_step_count_steps=None
                )
            )
            outputs.append(output)
            steps.append(step)
    sessions[0].run(steps[0])
    np.testing.assert_array_equal(sessions[1].run(outputs[1]), EMBEDDINGS[[2]] - 1)
    sessions[1].run(steps[1])
    np.testing.assert_array_equal(sessions[0].run(outputs[0]), EMBEDDINGS[[2]] - 2)
    for session in sessions:
        session.close()


def test_after_a_restart_the_checkpoint_of_the_program_wins(
    cluster: Cluster, words: str, tmp_path: pathlib.Path
) -> None:
    for started in range(2):
        # What a restart of the servers leaves: nothing.
        tf1.Session.reset(cluster.targets[0])
        with tf.Graph().as_default():
            _, output, step = program(cluster, words, worker=0)
            with tf1.train.MonitoredTrainingSession(
                cluster.targets[0],
                checkpoint_dir=str(tmp_path),
                save_summaries_steps=None,
                save_summaries_secs=None,
                log_step_count_steps=None,
            ) as session:
                np.testing.assert_array_equal(session.run(output), EMBEDDINGS[[2]] - 3 * started)
                for _ in range(3):
                    session.run(step)
    variables = hub.read_variables(tf.train.latest_checkpoint(tmp_path))
    np.testing.assert_array_equal(variables["module/embeddings"], EMBEDDINGS - [[0], [0], [6], [0]])
    assert variables["global_step"] == 6


def test_a_module_trained_on_servers_is_exported_whole(
    cluster: Cluster, words: str, tmp_path: pathlib.Path
) -> None:
    with tf.Graph().as_default():
        module, _, step = program(cluster, words, worker=0)
        with tf1.Session(cluster.targets[0]) as session:
            initialize(session)
            session.run(step)
            module.export(tmp_path / "module", session)
    with hub.eval_function_for_module(str(tmp_path / "module")) as embed:
        np.testing.assert_array_equal(embed(["film", "bad"]), EMBEDDINGS[[3, 2]] - [[0], [1]])


@pytest.mark.parametrize("name", cases.NAMES)
def test_golden_modules_compute_the_same_in_a_cluster(cluster: Cluster, name: str) -> None:
    case = cases.load(name)
    for call in case.calls:
        with tf.Graph().as_default(), cluster.device():
            module = hub.Module(case.path, tags=set(call["tags"]))
            inputs = {
                key: tf.SparseTensor(**value) if isinstance(value, dict) else tf.constant(value)
                for key, value in case.values(call["inputs"]).items()
            }
            outputs = module(inputs, signature=call["signature"], as_dict=True)
            with tf1.Session(cluster.targets[0]) as session:
                initialize(session)
                values = session.run(outputs)
            assert all(variable.device.startswith("/job:ps") for variable in module.variables)
        for key, expected in call["outputs"].items():
            cases.assert_matches(values[key], case.value(expected))
