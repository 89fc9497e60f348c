"""What is private to others comes in through `_tensorflow.py`, or stands in the list of docs/architecture.md."""

from __future__ import annotations

import ast
import functools
import importlib
import pathlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from tf1hub.errors import MissingDependencyError

ROOT = pathlib.Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tf1hub"
FILES = {
    str(path.relative_to(SOURCE)): ast.parse(path.read_text())
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name not in ("_tensorflow.py", "messages_pb2.py")  # where they belong; what protoc wrote
}
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


def listed() -> set[tuple[str, str]]:
    """The file and the private name of each row of the table."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    found = set()
    for row in re.findall(r"^\| (`.*?) \| (`.*?) \|", page, re.MULTILINE):
        names, files = (re.findall(r"`(.+?)`", cell) for cell in row)
        found |= {(file, name) for file in files for name in names if re.match(r"_[a-z]", name)}
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@functools.cache
def own_names(room: str) -> set[str]:
    """The private names that the files of a room give to functions, classes and attributes."""
    found: set[str] = set()
    for file, tree in FILES.items():
        if file.rpartition("/")[0] == room:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    found.add(node.name)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    found.update([node.attr] if ast.unparse(node.value).startswith("self") else [])
                elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    found.add(node.target.id)
    return found


def of_others(file: str) -> Iterator[str]:
    own = own_names(file.rpartition("/")[0])
    for node in ast.walk(FILES[file]):
        if not isinstance(node, ast.Attribute):
            continue
        foreign = node.attr == "__internal__" or (is_private(node.attr) and node.attr not in own)
        if foreign and ast.unparse(node.value) not in ("self", "cls"):
            yield node.attr


def test_private_names_of_others_are_in_the_list() -> None:
    used = {(file, name) for file in FILES for name in of_others(file)}
    allowed = {
        ("compat/contrib_imports.py", "_reason"),  # of its own class, through a module's name
        ("compat/v1_mode.py", "_getframe"),  # of Python, which documents it
        ("trial/other_process.py", "_exit"),  # the same
        ("trial/process_template.py", "_exit"),
    }
    kept = {(file, name) for file, name in used if name not in OF_NAMED_TUPLES}
    assert kept - allowed - listed() == set()


def overridden() -> Iterator[tuple[str, str]]:
    """The private names that classes of ours give to what a class of another's has."""
    for module in pkgutil.walk_packages([str(SOURCE)], "tf1hub."):
        if module.name in ("tf1hub.__main__", "tf1hub._tensorflow"):
            continue
        try:
            loaded = importlib.import_module(module.name)
        except (MissingDependencyError, ImportError):
            continue
        for kind in vars(loaded).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                foreign = ("tensorflow", "keras", "tf_keras")
                bases = [base for base in kind.__mro__ if base.__module__.split(".")[0] in foreign]
                taken = {name for base in bases for name in vars(base)}
                file = str(pathlib.Path(loaded.__file__ or "").relative_to(SOURCE))
                for name in vars(kind):
                    if is_private(name) and name in taken:
                        yield file, name


def test_private_names_that_are_overridden_are_in_the_list() -> None:
    pytest.importorskip("tensorflow")
    set_by_itself = {"_abc_impl", "_tf_module_ignored_properties"}
    assert {(file, name) for file, name in overridden() if name not in set_by_itself} - listed() == set()


def test_the_list_has_nothing_that_is_not_there() -> None:
    for file, name in listed():
        assert name in (SOURCE / file).read_text(), (file, name)
