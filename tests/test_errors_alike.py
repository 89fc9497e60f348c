"""A mistake is the same error, in the same words, at every door."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub import errors
from tf1hub.converting.registry import FORMS
from tf1hub.spec.module_spec import ModuleSpec

tf1 = tf.compat.v1
STORED = cases.load("half_plus_two").path
X = np.ones([2, 1], np.float32)
Door = Callable[..., Any]


def in_a_graph(door: Door) -> Door:
    """The door, opened in a graph of its own."""

    def inside(*args: Any) -> Any:
        with tf.Graph().as_default():
            return door(*args)

    return inside


def evaluate(handle: Any, *args: Any, tags: Any = None, **kwargs: Any) -> Any:
    with hub.eval_function_for_module(handle, tags=tags) as run:
        return run(*args, **kwargs)


def installed(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in packages)


def convert_to(name: str, suffix: str) -> Door:
    """`hub.convert` to a form; the file gets the ending that the form's files have."""

    def inside(handle: Any, path: Any = "converted", **options: Any) -> Any:
        return hub.convert(handle, f"{path}{suffix}" if path == "converted" else path, to=name, **options)

    return inside


CONVERT: dict[str, Door] = {
    f"convert to {form.name}": convert_to(form.name, form.suffix)
    for form in FORMS
    if installed(*form.packages)
}
CONVERT_ONE: dict[str, Door] = {
    f"convert to {form.name}": convert_to(form.name, form.suffix)
    for form in FORMS
    if installed(*form.packages) and "signature" in form.options
}
TO_JAX: dict[str, Door] = {"to_jax": hub.to_jax} if installed("jax") else {}


