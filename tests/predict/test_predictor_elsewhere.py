"""hub.Predictor in other processes: pinned where it was made, resolved as there, loaded once. No TensorFlow."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import sys
import tarfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fresh_process import printed
from golden import cases

import tf1hub as hub
from tf1hub.errors import NotAModuleError, OfflineError, PinError
from tf1hub.predict import specification

HALF = cases.load("half_plus_two").path
TEXT = cases.load("text_embedding").path


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    specification._loaded.clear()
    for name in ("TFHUB_CACHE_DIR", "TF1HUB_OFFLINE", "TF1HUB_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF1HUB_PROGRESS", "none")


@pytest.fixture
def url(tmp_path: Path) -> Any:
    """The URL of a module, and what was asked for there."""
    packed = tmp_path / "module.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(TEXT, ".")
    data, asked = packed.read_bytes(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/module/1", asked
    server.shutdown()
    server.server_close()
    thread.join()


def embed(predictor: Any) -> list[Any]:
    return [os.getpid(), predictor(["a b"])["default"].tolist(), "tensorflow" in sys.modules]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_fresh_process(method: str) -> None:
    predictor = hub.Predictor(TEXT, engine="numpy")
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        pid, found, has_tensorflow = pool.submit(embed, predictor).result(timeout=120)
    assert pid != os.getpid()
    assert found == predictor(["a b"])["default"].tolist()
    assert not has_tensorflow


def test_a_pickle_is_small_and_loads_when_it_is_first_used() -> None:
    predictor = hub.Predictor(TEXT, engine="numpy", decode=None, threads=2)
    data = pickle.dumps(predictor)
    assert len(data) < 3000
    again = pickle.loads(data)
    assert again._loaded is None
    assert again.digest == predictor.digest
    assert again.handle == predictor.handle == TEXT
    assert again(["a"])["default"].tolist() == predictor(["a"])["default"].tolist()


def test_equal_predictors_load_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    load = specification.Specification.load
    data = pickle.dumps(hub.Predictor(TEXT, engine="numpy"))
    monkeypatch.setattr(specification.Specification, "load", lambda self: loads.append(1) or load(self))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: pickle.loads(data)(["a"])["default"].tolist(), range(16)))
    assert len(loads) == 1
    assert found == found[:1] * 16


def test_the_content_is_that_of_the_driver(tmp_path: Path) -> None:
    path = tmp_path / "module"
    shutil.copytree(HALF, path)
    predictor = hub.Predictor(path, engine="numpy")
    data = pickle.dumps(predictor)
    assert pickle.loads(data)([[2.0]])["default"].tolist() == [[3.0]]
    specification._loaded.clear()
    (path / "added").write_text("x")
    with pytest.raises(PinError, match="sha256:"):
        pickle.loads(data)([[2.0]])
    shutil.rmtree(path)
    with pytest.raises(NotAModuleError, match="module"):
        pickle.loads(data)([[2.0]])


def test_a_relative_path_is_right_in_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(HALF, tmp_path / "module")
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(hub.Predictor("module", engine="numpy"))
    monkeypatch.chdir("/")
    assert pickle.loads(data)([[2.0]])["default"].tolist() == [[3.0]]


def test_a_spec_travels_itself() -> None:
    spec = hub.load_module_spec(HALF)
    one, other = (
        hub.Predictor(spec, engine="numpy"),
        hub.Predictor(hub.load_module_spec(TEXT), engine="numpy"),
    )
    assert pickle.loads(pickle.dumps(one))([[2.0]])["default"].tolist() == [[3.0]]
    assert one.digest != other.digest


def test_workers_use_the_cache_and_the_mirror_of_the_driver(
    url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, asked = url
    canonical = "https://tfhub.example/module/1"
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TF1HUB_MIRRORS", f"{canonical}={at}")
    data = pickle.dumps(hub.Predictor(canonical, engine="numpy"))
    assert len(asked) == 1
    shutil.rmtree(tmp_path / "cache")
    # A worker knows nothing of either.
    monkeypatch.delenv("TF1HUB_MIRRORS")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "elsewhere"))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(embed, pickle.loads(data)).result(timeout=120)
    assert len(asked) == 2
    assert any((tmp_path / "cache").iterdir())
    assert not (tmp_path / "elsewhere").exists()


def test_offline_on_the_driver_is_offline_on_workers(
    url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, _ = url
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    hub.resolve(at)
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    data = pickle.dumps(hub.Predictor(at, engine="numpy"))
    monkeypatch.delenv("TF1HUB_OFFLINE")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(OfflineError):
        pickle.loads(data)(["a"])


def test_sixteen_workers_make_one_transfer(url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, asked = url
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    predictor = hub.Predictor(at, engine="numpy")
    wanted = predictor(["a b"])["default"].tolist()
    predictor.digest  # noqa: B018
    shutil.rmtree(tmp_path / "cache")
    asked.clear()
    # Forked from one that has imported all, so that they begin at once.
    program = """
