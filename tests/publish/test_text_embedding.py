"""Files of word vectors become text modules."""

from __future__ import annotations

import gzip
import os
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish.worlds import applied

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.errors import CreationError, ExportError, FormatError
from tf1hub.publish import text_embedding
from tf1hub.publish.word_vectors import Problem
from tf1hub.publish.word_vectors import text_vectors as text_files


def written(directory: pathlib.Path, data: bytes, name: str = "vectors.txt") -> str:
    path = directory / name
    path.write_bytes(data)
    return str(path)


def embedded(path: Any, texts: list[Any]) -> list[list[float]]:
    return applied(str(path), texts).outputs["default"].tolist()


def variable(path: Any) -> np.ndarray:
    return hub.read_variables(path)["embeddings"]


@pytest.mark.parametrize("name", ["glove", "word2vec", "fasttext", "word2vec-binary"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_is_recognized(tmp_path: pathlib.Path, name: str, packed: bool) -> None:
    vectors = {"cat": [1.0, -2.5, 3.0], "dog": [0.5, 0.25, 1e-5]}
    lines = [f"{word} {' '.join(map(str, vector))}" for word, vector in vectors.items()]
    data = {
        "glove": "\n".join(lines) + "\n",
        "word2vec": "\n".join(["2 3", *lines]) + "\n",
        "fasttext": "\r\n".join(["2 3", *(line + " " for line in lines)]),
    }.get(name, "").encode() or b"2 3\n" + b"".join(
        word.encode() + b" " + np.array(vector, "<f4").tobytes() + b"\n" for word, vector in vectors.items()
    )
    source = written(tmp_path, gzip.compress(data) if packed else data)
    made = text_embedding(source, tmp_path / "module", num_oov_buckets=2)
    assert (made.vectors, made.dimensions, made.problems) == (2, 3, [])
    assert made.format == ("word2vec" if name == "fasttext" else name)
    np.testing.assert_array_equal(
        variable(tmp_path / "module"), np.array([*vectors.values(), [0] * 3, [0] * 3], "f4")
    )
    assert (tmp_path / "module" / "assets" / "tokens.txt").read_text() == "cat\ndog\n"


def test_the_signature_is_the_conventional_one_and_trains(tmp_path: pathlib.Path) -> None:
    text_embedding(written(tmp_path, b"a 1 0\nb 0 2\n"), tmp_path / "module")
    spec = hub.load_module_spec(tmp_path / "module")
    assert repr(spec.get_input_info_dict()) == "{'default': <string [?]>}"
    assert repr(spec.get_output_info_dict()) == "{'default': <float32 [?, 2]>}"
    result = applied(spec, ["a, b!", "", "a unknown"])
    np.testing.assert_allclose(
        result.outputs["default"], np.array([[1, 2], [0, 0], [1, 0]]) / np.sqrt([[2], [1], [2]])
    )
    assert result.trainable == result.gradients == ["embeddings"]


@pytest.mark.parametrize(("combiner", "expected"), [("sum", [2.0, 2.0]), ("mean", [2 / 3, 2 / 3])])
def test_unknown_words_count_with_a_bucket_and_are_left_out_without(
    tmp_path: pathlib.Path, combiner: str, expected: list[float]
) -> None:
    source = written(tmp_path, b"a 2 0\nb 0 2\n")
    text_embedding(source, tmp_path / "one", combiner=combiner)
    assert embedded(tmp_path / "one", ["a b zzz"])[0] == pytest.approx(expected)
    text_embedding(source, tmp_path / "none", combiner=combiner, num_oov_buckets=0)
    assert embedded(tmp_path / "none", ["a b zzz", "zzz"])[1] == [0.0, 0.0]
    assert variable(tmp_path / "none").shape == (2, 2)


def test_texts_become_words_as_asked(tmp_path: pathlib.Path) -> None:
    source = written(tmp_path, b"New 1\ny. 2\nNew y. 4\nNEW 8\n")
    for tokenize, expected in (("words", 1.0), ("spaces", 3.0), (None, 4.0)):
        path = tmp_path / str(tokenize)
        text_embedding(source, path, tokenize=tokenize, combiner="sum", format="glove")
        assert embedded(path, ["New y."]) == [[expected]]
    assert embedded(tmp_path / "words", []) == []
    made = text_embedding(
        source, tmp_path / "lower", lowercase=True, combiner="sum", tokenize="spaces", format="glove"
    )
    assert made.problem_counts == {"duplicate": 1}
    assert embedded(tmp_path / "lower", ["NeW"]) == [[1.0]]


@pytest.mark.parametrize("parser", ["fast", "numpy"])
def test_what_is_odd_is_reported_with_its_line(
    tmp_path: pathlib.Path, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parser == "numpy":
        monkeypatch.setattr(text_files, "number_parser", lambda: text_files._parse_with_numpy)
    data = "cat 1 2\n. . . 3 4\n\nbad 1\ncat 5 6\nno\u00a0br 7 8\nplus +1 .5\nnan nan 1\nlong 1 2 x\n1,2 3 4\n1,2 3\nlist [1 2]\nend 9 9"
    made = text_embedding(written(tmp_path, data.encode()), tmp_path / "module", tokenize=None)
    assert made.problems == [
        Problem(3, "blank", "left out"),
        Problem(4, "ragged", "1 numbers instead of 2; left out"),
        Problem(5, "duplicate", "'cat' was there before; the first one stays"),
        Problem(6, "odd space", "'no\\xa0br' holds U+00A0; kept as a part of the token"),
        Problem(8, "not a number", "the vector of 'nan' has a NaN or infinity; left out"),
        Problem(9, "ragged", "0 numbers instead of 2; left out"),
        Problem(11, "ragged", "1 numbers instead of 2; left out"),
        Problem(12, "ragged", "0 numbers instead of 2; left out"),
    ]
    words = ["cat", ". . .", "no\u00a0br", "plus", "1,2", "end", "?"]
    expected = [[1, 2], [3, 4], [7, 8], [1, 0.5], [3, 4], [9, 9], [0, 0]]
    assert embedded(tmp_path / "module", words) == expected
    assert "  ragged: 4\n    line 4: 1 numbers" in str(made)


@pytest.mark.parametrize("parser", ["fast", "numpy"])
def test_plain_lines_are_parsed_together(
    tmp_path: pathlib.Path, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one takes eight times as long, and gives the same, so nothing else would show it."""
    if parser == "numpy":
        monkeypatch.setattr(text_files, "number_parser", lambda: text_files._parse_with_numpy)

    def refuse(number: int, *_: object) -> None:
        raise AssertionError(f"line {number} was read alone")

    monkeypatch.setattr(text_files, "_read_line", refuse)
    text_embedding(written(tmp_path, b"cat 1 2\ndog 3 4\nowl -5 6e1\n"), tmp_path / "module", tokenize=None)
    assert embedded(tmp_path / "module", ["cat", "dog", "owl"]) == [[1, 2], [3, 4], [-5, 60]]


def test_any_token_that_a_line_can_hold_is_found(tmp_path: pathlib.Path) -> None:
    tokens = [
        b"a\rb",
        b"ab",
        b"\rab",
        b"q\"uo'",
        b"\x00nul",
        b"t\tab",
        b"back\\slash",
        b"\\e",
        b"",
        b"\xff\xfe",
        "ü\u2028".encode(),
    ]
    data = b"".join(token + b" %d 1\n" % index for index, token in enumerate(tokens))
    text_embedding(written(tmp_path, data), tmp_path / "module", tokenize=None, num_oov_buckets=0)
    assert [row[0] for row in embedded(tmp_path / "module", tokens)] == list(range(len(tokens)))
    text_embedding(written(tmp_path, b"a\\b 1 2\nc 3 4\n"), tmp_path / "plain", tokenize=None)
    assert (tmp_path / "plain" / "assets" / "tokens.txt").read_bytes() == b"a\\b\nc\n"
    assert embedded(tmp_path / "plain", [b"a\\b"]) == [[1.0, 2.0]]
    binary = b"2 1\nx\ny " + np.float32(5).tobytes() + b"\xff " + np.float32(6).tobytes()
    text_embedding(written(tmp_path, binary), tmp_path / "binary", tokenize=None, format="word2vec-binary")
    assert embedded(tmp_path / "binary", [b"x\ny", b"\xff"]) == [[5.0], [6.0]]


def test_limit_normalization_and_partitions(tmp_path: pathlib.Path) -> None:
    data = "".join(f"w{i} {3 * i} {4 * i}\n" for i in range(1, 200)).encode()
    made = text_embedding(
        written(tmp_path, data),
        tmp_path / "module",
        limit=100,
        l2_normalize=True,
        num_partitions=3,
        tokenize=None,
    )
    assert made.vectors == 100
    np.testing.assert_allclose(variable(tmp_path / "module")[:100], np.tile(np.float32([0.6, 0.8]), (100, 1)))
    result = applied(str(tmp_path / "module"), ["w1", "w50", "w100", "w101"])
    np.testing.assert_allclose(result.outputs["default"], [[0.6, 0.8]] * 3 + [[0, 0]], rtol=1e-6)
    assert result.gradients == [f"embeddings/part_{index}" for index in range(3)]


def test_many_lines_agree_with_numpy(tmp_path: pathlib.Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(3000, 50)).astype(np.float32)
    lines = (f"w{i} " + " ".join(repr(float(value)) for value in row) for i, row in enumerate(matrix))
    reads: list[hub.Progress] = []
    source = written(tmp_path, "\n".join(lines).encode())
    text_embedding(source, tmp_path / "module", num_oov_buckets=0, progress=reads.append)
    np.testing.assert_array_equal(variable(tmp_path / "module"), matrix)
    size = os.path.getsize(source)
    assert reads[-1] == hub.Progress(f"Reading {source}", size, size, "bytes")


def test_nothing_is_left_where_it_fails(tmp_path: pathlib.Path) -> None:
    good = gzip.compress(b"".join(b"w%d %d 1\n" % (i, i * 7919) for i in range(9000)))
    cases = [
        (good[:-200], FormatError, r"The word vectors .* are damaged or were cut: "),
        (
            b"3 2\nx \x00\x00\x00\x00\x00\x00\x80?",
            FormatError,
            r"its header says 3 vectors of 2 numbers, and record 2 is not",
        ),
        (
            b"",
            FormatError,
            r"holds no word vectors: none of its first lines is a word followed by numbers\. Known",
        ),
        (b"a x y\n", CreationError, r"holds no usable vector: \{'ragged': 1\}\."),
    ]
    for data, error, message in cases:
        source = written(tmp_path, data)
        with pytest.raises(error, match=message):
            text_embedding(source, tmp_path / "module")

    def interrupted(_: hub.Progress) -> None:
        raise KeyboardInterrupt

    source = written(tmp_path, b"a 1 2\n")
    with pytest.raises(KeyboardInterrupt):
        text_embedding(source, tmp_path / "module", progress=interrupted)
    assert os.listdir(tmp_path) == ["vectors.txt"]
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "saved_model.pb").write_text("")
    with pytest.raises(ExportError, match="something is there already"):
        text_embedding(source, tmp_path / "module")


def test_arguments_are_checked(tmp_path: pathlib.Path) -> None:
    source = written(tmp_path, b"a 1 2\n")
    with pytest.raises(
        CreationError, match=r"^combiner is 'max'; it must be one of 'sum', 'mean', 'sqrtn'\.$"
    ):
        text_embedding(source, tmp_path / "module", combiner="max")
    with pytest.raises(CreationError, match=r"^limit is 0; it must be at least 1\.$"):
        text_embedding(source, tmp_path / "module", limit=0)
    with pytest.raises(
        FormatError, match=r"is not of the format 'fasttext': its first line should be two numbers"
    ):
        text_embedding(source, tmp_path / "module", format="fasttext")


def test_the_command_exports_and_tells(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path, b"a 1 2\na 3 4\n")
    assert main(["export-text-embedding", source, str(tmp_path / "module"), "--combiner", "sum"]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/module: 1 vectors of 2 dimensions (glove)\n"
        "  duplicate: 1\n    line 2: 'a' was there before; the first one stays\n"
    )
    assert embedded(tmp_path / "module", ["a a"]) == [[2.0, 4.0]]
    assert main(["export-text-embedding", source, str(tmp_path / "module"), "--quiet"]) == 1
    assert "something is there already" in capsys.readouterr().err


def test_the_output_feeds_layers_of_known_width(tmp_path: pathlib.Path) -> None:
    text_embedding(written(tmp_path, b"a 1 2 3\n"), tmp_path / "module")
    with tf.Graph().as_default():
        output = hub.Module(str(tmp_path / "module"))(tf.compat.v1.placeholder(tf.string, [None]))
        assert output.shape.as_list() == [None, 3]
