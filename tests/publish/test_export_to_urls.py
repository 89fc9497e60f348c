"""What can be resolved can be exported to, and every path that a module or a caller gives is a place."""

from __future__ import annotations

import os
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from building import affine, initialize, run
from publish import programs

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.errors import CheckpointError, CreationError, ExportError, NotAModuleError
from tf1hub.handles import lockfile
from tf1hub.publish.staging import keep_latest, timestamped_path
from tf1hub.storage import place_at

tf1 = tf.compat.v1


@pytest.fixture(params=["file", "memory", "ram"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place behind a URL."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    if request.param == "file":
        return f"file://{tmp_path}/store"
    if request.param == "memory":
        pytest.importorskip("fsspec")
    return f"{request.param}://tests-{uuid.uuid4().hex}"


def value(handle: Any, *inputs: Any) -> Any:
    with tf.Graph().as_default():
        return run(hub.Module(handle)(*inputs))


def export_spec(path: str) -> None:
    hub.create_module_spec(affine()).export(path, values={"a": 2.0, "b": 1.0})


def export_module(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(hub.create_module_spec(affine()))
        initialize(session)
        module.export(path, session)


def export_loaded(path: str) -> None:
    hub.load(hub.create_module_spec(affine())).export(path)


@pytest.mark.parametrize("export", [export_spec, export_module, export_loaded])
def test_modules_are_exported_to_urls_and_used_from_there(root: str, export: Callable[[str], None]) -> None:
    export(f"{root}/m")
    assert value(f"{root}/m", [1.0]) == [3.0]
    assert hub.load(f"{root}/m")(tf.constant([2.0])).numpy().tolist() == [5.0]
    with pytest.raises(ExportError) as caught:
        export(f"{root}/m")
    assert str(caught.value) == (
        f"Cannot export to {root}/m: something is there already (saved_model.pb, tfhub_module.pb, variables). "
        "Exporting never overwrites; choose a new path, or remove what is there."
    )


def test_a_module_goes_beside_other_files_at_a_url_too(root: str) -> None:
    place_at(f"{root}/m").write("train.log", [b"step 1"])
    export_spec(f"{root}/m")
    assert place_at(f"{root}/m").list("") == ["saved_model.pb", "tfhub_module.pb", "train.log", "variables"]


def test_modules_are_converted_to_urls_and_from_them(root: str, tmp_path: pathlib.Path) -> None:
    export_spec(f"{root}/m")
    hub.convert(f"{root}/m", f"{root}/saved_model")
    assert place_at(f"{root}/saved_model").size("saved_model.pb")
    for name, size in place_at(f"{root}/saved_model").files("").items():
        place_at(tmp_path / "copy").write(name, place_at(f"{root}/saved_model").chunks(name))
        assert os.path.getsize(tmp_path / "copy" / name) == size
    loaded = tf.saved_model.load(str(tmp_path / "copy"))
    assert loaded(tf.constant([2.0])).numpy().tolist() == [5.0]


def test_saved_models_and_checkpoints_behind_urls_become_modules(root: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None])
        y = x * tf1.get_variable("w", initializer=3.0)
        initialize(session)
        tf1.train.Saver().save(session, str(tmp_path / "training" / "model"), global_step=7)
        builder = tf1.saved_model.Builder(str(tmp_path / "saved"))
        signature = tf1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    for folder in ("training", "saved"):
        for name in place_at(tmp_path / folder).files(""):
            place_at(f"{root}/{folder}").write(name, place_at(tmp_path / folder).chunks(name))
    (tmp_path / "training" / "checkpoint").unlink()

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=0.0))

    spec = hub.create_module_spec_from_saved_model(
        f"{root}/saved", inference_tags={"serve"}, default_signature="serving_default"
    )
    with tf.Graph().as_default():
        assert run(hub.Module(spec)([2.0])) == [6.0]
    for place in (f"{root}/training", f"{root}/training/model-7"):
        spec = hub.publish.from_checkpoint(module_fn, place)
        with tf.Graph().as_default():
            assert run(hub.Module(spec)([2.0])) == [6.0]
    assert hub.read_variables(f"{root}/training/model-7")["w"] == 3.0
    hub.create_module_spec(module_fn).export(f"{root}/m", checkpoint_path=f"{root}/training/model-7")
    assert value(f"{root}/m", [2.0]) == [6.0]


