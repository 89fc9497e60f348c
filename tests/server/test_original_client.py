"""The original library as the client, as a black box, where `make interop` or `make bench` has made its environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from repository.folders import golden, lay
from server.serving import serving

from tf1hub.handles.manifest import of_directory
from tf1hub.server.options import ServerOptions

ENVIRONMENTS = Path(__file__).parents[2] / ".venv"
PYTHON, PACKAGES = ENVIRONMENTS / "oldest" / "bin" / "python", ENVIRONMENTS / "original"
PROGRAM = """
import json, sys
import tensorflow as tf, tensorflow_hub as hub
if sys.argv[1] == "UNCOMPRESSED":
    tf.compat.v1.gfile.Exists = lambda _: True  # there is no bucket here
print(json.dumps([hub.resolve(url) for url in sys.argv[2:]]))
"""


@pytest.mark.skipif(
    not (PYTHON.exists() and (PACKAGES / "tensorflow_hub").is_dir()),
    reason="needs .venv/oldest and .venv/original",
)
@pytest.mark.parametrize("load_format", ["COMPRESSED", "UNCOMPRESSED"])
def test_the_original_library_loads_from_the_server(tmp_path: Path, load_format: str) -> None:
    folder = tmp_path / "models"
    lay(folder, "demo/half/1")
    lay(folder, "demo/deep/image/3", "image")
    with serving(folder, ServerOptions(storage_url="gs://bucket/models")) as served:
        urls = [f"{served.url}/demo/half/1", f"{served.url}/demo/deep/image/3"]
        if load_format == "COMPRESSED":
            urls += [f"{served.url}/demo/half", f"{served.url}/demo/half/latest"]
        environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGES),
            "TFHUB_CACHE_DIR": str(tmp_path / "cache"),
            "TFHUB_MODEL_LOAD_FORMAT": load_format,
        }
        done = subprocess.run(
            [str(PYTHON), "-W", "ignore", "-c", PROGRAM, load_format, *urls],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    paths = json.loads(done.stdout.splitlines()[-1])
    if load_format == "UNCOMPRESSED":
        assert paths == ["gs://bucket/models/demo/half/1", "gs://bucket/models/demo/deep/image/3"]
        return
    for path, module in zip(paths, [golden(), golden("image"), golden(), golden()], strict=True):
        assert of_directory(path) == of_directory(str(module))
