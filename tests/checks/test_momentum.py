"""The momentum of moving averages, recovered from the graph."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.checks.momentum import momenta
from tf1hub.format.messages_pb2 import TensorProto
from tf1hub.graphdef.constants import scalar
from tf1hub.spec.module_spec import load_module_spec

tf1 = tf.compat.v1


@pytest.mark.parametrize("name", ["image", "image_ref_variables"])
def test_original_modules_of_both_kinds_of_variables(name):
    found = momenta(load_module_spec(cases.load(name).path).variant({"train"}))
    statistics = [
        f"block{i}/batch_normalization/moving_{what}" for i in (0, 1) for what in ("mean", "variance")
    ]
    assert found == {name: frozenset({0.9}) for name in statistics}


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("momentum", [0.5, 0.997, 1.0])
def test_constants_are_found(use_resource, momentum):
    spec = hub.create_module_spec(lambda: small_modules.images(True, momentum, use_resource))
    assert momenta(spec.variant()) == {
        "moving_mean": frozenset({momentum}),
        "moving_variance": frozenset({momentum}),
    }


def update_of(make_update):
    """The momenta of a variant with one variable and one update op."""

    def module_fn():
        x = tf1.placeholder(tf.float32, [])
        switch = tf1.placeholder(tf.bool, [])
        average = tf1.get_variable("average", [], trainable=False, use_resource=True)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, make_update(average, x, switch))
        hub.add_signature(inputs={"x": x, "switch": switch}, outputs=average + x)

    return momenta(hub.create_module_spec(module_fn).variant())


def test_weighted_sums_are_found():
    found = update_of(lambda average, x, _: tf1.assign(average, average * 0.75 + x * 0.25))
    assert found == {"average": frozenset({0.75})}


def test_momentum_chosen_by_a_conditional_is_found():
    def update(average, x, switch):
        momentum = tf.where(switch, 0.875, 1.0)
        return tf1.assign_sub(average, (average - x) * (1.0 - momentum))

    assert update_of(update) == {"average": frozenset({0.875})}


def test_momentum_chosen_by_a_v1_cond_is_found():
    def update(average, x, switch):
        momentum = tf1.cond(switch, lambda: tf.constant(0.875), lambda: tf.constant(1.0))
        return tf1.assign_sub(average, (average - x) * (1.0 - momentum))

    tf1.disable_control_flow_v2()
    try:
        assert update_of(update) == {"average": frozenset({0.875})}
    finally:
        tf1.enable_control_flow_v2()


def test_what_is_no_constant_is_left_out():
    assert update_of(lambda average, x, _: tf1.assign_sub(average, (average - x) * x)) == {}
    assert update_of(lambda average, x, _: tf1.assign(average, x)) == {}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64"])
def test_scalars_are_read_as_tensorflow_writes_them(dtype):
    for value in (0, 3):
        for array in (tf.constant(value, dtype).numpy(), tf.constant([value], dtype).numpy()):
            message = tf.make_tensor_proto(array)
            assert scalar(TensorProto.FromString(message.SerializeToString())) == value
    assert scalar(TensorProto.FromString(tf.make_tensor_proto([1.0, 2.0]).SerializeToString())) is None
    assert scalar(TensorProto.FromString(tf.make_tensor_proto("text").SerializeToString())) is None
