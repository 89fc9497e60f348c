"""A module's variables have all that a variable has which `get_variable` made a moment ago."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export, initialize, run, tf1

import tf1hub as hub

KINDS = [(resource, partitioned) for resource in (True, False) for partitioned in (True, False)]
every_kind = pytest.mark.parametrize(("use_resource", "partitioned"), KINDS)


@pytest.fixture(autouse=True)
def control_flow_of_the_time() -> Iterator[None]:
    """The conds of today read ref variables before they ask whether those have values, of fresh ones too."""
    tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


VALUES = np.arange(8, dtype=np.float32).reshape(4, 2)


def stored_values(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
    first = partition_info.var_offset[0] if partition_info else 0
    return tf.constant(VALUES[first : first + shape[0]], dtype)


def weights(use_resource: bool, partitioned: bool) -> Any:
    return tf1.get_variable(
        "weights",
        [4, 2],
        initializer=stored_values,
        partitioner=tf1.fixed_size_partitioner(2) if partitioned else None,
        use_resource=use_resource,
    )


def product(use_resource: bool, partitioned: bool) -> Any:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        hub.add_signature(
            inputs=x, outputs=tf.matmul(x, tf.convert_to_tensor(weights(use_resource, partitioned)))
        )

    return module_fn


def first_part(variable: Any) -> Any:
    return next(iter(variable)) if hasattr(variable, "__len__") else variable


def seen(value: Any, scope: str) -> Any:
    """What of an attribute may be compared: the names of what lies in a graph, without their scope."""
    if isinstance(value, tf.Tensor | tf.Operation):
        return (
            type(value).__name__,
            value.name.removeprefix(scope).removeprefix("/"),
            getattr(value, "shape", None),
        )
    return value


@every_kind
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("with_checkpoint", [True, False])
def test_every_attribute_of_a_fresh_variable_is_there(
    tmp_path: pathlib.Path, use_resource: bool, partitioned: bool, trainable: bool, with_checkpoint: bool
) -> None:
    module_fn = product(use_resource, partitioned)
    spec = export(module_fn, tmp_path / "m") if with_checkpoint else hub.create_module_spec(module_fn)
    with tf.Graph().as_default():
        rebuilt = first_part(hub.Module(spec, trainable=trainable).variables)
        with tf1.variable_scope("fresh"):
            fresh = first_part(weights(use_resource, partitioned))
        attributes = {name: seen(value, "fresh") for name, value in vars(fresh).items()}
        found = {name: seen(value, "module") for name, value in vars(rebuilt).items()}
        assert type(rebuilt) is type(fresh)
        assert set(found) == set(attributes)
        # These are what the module brings: its own trainability, scope, initial value and slice.
        assert rebuilt.initial_value.shape == fresh.initial_value.shape
        assert rebuilt.trainable is trainable
        if partitioned:
            assert rebuilt._get_save_slice_info().spec == fresh._get_save_slice_info().spec
        own = {"_initial_value", "_trainable", "_save_slice_info", "_unique_id", "_handle_name", "_name"}
        for name in set(attributes) - own:
            assert found[name] == attributes[name], name
        for name in own & set(attributes) & {"_unique_id", "_handle_name", "_name"}:
            assert found[name].removeprefix("module/") == attributes[name].removeprefix("fresh/")
        # What is computed by properties is there too.
        for name in dir(type(fresh)):
            if isinstance(getattr(type(fresh), name), property) and hasattr(fresh, name):
                assert hasattr(rebuilt, name), name


@every_kind
def test_whether_a_variable_is_initialized(
    tmp_path: pathlib.Path, use_resource: bool, partitioned: bool
) -> None:
    path = export(product(use_resource, partitioned), tmp_path / "m")
    with tf.Graph().as_default():
        module = hub.Module(path)
        names = [variable.op.name.encode() for variable in module.variables]
        missing = tf1.report_uninitialized_variables()
        asked = [tf1.is_variable_initialized(variable) for variable in module.variables]
        values = [
            tf1.cond(there, variable.read_value, lambda v=variable: v.initial_value)
            for there, variable in zip(asked, module.variables, strict=True)
        ]
        with tf1.Session() as session:
            assert sorted(session.run(missing)) == sorted(names)
            assert not any(session.run(asked))
            # The initial values are read where a variable has none yet.
            np.testing.assert_array_equal(np.concatenate(session.run(values)), VALUES)
            initialize(session)
            assert session.run(missing).size == 0
            assert all(session.run(asked))
            for variable in module.variables:
                variable.load(np.ones(variable.shape, np.float32), session)
            assert np.all(np.concatenate(session.run(values)) == 1.0)


OPTIMIZERS = {
    "sgd": lambda: tf1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf1.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda: tf1.train.AdamOptimizer(0.1),
    "adagrad": lambda: tf1.train.AdagradOptimizer(0.1),
    "adadelta": lambda: tf1.train.AdadeltaOptimizer(10.0),
    "rmsprop": lambda: tf1.train.RMSPropOptimizer(0.1, centered=True),
    "ftrl": lambda: tf1.train.FtrlOptimizer(0.1),
    "proximal_sgd": lambda: tf1.train.ProximalGradientDescentOptimizer(0.1),
    "proximal_adagrad": lambda: tf1.train.ProximalAdagradOptimizer(0.1),
    "adagrad_da": lambda: tf1.train.AdagradDAOptimizer(0.1, tf1.train.get_or_create_global_step()),
}


@pytest.mark.parametrize(("use_resource", "partitioned"), [(True, True), (False, False)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_with_slots_train_a_module_as_they_train_fresh_variables(
    use_resource: bool, partitioned: bool, name: str
) -> None:
    def trained(apply: Any) -> Any:
        with tf.Graph().as_default():
            y = apply(tf.constant([[1.0, 0.5, 0.0, -1.0]]))
            optimizer = OPTIMIZERS[name]()
            gradients = optimizer.compute_gradients(tf.reduce_sum((y - 1.0) ** 2))
            clipped = [(tf.clip_by_norm(gradient, 1.0), variable) for gradient, variable in gradients]
            step = optimizer.apply_gradients(clipped, tf1.train.get_or_create_global_step())
            averages = tf1.train.ExponentialMovingAverage(0.5)
            with tf.control_dependencies([step]):
                step = averages.apply(tf1.trainable_variables())
            with tf1.Session() as session:
                initialize(session)
                for _ in range(3):
                    session.run(step)
                return [
                    np.concatenate(session.run([value(v) for v in tf1.trainable_variables()]))
                    for value in (lambda variable: variable, averages.average)
                ]

    spec = hub.create_module_spec(product(use_resource, partitioned))
    of_module = trained(lambda x: hub.Module(spec, trainable=True)(x))
    of_fresh = trained(lambda x: tf.matmul(x, tf.convert_to_tensor(weights(use_resource, partitioned))))
    np.testing.assert_allclose(of_module, of_fresh, rtol=1e-5)
    assert np.abs(of_module[0] - VALUES).max() > 1e-3


def test_a_program_that_copies_a_variables_attributes_finds_them() -> None:
    """`tf.Variable.__deepcopy__`, `tf.distribute` and Keras's optimizers read them by name."""
    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(product(True, False)))
        (variable,) = module.variables
        assert variable._distribute_strategy is None
        assert run(variable._is_initialized_op) == np.True_
