"""A number where a function, a variant, a session or a dict goes: an error of ours at every door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub import errors

STORED = cases.load("half_plus_two").path
Door = Callable[..., Any]


def export_with(session: Any) -> None:
    with tf.Graph().as_default():
        hub.Module(STORED).export("exported", session)


TAKE_FUNCTIONS: dict[str, tuple[str, Door]] = {
    "create_module_spec": ("module_fn", hub.create_module_spec),
    "from_checkpoint": ("module_fn", lambda function: hub.publish.from_checkpoint(function, "checkpoint")),
    "from_function": ("function", hub.publish.from_function),
    "from_function, named": ("function", lambda function: hub.publish.from_function({"default": function})),
    "export_from_checkpoint": (
        "build_fn",
        lambda function: hub.export_from_checkpoint(function, "checkpoint", "exported"),
    ),
}


@pytest.mark.parametrize("door", TAKE_FUNCTIONS)
def test_a_number_where_a_function_goes(door: str) -> None:
    what, open_door = TAKE_FUNCTIONS[door]
    with pytest.raises(errors.ArgumentError) as caught:
        open_door(3)
    assert str(caught.value) == f"A {what} is a function, not 3."


TAKE_OTHERS: dict[str, tuple[Door, type[errors.Error], str]] = {
    "GraphPicture": (
        hub.GraphPicture,
        errors.ArgumentError,
        "A picture is made of a variant, such as tf1hub.load_module_spec(handle).variant(), not of 3. tf1hub.draw takes "
        "a handle or a ModuleSpec.",
    ),
    "find_scopes": (
        lambda given: hub.draw(STORED).find_scopes(given),
        errors.ArgumentError,
        "Patterns are a set of strings, not 3.",
    ),
    "to_svg": (
        lambda given: hub.draw(STORED).to_svg(given),
        errors.ArgumentError,
        "Scopes are a set of strings, not 3.",
    ),
    "compare": (
        lambda given: hub.compare(given, (np.ones([4]), np.ones([4]))),
        errors.InputError,
        "compare takes a list of handles, not 3.",
    ),
    "push": (
        lambda given: hub.push(STORED, given, "hub"),
        errors.ArgumentError,
        "A module is named by a handle (a string) or a ModuleSpec, not by 3.",
    ),
    "yank": (
        lambda given: hub.yank(given, None, "hub"),
        errors.ArgumentError,
        "A module is named by a handle (a string) or a ModuleSpec, not by 3.",
    ),
    "Module.export": (
        export_with,
        errors.ArgumentError,
        "A session is a tf.compat.v1.Session, not 3.",
    ),
    "ModuleSpec.export": (
        lambda given: hub.load_module_spec(STORED).export("exported", values=given),
        errors.ArgumentError,
        "values= is a dict of arrays by the names of variables, or a list of variables, not 3.",
    ),
    "create_module_spec": (
        lambda given: hub.create_module_spec(lambda: None, given),
        errors.ArgumentError,
        "tags_and_args is a list of pairs of tags and arguments, such as [({'train'}, {'is_training': True})], not 3.",
    ),
    "convert": (
        lambda given: hub.convert(STORED, "converted", examples=given),
        errors.InputError,
        "examples= takes a dict from the name of a signature to a list of dicts of inputs; it was given int. Write "
        "examples={'default': [{'default': ...}]}.",
    ),
    "convert, one signature": (
        lambda given: hub.convert(STORED, "converted", examples={"default": given}),
        errors.InputError,
        "examples= takes for each signature a list of dicts of inputs; for 'default' it was given int. Write "
        "examples={'default': [{'default': ...}]}.",
    ),
    "KerasLayer": (
        lambda given: hub.KerasLayer(STORED, outputs=given),
        errors.ArgumentError,
        "outputs= is the name of a tensor, a list of names, or a dict from what each is to be called to its name; it was "
        "given 3.",
    ),
}


@pytest.mark.parametrize("door", TAKE_OTHERS)
def test_a_number_where_something_else_goes(door: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    open_door, kind, words = TAKE_OTHERS[door]
    with pytest.raises(errors.Error) as caught:
        open_door(3)
    assert type(caught.value) is kind
    assert str(caught.value) == words
    assert not [*tmp_path.iterdir()]


def test_the_line_that_gives_a_variant() -> None:
    assert hub.GraphPicture(hub.load_module_spec(STORED).variant()).drawn > 0
