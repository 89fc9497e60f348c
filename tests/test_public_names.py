"""The public surface is a decision: what it has, where it lives, what the pages say of it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import tf1hub as hub

ROOT = Path(__file__).resolve().parents[1]
FACADE = ast.parse((ROOT / "src" / "tf1hub" / "__init__.py").read_text())
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
CALLABLES = sorted(name for name in hub.__all__ if callable(getattr(hub, name)))
# What protoc writes has no docstring.
DOCUMENTED = sorted(set(CALLABLES) - {"ImageModuleInfo"})


def typed_names() -> dict[str, str]:
    """The names that type checkers see, with their homes."""
    (block,) = (node for node in FACADE.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }


def test_type_checkers_see_what_programs_get() -> None:
    modules = dict.fromkeys(hub._MODULES, "tf1hub")
    assert typed_names() == {**hub._HOMES, **modules}
    assert sorted(typed_names()) == hub.__all__ == dir(hub)


@pytest.mark.parametrize("name", hub.__all__)
def test_name_is_what_its_home_has(name: str) -> None:
    home = importlib.import_module(typed_names()[name])
    assert getattr(hub, name) is getattr(home, name)


def test_the_reference_has_every_name_once() -> None:
    listed = re.findall(r"auto\w+:: tf1hub\.(?:publish\.)?(\w+)$", REFERENCE, re.MULTILINE)
    public = {*hub.__all__, *importlib.import_module("tf1hub.publish").__all__} - {
        "keras",
        "publish",
    }  # rooms, whose names are listed
    assert sorted(listed) == sorted(public)


def documented_parameters(function: Any, text: str) -> list[str]:
    """The parameters of a function that its docstring does not name."""
    parameters = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls") and not parameter.name.startswith("_")
    ]
    return [
        name
        for name in parameters
        if not re.search(rf"^\s+\**{name}(, [\w, ]+)?( \(.*\))?:", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_has_its_parts(name: str) -> None:
    thing = getattr(hub, name)
    text = inspect.getdoc(thing) or ""
    assert re.match(r"[A-Z].*[.?]$", text.splitlines()[0]), "a sentence that says what it does"
    if inspect.isclass(thing) and not text_of_arguments_expected(thing):
        return
    assert documented_parameters(thing, text) == []
    if inspect.isfunction(thing):
        returns = inspect.signature(thing).return_annotation
        assert returns in ("None", None) or re.search(r"^(Returns|Yields):|Example:", text, re.MULTILINE)
        assert "Example:" in text


def text_of_arguments_expected(thing: Any) -> bool:
    """Results come from functions; nobody makes one by hand."""
    results = {"Comparison", "Conversion", "LoadedModule", "ModuleDescription", "ModuleDifference", "Report"}
    return thing.__name__ not in results | {"ModuleSpec", "Progress", "Variables"}


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if inspect.isclass(getattr(hub, name))])
def test_public_methods_say_what_they_do(name: str) -> None:
    thing = getattr(hub, name)
    own = {key: value for key, value in vars(thing).items() if not key.startswith("_") and callable(value)}
    assert [key for key, value in own.items() if not inspect.getdoc(value)] == []
