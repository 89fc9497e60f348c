"""Makes the examples of README.md and docs/ tests: `make docs`.

Each document is one program: its ```python blocks run from top to bottom in one
namespace, in an empty working directory. What a document needs but readers need
not see stands in a comment, `<!--- invisible-code-block: python ... -->`. The
examples of the docstrings run in an empty directory too.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import sqlite3  # noqa: F401  # before TensorFlow, which brings an SQLite of its own that has no full-text search
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
GOLDEN = ROOT / "tests" / "golden" / "modules"
# What runs where the package is installed alone: `make test-engines` has these.
NEEDS = {
    ROOT / "docs" / "beam.md": "apache_beam",
    ROOT / "docs" / "ray.md": "ray",
    ROOT / "docs" / "spark.md": "pyspark",
    ROOT / "src" / "tf1hub" / "beam": "apache_beam",
}


class WorkingDirectory:
    """An empty directory to work in for as long as one document runs.

    A document knows where modules are, as `golden`, and where Java is, or None, as `java`.
    """

    def enter(self, namespace: dict[str, Any]) -> None:
        namespace.update(golden=GOLDEN, java=shutil.which("java"))
        self._before = Path.cwd()
        self._directory = tempfile.TemporaryDirectory(prefix="tf1hub_examples_")
        os.chdir(self._directory.name)

    def leave(self, _namespace: dict[str, Any]) -> None:
        os.chdir(self._before)
        self._directory.cleanup()


def documents() -> Any:
    # Only `make docs` needs it; the tests run where it is not installed.
    from sybil import Sybil
    from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

    place = WorkingDirectory()
    return Sybil(
        parsers=[PythonCodeBlockParser(), SkipParser()],
        patterns=["README.md", "docs/*.md"],
        setup=place.enter,
        teardown=place.leave,
    ).pytest()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    package = NEEDS.get(collection_path)
    return None if package is None or importlib.util.find_spec(package) else True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Any:
    # pytest offers the files of this folder to every run, also to those of the tests.
    asked_for = any(Path(arg).resolve() in (file_path, *file_path.parents) for arg in parent.config.args)
    return documents()(file_path, parent) if file_path.suffix == ".md" and asked_for else None


def pytest_collection_finish() -> None:
    # What was imported stays: a full collection need not look through its million objects each time.
    gc.collect()
    gc.freeze()
    # TensorFlow makes and drops so many objects that collections as often as by default take a twelfth of the tests' time.
    gc.set_threshold(10_000, 20, 100)


@pytest.fixture(autouse=True)
def _docstrings_run_in_an_empty_directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        directory = tmp_path_factory.mktemp("example")
        # Examples that read a module take one of the golden ones.
        (directory / "tests").symlink_to(ROOT / "tests", target_is_directory=True)
        monkeypatch.chdir(directory)
