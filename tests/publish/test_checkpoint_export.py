"""hub.export_from_checkpoint and hub.register_module_for_export."""

from __future__ import annotations

import functools
import os
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish import programs

import tf1hub as hub
from tf1hub.errors import CheckpointError, ExporterError, ExportError

tf1 = tf.compat.v1


@pytest.fixture
def checkpoints(tmp_path: pathlib.Path) -> list[str]:
    """Two checkpoints: each training step takes 1 from all that it touches."""
    paths = []
    with tf.Graph().as_default():
        step = tf1.train.GradientDescentOptimizer(1.0).minimize(programs.model(tmp_path))
        saver = tf1.train.Saver()
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            for number in (1, 2):
                session.run(step)
                paths.append(saver.save(session, str(tmp_path / "training" / "model"), global_step=number))
    return paths


@pytest.fixture
def build(tmp_path: pathlib.Path) -> Any:
    return functools.partial(programs.model, tmp_path)


@pytest.mark.parametrize("number", [1, 2])
def test_modules_have_the_values_of_the_checkpoint(
    tmp_path: pathlib.Path, checkpoints: list[str], build: Any, number: int
) -> None:
    paths = hub.export_from_checkpoint(build, checkpoints[number - 1], tmp_path / "out")
    assert paths == {name: str(tmp_path / "out" / name) for name in ("scale", "words")}
    np.testing.assert_array_equal(programs.value(paths["scale"], [10.0]), [20 - 10 * number])
    expected = [[1], [2 - number], [3]]
    np.testing.assert_array_equal(programs.value(paths["words"], ["a", "b", "unknown"]), expected)


def test_a_directory_stands_for_its_latest_checkpoint(
    tmp_path: pathlib.Path, checkpoints: list[str], build: Any
) -> None:
    paths = hub.export_from_checkpoint(build, os.path.dirname(checkpoints[0]), tmp_path / "out")
    np.testing.assert_array_equal(programs.value(paths["scale"], [10.0]), [0])


def test_a_remote_directory_gets_the_same(checkpoints: list[str], build: Any, tmp_path: pathlib.Path) -> None:
    target = f"ram://{tmp_path.name}/out"
    paths = hub.export_from_checkpoint(build, checkpoints[0], target)
    np.testing.assert_array_equal(programs.value(paths["scale"], [10.0]), [10])
    assert tf.io.gfile.listdir(f"ram://{tmp_path.name}") == ["out"]


