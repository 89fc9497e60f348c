"""The original's command-line flags, in a program that parses its own with absl."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
PROGRAM = """
import tensorflow_hub as hub  # before absl, whose flags a program parses later
import tf1hub
from absl import app, flags
from tf1hub.handles import settings

flags.DEFINE_integer("steps", 1, "Of the program's own.")

def shown():
    found = settings.from_environment()
    return f"{found.cache_dir} {found.load_format}"

def main(_):
    print(flags.FLAGS.steps, shown())
    try:
        hub.resolve("https://modules.example/module/1")
    except tf1hub.errors.ResolveError as error:
        print(type(error).__name__)

print(shown())
app.run(main)
"""


def run(directory: pathlib.Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (directory / "program.py").write_text(PROGRAM)
    environment: dict[str, Any] = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("TFHUB_", "TF1HUB_"))},
        "PYTHONPATH": str(SRC),
        "TMPDIR": str(directory),
        "TF1HUB_OFFLINE": "1",
        "TF1HUB_CONFIG": "",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "tf1hub", "run", "program.py", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_flags_say_where_modules_are_kept_and_how_they_are_had(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, "--tfhub_cache_dir=kept", "--tfhub_model_load_format=UNCOMPRESSED", "--steps=2")
    assert done.stdout.splitlines() == [
        f"{tmp_path}/tfhub_modules compressed",
        f"2 {tmp_path}/kept uncompressed",
        "OfflineError",
    ]
    done = run(tmp_path, "--tfhub_model_load_format=ZIP")
    assert done.returncode == 1
    assert "value should be one of <COMPRESSED|UNCOMPRESSED|AUTO>" in done.stderr


def test_the_environment_goes_before_flags(tmp_path: pathlib.Path) -> None:
    done = run(
        tmp_path,
        "--tfhub_cache_dir=kept",
        "--tfhub_model_load_format=UNCOMPRESSED",
        TFHUB_CACHE_DIR=str(tmp_path / "named"),
    )
    assert done.stdout.splitlines() == [
        f"{tmp_path}/named compressed",
        f"1 {tmp_path}/named uncompressed",
        "OfflineError",
    ]
