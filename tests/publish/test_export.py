"""Exporting: the definition and the session's values, whole or not at all."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, run, tf1
from publish import programs

import tf1hub as hub
from tf1hub.format.checkpoint import CheckpointWriter


def test_what_is_built_around_the_module_does_not_leak(tmp_path: pathlib.Path) -> None:
    path = export(affine(), tmp_path / "first")
    with tf.Graph().as_default():
        module = hub.Module(path, trainable=True)
        loss = tf.reduce_sum(module([1.0])) * tf1.get_variable("head", initializer=2.0)
        train = tf1.train.GradientDescentOptimizer(0.5).minimize(loss)
        with tf1.Session() as session:
            initialize(session)
            session.run(train)
            module.export(tmp_path / "tuned", session)
    assert dict(hub.read_variables(str(tmp_path / "tuned"))) == {"a": 1.0, "b": 1.0}
    first, tuned = hub.load_module_spec(path), hub.load_module_spec(str(tmp_path / "tuned"))
    assert first.saved_model == tuned.saved_model


def test_spec_export_takes_the_variables_of_a_checkpoint(tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        tf1.get_variable("scope/a", initializer=7.0)
        tf1.get_variable("scope/b", initializer=8.0)
        tf1.get_variable("other", initializer=9.0)
        with tf1.Session() as session:
            initialize(session)
            tf1.train.Saver().save(session, str(tmp_path / "model"))
    spec = hub.create_module_spec(affine())
    spec.export(
        tmp_path / "m",
        checkpoint_path=str(tmp_path / "model"),
        name_transform_fn=lambda name: "scope/" + name,
    )
    with tf.Graph().as_default():
        assert run(hub.Module(str(tmp_path / "m"))([1.0])) == [15.0]


def test_a_checkpoint_that_does_not_fit_is_refused_with_all_faults(tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        tf1.get_variable("a", initializer=[7.0, 8.0])
        with tf1.Session() as session:
            initialize(session)
            tf1.train.Saver().save(session, str(tmp_path / "model"))
    with pytest.raises(hub.errors.CheckpointError) as caught:
        hub.create_module_spec(affine()).export(tmp_path / "m", checkpoint_path=str(tmp_path / "model"))
    assert str(caught.value) == (
        f"The checkpoint {tmp_path / 'model'} does not fit variant {{}} of module_fn():\n"
        "  a: shape [2] in the checkpoint, [] in the module\n"
        "  b: not in the checkpoint"
    )
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("name", ["saved_model.pb", "tfhub_module.pb", "variables", "saved_model.pbtxt"])
def test_what_is_there_of_a_module_is_never_overwritten(tmp_path: pathlib.Path, name: str) -> None:
    path = tmp_path / "m"
    path.mkdir()
    (path / name).write_text("data")
    (path / "precious").write_text("data")
    with pytest.raises(hub.errors.ExportError) as caught:
        export(affine(), path)
    assert str(caught.value) == (
        f"Cannot export to {path}: something is there already ({name}). "
        "Exporting never overwrites; choose a new path, or remove what is there."
    )
    assert sorted(file.name for file in path.iterdir()) == sorted([name, "precious"])


def test_no_path_is_not_the_working_directory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(hub.errors.ExportError) as caught:
        export(affine(), "")
    assert str(caught.value) == "Cannot export to '': the path is empty. Give the path of a new directory."
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_is_never_overwritten(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m").write_text("precious")
    with pytest.raises(hub.errors.ExportError) as caught:
        export(affine(), tmp_path / "m")
    assert str(caught.value) == (
        f"Cannot export to {tmp_path / 'm'}: something is there already. "
        "Exporting never overwrites; choose a new path, or remove what is there."
    )
    assert (tmp_path / "m").read_text() == "precious"


def test_a_module_goes_beside_other_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m" / "events").mkdir(parents=True)
    (tmp_path / "m" / "train.log").write_text("step 1")
    (tmp_path / "link").symlink_to("m")
    path = export(affine(), tmp_path / "link")
    with tf.Graph().as_default():
        assert run(hub.Module(path)([1.0])) == [3.0]
    assert (tmp_path / "m" / "train.log").read_text() == "step 1"
    assert sorted(os.listdir(tmp_path / "m")) == [
        "events", "saved_model.pb", "tfhub_module.pb", "train.log", "variables",
    ]  # fmt: skip
    with pytest.raises(hub.errors.ExportError, match="something is there already"):
        export(affine(), path)


def test_assets_of_somebody_else_stay_as_they_are(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        path = tf1.constant(str(tmp_path / "vocab.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, path)
        hub.add_signature(outputs=tf1.io.read_file(path))

    (tmp_path / "vocab.txt").write_text("a")
    (tmp_path / "m" / "assets").mkdir(parents=True)
    (tmp_path / "m" / "assets" / "vocab.txt").write_text("precious")
    with pytest.raises(hub.errors.ExportError, match=r"something is there already \(assets\)"):
        hub.create_module_spec(module_fn).export(tmp_path / "m")
    assert os.listdir(tmp_path / "m") == ["assets"]
    assert (tmp_path / "m" / "assets" / "vocab.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["saved_model.pb", "variables", "tfhub_module.pb"])
def test_beside_other_files_it_is_whole_or_not_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "train.log").write_text("step 1")
    there: list[str] = []
    rename = os.rename

    def failing(source: str, target: str) -> None:
        if target == str(tmp_path / name):
            there[:] = os.listdir(tmp_path)
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("tf1hub.storage.whole.os.rename", failing)
    with pytest.raises(hub.errors.ExportError) as caught:
        export(affine(), tmp_path)
    assert str(caught.value) == f"Cannot export to {tmp_path}: Input/output error."
    assert os.listdir(tmp_path) == ["train.log"]
    if name == "tfhub_module.pb":
        assert {"saved_model.pb", "variables"} < set(there)
    assert "tfhub_module.pb" not in there


def test_an_empty_directory_and_missing_parents_are_fine(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "new" / "deeper"):
        with tf.Graph().as_default():
            assert run(hub.Module(export(affine(), path))([1.0])) == [3.0]


def test_variables_without_values_are_explained(tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(affine()))
        with (
            tf1.Session() as session,
            pytest.raises(hub.errors.ExportError, match="Run its initializers, or restore"),
        ):
            module.export(tmp_path / "m", session)
    assert list(tmp_path.iterdir()) == []


def test_variables_of_other_variants_have_no_value_in_a_new_module(tmp_path: pathlib.Path) -> None:
    def module_fn(extra: bool) -> None:
        affine()()
        if extra:
            tf1.get_variable("steps", initializer=0)

    spec = hub.create_module_spec(module_fn, [(set(), {"extra": False}), ({"train"}, {"extra": True})])
    with tf.Graph().as_default():
        module = hub.Module(spec)
        with tf1.Session() as session:
            initialize(session)
            with pytest.raises(hub.errors.ExportError) as caught:
                module.export(tmp_path / "m", session)
    assert str(caught.value) == (
        "Cannot export from variant {} of module_fn(): variant {'train'} of module_fn() has variables that it "
        "lacks: steps; and the module came without values for them. Make that variant too, over the same state and before "
        "initializers run: tf1hub.Module(module, tags={'train'}). Or export from the variant that owns all variables, "
        "usually {'train'}."
    )
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec)
        hub.Module(module, tags={"train"})
        initialize(session)
        module.export(tmp_path / "m", session)
    assert dict(hub.read_variables(tmp_path / "m")) == {"a": 2.0, "b": 1.0, "steps": 0}


@pytest.mark.parametrize("tags", [{"gen"}, {"disc"}])
def test_the_networks_that_a_program_does_not_use_keep_what_they_are(
    tmp_path: pathlib.Path, tags: set[str]
) -> None:
    """Of several networks, no variant owns all variables."""
    stored = {"gen/factors": [5.0, 0.0, 0.0], "disc/factors": [1.0, 2.0, 3.0]}
    programs.two_networks().export(tmp_path / "m", values=stored)
    with tf.Graph().as_default():
        module = hub.Module(str(tmp_path / "m"), tags=tags, trainable=True)
        step = tf1.train.GradientDescentOptimizer(0.5).minimize(module([1.0]))
        with tf1.Session() as session:
            initialize(session)
            session.run(step)
            module.export(tmp_path / "tuned", session)
    expected = {"gen/factors": [4.5, -0.5, -0.5]} if tags == {"gen"} else {"disc/factors": [0.5, 1.5, 2.5]}
    written = hub.read_variables(tmp_path / "tuned")
    assert {name: written[name].tolist() for name in written} == {**stored, **expected}
    with tf1.Session(graph=tf.Graph()) as session, session.graph.as_default():
        outputs = [hub.Module(str(tmp_path / "tuned"), tags={name})([1.0]) for name in ("gen", "disc")]
        initialize(session)
        assert session.run(outputs) == ([[3.5], [6.0]] if tags == {"gen"} else [[5.0], [4.5]])


def test_a_damaged_checkpoint_is_no_source_of_values(tmp_path: pathlib.Path) -> None:
    programs.two_networks().export(
        tmp_path / "m", values={"gen/factors": [5.0, 0.0, 0.0], "disc/factors": [1.0, 2.0, 3.0]}
    )
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(str(tmp_path / "m"), tags={"gen"})
        initialize(session)
        for file in (tmp_path / "m" / "variables").iterdir():
            file.unlink()
        with CheckpointWriter(tmp_path / "m" / "variables" / "variables") as writer:
            writer.add("gen/factors", np.zeros(3, np.float32))
        with pytest.raises(hub.errors.CheckpointError) as caught:
            module.export(tmp_path / "tuned", session)
    assert str(caught.value) == (
        f"The checkpoint {tmp_path}/m/variables/variables does not fit variant {{'disc'}} of {tmp_path}/m:\n"
        "  disc/factors: not in the checkpoint"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_full_disk_leaves_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = hub.create_module_spec(affine())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tf1hub.storage.whole.flush", full)
    with pytest.raises(hub.errors.ExportError, match="No space left on device"):
        export(spec, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_killed_at_any_moment_nothing_looks_finished(tmp_path: pathlib.Path) -> None:
    """A process that exports again and again is killed at random moments."""
    program = textwrap.dedent(
        """
        import itertools, pathlib, sys
        import numpy as np
        from tf1hub.format.checkpoint import CheckpointWriter
        from tf1hub.format.module_reader import read_module
        from tf1hub.format.module_writer import write_module
        root, source = pathlib.Path(sys.argv[1]), read_module(sys.argv[2])
        def variables(prefix):
            with CheckpointWriter(prefix) as writer:
                for name in ("a", "b"):
                    writer.add(name, np.float32(1))
        print("ready", flush=True)
        for number in itertools.count():
            write_module(str(root / str(number)), source.saved_model, {}, variables)
        """
    )
    source = export(affine(), tmp_path / "source")
    root = tmp_path / "out"
    root.mkdir()
    finished = 0
    for attempt in range(8):
        directory = root / str(attempt)
        directory.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(directory), source],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.02 + 0.013 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in directory.iterdir():
            if not path.name.startswith("."):
                hub.load_module_spec(str(path)).variant()
                hub.read_variables(str(path)).verify()
                finished += 1
    assert finished > 0


def test_to_and_from_a_path_that_only_tensorflows_file_layer_reads() -> None:
    path = export(affine(4.0, 5.0), "ram://tf1hub-test/module")
    with tf.Graph().as_default():
        assert run(hub.Module(path)([1.0])) == [9.0]
    with pytest.raises(hub.errors.ExportError, match="something is there already"):
        export(affine(), path)


def test_partitioned_variables_round_trip(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        table = tf1.get_variable(
            "table",
            [5, 2],
            initializer=tf1.random_uniform_initializer(seed=1),
            partitioner=tf1.fixed_size_partitioner(3),
        )
        hub.add_signature(outputs=tf.convert_to_tensor(table))

    path = export(module_fn, tmp_path / "m")
    with tf.Graph().as_default():
        value = run(hub.Module(path)())
    np.testing.assert_array_equal(value, hub.read_variables(path)["table"])