def test_exports_of_a_program_behind_urls(root: str) -> None:
    def build() -> None:
        hub.register_module_for_export(hub.Module(hub.create_module_spec(affine()), name="module"), "affine")

    with tf.Graph().as_default(), tf1.Session() as session:
        build()
        initialize(session)
        tf1.train.Saver().save(session, "training/model")
    paths = hub.export_from_checkpoint(build, "training", f"{root}/exported")
    assert paths == {"affine": f"{root}/exported/affine"}
    assert value(paths["affine"], [1.0]) == [3.0]


def test_text_embeddings_from_urls_to_urls(root: str) -> None:
    import gzip

    place_at(root).write("vectors.txt.gz", [gzip.compress(b"cat 1 2\ndog 3 4\n")])
    seen: list[hub.Progress] = []
    made = hub.publish.text_embedding(
        f"{root}/vectors.txt.gz", f"{root}/m", combiner="sum", progress=seen.append
    )
    assert made.path == f"{root}/m"
    assert seen[-1].done == seen[-1].total
    assert value(f"{root}/m", ["cat dog", ""]).tolist() == [[4.0, 6.0], [0.0, 0.0]]


def test_frozen_graphs_behind_urls(root: str) -> None:
    with tf.Graph().as_default() as graph:
        tf.add(tf1.placeholder(tf.float32, [None], name="x"), 1.0, name="y")
    place_at(root).write("frozen.pb", [graph.as_graph_def().SerializeToString()])
    hub.publish.from_frozen_graph(f"{root}/frozen.pb", "x", "y").export(f"{root}/m")
    assert value(f"{root}/m", [1.0]) == [2.0]
    with pytest.raises(CreationError, match=r"nothing\.pb cannot be read: "):
        hub.publish.from_frozen_graph(f"{root}/nothing.pb", "x", "y")


def test_bundles_and_lock_files_behind_urls(root: str, tmp_path: pathlib.Path) -> None:
    store = f"memory://tests-{uuid.uuid4().hex}/m"
    pytest.importorskip("fsspec")
    export_spec(store)
    assert main(["bundle", "-o", f"{root}/modules.tar.gz", store]) == 0
    assert main(["lock", store, "--lock-file", f"{root}/tf1hub.lock"]) == 0
    (locked,) = lockfile.load(f"{root}/tf1hub.lock")
    assert locked.handle == store
    place_at(store).remove("")
    other = str(tmp_path / "other")
    assert main(["install", f"{root}/modules.tar.gz", "--cache-dir", other]) == 0
    assert hub.resolve(store, cache_dir=other, lock_file=f"{root}/tf1hub.lock").startswith(other)
    place_at(f"{root}/tf1hub.lock").write("", [b'version = 1\n[[module]]\nhandle = "%s"\n' % store.encode()])
    with pytest.raises(hub.errors.HandleError, match="needs a handle and a digest"):
        hub.resolve(store, cache_dir=other, lock_file=f"{root}/tf1hub.lock")


