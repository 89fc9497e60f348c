"""Bytes that are no text: TensorFlow cannot tell of them, because it cannot make its own message a string."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from building import export
from golden import cases

import tf1hub as hub
from tf1hub import errors
from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1
NO_TEXT = b"caf\xe9"  # as Latin-1 has it


def variants(path: str) -> None:
    spec = hub.load_module_spec(path)
    for tags in spec.get_tags():
        spec.variant(tags)


@pytest.mark.parametrize("use", [variants, hub.load, hub.KerasLayer, hub.inspect])
@pytest.mark.parametrize(
    ("name", "op", "attribute", "inside"),
    [
        ("lstm", "Enter", "frame_name", False),
        ("text_embedding", "StaticRegexReplace", "pattern", False),
        ("half_plus_two", "StaticRegexReplace", "pattern", True),
    ],
)
def test_a_graph_whose_names_are_no_text(
    tmp_path: pathlib.Path, name: str, op: str, attribute: str, inside: bool, use: Callable[[str], object]
) -> None:
    path = pathlib.Path(shutil.copytree(cases.ROOT / name / "module", tmp_path / "m"))
    message = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    graph = message.meta_graphs[0].graph_def
    if inside:
        node = graph.library.function.add().node_def.add(name="in_a_function", op=op)
    else:
        node = next(node for node in graph.node if node.op == op)
    node.attr[attribute].s = NO_TEXT
    (path / "saved_model.pb").write_bytes(message.SerializeToString())
    with pytest.raises(errors.FormatError) as caught:
        use(str(path))
    where = f"variant {tags_of(message)} of {path}"
    assert str(caught.value) == (
        f"{where} has the node {node.name!r} of the op {op}, whose {attribute!r} is {NO_TEXT!r}. That is text in UTF-8 in "
        "every sound graph: the file is damaged."
    )


def tags_of(message: SavedModel) -> str:
    """The tags of the first variant."""
    return "{" + ", ".join(map(repr, sorted(message.meta_graphs[0].meta_info_def.tags))) + "}"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> str:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=x, outputs=tf1.string_to_number(x))

    return export(module_fn, tmp_path_factory.mktemp("numbers") / "m")


def refused(path: str) -> str:
    return (
        f"The signature 'default' of variant {{}} of {path} cannot compute with what it is given: StringToNumberOp could "
        r"not correctly convert string: caf\xe9"
    )


def test_an_input_that_is_no_text(numbers: str) -> None:
    loaded = hub.load(numbers)
    with pytest.raises(errors.InputError) as caught:
        loaded(tf.constant([NO_TEXT]))
    assert str(caught.value).startswith(refused(numbers))
    with hub.eval_function_for_module(numbers) as evaluate, pytest.raises(errors.InputError) as caught:
        evaluate([NO_TEXT])
    assert str(caught.value).startswith(refused(numbers))


def test_a_row_that_is_no_text_is_the_only_one_that_is_lost(numbers: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        hub.Predictor(numbers, engine="tensorflow")([NO_TEXT])
    assert str(caught.value).endswith(refused(numbers))
    found = hub.Predictor(numbers, engine="tensorflow", on_error="column")(["1", NO_TEXT, "3"])
    np.testing.assert_array_equal(found["default"], np.array([1, np.nan, 3], np.float32))


def test_a_vocabulary_that_is_no_text_and_wrong(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(shutil.copytree(cases.ROOT / "text_embedding" / "module", tmp_path / "m"))
    (vocabulary,) = (path / "assets").iterdir()
    lines = vocabulary.read_bytes().splitlines()
    vocabulary.write_bytes(b"".join(line + b"\n" for line in [NO_TEXT, NO_TEXT, *lines[2:]]))
    words = f"The variables and tables of variant {{}} of {path} cannot be initialized: HashTable has different value"
    for use in (lambda: hub.load(str(path))(["a"]), lambda: evaluated(str(path))):
        with pytest.raises(errors.FormatError) as caught:
            use()
        assert str(caught.value).startswith(words)
        assert r"caf\xe9" in str(caught.value)


def evaluated(path: str) -> None:
    with hub.eval_function_for_module(path):
        pass
