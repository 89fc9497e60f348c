"""hub.compare: the better features win, what is kept is used again, and faults are told before any work."""

from __future__ import annotations

import csv
import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.comparing import features as features_module
from tf1hub.comparing.task import read_task
from tf1hub.errors import CheckFailedError, InputError

tf1 = tf.compat.v1
POSITIVE = ["good film", "a good plot", "so good", "good and good", "really good", "good one"]
NEGATIVE = ["bad film", "a bad plot", "so bad", "bad and bad", "really bad", "bad one"]
TEXTS = [text for pair in zip(POSITIVE, NEGATIVE, strict=True) for text in pair]
LABELS = ["pos", "neg"] * len(POSITIVE)


def export(path: pathlib.Path, module_fn: Any) -> str:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(tf1.global_variables_initializer())
        module.export(path, session)
    return str(path)


@pytest.fixture(scope="module")
def text_modules(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """One that sees whether "good" is there, in 2 features; one that sees nothing, in 3."""
    directory = tmp_path_factory.mktemp("texts")

    def seeing() -> None:
        texts = tf1.placeholder(tf.string, [None])
        good = tf.cast(tf.strings.regex_full_match(texts, ".*good.*"), tf.float32)
        w = tf1.get_variable("w", initializer=[[1.0, -1.0]])
        hub.add_signature(inputs=texts, outputs=good[:, None] * w)

    def blind() -> None:
        texts = tf1.placeholder(tf.string, [None])
        hub.add_signature(
            inputs=texts, outputs=tf.zeros_like(tf.strings.length(texts), tf.float32)[:, None] * [[1.0, 2, 3]]
        )

    return export(directory / "seeing", seeing), export(directory / "blind", blind)


@pytest.fixture(scope="module")
def image_module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Mean colors of images of 6 x 4 pixels."""

    def module_fn() -> None:
        images = tf1.placeholder(tf.float32, [None, 6, 4, 3])
        hub.add_signature("image_feature_vector", {"images": images}, tf.reduce_mean(images, [1, 2]))

    return export(tmp_path_factory.mktemp("images") / "module", module_fn)


def test_the_module_with_the_better_features_comes_first(text_modules: tuple[str, str]) -> None:
    seeing, blind = text_modules
    result = hub.compare([blind, seeing], (TEXTS, LABELS), keep_features=False, batch_size=5)
    assert [row.handle for row in result] == [seeing, blind]
    assert result.best.accuracy == 1.0
    assert result.best.width == 2
    assert result.rows[1].accuracy == pytest.approx(0.4, abs=0.2)
    assert result.rows[1].width == 3
    assert (result.examples, result.classes) == (12, 2)
    assert all(row.seconds_per_example > 0 for row in result)


def test_the_same_comparison_twice_gives_the_same_numbers_and_computes_once(
    text_modules: tuple[str, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hub.compare(text_modules, (TEXTS, LABELS), cache_dir=tmp_path)
    assert [row.cached for row in first] == [False, False]
    monkeypatch.setattr(features_module, "_batch", None)  # whatever computes anew fails
    second = hub.compare(text_modules, (TEXTS, LABELS), cache_dir=tmp_path)
    assert [row.cached for row in second] == [True, True]
    assert [(r.handle, r.accuracy, r.memory) for r in second] == [
        (r.handle, r.accuracy, r.memory) for r in first
    ]


def test_no_features_are_kept_where_none_are_wanted(
    text_modules: tuple[str, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF1HUB_FEATURES_DIR", str(tmp_path))
    hub.compare(text_modules[:1], (TEXTS, LABELS), keep_features=False)
    assert not [*tmp_path.iterdir()]
    hub.compare(text_modules[:1], (TEXTS, LABELS), cache_dir=None)
    assert len([*tmp_path.iterdir()]) == 1


def test_specs_are_compared_beside_handles(text_modules: tuple[str, str], tmp_path: pathlib.Path) -> None:
    seeing, blind = text_modules
    spec = hub.load_module_spec(seeing)
    result = hub.compare([blind, spec], (TEXTS, LABELS), cache_dir=tmp_path)
    assert [(row.handle, row.accuracy > 0.9) for row in result] == [(seeing, True), (blind, False)]
    assert len([*tmp_path.iterdir()]) == 1


def test_other_examples_are_computed_anew(text_modules: tuple[str, str], tmp_path: pathlib.Path) -> None:
    hub.compare(text_modules[:1], (TEXTS, LABELS), cache_dir=tmp_path)
    others = [text + "!" for text in TEXTS]
    assert not hub.compare(text_modules[:1], (others, LABELS), cache_dir=tmp_path).best.cached
    assert hub.compare(text_modules[:1], (TEXTS, LABELS[::-1]), cache_dir=tmp_path).best.cached


def test_a_damaged_file_of_the_cache_is_replaced(
    text_modules: tuple[str, str], tmp_path: pathlib.Path
) -> None:
    hub.compare(text_modules[:1], (TEXTS, LABELS), cache_dir=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert not hub.compare(text_modules[:1], (TEXTS, LABELS), cache_dir=tmp_path).best.cached
    assert hub.compare(text_modules[:1], (TEXTS, LABELS), cache_dir=tmp_path).best.cached


def test_images_of_any_size_are_resized_and_scaled_to_the_unit_interval(
    image_module: str, tmp_path: pathlib.Path
) -> None:
    rng = np.random.default_rng(1)
    for channel, name in enumerate(["red", "green"]):
        (tmp_path / "colors" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 100, (7 + number, 9, 3), dtype=np.uint8)
            pixels[:, :, channel] += 150
            Image.fromarray(pixels).save(tmp_path / "colors" / name / f"{number}.png")
    result = hub.compare([image_module], tmp_path / "colors", keep_features=False)
    assert (result.best.accuracy, result.best.width, result.examples) == (1.0, 3, 10)


def test_array_images_keep_their_mean_when_resized(image_module: str) -> None:
    task = read_task((np.full([4, 12, 8, 3], 51, np.uint8), [0, 0, 1, 1]))
    found = features_module.compute(hub.load_module_spec(image_module), task, 3, lambda _: None)
    np.testing.assert_allclose(found.values, np.full([4, 3], 0.2), rtol=1e-5)
    grey = read_task((np.full([4, 6, 4, 1], 0.5, np.float32), [0, 0, 1, 1]))
    found = features_module.compute(hub.load_module_spec(image_module), grey, 3, lambda _: None)
    np.testing.assert_allclose(found.values, np.full([4, 3], 0.5), rtol=1e-5)


def test_all_modules_without_the_conventional_signature_are_named_before_any_work(
    text_modules: tuple[str, str], image_module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "_batch", None)
    with pytest.raises(CheckFailedError) as caught:
        hub.compare([*text_modules, image_module], (TEXTS, LABELS), keep_features=False)
    assert str(caught.value) == (
        f"{image_module} has no signature that gives text feature vectors by convention: "
        "it has no signature 'default'"
    )
    images = np.zeros([4, 6, 4, 3], np.float32)
    with pytest.raises(CheckFailedError) as caught:
        hub.compare([text_modules[0]], (images, [0, 0, 1, 1]), keep_features=False)
    assert "it has no signature 'image_feature_vector'" in str(caught.value)
    assert "is string, not float32" in str(caught.value)


def test_the_command_prints_a_table_and_draws(
    text_modules: tuple[str, str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *zip(LABELS, TEXTS, strict=True)])
    command = ["compare", *text_modules, "--task", str(tmp_path / "reviews.csv"), "--no-cache"]
    assert main([*command, "--plot", str(tmp_path / "plot.svg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "reviews.csv: 12 examples, 2 classes"
    assert lines[1].split() == ["accuracy", "width", "per", "example", "memory", "handle"]
    assert lines[2].split()[:5] == ["100.0", "%", "±", "0.0", "2"]
    assert lines[2].endswith(text_modules[0])
    assert "accuracy of a linear classifier" in (tmp_path / "plot.svg").read_text()
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["handle"] for row in document["rows"]] == list(text_modules)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n", "'{}' needs a header with two columns or more, and examples below it."),
        ("text,label\na,b,c\n", "'{}', row 2, has 3 columns; the header has 2."),
        ("text,label\na,x\nb,x\n", "set.csv has 1 class; a comparison needs two or more."),
        ("text,label\na,x\nb,x\nc,y\n", "set.csv has a single example of y; each class needs two or more."),
    ],
)
def test_a_faulty_csv_file_is_told(tmp_path: pathlib.Path, content: str, message: str) -> None:
    path = tmp_path / "set.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_task(path)
    assert str(caught.value) == message.format(path)


def test_columns_are_found_by_their_usual_names_or_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "set.tsv"
    path.write_text("id\tsentence\tclass\tnote\n1\ta, b\tx\tp\n2\tc\tx\tp\n3\td\ty\tq\n4\te\ty\tq\n")
    assert read_task(path).examples == ["a, b", "c", "d", "e"]
    assert read_task(path).labels.tolist() == ["x", "x", "y", "y"]
    named = read_task(path, text_column="id", label_column="note")
    assert (named.examples, named.labels.tolist()) == (["1", "2", "3", "4"], ["p", "p", "q", "q"])
    with pytest.raises(InputError) as caught:
        read_task(path, text_column="body")
    assert str(caught.value) == f"'{path}' has no column 'body'. It has: id, sentence, class, note."


def test_numpy_files_are_read(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "set.npz", x=np.array(["a", "b", "c", "d"]), y=np.array([0, 1, 0, 1]))
    task = read_task(tmp_path / "set.npz")
    assert (task.kind, task.examples, task.labels.tolist()) == ("text", ["a", "b", "c", "d"], [0, 1, 0, 1])
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(InputError, match="has the arrays images; it needs x"):
        read_task(tmp_path / "other.npz")


def test_a_module_that_does_not_give_a_row_for_each_text(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=texts, outputs=tf1.placeholder_with_default(tf.zeros([7, 2]), [None, 2]))

    path = export(tmp_path / "module", module_fn)
    with pytest.raises(CheckFailedError) as caught:
        hub.compare([path], (TEXTS, LABELS), keep_features=False)
    assert str(caught.value).endswith(
        "gives a tensor of the shape [7, 2] for 12 examples; feature vectors have the shape [12, N]."
    )