import os, pickle, sys
import tf1hub.handles.acquire, tf1hub.handles.http, tf1hub.handles.transfer, filelock, isal.igzip_lib
predictor = pickle.load(open(sys.argv[1], "rb"))
children = []
for _ in range(16):
    child = os.fork()
    if not child:
        os.write(1, f"{predictor(['a b'])['default'].tolist()}\\n".encode())
        os._exit(0)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
"""
    pickled = tmp_path / "predictor"
    pickled.write_bytes(pickle.dumps(predictor))
    assert printed(program, str(pickled)).splitlines() == [str(wanted)] * 16
    assert len(asked) == 1


def test_the_lock_file_of_the_driver_need_not_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "tf1hub.lock"
    lock.write_text("version = 1\n")
    monkeypatch.setenv("TF1HUB_LOCKFILE", str(lock))
    data = pickle.dumps(hub.Predictor(HALF, engine="numpy"))
    lock.unlink()
    monkeypatch.delenv("TF1HUB_LOCKFILE")
    assert pickle.loads(data)([[2.0]])["default"].tolist() == [[3.0]]


@pytest.mark.parametrize("engine", ["numpy", "onnx", "tensorflow"])
def test_a_fork_computes_or_says_that_it_cannot(engine: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    program = """
import os, pickle, sys, warnings
warnings.simplefilter("ignore")
import tf1hub as hub
predictor = hub.Predictor(sys.argv[1], engine=sys.argv[2])
predictor([[2.0]])
data = pickle.dumps(predictor)
pickle.loads(data)([[2.0]])
child = os.fork()
if not child:
    for make in (lambda: predictor, lambda: pickle.loads(data), lambda: hub.Predictor(sys.argv[1], engine=sys.argv[2])):
        try:
            said = make()([[2.0]])["default"].tolist()
        except hub.errors.WrongModeError as error:
            said = str(error)[:24]
        os.write(1, f"{said}\\n".encode())
    os._exit(0)
os.waitpid(child, 0)
"""
    wanted = "This process was forked " if engine == "tensorflow" else "[[3.0]]"
    assert printed(program, HALF, engine).splitlines() == [wanted] * 3


def test_secrets_do_not_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[tokens]\n"host.example" = "very-secret"\n')
    monkeypatch.setenv("TF1HUB_CONFIG", str(config))
    assert b"very-secret" not in pickle.dumps(hub.Predictor(HALF, engine="numpy"))


def test_an_onnx_model_is_held_to_its_content(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "half.onnx"
    hub.convert(HALF, str(path), to="onnx")
    data = pickle.dumps(hub.Predictor(path))
    assert pickle.loads(data)([[2.0]])["default"].tolist() == [[3.0]]
    specification._loaded.clear()
    path.write_bytes(path.read_bytes() + b"\x00")
    with pytest.raises(PinError, match="has another content"):
        pickle.loads(data)([[2.0]])
