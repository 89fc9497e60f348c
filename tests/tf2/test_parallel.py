"""Many threads, replicas, compilers and loads at once."""

from __future__ import annotations

import concurrent.futures
import gc
import os
import weakref
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed_on_tensorflow
from golden import cases
from tf2.old_graphs import TOLERANCE, OldGraph
from tf2.test_control_flow import FEEDS, GRAPHS

from tf1hub.tf2.load import load
from tf1hub.tf2.serving import serving_function

X = FEEDS["first"]


def test_sixteen_threads_call_one_object() -> None:
    case = cases.load("lstm")
    module = load(case.path)
    call = case.calls[0]
    inputs = {name: tf.constant(value) for name, value in case.values(call["inputs"]).items()}
    expected = case.value(call["outputs"]["default"])

    def work(_: int) -> list[np.ndarray]:
        return [module(inputs, signature="tokens").numpy() for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for results in pool.map(work, range(16)):
            for result in results:
                np.testing.assert_allclose(result, expected, **TOLERANCE)


def test_threads_may_call_different_signatures_and_tables_first() -> None:
    case = cases.load("text_embedding")
    module = load(case.path)
    inputs = tf.constant(case.value(case.calls[0]["inputs"]["default"]))
    expected = case.value(case.calls[0]["outputs"]["default"])
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for result in pool.map(lambda i: module(inputs, training=bool(i % 2)).numpy(), range(32)):
            np.testing.assert_allclose(result, expected, **TOLERANCE)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="reads the resident memory where Linux tells it"
)
def test_memory_stays_flat_over_fifty_loads_and_drops() -> None:
    case = cases.load("text_embedding")
    inputs = tf.constant(case.value(case.calls[0]["inputs"]["default"]))

    def use() -> None:
        load(case.path)(inputs)
        gc.collect()

    for _ in range(10):
        use()
    before = _resident()
    for _ in range(50):
        use()
    # A kept graph of this module would cost some 0.5 MB each time.
    assert _resident() - before < 8 << 20


@pytest.mark.parametrize("served", [False, True])
def test_a_dropped_module_is_freed(served: bool) -> None:
    module = load(cases.load("image").path)
    if served:
        module.signatures["default"](default=tf.zeros([1, 16, 16, 3]))
    else:
        module(tf.zeros([1, 16, 16, 3]))
    variable, callables = weakref.ref(module.variables[0]), weakref.ref(module._callables)
    del module
    gc.collect()
    assert variable() is None
    assert callables() is None


def test_a_kept_signature_keeps_its_tables_and_variables() -> None:
    case = cases.load("text_embedding")
    inputs = tf.constant(case.value(case.calls[0]["inputs"]["default"]))
    module = load(case.path)
    signature, served = module.signatures["default"], serving_function(module.callables, "default")
    callables = weakref.ref(module.callables)
    del module
    gc.collect()
    assert callables() is None
    for function in (signature, served):
        cases.assert_matches(function(inputs)["default"], case.value(case.calls[0]["outputs"]["default"]))


@pytest.mark.parametrize(
    "name", ["counted_loop", "loop_in_cond_in_loop", "map_and_scan", "cond_with_captures_and_constants"]
)
@pytest.mark.parametrize("resource", [True, False])
def test_loops_and_conds_compile_with_xla(name: str, resource: bool) -> None:
    old = OldGraph(lambda: GRAPHS[name](resource))
    expected, _, _ = old.run({"x": X})
    module = old.load()
    compiled = tf.function(lambda x: module(x, as_dict=True), jit_compile=True)
    for output, value in compiled(tf.constant(X)).items():
        np.testing.assert_allclose(value.numpy(), expected[output], **TOLERANCE)


def test_the_gradient_of_a_counted_loop_compiles_with_xla() -> None:
    old = OldGraph(lambda: GRAPHS["counted_loop"](True))
    _, gradients, _ = old.run({"x": X})
    module = old.load()
    (w,) = module.trainable_variables

    @tf.function(jit_compile=True)
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(module(x)))
        return tape.gradient(loss, w)

    np.testing.assert_allclose(gradient(tf.constant(X)).numpy(), gradients["w"], **TOLERANCE)


