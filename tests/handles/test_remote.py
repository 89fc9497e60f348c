"""Remote storage: modules in it, caches in it, and the uncompressed load format."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from archives import MODULE, tgz, tree, write
from misbehaving_server import in_turn, whole

from tf1hub.errors import ArchiveError, DownloadError, MissingDependencyError, NotAModuleError, OfflineError
from tf1hub.handles import bundle
from tf1hub.handles.api import download, resolve
from tf1hub.storage import place_at

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    return store


def put(memory, place, files=MODULE):
    for name, data in files.items():
        memory.pipe(f"{place}/{name}", data)
    return f"memory:/{place}"


def test_directory_that_only_fsspec_reads_is_copied_into_the_cache(memory, cache):
    url = put(memory, "/models/m")
    directory = resolve(url)
    assert directory.startswith(str(cache))
    assert tree(directory) == MODULE
    memory.rm("/models/m", recursive=True)
    assert resolve(f"{url}/") == directory


def test_remote_archive_is_unpacked(memory):
    memory.pipe("/models/m.tar.gz", tgz())
    assert tree(resolve("memory://models/m.tar.gz")) == MODULE


@pytest.mark.usefixtures("memory")
def test_remote_directory_with_nothing_in_it():
    with pytest.raises(NotAModuleError, match="There is no directory memory://models/none"):
        resolve("memory://models/none")


def test_half_a_remote_module_is_refused(memory):
    url = put(memory, "/m", {"tfhub_module.pb": b"\x08\x03", "variables/variables.index": b"x"})
    with pytest.raises(
        NotAModuleError, match=r"saved_model\.pb is missing or empty; variables/variables\.data-\*"
    ):
        resolve(url)


def test_remote_directory_with_other_files_is_refused(memory):
    url = put(memory, "/m", {**MODULE, "run.sh": b"evil"})
    with pytest.raises(ArchiveError, match=r"'run\.sh', which no module"):
        resolve(url)
    assert "run.sh" in tree(resolve(url, allow_extra_files=True))


def test_scheme_that_nobody_knows_says_what_to_install(monkeypatch):
    monkeypatch.setattr("tf1hub.storage.with_tensorflow.place_at", lambda *_: None)
    with pytest.raises(
        MissingDependencyError, match=r"pip install 'tf1hub\[remote\]' and fsspec's package for nosuch"
    ):
        resolve("nosuch://bucket/m")


def test_storage_that_tensorflow_reads_is_used_in_place():
    assert resolve("gs://bucket/m/") == "gs://bucket/m"
    assert resolve("hdfs://node/m") == "hdfs://node/m"


def test_cache_in_remote_storage(memory, server, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "memory://cache")
    url = server.on("/M/1", whole(tgz()))
    place = resolve(url)
    assert place.startswith("memory://cache/")
    key = place.rpartition("/")[2]
    assert {name: memory.cat(f"/cache/{key}/{name}") for name in MODULE} == MODULE
    assert resolve(url) == place
    assert len(server.log) == 1
    memory.rm(f"/cache/{key}/saved_model.pb")
    assert resolve(url) == place
    assert memory.cat(f"/cache/{key}/saved_model.pb") == MODULE["saved_model.pb"]


@pytest.mark.usefixtures("memory")
def test_remote_cache_without_network(server, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "memory://cache")
    url = server.on("/M/1", whole(tgz()))
    with pytest.raises(OfflineError):
        resolve(url, offline=True)
    place = resolve(url)
    assert resolve(url, offline=True) == place


def test_uncompressed_format_names_a_place_that_is_read_in_place(server, monkeypatch, cache):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    url = server.on("/P/M/1", lambda request: request.answer(b"gs://bucket/P/M/1\n", 303))
    assert resolve(url) == "gs://bucket/P/M/1"
    assert server.log[0].path == "/P/M/1?tf-hub-format=uncompressed"
    # It is remembered, so the host need not be asked again.
    assert resolve(url, offline=True) == "gs://bucket/P/M/1"
    assert (cache / "redirects.toml").read_text().endswith(f'"{url}" = "gs://bucket/P/M/1"\n')


def test_uncompressed_format_after_a_fault_that_passes(server, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "uncompressed")
    monkeypatch.setattr("tf1hub.handles.uncompressed.time.sleep", lambda _: None)
    url = server.on(
        "/M/1",
        in_turn(lambda request: request.answer(b"", 503), lambda request: request.answer(b"gs://b/m", 303)),
    )
    assert resolve(url) == "gs://b/m"


def test_uncompressed_format_of_a_host_that_has_none(server, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    url = server.on("/M/1", whole(tgz()))
    with pytest.raises(
        DownloadError, match=r"answered 200 and not, with 303, a place in storage.*unset TFHUB_MODEL"
    ):
        resolve(url)


def test_uncompressed_place_is_copied_where_tensorflow_cannot_read_it(memory, server, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    place = put(memory, "/store/m")
    url = server.on("/M/1", lambda request: request.answer(place.encode(), 303))
    assert tree(resolve(url)) == MODULE


def test_bundle_refuses_local_paths(tmp_path):
    from tf1hub.errors import HandleError
    from tf1hub.handles.handle import parse

    folder = write(tmp_path / "m")
    with pytest.raises(HandleError, match="is a path of this machine"):
        bundle.make(str(tmp_path / "b.tar"), [(parse(folder), str(folder))])
    assert not (tmp_path / "b.tar").exists()


def test_resolving_imports_no_tensorflow(server, tmp_path):
    url = server.on("/m", whole(tgz()))
    program = (
        "import sys; from tf1hub.handles import resolve; resolve(sys.argv[1], cache_dir=sys.argv[2]);"
        "print('tensorflow' in sys.modules, 'numpy' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-c", program, url, str(tmp_path / "c")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert answer.stdout == "False False\n"


def test_ram_that_only_tensorflow_reads():
    tf = pytest.importorskip("tensorflow")
    for name, data in MODULE.items():
        tf.io.gfile.makedirs(f"ram://m/{name}".rpartition("/")[0])
        with tf.io.gfile.GFile(f"ram://m/{name}", "wb") as file:
            file.write(data)
    assert resolve("ram://m") == "ram://m"
    assert tree(download("ram://m")) == MODULE


def test_cache_in_ram_of_tensorflow(server, monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.setenv("TFHUB_CACHE_DIR", "ram://cache")
    url = server.on("/M/1", whole(tgz()))
    place = resolve(url)
    assert place_at(place).read("saved_model.pb") == MODULE["saved_model.pb"]
    assert resolve(url) == place
    assert len(server.log) == 1