@pytest.fixture(scope="module")
def spec() -> ModuleSpec:
    """A module whose signature has two outputs, neither of them called `default`."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 1])
        hub.add_signature(inputs=x, outputs={"one": x + 1.0, "two": x + 2.0})

    return hub.create_module_spec(module_fn)


TAKE_HANDLES: dict[str, Door] = {
    **CONVERT,
    **TO_JAX,
    "Predictor": hub.Predictor,
    "capabilities": hub.capabilities,
    "draw": hub.draw,
    "verify_signature": lambda handle: hub.verify_signature(handle, "key"),
    "get_expected_image_size": hub.get_expected_image_size,
    "get_num_image_channels": hub.get_num_image_channels,
    "Module": in_a_graph(hub.Module),
    "KerasLayer": hub.KerasLayer,
    "check": hub.check,
    "compare": lambda handle: hub.compare([handle], (np.ones([4]), np.ones([4]))),
    "convert, frozen": lambda handle: hub.convert(handle, "converted", frozen=True),
    "diff, first": lambda handle: hub.diff(handle, STORED),
    "diff, second": lambda handle: hub.diff(STORED, handle),
    "download": hub.download,
    "eval_function_for_module": evaluate,
    "image_embedding_column": lambda handle: hub.image_embedding_column("a", handle),
    "initial_values": hub.initial_values,
    "inspect": hub.inspect,
    "load": hub.load,
    "load_module_spec": hub.load_module_spec,
    "read_variables": hub.read_variables,
    "resolve": hub.resolve,
    "sparse_text_embedding_column": lambda handle: hub.sparse_text_embedding_column(
        "a", handle, "mean", None
    ),
    "text_embedding_column": lambda handle: hub.text_embedding_column("a", handle),
    "text_embedding_column_v2": lambda handle: hub.text_embedding_column_v2("a", handle),
}
HANDLES: dict[str, tuple[Any, type[errors.Error], str]] = {
    "a number": (
        3,
        errors.ArgumentError,
        "A module is named by a handle (a string) or a ModuleSpec, not by 3.",
    ),
    "None": (
        None,
        errors.ArgumentError,
        "A module is named by a handle (a string) or a ModuleSpec, not by None.",
    ),
    "empty": (
        "",
        errors.HandleError,
        "The handle is empty. Give a path, a URL, or a place in remote storage.",
    ),
    "nothing there": ("/no/such/module", errors.NotAModuleError, "There is nothing at /no/such/module."),
    "nothing there, remote": (
        "memory://no/x",
        errors.NotAModuleError,
        "There is no directory memory://no/x.",
    ),
    "nobody reads it": (
        "nowhere://a/b",
        errors.MissingDependencyError,
        "Nothing here can reach nowhere://a/b",
    ),
}


@pytest.mark.parametrize("mistake", HANDLES)
@pytest.mark.parametrize("door", TAKE_HANDLES)
def test_a_handle_that_names_no_module(door: str, mistake: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    given, kind, words = HANDLES[mistake]
    with pytest.raises(errors.Error) as caught:
        TAKE_HANDLES[door](given)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(words)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("door", ["resolve", "download"])
def test_a_spec_where_a_directory_is_asked_for(door: str, spec: ModuleSpec) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        TAKE_HANDLES[door](spec)
    assert str(caught.value) == (
        f"{spec.name} is a ModuleSpec, a definition in memory that has no directory of its own. Give its handle, or "
        "write it as a module: spec.export(path)"
    )


ASK_FOR_SIGNATURES: dict[str, Door] = {
    **{
        door: lambda name, convert=convert: convert(STORED, signature=name)
        for door, convert in CONVERT_ONE.items()
    },
    **{door: lambda name, convert=convert: convert(STORED, name) for door, convert in TO_JAX.items()},
    "convert, examples": lambda name: hub.convert(STORED, "converted", examples={name: [{"default": X}]}),
    "convert, serving_default": lambda name: hub.convert(STORED, "converted", serving_default=name),
    "Predictor": lambda name: hub.Predictor(STORED, name),
    "Module": in_a_graph(lambda name: hub.Module(STORED)(X, signature=name)),
    "Module, inputs": in_a_graph(lambda name: hub.Module(STORED).get_input_info_dict(name)),
    "KerasLayer": lambda name: hub.KerasLayer(STORED, signature=name),
    "ModuleSpec": lambda name: hub.load_module_spec(STORED).get_output_info_dict(name),
    "eval_function_for_module": lambda name: evaluate(STORED, X, signature=name),
    "get_expected_image_size": lambda name: hub.get_expected_image_size(hub.load_module_spec(STORED), name),
    "inspect": lambda name: hub.inspect(STORED).variant().signature(name),
    "load": lambda name: hub.load(STORED)(X, signature=name),
    "load, signatures": lambda name: hub.load(STORED).signatures[name],
}


@pytest.mark.parametrize("door", ASK_FOR_SIGNATURES)
def test_a_signature_that_is_not_there(door: str) -> None:
    with pytest.raises(errors.UnknownSignatureError) as caught:
        ASK_FOR_SIGNATURES[door]("fruit")
    assert re.fullmatch(
        r"No signature 'fruit' in variant {}( of \S+)?\. It has: default\.", str(caught.value)
    )


@pytest.mark.parametrize("door", ASK_FOR_SIGNATURES)
def test_a_number_where_a_signature_goes(door: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        ASK_FOR_SIGNATURES[door](3)
    assert str(caught.value) == "A signature is named by a string, not by 3."


ASK_FOR_TAGS: dict[str, Door] = {
    **{door: lambda tags, convert=convert: convert(STORED, tags=tags) for door, convert in CONVERT.items()},
    **{door: lambda tags, convert=convert: convert(STORED, tags=tags) for door, convert in TO_JAX.items()},
    "Predictor": lambda tags: hub.Predictor(STORED, tags=tags),
    "draw": lambda tags: hub.draw(STORED, tags=tags),
    "find_tensors": lambda tags: hub.load_module_spec(STORED).find_tensors(tags=tags),
    "Module": in_a_graph(lambda tags: hub.Module(STORED, tags=tags)),
    "KerasLayer": lambda tags: hub.KerasLayer(STORED, tags=tags),
    "ModuleSpec": lambda tags: hub.load_module_spec(STORED).get_input_info_dict(tags=tags),
    "eval_function_for_module": lambda tags: evaluate(STORED, X, tags=tags),
    "inspect": lambda tags: hub.inspect(STORED).variant(tags),
    "load": lambda tags: hub.load(STORED, tags=tags),
}


@pytest.mark.parametrize("door", ASK_FOR_TAGS)
def test_tags_that_no_variant_has(door: str) -> None:
    with pytest.raises(errors.UnknownTagsError) as caught:
        ASK_FOR_TAGS[door]({"fruit"})
    assert re.fullmatch(
        r"No graph variant with tags {'fruit'} in \S+\. It has: {}\. Leave tags out\.", str(caught.value)
    )


@pytest.mark.parametrize("door", ASK_FOR_TAGS)
def test_tags_that_are_one_string(door: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        ASK_FOR_TAGS[door]("train")
    assert str(caught.value) == "Tags are a set of strings: write {'train'} instead of 'train'."


@pytest.mark.parametrize("door", ASK_FOR_TAGS)
def test_tags_that_are_no_strings(door: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        ASK_FOR_TAGS[door](3)
    assert str(caught.value) == "Tags are a set of strings, not 3."


TAKE_WORDS: dict[str, tuple[str, Door]] = {
    "draw": ("Signatures", lambda words: hub.draw(STORED, signatures=words)),
    "check": ("The modules that imports= names", lambda words: hub.check(STORED, imports=words)),
    "convert": ("The modules that imports= names", lambda words: hub.convert(STORED, "c", imports=words)),
    "search": ("Hubs", lambda words: hub.search("a", hubs=words)),
    "info": ("Hubs", lambda words: hub.info("a/b/1", hubs=words)),
}


@pytest.mark.parametrize("door", TAKE_WORDS)
def test_words_that_are_one_string_or_none(door: str) -> None:
    what, open_door = TAKE_WORDS[door]
    with pytest.raises(errors.ArgumentError) as caught:
        open_door("one")
    assert str(caught.value) == f"{what} are a set of strings: write {{'one'}} instead of 'one'."
    with pytest.raises(errors.ArgumentError) as caught:
        open_door(3)
    assert str(caught.value) == f"{what} are a set of strings, not 3."


ASK_FOR_OUTPUTS: dict[str, Door] = {
    "Module": in_a_graph(lambda spec: hub.Module(spec)(X)),
    "KerasLayer": lambda spec: hub.KerasLayer(spec)(X),
    "eval_function_for_module": lambda spec: evaluate(spec, X),
    "load": lambda spec: hub.load(spec)(X),
}


@pytest.mark.parametrize("door", ASK_FOR_OUTPUTS)
def test_no_output_called_default(door: str, spec: ModuleSpec) -> None:
    with pytest.raises(errors.UnknownOutputError) as caught:
        ASK_FOR_OUTPUTS[door](spec)
    words = (
        f"No output 'default' in the signature 'default' of variant {{}} of {spec.name}. It has: one, two. "
    )
    assert str(caught.value).startswith(words)


def call_jax(x: Any) -> Any:
    function, params = hub.to_jax(STORED)
    return function(params, x)


TAKE_INPUTS: dict[str, Door] = {
    **({"to_jax": call_jax} if installed("jax") else {}),
    "Module": in_a_graph(lambda x: hub.Module(STORED)(x)),
    "KerasLayer": lambda x: hub.KerasLayer(STORED)(x),
    "Predictor": lambda x: hub.Predictor(STORED, engine="numpy")(x),
    "convert, examples": lambda x: hub.convert(STORED, "converted", examples={"default": [x]}),
    "eval_function_for_module": lambda x: evaluate(STORED, x),
    "load": lambda x: hub.load(STORED)(x),
}
INPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "What was given lacks 'default'"),
    "another": ({"fruit": X}, "What was given lacks 'default' and has the unknown 'fruit'"),
    "one more": ({"default": X, "fruit": X}, "What was given has the unknown 'fruit'"),
}


@pytest.mark.parametrize("mistake", INPUTS)
@pytest.mark.parametrize("door", TAKE_INPUTS)
def test_inputs_that_a_signature_does_not_have(door: str, mistake: str) -> None:
    given, words = INPUTS[mistake]
    with pytest.raises(errors.InputError) as caught:
        TAKE_INPUTS[door](given)
    # Keras writes its own words around those of a layer.
    assert f"has the inputs 'default': float32 [?, 1]. {words}" in str(caught.value)


@pytest.mark.parametrize("door", TAKE_INPUTS)
def test_an_input_of_another_shape(door: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        TAKE_INPUTS[door]({"default": np.ones([2, 1, 1], np.float32)})
    assert re.search(
        r"The input 'default' of the signature 'default' of variant {} of \S+ is float32 \[\?, 1\]; it was given ",
        str(caught.value),
    )


def test_the_lines_that_choose_an_output(spec: ModuleSpec) -> None:
    assert sorted(hub.load(spec)(X, as_dict=True)) == ["one", "two"]
    assert sorted(hub.KerasLayer(spec, signature_outputs_as_dict=True)(X)) == ["one", "two"]
    assert hub.KerasLayer(spec, output_key="two")(X)[0, 0] == 3.0


WRITE: dict[str, Door] = {
    **{door: lambda path, convert=convert: convert(STORED, path) for door, convert in CONVERT.items()},
    "ModuleSpec.export": lambda path: hub.load_module_spec(STORED).export(path),
    "LoadedModule.export": lambda path: hub.load(STORED).export(path),
    "convert, frozen": lambda path: hub.convert(STORED, path, frozen=True),
    "export_from_checkpoint": in_a_graph(
        lambda path: hub.export_from_checkpoint(lambda: None, "checkpoint", path)
    ),
}


@pytest.mark.parametrize("door", WRITE)
def test_a_number_where_a_path_goes(door: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        WRITE[door](3)
    assert str(caught.value) == "A path is a string or an os.PathLike, not 3."


@pytest.mark.parametrize("door", [door for door in WRITE if door != "export_from_checkpoint"])
def test_a_place_that_cannot_be_written(door: str, tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("not a directory")
    with pytest.raises(errors.ExportError) as caught:
        WRITE[door](taken / "module")
    assert str(caught.value) == f"Cannot export to {taken}/module: {taken} is a file."


@pytest.mark.parametrize("door", [door for door in WRITE if door != "export_from_checkpoint"])
def test_a_remote_place_that_nobody_writes(door: str) -> None:
    with pytest.raises(errors.MissingDependencyError, match="nowhere://a/b"):
        WRITE[door]("nowhere://a/b")


TAKE_CACHE_DIR: dict[str, Door] = {
    "resolve": lambda path: hub.resolve(STORED, cache_dir=path),
    "download": lambda path: hub.download(STORED, cache_dir=path),
    "compare": lambda path: hub.compare([STORED], (np.ones([4]), np.ones([4])), cache_dir=path),
}


TAKE_FILES: dict[str, tuple[str, Door]] = {
    "resolve": ("lock file", lambda path: hub.resolve(STORED, lock_file=path)),
    "download": ("lock file", lambda path: hub.download(STORED, lock_file=path)),
    "push": ("hub", lambda path: hub.push(STORED, "a/b/1", path)),
    "yank": ("hub", lambda path: hub.yank("a/b/1", None, path)),
    "text_embedding": ("source", lambda path: hub.publish.text_embedding(path, "embedding")),
    "run_program": ("program", hub.run_program),
    "verify_signature": ("trusted", lambda path: hub.verify_signature(STORED, path)),
}


@pytest.mark.parametrize("door", TAKE_FILES)
def test_a_number_where_a_file_goes(door: str) -> None:
    what, open_door = TAKE_FILES[door]
    with pytest.raises(errors.ArgumentError) as caught:
        open_door(3)
    assert str(caught.value) == f"A {what} is a string or an os.PathLike, not 3."


@pytest.mark.parametrize("door", TAKE_CACHE_DIR)
def test_a_cache_that_is_a_number(door: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        TAKE_CACHE_DIR[door](3)
    assert str(caught.value) == "A cache_dir is a string or an os.PathLike, not 3."
