"""Signatures of publishers in a repository: kept, told, and demanded before a version is visible."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from repository.folders import golden, lay

pytest.importorskip("model_signing")

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import tf1hub as hub
from tf1hub.errors import PublishError
from tf1hub.repository.module_names import version_name
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.repository import Repository


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "demo.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "demo.pub").write_bytes(public)
    module = shutil.copytree(golden(), tmp_path / "signed")
    hub.sign(module, tmp_path / "demo.key")
    return module


def pack(tmp_path: Path, module: Path) -> str:
    return shutil.make_archive(str(tmp_path / f"packed-{module.name}"), "gztar", module)


def test_a_rule_is_asked_before_a_version_is_visible(
    tmp_path: Path, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    monkeypatch.setenv("TF1HUB_CONFIG", str(config))
    folder = tmp_path / "models"
    lay(folder, "demo/laid/1")
    lay(folder, "other/laid/1")
    shutil.copytree(signed, folder / "other" / "signed" / "1")
    with Repository(folder) as repository:
        repository.refresh()
        assert repository.counts() == {"ok": 3}
        assert repository.details("other/laid/1")["signature"] is None
        told = repository.details("other/signed/1")["signature"]
        assert told["signer"].startswith("the key ")
        assert not told["trusted"]

    config.write_text('[trust."demo/"]\nsigned_by = "demo.pub"\n')
    with Repository(folder) as repository:
        # What is demanded now is asked of what was there already.
        assert repository.refresh() == (1, 0)
        laid = repository.record("demo/laid/1")
        assert laid.status == "damaged"
        assert laid.reason == (
            f"{config}: [trust] 'demo/' demands a signature of demo/laid/1. demo/laid/1 is not signed: there is no "
            "demo/laid/1/model.sig."
        )
        publishing = Publishing(repository)
        name = version_name("demo/half/1")
        with pytest.raises(PublishError, match=r"^demo/half/1 cannot be published: .* is not signed"):
            publishing.publish(name, pack(tmp_path, golden()), by="me")
        assert not (folder / "demo" / "half").exists()
        changed = shutil.copytree(signed, tmp_path / "changed")
        (changed / "more.txt").write_text("More.")
        with pytest.raises(PublishError, match="is not what was signed by whom you trust"):
            publishing.publish(name, pack(tmp_path, changed), by="me")
        record = publishing.publish(name, pack(tmp_path, signed), by="me")
        assert record.status == "ok"
        assert repository.details(name)["signature"] == {"signer": told["signer"], "trusted": True}
        # What is handed out has the signature, for whoever verifies it himself.
        shutil.unpack_archive(repository.archive(name), tmp_path / "got")
        assert hub.verify_signature(tmp_path / "got", tmp_path / "demo.pub").files == 4


def test_what_is_no_signature_is_said_so(tmp_path: Path) -> None:
    (lay(tmp_path, "demo/half/1") / "model.sig").write_text("{}")
    with Repository(tmp_path) as repository:
        told = repository.details("demo/half/1")["signature"]
    assert told == {"signer": "nobody that could be read", "trusted": False}
