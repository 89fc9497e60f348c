"""A folder of modules is the truth: what lies in it is found, described and searched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository.folders import golden, lay, lay_archive

import tf1hub as hub
from tf1hub.errors import HandleError, RepositoryError, UnknownModuleError
from tf1hub.handles.manifest import content_digest, of_directory
from tf1hub.repository.module_names import ModuleName, module_name, version_name
from tf1hub.repository.repository import Repository


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    lay(root, "demo/half/1", page="# Half\n\nHalves a number and adds two. For *tests*.")
    lay(root, "demo/half/2")
    lay(root, "demo/nested/name/7", "image")
    lay_archive(root, "other/text/1", "text_embedding")
    (root / "demo" / "README.md").write_text("The people of the demo.")
    (root / "demo" / "half" / "notes").mkdir()
    return root


@pytest.fixture(scope="module")
def repository(folder: Path) -> Iterator[Repository]:
    with Repository(folder) as made:
        assert made.refresh() == (4, 0)
        yield made


def test_all_versions_are_found_and_described(repository: Repository) -> None:
    assert repository.publishers() == {"demo": 2, "other": 1}
    assert [record.version for record in repository.versions("demo/half")] == [2, 1]
    record = repository.record("demo/half/1")
    assert record.digest == content_digest(of_directory(str(golden())))
    assert record.parameters == hub.inspect(str(golden())).parameters
    assert record.summary == "Halves a number and adds two. For tests."
    assert repository.record("demo/nested/name/7").tasks == ("image_classification", "image_feature_vector")
    assert repository.publisher_page("demo") == "The people of the demo."


def test_an_archive_is_the_module_that_it_holds(repository: Repository) -> None:
    record = repository.record("other/text/1")
    assert record.digest == content_digest(of_directory(str(golden("text_embedding"))))
    described = repository.description("other/text/1")
    expected = hub.inspect(str(golden("text_embedding"))).to_dict()
    assert described["name"] == "other/text/1"
    assert [variant["tags"] for variant in described["variants"]] == [
        list(variant["tags"]) for variant in expected["variants"]
    ]
    assert described["totals"] == expected["totals"]


def test_the_manifest_has_every_file(repository: Repository) -> None:
    manifest = repository.manifest("demo/half/1")
    assert {file["name"]: (file["size"], file["sha256"]) for file in manifest["files"]} == {
        file.name: (file.size, file.sha256) for file in of_directory(str(golden()))
    }


def test_search_finds_words_and_their_beginnings(repository: Repository) -> None:
    def names(query: str, **facets: list[str]) -> list[str]:
        return [str(record.name) for record in repository.modules(query, facets).records]

    assert names("hal") == ["demo/half/2"]
    assert names("IMAGE vec") == ["demo/nested/name/7"]
    assert names("demo") == ["demo/half/2", "demo/nested/name/7"]
    assert set(names("", task=["text_feature_vector", "image_classification"])) == {
        "demo/nested/name/7",
        "other/text/1",
    }
    assert names("half", publisher=["other"]) == []
    for hostile in (
        '"',
        "half OR nested",
        "NEAR(",
        "*",
        "a" * 10_000,
        "half\0",
        "'; DROP TABLE versions; --",
    ):
        repository.modules(hostile)
    assert names("half") == ["demo/half/2"]


def test_facets_count_what_else_could_be_chosen(repository: Repository) -> None:
    found = repository.modules("", {"publisher": ["demo"]})
    assert found.total == 2
    assert found.facets["publisher"] == {"demo": 2, "other": 1}
    assert found.facets["dtype"]["float32"] == 2
    both = repository.modules("demo", {"publisher": ["demo"], "size": ["tiny"]})
    assert both.facets["publisher"] == {"demo": 2}
    assert both.facets["size"] == {"tiny": 2}


def test_the_archive_is_the_same_bytes_wherever_it_is_made(
    repository: Repository, folder: Path, tmp_path: Path
) -> None:
    first = Path(repository.archive("demo/half/1"))
    shutil.copytree(folder / "demo", tmp_path / "elsewhere" / "demo")
    for path in (tmp_path / "elsewhere").rglob("*"):
        os.utime(path, (1, 1))
    with Repository(tmp_path / "elsewhere", state=str(tmp_path / "state")) as other:
        assert Path(other.archive("demo/half/1")).read_bytes() == first.read_bytes()
    with tarfile.open(first) as archive:
        # With directories, which the original library does not make by itself.
        assert archive.getnames() == [
            "saved_model.pb",
            "tfhub_module.pb",
            "variables",
            *(file.name for file in of_directory(str(golden())) if file.name.startswith("variables/")),
        ]
    target = tmp_path / "unpacked"
    shutil.unpack_archive(first, target)
    assert of_directory(str(target)) == of_directory(str(golden()))


def test_handles_without_a_number_mean_the_newest(repository: Repository) -> None:
    assert str(repository.find("demo/half")) == "demo/half/2"
    assert str(repository.find("demo/half/latest")) == "demo/half/2"
    with pytest.raises(
        UnknownModuleError, match=r"demo/half has no alias 'prod' in this repository\. It has: latest\."
    ):
        repository.find_alias(module_name("demo/half"), "prod")
    with pytest.raises(UnknownModuleError, match=r"^There is no demo/half/3 in this repository\.$"):
        repository.record("demo/half/3")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/1",
        "../a/1",
        "a/../1",
        "a//b/1",
        "a/b/01",
        "a/b/-1",
        "api/v1/1",
        "a/con/1",
        "a/b/1\n",
        "a/b c/1",
    ],
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(HandleError):
        version_name(text)


def test_a_folder_that_changes_is_followed(tmp_path: Path) -> None:
    lay(tmp_path, "demo/half/1")
    with Repository(tmp_path) as repository:
        assert repository.refresh() == (1, 0)
        lay(tmp_path, "demo/half/2", "image")
        # A single version is there at once; the search after the next look.
        assert repository.record("demo/half/2").tasks
        (tmp_path / "demo" / "half" / "1.md").write_text("# About\n\nA word: sesquipedalian.")
        repository.refresh()
        assert repository.record("demo/half/1").summary == "A word: sesquipedalian."
        shutil.rmtree(tmp_path / "demo" / "half" / "2")
        assert repository.refresh() == (0, 1)
        assert [record.version for record in repository.versions("demo/half")] == [1]
        assert repository.modules("sesqui").total == 1
        shutil.rmtree(tmp_path / "demo")
        repository.refresh()
        assert repository.modules().total == 0
        with pytest.raises(UnknownModuleError):
            repository.versions("demo/half")


@pytest.mark.parametrize("damage", ["missing", "garbage", "cut", "old"])
def test_an_index_that_is_lost_or_damaged_is_made_anew(tmp_path: Path, damage: str) -> None:
    lay(tmp_path, "demo/half/1")
    with Repository(tmp_path) as repository:
        repository.refresh()
        digest = repository.record("demo/half/1").digest
    index = tmp_path / ".tf1hub" / "index.sqlite"
    if damage == "missing":
        index.unlink()
    elif damage == "garbage":
        index.write_bytes(os.urandom(50_000))
    elif damage == "cut":
        index.write_bytes(index.read_bytes()[:5000])
    else:
        with sqlite3.connect(index) as connection:
            connection.execute("PRAGMA user_version=999")
        connection.close()
    with Repository(tmp_path) as repository:
        repository.refresh()
        assert repository.record("demo/half/1").digest == digest
        assert repository.modules("half").total == 1


def test_damaged_and_hostile_modules_are_listed_and_harm_nothing(tmp_path: Path) -> None:
    lay(tmp_path, "demo/whole/1")
    cut = lay(tmp_path, "demo/cut/1")
    (cut / "saved_model.pb").write_bytes((cut / "saved_model.pb").read_bytes()[:100])
    lost = lay(tmp_path, "demo/lost/1")
    (lost / "variables" / "variables.index").unlink()
    empty = tmp_path / "demo" / "empty" / "1"
    empty.mkdir(parents=True)
    bomb = tmp_path / "demo" / "bomb" / "1.tar.gz"
    bomb.parent.mkdir()
    bomb.write_bytes(b"\x1f\x8b\x08\0" + os.urandom(1000))
    huge = lay(tmp_path, "demo/huge/1")
    with open(huge / "variables" / "variables.data-00000-of-00001", "r+b") as file:
        file.truncate(10 << 30)
    with Repository(tmp_path) as repository:
        repository.refresh()
        found = {record.name.name: record for record in repository.modules(limit=20).records}
        assert {name: record.status for name, record in found.items()} == {
            "whole": "ok",
            **dict.fromkeys(["cut", "lost", "empty", "bomb", "huge"], "damaged"),
        }
        assert found["huge"].reason.startswith("It has 1073742")
        for name in ("cut", "lost", "empty", "bomb", "huge"):
            with pytest.raises(RepositoryError, match=f"demo/{name}/1 is damaged: "):
                repository.archive(f"demo/{name}/1")
        assert str(tmp_path) not in found["cut"].reason + found["lost"].reason


def test_what_ends_the_process_that_looks_is_damaged(tmp_path: Path) -> None:
    lay(tmp_path, "demo/a/1")
    with Repository(tmp_path, memory=30 << 20) as repository:
        repository.refresh()
        assert repository.record("demo/a/1").status == "damaged"
    lay(tmp_path, "demo/b/1")
    with Repository(tmp_path) as repository:
        repository.refresh()
        assert repository.record("demo/b/1").status == "ok"


def test_a_version_that_was_changed_is_not_packed(tmp_path: Path) -> None:
    target = lay(tmp_path, "demo/half/1")
    with Repository(tmp_path) as repository:
        before = repository.record("demo/half/1")
        (target / "variables" / "variables.data-00000-of-00001").write_bytes(b"\0" * 8)
        # A look at the folder does not tell, and packing reads every byte.
        with pytest.raises(RepositoryError, match="is not what it was when it was first looked at"):
            repository.archive("demo/half/1")
        assert list((tmp_path / ".tf1hub" / "archives").iterdir()) == []
        assert repository.record("demo/half/1") == before


def test_a_module_may_lie_in_remote_storage(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in golden().rglob("*"):
        if path.is_file():
            memory.pipe(f"/hub/demo/half/3/{path.relative_to(golden())}", path.read_bytes())
    memory.pipe("/hub/demo/half/README.md", b"In storage.")
    try:
        with Repository("memory://hub", state=str(tmp_path)) as repository:
            located = list(repository.layout.versions())
            assert [str(one.version) for one in located] == ["demo/half/3"]
            assert repository.page("demo/half/3") == "In storage."
    finally:
        memory.rm("/hub", recursive=True)


def test_names_are_told_apart() -> None:
    assert module_name("a/b/c") == ModuleName("a", "b/c")
    assert version_name("a/b/c/10").module == module_name("a/b/c")
