"""Other processes, pickles and copies: what of a loaded module gets there."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pathlib
import pickle
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed
from golden import cases
from tf2.old_graphs import OldGraph, Tensors

import tf1hub as hub

tf1 = tf.compat.v1
LOST_THREADS = (
    "This process was forked from one that had used TensorFlow already. TensorFlow's threads did not come along, so it "
    "would wait here for ever. Start such processes by multiprocessing.get_context('spawn'), to which loaded modules can "
    "be handed; or use TensorFlow after the fork only: to import it before does no harm. Forked processes may prepare data "
    "without TensorFlow."
)
needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")


def work(module: Any, batch: np.ndarray) -> np.ndarray:
    result: np.ndarray = module(batch).numpy()
    return result


def load_and_work(path: str, batch: np.ndarray) -> np.ndarray:
    return work(hub.load(path), batch)


def test_spawned_processes_get_modules_by_hand_or_by_handle() -> None:
    path = cases.load("half_plus_two").path
    module = hub.load(path)
    module.variables[0].assign(3.0)
    batch = np.float32([[1.0], [2.0]])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(work, (module, batch)), [[5.0], [8.0]])
        np.testing.assert_array_equal(pool.apply(load_and_work, (path, batch)), [[2.5], [3.0]])
    np.testing.assert_array_equal(module(batch), [[5.0], [8.0]])


def in_fork(do: Callable[[], str]) -> str:
    """What `do` returns in a forked process, or the error that it raises; fails where it hangs."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python and JAX warn of forks beside threads, which are the subject here.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            answer = do()
        except Exception as error:  # noqa: BLE001  # whatever it is, the parent judges it
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)  # nothing of pytest may run here
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the forked process ended with {status}"
    return answer


@needs_forks
def test_a_forked_process_prepares_data_while_the_parent_trains() -> None:
    case = cases.load("half_plus_two")
    module = hub.load(case.path)
    module([[1.0]])
    data = in_fork(lambda: " ".join(str(x) for x in np.linspace(0.0, 1.0, 3)))
    batch = np.float32(data.split())[:, np.newaxis]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(module(batch))
    gradients = tape.gradient(loss, module.trainable_variables)
    assert [float(g) for g in gradients] == [0.5, 1.0]


@needs_forks
def test_a_forked_process_says_why_a_module_cannot_run_there() -> None:
    path = cases.load("half_plus_two").path
    module = hub.load(path)
    assert in_fork(lambda: str(module([[1.0]]))) == f"WrongModeError: {LOST_THREADS}"
    assert in_fork(lambda: str(hub.load(path))) == f"WrongModeError: {LOST_THREADS}"
    np.testing.assert_array_equal(module([[1.0]]), [[2.5]])


FORKS = """
import os, signal, sys

def in_fork():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            import tf1hub as hub
            answer = str(hub.load(sys.argv[1])([[1.0]]).numpy())
        except Exception as error:
            answer = str(error)
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        print(pipe.read().replace(chr(10), ' '))
    os.waitpid(child, 0)

in_fork()
import tensorflow as tf
in_fork()
with tf.Graph().as_default():
    tf.constant(1.0)
in_fork()
tf.constant(1.0)
in_fork()
import tf1hub.tf2.load
in_fork()
"""


@needs_forks
@pytest.mark.skipif(
    sys.platform != "linux", reason="tells lost threads without having seen the fork on Linux"
)
def test_whoever_has_used_tensorflow_before_the_fork_is_told() -> None:
    told = printed(FORKS, cases.load("half_plus_two").path).splitlines()
    assert told == ["[[2.5]]"] * 2 + [LOST_THREADS] * 3


