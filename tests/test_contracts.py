"""The contracts of pyproject.toml, which `make contracts` holds, speak of every room."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tf1hub"


def contracts() -> dict[str, Any]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["type"]: contract for contract in data["tool"]["importlinter"]["contracts"]}


def layers() -> list[str]:
    return [layer.strip("()") for layer in contracts()["layers"]["layers"]]


def test_every_folder_is_a_package() -> None:
    """The checker of contracts passes over a folder without `__init__.py`, and says nothing."""
    folders = [path.parent for path in SOURCE.rglob("*.py")]
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_room_is_a_layer() -> None:
    """So the checker, too, refuses one that is not (`exhaustive`)."""
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix in ("", ".py")}
    assert rooms - {*layers(), "__init__", "__main__", "__pycache__", "py.typed"} == set()
    assert contracts()["layers"]["exhaustive"]


def test_all_rooms_below_graph_do_without_tensorflow() -> None:
    below = layers()[layers().index("graph") + 1 :]
    there = {name for name in below if (SOURCE / name).exists() or (SOURCE / f"{name}.py").exists()}
    held = {name.removeprefix("tf1hub.") for name in contracts()["forbidden"]["source_modules"]}
    assert there - {"_tensorflow"} == held & {*below}


def test_circles_are_looked_for_in_rooms_of_rooms_too() -> None:
    """From the top, and as deep as rooms go: `tf2/emit`, `format/checkpoint`, `publish/word_vectors`."""
    contract = contracts()["acyclic_siblings"]
    assert contract["ancestors"] == ["tf1hub"]
    assert contract.keys() <= {"name", "type", "ancestors"}  # nothing is skipped or ignored, no depth is set


def test_architecture_has_the_rooms_in_the_order_of_the_contract() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = [
        line.split("`")[1].rstrip("/")
        for line in page.splitlines()
        if line.startswith("| `") and "/` |" in line
    ]
    assert table == [name for name in reversed(layers()) if name in table]
    assert {name for name in layers() if (SOURCE / name).is_dir()} <= {*table}
