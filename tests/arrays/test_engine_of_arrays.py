"""The NumPy engine, in a process that cannot import TensorFlow: see tests/package for all golden modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import cases

from tf1hub.arrays.lookup_tables import LookupTable, new_table
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.remembered import Remembered
from tf1hub.arrays.string_arrays import string_array
from tf1hub.errors import CheckFailedError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.spec.module_spec import load_module_spec


def test_a_signature_runs_as_a_program_over_arrays() -> None:
    case = cases.load("half_plus_two")
    spec = load_module_spec(case.path)
    module = ModuleCode(spec, spec.variant())
    signature = module.signature()
    assert module.library.missing(signature.code.program) == {}
    assert signature.read == {"a", "b"}
    assert signature.written == frozenset()
    (result,) = module.run(signature.code, [np.array([[1.0], [2.0]], np.float32)])
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[2.5], [3.0]])


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("more", [0, 100])
@pytest.mark.parametrize("size", [-1, 6, 4])
def test_a_file_of_words_is_a_table(end: bytes, more: int, size: int, tmp_path: Path) -> None:
    """The file is searched as it is at first, and taken apart once many words were looked up."""
    words = [b"a", b"", b"ab", b"b a", "ü".encode(), b"last"]
    path = tmp_path / "words.txt"
    path.write_bytes(b"\n".join(words) + end)
    table = LookupTable("table", np.dtype(object), np.dtype(np.int64), (), changes=False)
    table.fill_from_file(str(path), -2, -1, size, "\t", 0)
    count = len(words) if size == -1 else size
    assert len(table) == count
    asked = string_array([*words, b"b", b"a\nab", b"las", *[b"?"] * more], (1, len(words) + 3 + more))
    found = table.find(asked, np.array(-7))
    assert found.tolist() == [[*range(count), *[-7] * (len(words) - count + 3 + more)]]
    keys, values = table.contents()
    assert dict(zip(keys.tolist(), values.tolist(), strict=True)) == {
        word: at for at, word in enumerate(words[:count])
    }


def test_a_file_of_words_with_a_word_twice(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"a\nb\na\n")
    table = LookupTable("table", np.dtype(object), np.dtype(np.int64), (), changes=False)
    with pytest.raises(CheckFailedError, match="The table 'table' is given two values for the key b'a'"):
        table.fill_from_file(str(path), -2, -1, -1, "\t", 0)


def test_a_table_of_handles() -> None:
    node = NodeDef(name="table", op="HashTableV2")
    node.attr["key_dtype"].type, node.attr["value_dtype"].type = 7, 21
    with pytest.raises(UnsupportedGraphError) as caught:
        new_table(node, [])
    assert str(caught.value) == (
        "The table 'table' has values of the type variant, which no table of TensorFlow has."
    )


def test_a_large_vocabulary_keeps_the_words_that_came_last_apart() -> None:
    """Nothing tells it from a small one: unknown words, another default, words that come after, more than it keeps."""
    words = string_array(f"word{at}".encode() for at in range(20_000))
    table = LookupTable("table", np.dtype(object), np.dtype(np.int64), (), changes=False)
    table.insert(words, np.arange(20_000))
    asked = string_array([b"word7", b"new", b"word19999", b"word7"])
    for default in (-1, -2, -1):
        assert table.find(asked, np.array(default)).tolist() == [7, default, 19_999, 7]
    assert table.find(asked, np.array([-1, -2, -3, -4])).tolist() == [7, -2, 19_999, 7]
    np.testing.assert_array_equal(table.find(words, np.array(-1)), np.arange(20_000))
    table.insert(string_array([b"new"]), np.array([5]))
    assert table.find(asked, np.array(-1)).tolist() == [7, 5, 19_999, 7]
    table.clear()
    assert table.find(asked, np.array(-1)).tolist() == [-1] * 4


def test_words_are_remembered_up_to_a_number() -> None:
    asked: list[bytes] = []
    remembered = Remembered(lambda word: asked.append(word) or len(word), 2)
    assert [remembered[word] for word in (b"a", b"bb", b"a", b"ccc", b"a")] == [1, 2, 1, 3, 1]
    assert asked == [b"a", b"bb", b"ccc", b"a"]
    assert len(remembered) == 2


def test_fields_of_lines_are_keys_and_values(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"head\r\n3,x\r\n5,y\r\n7,z\r\n")
    table = LookupTable("table", np.dtype(np.int64), np.dtype(object), (), changes=False)
    table.fill_from_file(str(path), 0, 1, 2, ",", 1)
    assert table.find(np.array([5, 3, 7]), string_array([b"-"], ())).tolist() == [b"y", b"x", b"-"]
