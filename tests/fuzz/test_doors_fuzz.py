"""Damaged modules at every public function that reads one: an error of this project, or a result.

Never another error, a crash, a hang or a warning. `FUZZ_EXAMPLES` (by default 30) is ten times as many modules
as are damaged of each golden one; half of those meet TensorFlow too, a tenth are converted.
"""

from __future__ import annotations

import collections
import os
import pathlib

import pytest
from fuzz import doors
from fuzz.worker import Worker
from golden import cases

import tf1hub as hub

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))
SLOW = {"convert"}


def damaged(name: str, number: int, directory: pathlib.Path) -> str:
    directory.mkdir()
    return doors.damage(name, number, directory)


@pytest.mark.parametrize("name", cases.NAMES)
def test_doors_without_tensorflow(tmp_path: pathlib.Path, name: str) -> None:
    for number in range(max(EXAMPLES // 10, 1)):
        directory = tmp_path / str(number)
        path = damaged(name, number, directory)
        for door, use in doors.PLAIN.items():
            (directory / door).mkdir()
            try:
                use(path, directory / door)
            except hub.errors.Error as error:
                assert str(error)  # noqa: PT017
            except Exception as error:
                raise AssertionError(f"{door} of {name} {number}") from error


def test_doors_with_tensorflow(tmp_path: pathlib.Path) -> None:
    outcomes: dict[str, collections.Counter[str]] = {door: collections.Counter() for door in doors.TENSORFLOW}
    with Worker("doors_worker.py") as worker:
        for name in cases.NAMES:
            for number in range(max(EXAMPLES // 20, 1)):
                slow = number < max(EXAMPLES // 100, 1)
                chosen = [door for door in doors.TENSORFLOW if slow or door not in SLOW]
                directory = tmp_path / f"{name}{number}"
                # Other numbers than above: more damage is tried.
                found = worker.ask([damaged(name, 5000 + number, directory), str(directory), chosen])
                for door, outcome in found.items():
                    assert not outcome.startswith("bug"), f"{door} of {name} {5000 + number}: {outcome}"
                    outcomes[door][outcome] += 1
    for door in ("module", "load", "layer", "check"):
        assert len(outcomes[door]) > 1, "damage of both kinds was met, or the test would say nothing"


@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned"])
def test_doors_open_for_what_is_whole(tmp_path: pathlib.Path, name: str) -> None:
    source = cases.ROOT / name / "module"
    (tmp_path / "original").write_text(str(source))
    (tmp_path / "m").symlink_to(source)
    for door, use in doors.PLAIN.items():
        # What the module is not for is refused: an image size of a module for text.
        if door != "image_size" or name == "image":
            (tmp_path / door).mkdir()
            use(str(tmp_path / "m"), tmp_path / door)