def test_assets_behind_file_urls(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were looked for below the working directory."""
    (tmp_path / "words.txt").write_text("a\nb\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        initializer = tf.lookup.TextFileInitializer(
            f"file://{tmp_path}/words.txt",
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        hub.add_signature(inputs=words, outputs=tf.lookup.StaticHashTable(initializer, -1).lookup(words))

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default():
        assert run(hub.Module(spec)(["b", "c"])).tolist() == [1, -1]
    assert hub.load(spec)(tf.constant(["b"])).numpy().tolist() == [1]
    spec.export(f"file://{tmp_path}/m")
    assert (tmp_path / "m" / "assets" / "words.txt").read_text() == "a\nb\n"
    assert str(tmp_path).encode() not in (tmp_path / "m" / "saved_model.pb").read_bytes()
    assert value(f"file://{tmp_path}/m", ["b"]).tolist() == [1]
    hub.convert(f"file://{tmp_path}/m", f"file://{tmp_path}/saved_model")
    os.rename(tmp_path / "m", tmp_path / "gone")
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert loaded(tf.constant(["b"])).numpy().tolist() == [1]
    (tmp_path / "words.txt").unlink()
    with pytest.raises(hub.errors.FormatError, match=rf"lacks assets: {tmp_path}/words\.txt\."):
        value(hub.create_module_spec(module_fn), ["b"])
    with pytest.raises(ExportError) as caught:
        spec.export(tmp_path / "other")
    assert str(caught.value) == (
        f"Cannot export to {tmp_path}/other: the asset 'words.txt' should be copied from {tmp_path}/words.txt, "
        "which cannot be read: No such file or directory."
    )


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        (
            lambda: export_spec("nosuch://bucket/m"),
            hub.errors.MissingDependencyError,
            "Nothing here can reach nosuch",
        ),
        (
            lambda: hub.publish.from_checkpoint(affine(), "memory://nothing/model"),
            CheckpointError,
            "there is no such file, so memory://nothing/model is no checkpoint",
        ),
        (
            lambda: hub.create_module_spec_from_saved_model("memory://nothing"),
            NotAModuleError,
            "There is no SavedModel at memory://nothing: it has no saved_model.pb. It has: nothing.",
        ),
        (
            lambda: hub.create_module_spec(affine()).export(
                "memory://m", checkpoint_path="memory://nothing/model"
            ),
            CheckpointError,
            "memory://nothing/model is no checkpoint",
        ),
    ],
)
def test_places_without_what_was_asked_for(ask: Callable[[], Any], kind: type[Exception], words: str) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(kind) as caught:
        ask()
    assert words in str(caught.value)


def test_a_store_that_refuses_is_no_raw_error(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def denied(*_args: Any, **_options: Any) -> None:
        raise OSError("403 Forbidden")

    monkeypatch.setattr(type(memory), "_open", denied)
    for export in (export_spec, export_module, export_loaded):
        with pytest.raises(ExportError) as caught:
            export("memory://refused/m")
        assert str(caught.value) == "memory://refused/m/saved_model.pb cannot be written: 403 Forbidden."


def test_a_named_table_and_its_file_travel_to_a_url(root: str, tmp_path: pathlib.Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(programs.table_spec(tmp_path))
        initialize(session)
        module.export(f"{root}/m", session)
    assert value(f"{root}/m", ["b", "?"]).tolist() == [[2.0], [3.0]]


def test_assets_behind_urls_are_sized_and_compared(root: str) -> None:
    def asset(content: bytes) -> hub.ModuleSpec:
        place_at(f"{root}/{content.decode()}").write("words.txt", [content])

        def module_fn() -> None:
            path = tf1.constant(f"{root}/{content.decode()}/words.txt")
            tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, path)
            hub.add_signature(outputs=path)

        return hub.create_module_spec(module_fn)

    one, other = asset(b"one"), asset(b"two")
    assert [(found.name, found.bytes) for found in hub.inspect(one).assets] == [("words.txt", 3)]
    assert hub.diff(one, asset(b"one")).same
    assert [found.subject for found in hub.diff(one, other).differences] == ["asset"]
    one.export(f"{root}/m")
    assert place_at(f"{root}/m").read("assets/words.txt") == b"one"


def test_exports_named_by_their_time_behind_urls(root: str) -> None:
    base = f"{root}/export"
    assert timestamped_path(base).startswith(f"{base}/1")
    place = place_at(base)
    for number in (9999999990, 9999999991, 9999999992):
        place.write(f"{number}/saved_model.pb", [b""])
    place.write("9999999995", [b"a file of that name stays, and counts"])
    place.write("notes/today", [b""])
    assert timestamped_path(base) == f"{base}/9999999996"
    place.remove("9999999995")
    keep_latest(base, 2)
    assert place.list("") == ["9999999991", "9999999992", "notes"]


def test_the_variables_of_a_module_in_the_cache_need_no_store(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    place = f"memory://tests-{uuid.uuid4().hex}/m"
    export_spec(place)
    assert hub.read_variables(place)["a"] == 2.0

    def gone(*_args: Any, **_options: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(type(memory), "info", gone)
    assert hub.read_variables(place)["a"] == 2.0