def test_an_interrupted_export_is_not_seen(
    tmp_path: pathlib.Path, checkpoints: list[str], build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = hub.ModuleSpec.export

    def second_is_interrupted(self: Any, path: str, **arguments: Any) -> None:
        if path.endswith("words"):
            raise KeyboardInterrupt
        export(self, path, **arguments)

    monkeypatch.setattr(hub.ModuleSpec, "export", second_is_interrupted)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        hub.export_from_checkpoint(build, checkpoints[0], tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == before


def test_what_is_there_already_stays(tmp_path: pathlib.Path, checkpoints: list[str], build: Any) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(ExportError) as caught:
        hub.export_from_checkpoint(build, checkpoints[0], tmp_path / "out")
    assert str(caught.value) == (
        f"Cannot export to {tmp_path / 'out'}: something is there already. "
        "Exporting never overwrites; choose a new path, or remove what is there."
    )
    assert os.listdir(tmp_path / "out") == ["mine"]


def test_a_checkpoint_of_another_program_is_refused(tmp_path: pathlib.Path, checkpoints: list[str]) -> None:
    def renamed() -> None:
        hub.register_module_for_export(hub.Module(programs.scale_spec(), name="renamed"), "scale")

    with pytest.raises(CheckpointError) as caught:
        hub.export_from_checkpoint(renamed, checkpoints[0], tmp_path / "out")
    assert str(caught.value) == (
        f"The checkpoint {checkpoints[0]} does not fit variant {{}} of module_fn():\n"
        "  renamed/scale: not in the checkpoint"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("used", [["gen"], ["gen", "disc"]])
def test_the_networks_that_a_program_does_not_use_keep_what_they_are(
    tmp_path: pathlib.Path, used: list[str]
) -> None:
    programs.two_networks().export(
        tmp_path / "m", values={"gen/factors": [5.0, 0.0, 0.0], "disc/factors": [1.0, 2.0, 3.0]}
    )

    def build(networks: list[str]) -> Any:
        modules = [
            hub.Module(str(tmp_path / "m"), tags={name}, name=name, trainable=True) for name in networks
        ]
        hub.register_module_for_export(modules[0], "networks")
        return tf.add_n([tf.reduce_sum(module([1.0])) for module in modules])

    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.GradientDescentOptimizer(0.5).minimize(build(used))
        session.run(tf1.global_variables_initializer())
        session.run(step)
        checkpoint = tf1.train.Saver().save(session, str(tmp_path / "training" / "model"))
    hub.export_from_checkpoint(lambda: build(["gen"]), checkpoint, tmp_path / "out")
    written = hub.read_variables(tmp_path / "out" / "networks")
    assert {name: written[name].tolist() for name in written} == {
        "gen/factors": [4.5, -0.5, -0.5],
        "disc/factors": [1.0, 2.0, 3.0],
    }


def test_what_the_variant_for_training_has_beyond_the_other_comes_from_the_checkpoint(
    tmp_path: pathlib.Path,
) -> None:
    def module_fn(training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None])
        w = tf1.get_variable("w", initializer=2.0)
        if training:
            steps = tf1.get_variable("steps", initializer=0.0, trainable=False)
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, steps.assign_add(1.0))
        hub.add_signature(inputs=x, outputs=w * x)

    spec = hub.create_module_spec(module_fn, [(set(), {"training": False}), ({"train"}, {"training": True})])
    spec.export(tmp_path / "m", values={"w": 2.0, "steps": 10.0})

    def build(tags: set[str]) -> None:
        module = hub.Module(str(tmp_path / "m"), tags=tags, trainable=True)
        hub.register_module_for_export(module, "w")
        module([1.0])

    with tf.Graph().as_default(), tf1.Session() as session:
        build({"train"})
        session.run(tf1.global_variables_initializer())
        session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
        checkpoint = tf1.train.Saver().save(session, str(tmp_path / "training" / "model"))
    hub.export_from_checkpoint(lambda: build(set()), checkpoint, tmp_path / "out")
    assert dict(hub.read_variables(tmp_path / "out" / "w")) == {"w": 2.0, "steps": 11.0}


def test_a_graph_without_registered_modules_is_refused(
    tmp_path: pathlib.Path, checkpoints: list[str]
) -> None:
    def nothing() -> None:
        hub.Module(programs.scale_spec())

    with pytest.raises(ExporterError) as caught:
        hub.export_from_checkpoint(nothing, checkpoints[0], tmp_path / "out")
    assert str(caught.value) == (
        "No module was registered for export in the graph that nothing() builds. "
        "Call tf1hub.register_module_for_export(module, export_name) there, in every mode."
    )


def test_a_directory_without_checkpoints_is_refused(tmp_path: pathlib.Path, build: Any) -> None:
    with pytest.raises(ExportError) as caught:
        hub.export_from_checkpoint(build, tmp_path, tmp_path / "out")
    assert (
        str(caught.value)
        == f"There is no checkpoint in the directory {tmp_path}; has the program been trained?"
    )


def test_a_name_is_taken_once_in_a_graph() -> None:
    with tf.Graph().as_default():
        module = hub.Module(programs.scale_spec())
        hub.register_module_for_export(module, "scale")
        hub.register_module_for_export(module, "again")
        with pytest.raises(ExporterError) as caught:
            hub.register_module_for_export(module, "scale")
    assert str(caught.value) == (
        f"The export_name is 'scale', which is taken by {module!r}. "
        "Register each module of a graph under a name of its own."
    )
    with tf.Graph().as_default():
        hub.register_module_for_export(hub.Module(programs.scale_spec()), "scale")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "it must name a directory, and may not begin with a dot"),
        ("..", "it must name a directory, and may not begin with a dot"),
        (3, "it must name a directory, and may not begin with a dot"),
        ("a/b", "it must name a single directory, without slashes"),
    ],
)
def test_a_name_that_is_no_directory_is_refused(name: Any, fault: str) -> None:
    with tf.Graph().as_default(), pytest.raises(ExporterError) as caught:
        hub.register_module_for_export(hub.Module(programs.scale_spec()), name)
    assert str(caught.value) == f"The export_name is {name!r}; {fault}."


def test_a_path_is_no_module() -> None:
    with pytest.raises(ExporterError) as caught:
        hub.register_module_for_export("path/to/module", "name")  # type: ignore[arg-type]
    assert str(caught.value) == "What is registered for export is a tf1hub.Module, not 'path/to/module'."


def test_registering_does_not_keep_the_graph_alive() -> None:
    import gc
    import weakref

    graph = tf.Graph()
    with graph.as_default():
        hub.register_module_for_export(hub.Module(programs.scale_spec()), "scale")
    watched = weakref.ref(graph)
    del graph
    gc.collect()
    assert watched() is None
