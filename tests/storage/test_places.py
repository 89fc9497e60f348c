"""Every kind of place, by the same tests: a local directory, fsspec's memory, TensorFlow's ram."""

from __future__ import annotations

import os
import uuid

import pytest

from tf1hub.errors import CacheError, DownloadError, ExportError, FormatError, HandleError
from tf1hub.storage import Faults, absolute, is_remote, join_path, local_path, place_at, split_path
from tf1hub.storage.whole import check_free, new_directory

FAULTS = Faults(DownloadError, CacheError)


@pytest.fixture(params=["local", "file", "memory", "ram"])
def root(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "place")
    if request.param == "file":
        return f"file://{tmp_path}/place"
    pytest.importorskip({"memory": "fsspec", "ram": "tensorflow"}[request.param])
    return f"{request.param}://tests-{uuid.uuid4().hex}/place"


def test_what_was_written_is_read(root):
    place = place_at(root)
    assert not place.exists("")
    assert place.list("") == []
    assert place.files("") == {}
    place.write("a/b.txt", [b"one", b"two"])
    place.write("c.txt", [])
    assert (place.exists(""), place.is_directory("")) == (True, True)
    assert place.list("") == ["a", "c.txt"]
    assert place.list("a") == ["b.txt"]
    assert place.list("nothing") == []
    assert place.files("") == {"a/b.txt": 6, "c.txt": 0}
    assert place.files("a") == {"b.txt": 6}
    assert place.read("a/b.txt") == b"".join(place.chunks("a/b.txt")) == b"onetwo"
    assert [place.size(name) for name in ("a/b.txt", "c.txt", "a", "nothing")] == [6, 0, None, None]
    assert [place.is_directory(name) for name in ("a", "a/b.txt", "nothing")] == [True, False, False]
    place.write("a/b.txt", [b"new"])
    assert place_at(join_path(root, "a/b.txt")).read("") == b"new"
    place.remove("a")
    place.remove("nothing")
    assert place.files("") == {"c.txt": 0}
    place.make_directory("d/e")
    place.make_directory("d/e")


def test_a_file_is_a_place_without_names_below_it(root):
    place_at(join_path(root, "vocab.txt")).write("", [b"a\n"])
    place = place_at(join_path(root, "vocab.txt"))
    assert (place.size(""), place.is_directory(""), place.list(""), place.files("")) == (2, False, [], {})


def test_times_of_files_are_those_of_this_machine_or_not_known(root):
    place = place_at(root)
    place.write("a/b/c.txt", [b"one"])
    place.write("d.txt", [b""])
    found = place.files_with_times("")
    times = {name: os.stat(place.path(name)).st_mtime_ns if place.is_local else 0 for name in found}
    assert found == {"a/b/c.txt": (3, times["a/b/c.txt"]), "d.txt": (0, times["d.txt"])}


def test_files_of_this_machine_are_read_and_listed_whatever_they_are(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"content")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    place = place_at(tmp_path)
    assert place.files("") == {"linked/file": 7, "real/file": 7}
    with pytest.raises(FormatError, match=r"real cannot be read: Is a directory\.$"):
        place.read("real")
    (tmp_path / "lost").symlink_to(tmp_path / "nothing")
    with pytest.raises(FormatError, match=r" cannot be listed: No such file or directory\.$"):
        place.files("")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system has no files of processes")
def test_a_file_that_says_no_size_is_read_whole():
    assert place_at("/proc/self").read("status").startswith(b"Name:")


def test_what_cannot_be_read_is_an_error_of_ours_whose_class_the_caller_chooses(root):
    with pytest.raises(FormatError, match=r"nothing\.pb cannot be read: ") as caught:
        place_at(root).read("nothing.pb")
    assert caught.value.__cause__ is not None
    with pytest.raises(DownloadError, match=r"nothing\.pb cannot be read: "):
        list(place_at(root, FAULTS).chunks("nothing.pb"))


def test_a_file_is_created_once(root):
    place = place_at(f"{root}/claims")
    assert place.create("claim.json", b"mine")
    assert not place.create("claim.json", b"yours")
    assert place.read("claim.json") == b"mine"
    assert place.list("") == ["claim.json"]


