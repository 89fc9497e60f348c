"""Random initial values follow TensorFlow's global seed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1


def module_fn(is_training: bool) -> None:
    first = tf1.get_variable("first", [2, 3])
    tf1.get_variable("second", initializer=2.0 * first.read_value())
    tf1.get_variable("third", [2, 3], initializer=tf1.orthogonal_initializer())
    tf1.get_variable("parts", [4, 3], partitioner=tf1.fixed_size_partitioner(2))
    if is_training:
        tf1.get_variable("trained", [2, 3], initializer=tf1.random_uniform_initializer())
    hub.add_signature(outputs=tf.identity(first))


def made() -> hub.ModuleSpec:
    return hub.create_module_spec(
        module_fn, tags_and_args=[(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )


def values(module: Any) -> dict[str, list[Any]]:
    return {variable.name: variable.numpy().tolist() for variable in module.variables}


def test_loading_follows_the_seed() -> None:
    spec = made()
    tf.random.set_seed(5)
    first, second = values(hub.load(spec)), values(hub.load(spec))
    tf.random.set_seed(5)
    assert values(hub.load(made())) == first
    assert values(hub.load(made())) == second
    tf.random.set_seed(6)
    other = values(hub.load(spec))
    for name in first:
        assert first[name] != second[name]
        assert first[name] != other[name]
    assert first["parts/part_0:0"] != first["parts/part_1:0"]


def test_initial_values_are_those_of_loading() -> None:
    spec = made()
    tf.random.set_seed(5)
    loaded = hub.load(spec)
    tf.random.set_seed(5)
    initial = hub.initial_values(spec)
    assert initial.keys() == loaded.variable_map.keys()
    for name, value in initial.items():
        parts = loaded.variable_map[name]
        np.testing.assert_array_equal(value, tf.concat(parts, 0) if isinstance(parts, list) else parts)


def test_loading_inside_a_function_follows_the_seed() -> None:
    spec = made()

    def loaded() -> Any:
        kept: list[Any] = []

        @tf.function
        def call() -> Any:
            if not kept:
                kept.append(hub.load(spec))
            return kept[0]()

        tf.random.set_seed(5)
        call()
        return values(kept[0])

    inside = loaded()
    assert loaded() == inside
    tf.random.set_seed(5)
    assert values(hub.load(spec)) == inside


def test_the_publishers_seeds_stay() -> None:
    def seeded() -> None:
        tf1.set_random_seed(3)
        tf1.get_variable("graph", [4])
        tf1.get_variable("own", [4], initializer=tf1.random_normal_initializer(seed=7))
        hub.add_signature(outputs=tf.constant(1.0))

    spec = hub.create_module_spec(seeded)
    tf.random.set_seed(5)
    first = values(hub.load(spec))
    tf.random.set_seed(6)
    assert values(hub.load(spec)) == first


def test_each_call_of_a_function_draws_its_own() -> None:
    @tf.function(autograph=False)
    def draw() -> Any:
        return tf.random.normal([3])

    def drawn() -> None:
        tf1.get_variable("a", initializer=draw())
        tf1.get_variable("b", initializer=draw())
        tf1.get_variable("c", initializer=tf.cond(tf.constant(True), draw, lambda: tf.zeros([3])))
        hub.add_signature(outputs=tf.constant(1.0))

    spec = hub.create_module_spec(drawn)
    tf.random.set_seed(5)
    first = values(hub.load(spec))
    assert len({str(value) for value in first.values()}) == 3
    tf.random.set_seed(5)
    assert values(hub.load(spec)) == first


PROGRAM = """
import tensorflow as tf, tf1hub as hub
from tf2.test_seeds import made, values
spec = made()
assert values(hub.load(spec)) != values(hub.load(spec))
tf.random.set_seed(5)
print(values(hub.load(spec)))
"""


def test_without_a_seed_values_are_random_and_with_one_the_same_in_every_process() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for seed in ("1", "2")
    ]
    tf.random.set_seed(5)
    assert found[0] == found[1] == f"{values(hub.load(made()))}\n".encode()