@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned", "lstm"])
def test_a_pickled_module_calls_and_trains_the_same(name: str) -> None:
    case = cases.load(name)
    module = hub.load(case.path)
    for variable in module.variables:
        variable.assign(variable * 1.5)
    restored = pickle.loads(pickle.dumps(module))
    assert [v.name for v in restored.variables] == [v.name for v in module.variables]
    assert [v.name for v in restored.trainable_variables] == [v.name for v in module.trainable_variables]
    for ours, theirs in zip(restored.variables, module.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    call = case.calls[0]
    inputs = {key: tf.constant(value) for key, value in case.values(call["inputs"]).items()}
    for output, value in module(inputs, signature=call["signature"], as_dict=True).items():
        np.testing.assert_array_equal(
            restored(inputs, signature=call["signature"], as_dict=True)[output].numpy(), value.numpy()
        )
    assert len(restored.regularization_losses) == len(module.regularization_losses)


def test_a_signature_is_pickled_with_its_module() -> None:
    module = hub.load(cases.load("image").path)
    image = tf.ones([1, 16, 16, 3])
    for name, function in pickle.loads(pickle.dumps(module.signatures)).items():
        expected = (
            module.signatures[name](images=image) if name != "default" else module.signatures[name](image)
        )
        got = function(images=image) if name != "default" else function(image)
        np.testing.assert_array_equal(got["default"].numpy(), expected["default"].numpy())
    one = pickle.loads(pickle.dumps(module.signatures["image_feature_vector"]))
    np.testing.assert_array_equal(
        one(images=image)["default"].numpy(),
        module.signatures["image_feature_vector"](images=image)["default"],
    )


def test_a_signature_whose_module_is_gone_is_not_pickled() -> None:
    module = hub.load(cases.load("half_plus_two").path)
    signature = module.signatures["default"]
    del module
    gc.collect()
    with pytest.raises(hub.errors.WrongModeError) as raised:
        pickle.dumps(signature)
    assert str(raised.value) == (
        "The signature 'default' is pickled with its module, which is not kept any more. Keep it: "
        "module = tf1hub.load(handle); pickle.dumps(module.signatures[...])"
    )


def test_a_pickled_module_says_which_of_its_files_are_gone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "module"
    shutil.copytree(cases.load("text_embedding").path, path)
    pickled = pickle.dumps(hub.load(path))
    shutil.rmtree(path)
    with pytest.raises(hub.errors.ResolveError) as raised:
        pickle.loads(pickled)
    assert str(raised.value) == (
        f"The pickled module {path} reads files that are not there: {path}/assets/tokens.txt. A pickle carries the values of "
        "variables, not the files of the module. Put them back, or hand the handle on instead of the module and load it "
        "where it is used: tf1hub.load(handle)"
    )


def test_a_copy_has_variables_of_its_own_and_keeps_the_choice_of_tags_and_trainable() -> None:
    module = hub.load(cases.load("image").path, tags={"train"}, trainable=["logits"])
    other = copy.deepcopy(module)
    assert other.callables.inference.variant.tags == {"train"}
    names = ["logits/dense/kernel:0", "logits/dense/bias:0"]
    assert [v.name for v in other.trainable_variables] == names
    other.trainable_variables[1].assign_add(tf.ones_like(other.trainable_variables[1]))
    assert (other.trainable_variables[1].numpy() - module.trainable_variables[1].numpy() == 1.0).all()


def test_what_a_program_put_into_a_table_comes_along() -> None:
    def build() -> tuple[Tensors, Tensors]:
        keys = tf1.placeholder(tf.int64, [None], name="keys")
        table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, -1.0)
        known = table.lookup(keys)
        with tf1.control_dependencies([known]):
            insert = table.insert(keys, tf.cast(keys, tf.float32) * 0.5)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, insert)
        return {"keys": keys}, {"default": known}

    module = OldGraph(build).load()
    module([4], training=True)
    assert module([4, 5]).numpy().tolist() == [2.0, -1.0]
    assert copy.deepcopy(module)([4, 5]).numpy().tolist() == [2.0, -1.0]


def test_a_loading_device_reads_the_values(tmp_path: pathlib.Path) -> None:
    path = cases.load("half_plus_two").path
    options = tf.saved_model.LoadOptions(experimental_io_device="/job:localhost")
    module = hub.load(path, options=options)
    assert module([[1.0]]).numpy().tolist() == [[2.5]]
    assert module.variables[0].device.endswith("CPU:0")
    elsewhere = tf.saved_model.LoadOptions(experimental_io_device="/job:nowhere")
    with pytest.raises((ValueError, tf.errors.OpError), match="nowhere"):
        hub.load(path, options=elsewhere)
    hub.convert(path, tmp_path / "saved")
    assert hub.load(tmp_path / "saved", options=options)([[1.0]]).numpy().tolist() == [[2.5]]


def test_the_checkpoint_may_be_skipped(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        hub.add_signature(outputs=tf.identity(tf1.get_variable("w", initializer=2.0)))

    spec = hub.create_module_spec(module_fn)
    spec.export(tmp_path / "module", values={"w": 7.0})
    skip = tf.saved_model.LoadOptions(experimental_skip_checkpoint=True)
    assert hub.load(tmp_path / "module")().numpy() == 7.0
    assert hub.load(tmp_path / "module", options=skip)().numpy() == 2.0
