"""Gradients of TensorArrays in a graph with the behaviour of TensorFlow 2, held against those of TensorFlow 1."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph
from tf2.test_control_flow import FEEDS, GRAPHS

import tf1hub as hub

tf1 = tf.compat.v1


@pytest.mark.parametrize("name", sorted(name for name in GRAPHS if name.startswith("tensor_array")))
def test_every_way_in_and_out_of_an_array(name: str) -> None:
    old = OldGraph(lambda: GRAPHS[name](True))
    _, expected, _ = old.run({"x": FEEDS["first"]})
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(old.spec, trainable=True)
        outputs = module(FEEDS["first"], as_dict=True)
        squares = [tf.reduce_sum(y**2) for y in outputs.values() if y.dtype.is_floating]
        found = tf1.gradients(tf.add_n(squares), module.variable_map["w"])[0]
        session.run(tf1.global_variables_initializer())
        np.testing.assert_allclose(session.run(found), expected["w"], rtol=1e-6)
