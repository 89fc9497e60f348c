"""A repository as files: any web server speaks the protocol with them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from repository.folders import golden, lay
from serving import serving_files

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.errors import ExportError
from tf1hub.handles.manifest import of_directory
from tf1hub.server.browser_runtime import TYPES
from tf1hub.server.static_site import write_site


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
    with serving_files(site) as url:
        path = hub.resolve(f"{url}/other/deep/image/3", cache_dir=tmp_path)
        assert of_directory(path) == of_directory(str(golden("image")))


def test_all_links_lead_to_files(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"index.html", "demo/index.html", "demo/half/1.html", "demo/half/1.graph.html"} <= {
        str(page.relative_to(site)) for page in pages
    }
    followed = 0
    for page in pages:
        text = page.read_text()
        assert text.count("<form") == text.count('<form class="try"') == text.count(" data-model=")
        assert "data-address" not in text
        for url in re.findall(r'\b(?:href|src|data-model|data-texts)="([^"#]+)', text):
            parts = urlsplit(url)
            if parts.scheme:
                continue
            target = (page.parent / parts.path).resolve()
            assert target.is_file(), (page, url)
            assert site in target.parents
            followed += 1
    assert followed > 50


def test_pages_offer_to_try_what_has_a_model(site: Path) -> None:
    page = (site / "demo/half/2.html").read_text()
    (runtime,) = re.findall(r' data-runtime="([^"]+)"', page)
    assert {path.name for path in (site / "demo" / "half" / runtime).iterdir()} == set(TYPES)
    assert {"try.js", "text.js"} <= {path.name for path in (site / "static").iterdir()}
    (model,) = re.findall(r' data-model="([^"]+)"', page)
    assert (site / "demo" / "half" / model).stat().st_size > 100


def test_models_are_left_out_where_nobody_wants_them(tmp_path: Path) -> None:
    lay(tmp_path / "folder", "demo/half/1")
    assert main(["site", str(tmp_path / "folder"), str(tmp_path / "out"), "--not-in-browsers", "-q"]) == 0
    assert not [*(tmp_path / "out").rglob("*.onnx"), *(tmp_path / "out").rglob("*.wasm")]
    assert "<form" not in (tmp_path / "out" / "demo" / "half" / "1.html").read_text()


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
    assert "https://hub.example/demo/half/2" in (site / "demo/half/2.html").read_text()
    assert "localhost" not in (site / "demo/half/2.html").read_text()
    assert not (site / "demo/broken/1").exists()


def test_nothing_is_written_over(site: Path, tmp_path: Path) -> None:
    lay(tmp_path, "demo/half/1")
    with pytest.raises(ExportError, match="something is there already"):
        write_site(tmp_path, site)
