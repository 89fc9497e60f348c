"""What programs of 2018 to 2020 did with variables, on a plain model and on a module of the same."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export, initialize, run, tf1

import tf1hub as hub

KERNEL = np.random.RandomState(0).uniform(-1, 1, (4, 3)).astype(np.float32)
X = np.array([[1, 2, 3, 4], [0, 1, 0, 1]], np.float32)


def network(x: Any, use_resource: bool) -> Any:
    with tf1.variable_scope("bert", use_resource=use_resource):
        kernel = tf1.get_variable("kernel", initializer=KERNEL)
        bias = tf1.get_variable("bias", [3], initializer=tf1.zeros_initializer())
        table = tf1.get_variable("table", [6, 3], initializer=tf1.ones_initializer())
    return tf.matmul(x, kernel) + bias + tf.nn.embedding_lookup(table, [1, 2])


@pytest.fixture(params=[True, False], ids=["resource", "ref"])
def use_resource(request: pytest.FixtureRequest) -> Iterator[bool]:
    # Conds of the second generation cannot hold ref variables.
    if not request.param:
        tf1.disable_control_flow_v2()
    yield request.param
    tf1.enable_control_flow_v2()


def values(session: Any) -> dict[str, Any]:
    return {variable.op.name: session.run(variable) for variable in tf1.global_variables()}


def after(*operations: Any) -> dict[str, Any]:
    with tf1.Session() as session:
        initialize(session)
        session.run(tf1.local_variables_initializer())
        for operation in operations:
            session.run(operation)
        return values(session)


def loss_of(y: Any) -> Any:
    return tf.reduce_sum(y**2)


def named(name: str) -> Any:
    return next(variable for variable in tf1.global_variables() if variable.op.name == f"module/bert/{name}")


class AdamWeightDecay(tf1.train.Optimizer):
    """In the style of BERT's: slots by `get_variable`, named after the variable."""

    def __init__(self) -> None:
        super().__init__(False, "AdamWeightDecay")

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: Any = None) -> Any:
        del global_step, name
        assignments = []
        for gradient, variable in grads_and_vars:
            found = re.match("^(.*):\\d+$", variable.name)
            assert found is not None
            shape = variable.shape.as_list()
            zeros = tf1.zeros_initializer()
            mean = tf1.get_variable(f"{found.group(1)}/adam_m", shape, trainable=False, initializer=zeros)
            new_mean = tf.multiply(0.9, mean) + tf.multiply(0.1, tf.convert_to_tensor(gradient))
            update = variable - 0.1 * new_mean - 0.01 * variable
            assignments += [variable.assign(update), mean.assign(new_mean)]
        return tf.group(*assignments)


def bert_optimizer(y: Any) -> Any:
    variables = tf1.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf1.gradients(loss_of(y), variables), 1.0)
    step = AdamWeightDecay().apply_gradients(zip(gradients, variables, strict=True))
    return after(step, step)


def loss_scale(y: Any) -> Any:
    inner = tf1.train.AdamOptimizer(0.1)
    step = tf1.mixed_precision.MixedPrecisionLossScaleOptimizer(inner, "dynamic").minimize(loss_of(y))
    return after(step, step)


def updates_in_place(y: Any) -> Any:
    del y
    table, bias = named("table"), named("bias")
    ones = tf.ones([1, 3])
    return after(
        table.scatter_update(tf.IndexedSlices(ones * 5.0, [2])),
        table.scatter_add(tf.IndexedSlices(ones, [3])),
        tf1.scatter_nd_update(table, [[0, 1]], [7.0]),
        tf1.scatter_sub(table, [1], ones),
        bias.assign_add([1.0, 2.0, 3.0]),
        bias[1:].assign([5.0, 6.0]),
        tf1.assign(bias, bias * 2.0, use_locking=True),
        tf1.cond(tf.constant(True), lambda: bias.assign_add(ones[0]), lambda: tf.identity(bias)),
    )


def messages(y: Any) -> Any:
    del y
    found = {}
    for variable in tf1.global_variables():
        message = variable.to_proto()
        again = tf1.Variable.from_proto(message)
        found[variable.op.name] = (again.name, again.shape.as_list(), again.trainable, message.is_resource)
    return found


def graph_in_a_file(y: Any, path: pathlib.Path) -> Any:
    step = tf1.train.AdamOptimizer(0.1).minimize(loss_of(y))
    tf1.add_to_collection("step", step)
    with tf1.Session() as session:
        initialize(session)
        session.run(step)
        tf1.train.Saver().save(session, str(path))
    with tf.Graph().as_default(), tf1.Session() as session:
        saver = tf1.train.import_meta_graph(f"{path}.meta")
        saver.restore(session, str(path))
        session.run(tf1.get_collection("step")[0])
        return values(session)


def second_derivatives(y: Any) -> Any:
    return {"hessian": run(tf1.hessians(loss_of(y), [named("bias")])[0])}


PROGRAMS = [
    bert_optimizer,
    loss_scale,
    updates_in_place,
    messages,
    graph_in_a_file,
    second_derivatives,
]


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.__name__))
def test_a_modules_variables_serve_as_those_of_a_plain_model(
    tmp_path: pathlib.Path, program: Callable[..., Any], use_resource: bool
) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        hub.add_signature(inputs=x, outputs=network(x, use_resource))

    path = export(module_fn, tmp_path / "m")
    arguments = [tmp_path / "graph"] if program is graph_in_a_file else []
    with tf.Graph().as_default():
        of_module = program(hub.Module(path, trainable=True)(X), *arguments)
    with tf.Graph().as_default():
        with tf1.variable_scope("module"):
            y = network(tf.constant(X), use_resource)
        of_plain = program(y, *arguments)
    assert set(of_module) == set(of_plain)
    for name, expected in of_plain.items():
        if isinstance(expected, tuple):
            assert of_module[name] == expected
        elif expected.dtype.kind in "OS":
            assert of_module[name].tolist() == expected.tolist()
        else:
            np.testing.assert_allclose(of_module[name], expected, rtol=1e-4, atol=1e-6)
