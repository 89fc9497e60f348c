"""What finds variables by name finds a module's: each program runs on a plain model and on a module of the same."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import initialize, tf1

import tf1hub as hub

STORED = {
    "layer/kernel": np.arange(6, dtype=np.float32).reshape(3, 2) + 100,
    "layer/bias": np.array([200.0, 201.0], np.float32),
    "layer/inner/scale": np.float32(300),
    "table": np.arange(10, dtype=np.float32).reshape(5, 2) + 400,
    "steps": np.int64(500),
}


def make_variables() -> None:
    with tf1.variable_scope("layer"):
        tf1.get_variable("kernel", [3, 2], initializer=tf1.zeros_initializer())
        tf1.get_variable("bias", [2], initializer=tf1.zeros_initializer())
        tf1.get_variable("inner/scale", [], initializer=tf1.zeros_initializer())
    tf1.get_variable(
        "table", [5, 2], initializer=tf1.zeros_initializer(), partitioner=tf1.fixed_size_partitioner(2)
    )
    tf1.get_variable("steps", [], tf.int64, initializer=tf1.zeros_initializer(), trainable=False)


def plain(use_resource: bool, name: str = "module") -> None:
    with tf1.variable_scope(name, use_resource=use_resource):
        make_variables()


def module(use_resource: bool, name: str = "module") -> None:
    def module_fn() -> None:
        with tf1.variable_scope("", use_resource=use_resource):
            make_variables()
        hub.add_signature(outputs=tf.constant(0))

    hub.Module(hub.create_module_spec(module_fn), trainable=True, name=name)


@pytest.fixture
def checkpoint(tmp_path: pathlib.Path) -> str:
    """The stored values, in the scope `old`, without a scope, and each as a moving average."""
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, value in STORED.items():
            for prefix, suffix, more in (
                ("old/", "", 0),
                ("", "", 1),
                ("module/", "/Average", 2),
                ("module/", "", 3),
            ):
                tf1.get_variable(
                    prefix + name + suffix, initializer=tf.constant(value + np.array(more, value.dtype))
                )
        initialize(session)
        return str(tf1.train.Saver().save(session, str(tmp_path / "model.ckpt")))


def named(name: str) -> Any:
    return next(variable for variable in tf1.global_variables() if variable.op.name == name)


def by(assignment_map: Any) -> Callable[[str], None]:
    def program(checkpoint: str) -> None:
        made = assignment_map() if callable(assignment_map) else assignment_map
        tf1.train.init_from_checkpoint(checkpoint, made)

    return program


def warm(*args: Any, **kwargs: Any) -> Callable[[str], None]:
    return lambda checkpoint: tf1.train.warm_start(checkpoint, *args, **kwargs)


def restored(make_var_list: Callable[[], Any]) -> Callable[[str], None]:
    def program(checkpoint: str) -> Any:
        saver = tf1.train.Saver(make_var_list())
        return lambda session: saver.restore(session, checkpoint)

    return program


def averages() -> Any:
    return tf1.train.ExponentialMovingAverage(0.9, name="Average")


def slim_assign(checkpoint: str) -> Any:
    """As `slim.assign_from_checkpoint_fn` does it: what the checkpoint has, under its own names."""
    reader = tf1.train.NewCheckpointReader(checkpoint)
    found = {
        variable.op.name: variable
        for variable in tf1.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES, scope="module/layer")
        if reader.has_tensor(variable.op.name)
    }
    saver = tf1.train.Saver(found, reshape=False)
    return lambda session: saver.restore(session, checkpoint)


def assign_in_a_loop(checkpoint: str) -> Any:
    """As checkpoint converters do it."""
    reader = tf1.train.load_checkpoint(checkpoint)
    feeds, assigned = {}, []
    for variable in tf1.trainable_variables("module/layer"):
        value = reader.get_tensor("old/" + variable.op.name.partition("/")[2])
        holder = tf1.placeholder(variable.dtype.base_dtype, variable.shape)
        assigned.append(variable.assign(holder))
        feeds[holder] = value
    return lambda session: session.run(assigned, feeds)


def load_values(checkpoint: str) -> Any:
    del checkpoint
    values = dict(zip(tf1.trainable_variables(), (1, 2, 3, 4, 5), strict=True))

    def load(session: Any) -> None:
        for variable, value in values.items():
            variable.load(np.full(variable.shape, value, np.float32), session)

    return load


PROGRAMS = {
    "scope_to_scope": by({"old/": "module/"}),
    "root_to_scope": by({"/": "module/"}),
    "scope_to_inner_scope": by({"old/layer/": "module/layer/"}),
    "scope_to_itself": by({"module/layer/": "module/layer/"}),
    "name_to_name": by({"old/layer/kernel": "module/layer/kernel", "steps": "module/steps"}),
    "name_to_partitioned_name": by({"old/table": "module/table"}),
    "name_to_variable": by(lambda: {"old/layer/bias": named("module/layer/bias")}),
    "name_to_parts": by(lambda: {"table": [named(f"module/table/part_{i}") for i in range(2)]}),
    "pairs": by([("old/layer/bias", "module/layer/bias"), ("old/layer/", "module/layer/")]),
    "missing_in_the_checkpoint": by({"nothing": "module/layer/bias"}),
    "missing_in_the_graph": by({"old/layer/bias": "module/nothing"}),
    "wrong_shape": by({"old/table": "module/layer/kernel"}),
    "warm_start_all": warm(),
    "warm_start_pattern": warm("module/layer/.*"),
    "warm_start_inner_pattern": warm(".*inner.*"),
    "warm_start_names": warm(["module/layer/bias", "module/steps"]),
    "nothing_is_warm_started": warm(".*steps"),
    "warm_start_renamed": warm(
        "module/(layer|table).*",
        var_name_to_prev_var_name={
            "module/layer/kernel": "old/layer/kernel",
            "module/table": "table",
        },
    ),
    "saver_by_scope": restored(lambda: tf1.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES, scope="module")),
    "saver_renamed": restored(
        lambda: {v.op.name.replace("module", "old"): v for v in tf1.global_variables("module/layer")}
    ),
    "saver_of_partitioned": restored(
        lambda: {"old/table": [named(f"module/table/part_{i}") for i in range(2)]}
    ),
    "averages_of_all": restored(
        lambda: {
            name: variable
            for name, variable in averages().variables_to_restore().items()
            if "/part_" not in name
        }
    ),
    "slim_assign": slim_assign,
    "assign_in_a_loop": assign_in_a_loop,
    "load_values": load_values,
}


def outcome(
    make: Callable[..., None], program: Callable[[str], Any], use_resource: bool, checkpoint: str
) -> dict[str, Any] | str:
    """The value of each variable after a program, or what it raised."""
    with tf.Graph().as_default():
        make(use_resource)
        try:
            in_session = program(checkpoint)
        except ValueError as error:
            return str(error)
        with tf1.Session() as session:
            initialize(session)
            if in_session is not None:
                in_session(session)
            values = session.run({variable.op.name: variable for variable in tf1.global_variables()})
    return {name: value.tolist() for name, value in values.items()}


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_find_a_modules_variables_as_those_of_a_plain_model(
    checkpoint: str, name: str, use_resource: bool
) -> None:
    of_plain = outcome(plain, PROGRAMS[name], use_resource, checkpoint)
    of_module = outcome(module, PROGRAMS[name], use_resource, checkpoint)
    assert of_module == of_plain
    refused = isinstance(of_plain, str)
    assert refused == name.startswith(("missing", "wrong"))
    assert refused or any(map(np.any, of_plain.values())) != name.startswith("nothing")


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("make", [plain, module])
def test_get_variable_finds_what_is_there(make: Callable[..., None], use_resource: bool) -> None:
    with tf.Graph().as_default():
        make(use_resource)
        with tf1.variable_scope("module", reuse=True):
            assert tf1.get_variable("layer/kernel") is named("module/layer/kernel")
            table = tf1.get_variable("table", [5, 2], partitioner=tf1.fixed_size_partitioner(2))
        assert list(table) == [named(f"module/table/part_{i}") for i in range(2)]
        assert table.get_shape() == [5, 2]
        with tf1.variable_scope("module", reuse=tf1.AUTO_REUSE):
            assert tf1.get_variable("layer/bias", [2]) is named("module/layer/bias")
            assert tf1.get_variable("layer/new", [2]).op.name == "module/layer/new"
            with pytest.raises(
                ValueError, match="Trying to share variable module/layer/bias, but specified shape"
            ):
                tf1.get_variable("layer/bias", [3])
            with pytest.raises(ValueError, match="specified partitions"):
                tf1.get_variable("table", [5, 2], partitioner=tf1.fixed_size_partitioner(3))
        with (
            tf1.variable_scope("module"),
            pytest.raises(ValueError, match="Variable module/layer/kernel already exists"),
        ):
            tf1.get_variable("layer/kernel", [3, 2])


def test_a_program_that_has_the_name_already_keeps_its_variable() -> None:
    with tf.Graph().as_default():
        own = tf1.get_variable("module/layer/bias", [2])
        module(True)
        assert named("module_1/layer/bias") in tf1.trainable_variables("module_1")
        with tf1.variable_scope("", reuse=True):
            assert tf1.get_variable("module/layer/bias") is own
            assert tf1.get_variable("module_1/layer/bias") is not own


def test_warm_start_with_vocabularies(tmp_path: pathlib.Path, checkpoint: str) -> None:
    for name, words in (("old", "a b c d e"), ("new", "e d c b f")):
        (tmp_path / name).write_text("".join(f"{word}\n" for word in words.split()))
    info = tf1.train.VocabInfo(str(tmp_path / "new"), 5, 0, str(tmp_path / "old"))
    program = warm(
        "module/table.*",
        var_name_to_vocab_info={"module/table": info},
        var_name_to_prev_var_name={"module/table": "old/table"},
    )
    of_module = outcome(module, program, True, checkpoint)
    assert of_module == outcome(plain, program, True, checkpoint)
    assert of_module["module/table/part_0"] == [[408, 409], [406, 407], [404, 405]]