_REPLICAS = """
import sys, warnings
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from golden import cases
from tf1hub.tf2.load import load
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for name in ("image", "image_ref_variables", "text_embedding"):
    case = cases.load(name)
    with strategy.scope():
        module = load(case.path)
    single = load(case.path)
    (key,) = case.calls[0]["inputs"].values()
    batch = case.value(key)[:2]
    trainable = list(module.trainable_variables)

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(module(inputs, training=True)))
        return loss, tape.gradient(loss, trainable)

    @tf.function
    def train(inputs):
        losses, gradients = strategy.run(step, (inputs,))
        return strategy.reduce("MEAN", losses, None), [
            strategy.reduce("MEAN", g if not isinstance(g, tf.IndexedSlices) else g, None) for g in gradients if g is not None]

    parts = [tf.constant(batch[:1]), tf.constant(batch[1:])]
    inputs = strategy.experimental_distribute_values_from_function(lambda c: parts[c.replica_id_in_sync_group])
    loss, gradients = train(inputs)
    expected, statistics = [], []
    start = [v.numpy() for v in single.variables]
    for part in parts:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(single(part, training=True)))
        expected.append((value, tape.gradient(value, list(single.trainable_variables))))
        statistics.append([v.numpy() for v in single.variables])
        for v, x in zip(single.variables, start):
            v.assign(x)
    np.testing.assert_allclose(loss, np.mean([v for v, _ in expected]), rtol=2e-4)
    ours = [tf.convert_to_tensor(g) for g in gradients]
    theirs = [[tf.convert_to_tensor(g) for g in grads if g is not None] for _, grads in expected]
    for g, a, b in zip(ours, *theirs):
        np.testing.assert_allclose(g, (a + b) / 2, rtol=2e-3, atol=2e-5)
    for v, a, b in zip(module.variables, *statistics):
        np.testing.assert_allclose(v.numpy(), (a + b) / 2, rtol=2e-4, atol=2e-5)
    cases.assert_matches(module(tf.constant(batch)).numpy(), single(tf.constant(batch)).numpy()) if name == "text_embedding" else None
print("replicas agree")
"""


def test_replicas_of_a_mirrored_strategy_train_together() -> None:
    assert printed_on_tensorflow(_REPLICAS).endswith("replicas agree\n")


_COUNTING_REPLICAS = """
import sys, tempfile
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import tf1hub as hub
tf1 = tf.compat.v1
X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
STEPS = 3

def module_fn(is_training, resource):
    x = tf1.placeholder(tf.float32, [None, 2])
    def state(name, dtype, start, shape=()):
        return tf1.get_variable(
            name, shape, dtype, tf1.constant_initializer(start), trainable=False, use_resource=resource)
    count, flag = state("count", tf.int64, 5), state("flag", tf.bool, False)
    phase, text = state("phase", tf.complex64, 1), state("text", tf.string, "a")
    seen, rows = state("seen", tf.int32, 0, [3]), state("rows", tf.float32, 0, [3])
    forward = state("forward", tf.int32, 0)
    y = x * 2.0
    if is_training:
        one = tf.cast(tf.reduce_min(x), tf.int32)
        for update in (
            tf1.assign_add(count, tf.cast(one, tf.int64)),
            tf1.assign(flag, tf.reduce_sum(x) > 0.0),
            tf1.assign(phase, phase * tf.complex(0.0, tf.reduce_mean(x))),
            tf1.assign(text, tf.strings.join([text, tf.strings.as_string(one)])),
            tf1.scatter_add(seen, [1, 2, 2], [1, 2, 3] * one),
            tf1.scatter_nd_add(rows, [[0], [2]], 0.25 * tf.reduce_mean(x, 0)),
        ):
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
        with tf1.control_dependencies([tf1.assign_add(forward, 1)]):
            y = tf.identity(y)
    hub.add_signature(inputs=x, outputs=y)

def in_graph_mode(spec):
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec, tags={"train"}, trainable=True, name="m")
        y = module(tf.constant(X))
        session.run(tf1.global_variables_initializer())
        for _ in range(STEPS):
            session.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)])
        return session.run(dict(module.variable_map))

def values(module):
    return {v.name.removesuffix(":0"): v.numpy() for v in module.variables}

def check(what, found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=f"{what}: {name}")

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def train(module):
    step = tf.function(lambda x: strategy.run(lambda: module(x, training=True)), autograph=False)
    for _ in range(STEPS):
        step(tf.constant(X))
    return module

for resource in (True, False):
    spec = hub.create_module_spec(module_fn, [
        (tags, {"is_training": bool(tags), "resource": resource}) for tags in (set(), {"train"})])
    expected = in_graph_mode(spec)
    with strategy.scope():
        mirrored = hub.load(spec)
    check("trained", values(train(mirrored)), expected)
    with tempfile.TemporaryDirectory() as directory:
        tf.saved_model.save(hub.load(spec), f"{directory}/single")
        tf.saved_model.save(mirrored, f"{directory}/mirrored")
        hub.convert(hub.load(spec), f"{directory}/converted")
        check("saved", values(hub.load(f"{directory}/mirrored")), expected)
        for name in ("single", "converted"):
            with strategy.scope():
                restored = hub.load(f"{directory}/{name}")
            check(name, values(train(restored)), expected)
        # What was saved from replicas goes on where they were, on one device.
        restored = hub.load(f"{directory}/mirrored")
        with strategy.scope():
            mirrored = hub.load(f"{directory}/mirrored")
        for _ in range(STEPS):
            restored(tf.constant(X), training=True)
        check("went on", values(train(mirrored)), values(restored))
        assert values(restored)["count"] == 5 + 2 * STEPS
print("replicas count")
"""


def test_replicas_write_what_has_no_mean_as_one_device_does() -> None:
    assert printed_on_tensorflow(_COUNTING_REPLICAS).endswith("replicas count\n")
