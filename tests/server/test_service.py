"""For those who run a server: health, numbers, logs, feeds, copies of other hubs."""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from repository.folders import golden, lay
from server.serving import serving

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.handles.manifest import of_directory
from tf1hub.server.options import ServerOptions


def test_health_numbers_and_feed(tmp_path: Path) -> None:
    lay(tmp_path, "demo/half/1", page="# Half\n\nSmall & <fine>.")
    with serving(tmp_path, ServerOptions(title="Ours")) as served:
        size = len(served.ask("GET", "/demo/half/1?tf-hub-format=compressed").data)
        health = json.loads(served.ask("GET", "/health").data)
        assert (health["ok"], health["versions"]) == (True, {"ok": 1})
        text = served.ask("GET", "/metrics").data.decode()
        assert 'tf1hub_requests_total{kind="archive",method="GET",status="200"} 1\n' in text
        assert f'tf1hub_sent_bytes_total{{kind="archive"}} {size}\n' in text
        assert 'tf1hub_versions{status="ok"} 1\n' in text
        for line in text.splitlines():
            assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0
        feed = ET.fromstring(served.ask("GET", "/feed.xml").data)
        assert [item.findtext("link") for item in feed.iter("item")] == [f"{served.url}/demo/half/1"]
        assert feed.findtext("channel/title") == "Ours"
        assert feed.findtext("channel/item/description") == "Small & ."
    with serving(tmp_path, ServerOptions(base_url="https://models.example/")) as served:
        assert b"https://models.example/demo/half/1" in served.ask("GET", "/feed.xml").data
        page = served.ask("GET", "/demo/half/1").data
        assert b"https://models.example/demo/half/1" in page
        assert b"127.0.0.1" not in page


def test_the_access_log_has_no_secrets_and_no_foreign_lines(tmp_path: Path) -> None:
    folder, log = tmp_path / "folder", tmp_path / "access.log"
    folder.mkdir()
    with serving(folder, ServerOptions(access_log=str(log))) as served:
        served.ask("GET", "/a?token=hidden&x=1%0Aevil", headers={"Authorization": "Bearer tf1hub_hidden"})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/a?token=***&x=1%0Aevil", 404)
    ]
    assert "hidden" not in log.read_text()


def test_a_proxy_fetches_once_and_says_what_is_a_copy(tmp_path: Path) -> None:
    lay(tmp_path / "far", "demo/half/1", page="# Half\n\nFrom afar.")
    (tmp_path / "near").mkdir()
    with (
        serving(tmp_path / "far") as far,
        serving(tmp_path / "near", ServerOptions(upstreams=(far.url,))) as near,
    ):
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    near.ask("GET", "/demo/half/1?tf-hub-format=compressed").headers
                )
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {headers["X-TF1Hub-Copy-Of"] for headers in answers} == {f"{far.url}/demo/half/1"}
        asked = far.ask("GET", "/metrics").data.decode()
        assert 'tf1hub_requests_total{kind="archive",method="GET",status="200"} 1\n' in asked
        record = near.repository.record("demo/half/1")
        assert (record.source, record.summary) == (f"{far.url}/demo/half/1", "From afar.")
        assert record.digest == far.repository.record("demo/half/1").digest
        missing = near.ask("GET", "/demo/none/1?tf-hub-format=compressed")
        assert missing.status == 404
        assert missing.data.startswith(
            b"There is no demo/none/1 in this repository, nor where it may fetch from."
        )
    with serving(tmp_path / "near") as alone:
        path = hub.resolve(f"{alone.url}/demo/half/1", cache_dir=tmp_path / "cache")
        assert of_directory(path) == of_directory(str(golden()))


def test_mirror_fills_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path / "far", "demo/half/1")
    lay(tmp_path / "far", "demo/image/3", "image")
    with serving(tmp_path / "far") as far:
        far.repository.refresh()
        target = str(tmp_path / "new")
        assert main(["mirror", target, "--from", far.url, "--query", "", "-q"]) == 0
        assert main(["mirror", target, "demo/half/1", "demo/none/1", "--from", far.url, "--json"]) == 3
    done = json.loads(capsys.readouterr().out)
    assert (done["copied"], done["there"], [*done["faults"]]) == ([], ["demo/half/1"], ["demo/none/1"])
    assert of_directory(f"{target}/demo/image/3") == of_directory(str(golden("image")))
