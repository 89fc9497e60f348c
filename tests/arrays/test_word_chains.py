"""Ops on words as one step that remembers words: the same numbers as the ops one by one."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from golden import cases

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.prepared import PreparedOp, PreparedWords
from tf1hub.arrays.string_arrays import string_array
from tf1hub.arrays.word_chains import WordMemory
from tf1hub.spec.module_spec import load_module_spec

_TEXTS = [
    [b"a cat sat", b"", b"the  Cat, sat on a mat "],
    [b"a cat sat on what is new", b"the"],
    [],
    [b"\xff\xfe no utf-8 " + b"x" * 200, "über die Straße".encode(), b"a cat sat"],
]


@pytest.mark.parametrize(
    "name", ["text_embedding", "text_embedding_partitioned", "text_hashed", "launch_text", "tf112_text"]
)
def test_a_chain_gives_what_its_ops_give(name: str) -> None:
    spec = load_module_spec(cases.load(name).path)
    module = ModuleCode(spec, spec.variant())
    code = module.signature().code
    plain = module.library.prepare(code.program, code.arguments)
    kinds = {step.kind for step in plain.block if isinstance(step, PreparedOp)}
    assert "LookupTableFindV2" in kinds
    (chain,) = (step for step in code.block if isinstance(step, PreparedWords))
    left = {step.kind for step in code.block if isinstance(step, PreparedOp)}
    assert left.isdisjoint({"LookupTableFindV2", "StringToHashBucketFast", "HashTableV2"})
    assert len(chain.results) == 1
    for texts in _TEXTS * 2:
        given = [string_array(texts)]
        for found, wanted in zip(module.run(code, given), module.run(plain, given), strict=True):
            np.testing.assert_array_equal(found, wanted, strict=True)


def test_words_are_computed_once_until_too_many_came() -> None:
    asked: list[bytes] = []

    def compute(words: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        asked.extend(words.tolist())
        return [np.array([*map(len, words)], np.int32), np.array([b"a" in word for word in words], bool)]

    memory = WordMemory(most_words=3, most_bytes=20)
    for words in ([b"a", b"bb", b"a"], [b"bb"], [b"a", b"ccc"], [b"dddd", b"a"], [b"a", b"dddd"], [b"bb"]):
        lengths, has_a = memory.find(words, compute)
        assert lengths.dtype == np.int32
        assert has_a.dtype == bool
        assert lengths.tolist() == [len(word) for word in words]
        assert has_a.tolist() == [b"a" in word for word in words]
    # With the fourth word all were forgotten that the call did not bring.
    assert asked == [b"a", b"bb", b"ccc", b"dddd", b"a", b"bb"]
    asked.clear()
    for _ in range(2):
        assert memory.find([b"x" * 30], compute)[0].tolist() == [30]
    assert asked == [b"x" * 30] * 2  # longer than all that may be kept


def test_threads_share_a_memory() -> None:
    memory = WordMemory(most_words=50)
    wrong: list[int] = []

    def look_up(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(200):
            words = [b"%d" % number for number in random.integers(0, 200, 20)]
            found = memory.find(words, lambda new: [np.array([int(word) for word in new], np.int64)])
            wrong.extend(
                number for number, word in zip(found[0].tolist(), words, strict=True) if number != int(word)
            )

    threads = [threading.Thread(target=look_up, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
