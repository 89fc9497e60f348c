"""What came along to run models in browsers: which bytes, and how they are sent."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from golden import cases
from serving import serving

from tf1hub.server.browser_runtime import TYPES, runtime_record
from tf1hub.server.options import ServerOptions

FOLDER = Path(__file__).parents[2] / "src" / "tf1hub" / "server" / "runtime"
VERSION = runtime_record()["version"]


def script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "browser_runtime.py"
    spec = importlib.util.spec_from_file_location("browser_runtime_script", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_bytes_are_those_of_the_package_that_the_script_names():
    made_by, record = script(), runtime_record()
    assert (record["version"], record["integrity"]) == (made_by.VERSION, made_by.INTEGRITY)
    assert tuple(record["files"]) == made_by.FILES == tuple(TYPES)
    for name, told in record["files"].items():
        data = gzip.decompress((FOLDER / f"{name}.gz").read_bytes())
        assert (len(data), hashlib.sha256(data).hexdigest()) == (told["bytes"], told["sha256"])
    assert "MIT License" in (FOLDER / "LICENSE").read_text()
    assert {path.name for path in FOLDER.iterdir()} == {
        *(f"{name}.gz" for name in TYPES), "LICENSE", "ThirdPartyNotices.txt", "record.json",
    }  # fmt: skip


def test_files_are_sent_packed_and_kept_for_good(tmp_path):
    with serving(tmp_path) as served:
        for name, kind in TYPES.items():
            path = f"/static/onnxruntime/{VERSION}/{name}"
            answer = served.ask("GET", path, headers={"Accept-Encoding": "gzip"}, decode_content=False)
            assert answer.data == (FOLDER / f"{name}.gz").read_bytes()
            told = {each: answer.headers[each] for each in ("Content-Type", "Content-Encoding", "Vary")}
            assert told == {"Content-Type": kind, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        path = f"/static/onnxruntime/{VERSION}/ort.wasm.min.mjs"
        plain = served.ask("GET", path, headers={"Accept-Encoding": "identity"})
        assert (
            hashlib.sha256(plain.data).hexdigest() == runtime_record()["files"]["ort.wasm.min.mjs"]["sha256"]
        )
        assert plain.headers["ETag"] != answer.headers["ETag"]
        head = served.ask("HEAD", path, headers={"Accept-Encoding": "identity"})
        assert (head.data, head.headers["Content-Length"]) == (b"", str(len(plain.data)))
        for wrong in (
            "/static/onnxruntime/0.1/ort.wasm.min.mjs",
            f"/static/onnxruntime/{VERSION}/record.json",
        ):
            assert served.ask("GET", wrong).status == 404


def test_another_version_may_lie_elsewhere(tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "ort.wasm.min.mjs").write_text("export {};")
    with serving(tmp_path, ServerOptions(browser_runtime=str(tmp_path / "dist"))) as served:
        answer = served.ask("GET", "/static/onnxruntime/own/ort.wasm.min.mjs")
        assert (answer.data, answer.headers["Cache-Control"]) == (b"export {};", "no-cache")
        assert served.ask("GET", f"/static/onnxruntime/{VERSION}/ort.wasm.min.mjs").status == 404
        missing = served.ask("GET", "/static/onnxruntime/own/ort-wasm-simd-threaded.wasm")
        assert "in the directory of --browser-runtime" in missing.data.decode()


@pytest.mark.parametrize("name", ["sparse_io", "half_plus_two"])
def test_a_page_offers_what_a_browser_can_run_until_it_is_known_that_it_cannot(tmp_path, name):
    shutil.copytree(cases.load(name).path, tmp_path / "demo" / "it" / "1")
    with serving(tmp_path, ServerOptions(keep_seconds=0.0)) as served:
        served.repository.refresh()
        page = served.ask("GET", "/demo/it/1")
        offers = 'data-where="browser"' in page.data.decode()
        assert offers == (name != "sparse_io")
        assert ("wasm-unsafe-eval" in page.headers["Content-Security-Policy"]) == offers
        if not offers:
            return
        no = served.ask("GET", "/demo/it/1/model.onnx?signature=nothing")
        assert no.status == 404
        model = served.ask("GET", "/demo/it/1/model.onnx?signature=default", timeout=120.0)
        assert (model.status, model.headers["Content-Type"]) == (200, "application/octet-stream")
        assert "X-TF1Hub-Texts" not in model.headers
        assert served.ask("GET", "/demo/it/1/model.onnx.text?signature=default").status == 404
        for kept in (tmp_path / ".tf1hub" / "onnx").glob("*.onnx"):
            kept.rename(f"{kept}.refused").write_text("It cannot.")
        again = served.ask("GET", "/demo/it/1/model.onnx?signature=default")
        assert (again.status, json.loads(again.data)["error"]["message"]) == (422, "It cannot.")
        assert 'data-signature="default"' not in served.ask("GET", "/demo/it/1").data.decode()
