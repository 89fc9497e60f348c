"""What waits to be compared is in a file, and nothing else about it changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pytest

from tf1hub.trial.arrays_on_disk import ArrayFile, ArrayOnDisk, values_in_memory
from tf1hub.trial.distance import NONE, Distance, distance


@pytest.fixture
def file() -> Iterator[ArrayFile]:
    with ArrayFile() as opened:
        yield opened


def test_large_arrays_go_to_the_file_and_come_back_as_they_were(file: ArrayFile) -> None:
    rng = np.random.default_rng(1)
    arrays = {
        "floats": [rng.random((200, 300))],
        "transposed": [rng.random((200, 300), np.float32).T],
        "parts": [np.arange(20_000).reshape(2, 100, 100), np.arange(3)],
        "strings": [np.array([b"text"] * 20_000, object)],
    }
    kept = file.keep(arrays)
    assert {name: [type(part) is ArrayOnDisk for part in parts] for name, parts in kept.items()} == {
        "floats": [True],
        "transposed": [True],
        "parts": [True, False],
        "strings": [False],
    }
    later = file.keep({"later": [np.ones(10_000)]})
    for name, parts in {**arrays, "later": [np.ones(10_000)]}.items():
        for array, found in zip(parts, {**kept, **later}[name], strict=True):
            opened = np.asarray(found)
            assert (opened.dtype, opened.shape) == (array.dtype, array.shape)
            assert distance(array, found) == distance(found, array) == NONE


def test_inputs_wait_in_the_file_and_come_back_for_those_who_compute(file: ArrayFile) -> None:
    given = {"image": np.ones((200, 300)), "length": np.array([3]), "text": "as a caller gave it"}
    kept = file.keep_values(given)
    assert [type(value) is ArrayOnDisk for value in kept.values()] == [True, False, False]
    found = values_in_memory(kept)
    assert type(found["image"]) is np.ndarray
    assert distance(found["image"], given["image"]) == NONE
    assert (found["length"], found["text"]) == (given["length"], given["text"])


@pytest.mark.parametrize("where", [0, 299_999, 131_072])
def test_a_difference_anywhere_from_what_is_in_the_file_is_seen(where: int, file: ArrayFile) -> None:
    array = np.zeros(300_000).reshape(3, 100_000)
    ((found,),) = file.keep({"x": [array]}).values()
    other = array.copy()
    other.reshape(-1)[where] = 2.0
    assert distance(found, other) == distance(other.T, array.T) == Distance(2.0, 1.0)
    assert distance(found, array.reshape(-1)).relative == 1.0


def test_a_copy_and_another_type_of_an_array_in_the_file_can_be_written_to(file: ArrayFile) -> None:
    ((found,),) = file.keep({"x": [np.zeros(10_000)]}).values()
    for array in (np.array(found), np.asarray(found, np.float32)):
        array[0] = 1.0
    assert np.asarray(found)[0] == 0.0


@pytest.mark.parametrize("full", ["at once", "later"])
def test_an_array_for_which_there_is_no_room_stays_in_memory(
    full: str, file: ArrayFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> IO[bytes]:
        raise OSError(28, "No space left on device")

    array = np.arange(10_000.0)
    if full == "later":
        file.keep({"x": [array]})
        monkeypatch.setattr(np, "ascontiguousarray", refuse)
    else:
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert file.keep({"x": [array]})["x"][0] is array
