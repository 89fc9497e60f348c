"""A repository as files: any web server speaks the protocol with them."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from repository.folders import golden, lay

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.errors import ExportError
from tf1hub.handles.manifest import of_directory
from tf1hub.server.static_site import write_site


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    folder = root / "folder"
    lay(folder, "demo/half/1", page="# Half\n\nHalves.")
    lay(folder, "demo/half/2")
    lay(folder, "other/deep/image/3", "image")
    (folder / "demo" / "broken" / "1").mkdir(parents=True)
    assert main(["site", str(folder), str(root / "out"), "--base-url", "https://hub.example", "-q"]) == 0
    return root / "out"


def test_a_server_of_files_speaks_the_protocol(site: Path, tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        path = hub.resolve(f"{url}/other/deep/image/3", cache_dir=tmp_path)
        assert of_directory(path) == of_directory(str(golden("image")))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_all_links_lead_to_files(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"index.html", "demo/index.html", "demo/half/1.html", "demo/half/1.graph.html"} <= {
        str(page.relative_to(site)) for page in pages
    }
    followed = 0
    for page in pages:
        text = page.read_text()
        assert "<form" not in text
        for url in re.findall(r'\b(?:href|src)="([^"#]+)', text):
            parts = urlsplit(url)
            if parts.scheme:
                continue
            target = (page.parent / parts.path).resolve()
            assert target.is_file(), (page, url)
            assert site in target.parents
            followed += 1
    assert followed > 50


def test_the_api_is_there_as_files(site: Path) -> None:
    found = json.loads((site / "api/v1/modules.json").read_text())
    assert {module["handle"] for module in found["modules"]} == {
        "demo/half/2",
        "other/deep/image/3",
        "demo/broken/1",
    }
    described = json.loads((site / "api/v1/modules/other/deep/image/versions/3.json").read_text())
    assert described["description"]["totals"]["variables"] == len(hub.inspect(str(golden("image"))).variables)
    assert "https://hub.example/demo/half/2" in (site / "feed.xml").read_text()
    assert not (site / "demo/broken/1").exists()


def test_nothing_is_written_over(site: Path, tmp_path: Path) -> None:
    lay(tmp_path, "demo/half/1")
    with pytest.raises(ExportError, match="something is there already"):
        write_site(tmp_path, site)
