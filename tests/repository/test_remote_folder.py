"""A folder in remote storage, reached through fsspec: served from, published into, shared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from repository.folders import golden, lay, lay_archive

from tf1hub.errors import PublishError, UnknownModuleError
from tf1hub.handles.manifest import of_directory
from tf1hub.repository.audit_log import AuditLog
from tf1hub.repository.module_names import version_name
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.repository import Repository

pytest.importorskip("fsspec")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """fsspec's way to this machine's files, which is a store like another to all that lies above it."""
    folder = tmp_path / "store"
    lay(folder, "demo/half/1")
    lay_archive(folder, "demo/text/2", "text_embedding")
    (folder / "demo" / "half" / "README.md").write_text("In storage.")
    return f"local://{folder}"


def test_a_remote_folder_is_read(url: str, tmp_path: Path) -> None:
    with Repository(url, state=str(tmp_path / "state")) as repository:
        assert not repository.layout.place.is_local
        assert repository.refresh() == (2, 0)
        assert repository.refresh() == (0, 0)
        assert repository.record("demo/half/1").summary == "In storage."
        assert repository.record("demo/text/2").tasks == ("text_feature_vector",)
        for name, module in (("demo/half/1", "half_plus_two"), ("demo/text/2", "text_embedding")):
            target = tmp_path / module
            shutil.unpack_archive(repository.archive(name), target)
            assert of_directory(str(target)) == of_directory(str(golden(module)))


def test_a_remote_folder_is_published_into(url: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "image"), "gztar", golden("image"))
    with Repository(url, state=str(tmp_path / "state")) as repository:
        publishing = Publishing(repository)
        name = version_name("demo/image/1")
        record = publishing.publish(name, archive, by="me", page="# Image\n\nOf digits.")
        assert (record.status, record.summary) == ("ok", "Of digits.")
        assert publishing.publish(name, archive, by="me") == record
        other = shutil.make_archive(str(tmp_path / "half"), "gztar", golden())
        with pytest.raises(PublishError, match="is there already"):
            publishing.publish(name, other, by="me")
        assert publishing.yank(name, "No.", by="me").status == "yanked"
        assert publishing.set_alias(name.module, "prod", 1, by="me") == {"prod": 1}
        log = AuditLog(repository.layout.place)
        assert [entry["action"] for entry in log.entries()] == ["alias", "yank", "publish"]
        assert log.verify() == []
    assert of_directory(str(tmp_path / "store" / "demo" / "image" / "1")) == of_directory(
        str(golden("image"))
    )
    # Another server, with an index of its own, sees the same.
    with Repository(url, state=str(tmp_path / "other")) as repository:
        repository.refresh()
        assert repository.record("demo/image/1").status == "yanked"
        assert str(repository.find("demo/image/prod")) == "demo/image/1"


def test_what_is_not_all_there_yet_is_seen_by_nobody(url: str, tmp_path: Path) -> None:
    """A server that was killed while it wrote, or writes: another one neither shows it nor takes its name from it."""
    store, name = tmp_path / "store", version_name("demo/image/1")
    archive = shutil.make_archive(str(tmp_path / "image"), "gztar", golden("image"))
    with Repository(url, state=str(tmp_path / "state")) as repository:
        Publishing(repository).publish(name, archive, by="me")
    (store / "demo" / "image" / "1" / "saved_model.pb").unlink()
    other = shutil.make_archive(str(tmp_path / "half"), "gztar", golden())
    with Repository(url, state=str(tmp_path / "other")) as repository:
        assert repository.refresh() == (2, 0)
        with pytest.raises(UnknownModuleError, match=r"^There is no demo/image/1 in this repository\.$"):
            repository.record(name)
        publishing = Publishing(repository)
        with pytest.raises(PublishError, match=r"^Somebody else publishes demo/image/1 at the moment\."):
            publishing.publish(name, other, by="me")
        # The same content completes it.
        assert publishing.publish(name, archive, by="me").status == "ok"
    claim = store / "demo" / "image" / "1.published.json"
    said = json.loads(claim.read_text())
    claim.write_text(json.dumps({**said, "time": "2020-01-01T00:00:00+00:00"}))
    (store / "demo" / "image" / "1" / "saved_model.pb").unlink()
    with Repository(url, state=str(tmp_path / "third")) as repository:
        # Whoever began that long ago is not there any more.
        record = Publishing(repository).publish(name, other, by="me")
        assert (record.status, record.files) == ("ok", len(of_directory(str(golden()))))
    assert of_directory(str(store / "demo" / "image" / "1")) == of_directory(str(golden()))
