"""The versions of TensorFlow: the record of ops has them, and all else agrees with it."""

from __future__ import annotations

import pathlib
import re
import sys
from typing import Any

import pytest

from tf1hub.graphdef.op_record import graph_versions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parents[1]
OLDEST, *_, NEWEST = graph_versions()
NEXT = f"2.{int(NEWEST.split('.')[1]) + 1}"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_no_version_between_is_left_out() -> None:
    first, last = (int(version.split(".")[1]) for version in (OLDEST, NEWEST))
    assert list(graph_versions()) == [f"2.{minor}" for minor in range(first, last + 1)]


def test_what_is_installed_is_on_record() -> None:
    extras = project()["project"]["optional-dependencies"]
    for name in ("tensorflow", "tensorflow-cpu"):
        assert extras[name] == [f"{name}>={OLDEST},<{NEXT}"]
    assert any(each.endswith(f",<{NEXT}") for each in extras["legacy"])


def test_environments_have_the_first_and_the_last() -> None:
    groups = project()["dependency-groups"]
    for name, version in (("newest", NEWEST), ("oldest", OLDEST)):
        pinned = [each for each in groups[name] if isinstance(each, str) and each.startswith("tensorflow")]
        assert len(pinned) == 2
        assert all(f"=={version}." in each for each in pinned)
    assert f"tf-keras=={NEWEST}.*" in groups["legacy"]


@pytest.mark.parametrize(
    "page", ["README.md", "CHANGELOG.md", "docs/index.md", "docs/checking.md", "docs/security.md"]
)
def test_pages_say_so(page: str) -> None:
    ranges = re.findall(r"(2\.\d+) to (2\.\d+)", (ROOT / page).read_text())
    assert {*ranges} == {(OLDEST, NEWEST)}