def test_a_write_that_breaks_off_leaves_nothing(root):
    def breaking():
        yield b"half"
        raise KeyboardInterrupt

    place = place_at(root)
    place.write("there", [b"x"])
    with pytest.raises(KeyboardInterrupt):
        place.write("file", breaking())
    assert place.files("") == {"there": 1}


def test_a_file_where_a_directory_would_be_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError) as caught:
        place_at(tmp_path).write("file/below", [b""])
    assert str(caught.value) == f"{tmp_path}/file/below cannot be written: File exists."
    with pytest.raises(CacheError):
        place_at(tmp_path, FAULTS).make_directory("file/below")


def test_a_store_that_fails_has_its_error_turned_into_ours(monkeypatch):
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def denied(*_args, **_options):
        raise RuntimeError("403 Forbidden")

    monkeypatch.setattr(type(memory), "_open", denied)
    with pytest.raises(ExportError) as caught:
        place_at("memory://bucket").write("m?Signature=hush", [b""])
    assert str(caught.value) == "memory://bucket/m?Signature=*** cannot be written: 403 Forbidden."
    monkeypatch.setattr(type(memory), "info", denied)
    with pytest.raises(ExportError, match="403 Forbidden"):
        check_free("memory://bucket/m")


def test_a_new_directory_appears_whole(root):
    with new_directory(root, "last.pb") as directory:
        os.makedirs(os.path.join(directory, "a"))
        for name in ("a/b", "last.pb"):
            with open(os.path.join(directory, name), "w") as file:
                file.write(name)
        assert not place_at(root).exists("last.pb")
    assert place_at(root).files("") == {"a/b": 3, "last.pb": 7}
    with pytest.raises(ExportError) as caught:
        check_free(root)
    assert str(caught.value) == (
        f"Cannot export to {root}: something is there already. "
        "Exporting never overwrites; choose a new path, or remove what is there."
    )


def test_a_new_directory_that_fails_is_not_there(root):
    with pytest.raises(ZeroDivisionError), new_directory(root, "last.pb"):
        raise ZeroDivisionError
    assert not place_at(root).exists("")


@pytest.mark.parametrize("scheme", ["memory", "ram"])
def test_an_upload_that_breaks_off_is_taken_back_and_spares_what_was_there(scheme, monkeypatch):
    pytest.importorskip({"memory": "fsspec", "ram": "tensorflow"}[scheme])
    root = f"{scheme}://tests-{uuid.uuid4().hex}/place"
    place = place_at(root)
    place.write("train.log", [b"step 1"])
    written = []
    write = type(place).write

    def failing(self, name, chunks):
        written.append(name)
        if name == "last.pb":
            raise ExportError("full")
        write(self, name, chunks)

    def fill(directory):
        os.makedirs(os.path.join(directory, "a"))
        for name in ("last.pb", "a/b", "z"):
            open(os.path.join(directory, name), "w").close()

    monkeypatch.setattr(type(place), "write", failing)
    with pytest.raises(ExportError, match="full"), new_directory(root, "last.pb", {"last.pb"}) as directory:
        fill(directory)
    assert written == ["a/b", "z", "last.pb"]
    assert place.files("") == {"train.log": 6}


@pytest.mark.parametrize(
    ("path", "remote"),
    [("gs://b/m", True), ("S3://b/m", True), ("file:///m", False), ("FILE:///m", False), ("/m", False)],
)
def test_file_urls_are_of_this_machine(path, remote):
    assert is_remote(path) == remote


def test_spellings_of_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("m") == absolute(f"file://{tmp_path}/m") == str(tmp_path / "m")
    assert absolute("gs://b/m/") == "gs://b/m"
    assert local_path(f"file://localhost{tmp_path}/a%20b") == f"{tmp_path}/a b"
    (tmp_path / "a%20b").write_text("")
    assert local_path(f"file://{tmp_path}/a%20b") == f"{tmp_path}/a%20b"
    assert split_path("gs://b/d/model.ckpt") == ("gs://b/d", "model.ckpt")
    with pytest.raises(HandleError) as caught:
        local_path("file://other/m")
    assert str(caught.value) == "'file://other/m' names the host 'other'. Write file:///PATH instead."
