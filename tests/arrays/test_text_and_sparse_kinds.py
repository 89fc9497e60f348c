"""Ops on strings, sparse tensors and sets: the table's, held against TensorFlow's."""

from __future__ import annotations

import random

import numpy as np
import pytest
from arrays.beside_tensorflow import assert_same

from tf1hub.arrays.regular_expressions import replace_matches
from tf1hub.errors import MissingDependencyError

WORDS = np.array(
    [[b"Hello, World", b""], ["Füße ÄÖ".encode(), b" a b\t c\n"], [b"\xff\xfe no utf", b"xyzzy"]], object
)


def test_hashes_of_all_lengths() -> None:
    numbers = random.Random(3)
    texts = np.array([bytes(numbers.randrange(256) for _ in range(size)) for size in range(260)], object)
    for kind, more in (
        ("StringToHashBucketFast", {}),
        ("StringToHashBucketStrong", {"key": [-5, 77]}),
    ):
        assert_same(kind, texts, num_buckets=2**63 - 1, **more)
    assert_same("StringToHashBucket", texts, num_buckets=2**63 - 1)
    assert_same("Fingerprint", texts, b"farmhash64")
    assert_same("Fingerprint", np.arange(12, dtype=np.int32).reshape(3, 4), b"farmhash64")


@pytest.mark.parametrize("encoding", ["", "utf-8"])
def test_cases(encoding: str) -> None:
    for kind in ("StringLower", "StringUpper"):
        assert_same(kind, WORDS[:2], encoding=encoding)


def test_stripping_and_lengths() -> None:
    assert_same("StringStrip", WORDS)
    for unit in ("BYTE", "UTF8_CHAR"):
        assert_same("StringLength", WORDS, unit=unit)


def test_joining() -> None:
    assert_same("StringJoin", (WORDS, b"!", WORDS), separator="-")
    for axes in ([0], [1], [-1], [1, 0], [0, 1], []):
        for keep in (False, True):
            assert_same("ReduceJoin", WORDS, np.array(axes, np.int32), keep_dims=keep, separator=", ")
    assert_same("UnsortedSegmentJoin", WORDS, np.array([2, 0, 2]), np.int32(4), separator=":")


def test_splitting() -> None:
    texts = np.array([b" a b  c ", b"", b"one", b"x,y ,z"], object)
    for delimiter in (b" ", b"", b", "):
        for skip in (True, False):
            assert_same("StringSplit", texts, delimiter, skip_empty=skip)
            assert_same("StringSplit", texts[:0], delimiter, skip_empty=skip)
            assert_same("StringSplit", texts[1:2], delimiter, skip_empty=skip)
    for separator in (b"", b" ", b", ", b"xx"):
        for most in (-1, 1):
            assert_same("StringSplitV2", texts, separator, maxsplit=most)


def test_pieces() -> None:
    texts = np.array(["Füßeln".encode(), b"abcdefg"], object)
    for unit in ("BYTE", "UTF8_CHAR"):
        for position in (0, 2, -3):
            assert_same("Substr", texts, position, 3, unit=unit)
    assert_same("Substr", texts, np.array([1, 2]), np.array([10, 2]))


def test_numbers_and_text() -> None:
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        assert_same("StringToNumber", np.array([b"1", b"-17", b" 3 "], object), out_type=dtype)
    assert_same("StringToNumber", np.array([b"1.5e3", b"inf", b"nan"], object), out_type=np.float32)
    for values in (np.array([1.5, -2.25, 1e10]), np.array([1, -20], np.int32), np.array([True, False])):
        assert_same("AsString", values)
    numbers = np.array([1.5, -2.25, 1e-10], np.float32)
    for form in ({"precision": 2}, {"scientific": True}, {"shortest": True}, {"width": 12, "fill": "0"}):
        assert_same("AsString", numbers, **form)


def test_bytes_of_numbers() -> None:
    raw = np.array([bytes(range(8)), bytes(range(8, 16))], object)
    for dtype in (np.uint8, np.int16, np.float32, np.int64):
        for little in (True, False):
            assert_same("DecodeRaw", raw, out_type=dtype, little_endian=little)
    for pad in (False, True):
        assert_same("EncodeBase64", WORDS, pad=pad)
    assert_same("DecodeBase64", np.array([b"SGVsbG8", b"_-8=", b""], object))


def test_ngrams() -> None:
    words = np.array([b"a", b"b", b"c", b"d", b"e"], object)
    for widths in ([2], [1, 3], [6]):
        for pad in (-1, 0, 1):
            for short in (False, True):
                assert_same(
                    "StringNGrams",
                    words,
                    np.array([0, 3, 3, 5]),
                    separator=" ",
                    ngram_widths=widths,
                    left_pad="<",
                    right_pad=">",
                    pad_width=pad,
                    preserve_short_sequences=short,
                )


PATTERNS = [
    (r"\s+", "_"),
    (r"(\w+) (\w+)", r"\2-\1"),
    (r"[[:punct:]]", ""),
    (r"\pL", "L"),
    (r"[^\p{L}\p{N}]+", " "),
    (r"x*", "-"),
    (r"^|$", "|"),
    (r"(?i)hello", r"<\0>"),
    (r"(a|ab)(c|bcd)?", r"[\1\2]"),
    (r"\Qo, W\E", r"\\"),
    (r"z\z", "."),
    (r"\d{2,}|[xyz]{2}", "#"),
    (r"[^a-z\s]", "?"),
    (r"\P{L}", "*"),
    (r"o(?:,|$)", "0"),
    (r"(?s).+", "all"),
    (r"\x{df}", "ss"),
    (r"[[:punct:]]", ""),
    (r"[^\pL\s\d']", ""),
    (r"[]\[, ]", ""),
    (r"[#lo ]", "--"),
    (r"\pP", ""),
    (r"\W", r"<\0>"),
    (r"[hH]|[wW]", ""),
]


@pytest.mark.parametrize(("pattern", "rewrite"), PATTERNS)
def test_regular_expressions(pattern: str, rewrite: str) -> None:
    texts = np.array(
        [b"hello hello", b"Hello, World", b"", "Füße 12".encode(), b"xyzzy", b"abcd abc\nac", b"a\n"], object
    )
    for everywhere in (True, False):
        assert_same("StaticRegexReplace", texts, pattern=pattern, rewrite=rewrite, replace_global=everywhere)
    assert_same("RegexReplace", texts, pattern.encode(), rewrite.encode())
    assert_same("RegexFullMatch", texts, pattern.encode())
    assert_same("StaticRegexFullMatch", texts, pattern=pattern)


def test_unique() -> None:
    for values in (np.array([3, 1, 3, 2, 1]), np.array([b"b", b"a", b"b"], object), np.zeros(0, np.float32)):
        for dtype in (np.int32, np.int64):
            assert_same("Unique", values, out_idx=dtype)
            assert_same("UniqueWithCounts", values, out_idx=dtype)
    matrix = np.array([[1, 2, 1], [3, 4, 3], [1, 2, 1]])
    for axis in (0, 1, -1):
        assert_same("UniqueV2", matrix, np.array([axis]))
        assert_same("UniqueWithCountsV2", matrix, np.array([axis]))
    assert_same("UniqueV2", np.array([3, 1, 3]), np.zeros(0, np.int64))
    assert_same("ListDiff", np.array([1, 2, 3, 2, 5]), np.array([2, 9]))


def test_sets() -> None:
    x, y = np.array([[1, 2, 2], [5, 6, 7]]), np.array([[2, 3, 1], [9, 9, 9]])
    sparse = (np.array([[0, 0], [0, 1], [1, 0]]), np.array([2, 8, 5]), np.array([2, 2]))
    for operation in ("union", "intersection", "a-b", "b-a"):
        assert_same("DenseToDenseSetOperation", x, y, set_operation=operation)
        assert_same("DenseToSparseSetOperation", x, *sparse, set_operation=operation)
        assert_same("SparseToSparseSetOperation", *sparse, *sparse, set_operation=operation)
    assert_same("SetSize", *sparse)


INDICES = np.array([[0, 1], [0, 3], [2, 0], [2, 2]])
VALUES = np.array([1.5, -2.0, 3.0, 0.25], np.float32)
SHAPE = np.array([4, 4])


def test_sparse_and_dense() -> None:
    assert_same("SparseToDense", INDICES, SHAPE, VALUES, np.float32(-1))
    assert_same("SparseToDense", np.array([1, 3]), np.array([5]), np.int32(7), np.int32(0))
    assert_same("SparseToDense", np.int64(2), np.array([4]), b"x", b"")
    dense = np.arange(12, dtype=np.float32).reshape(4, 3)
    for a in (False, True):
        assert_same("SparseTensorDenseMatMul", INDICES, VALUES, SHAPE, dense, adjoint_a=a, exactly=False)
        assert_same(
            "SparseTensorDenseMatMul",
            INDICES,
            VALUES,
            SHAPE,
            dense.T.copy(),
            adjoint_a=a,
            adjoint_b=True,
            exactly=False,
        )
    square = np.arange(16, dtype=np.float32).reshape(4, 4) + 1
    for kind in ("SparseDenseCwiseMul", "SparseDenseCwiseAdd", "SparseDenseCwiseDiv"):
        assert_same(kind, INDICES, VALUES, SHAPE, square)
        assert_same(kind, INDICES, VALUES, SHAPE, square[:1])
    assert_same("SparseTensorDenseAdd", INDICES, VALUES, SHAPE, square)


def test_filling_empty_rows() -> None:
    assert_same("SparseFillEmptyRows", INDICES, VALUES, SHAPE, np.float32(9))
    assert_same("SparseFillEmptyRows", INDICES, np.array([b"a", b"b", b"c", b"d"], object), SHAPE, b"-")
    assert_same("SparseFillEmptyRows", np.zeros((0, 2), np.int64), VALUES[:0], SHAPE, np.float32(9))
    for rows in ([0, 1, 1, 2], [0, 2, 1, 0], [0, 0, 0, 2], [1, 1, 2, 2]):
        indices = np.stack([rows, np.arange(4)], 1).astype(np.int64)
        assert_same("SparseFillEmptyRows", indices, VALUES, np.array([3, 4]), np.float32(9))


def test_sparse_shapes() -> None:
    order = [2, 0, 3, 1]
    assert_same("SparseReorder", INDICES[order], VALUES[order], SHAPE)
    for new in ([2, 8], [-1, 2], [16], [2, 2, -1]):
        assert_same("SparseReshape", INDICES, SHAPE, np.array(new))
    for axis in (0, 1, -1):
        assert_same("SparseConcat", (INDICES, INDICES), (VALUES, VALUES), (SHAPE, SHAPE), concat_dim=axis)
        assert_same("SparseSplit", np.int64(axis % 2), INDICES, VALUES, SHAPE, num_split=3)
    assert_same("SparseSlice", INDICES, VALUES, SHAPE, np.array([1, 0]), np.array([5, 3]))


def test_sparse_arithmetic() -> None:
    other = (np.array([[0, 1], [1, 1], [2, 2]]), np.array([1.0, 5.0, -0.25], np.float32), SHAPE)
    for threshold in (0.0, 1.0):
        assert_same("SparseAdd", INDICES, VALUES, SHAPE, *other, np.float32(threshold))
    for axes in ([0], [1], [0, 1], [-1]):
        for keep in (False, True):
            assert_same("SparseReduceSum", INDICES, VALUES, SHAPE, np.array(axes, np.int32), keep_dims=keep)
            assert_same("SparseReduceMax", INDICES, VALUES, SHAPE, np.array(axes, np.int32), keep_dims=keep)
    assert_same("SparseSoftmax", INDICES, VALUES, SHAPE, exactly=False)
    for kind in ("SparseSparseMaximum", "SparseSparseMinimum"):
        assert_same(kind, INDICES, VALUES, SHAPE, *other)


def test_ragged() -> None:
    assert_same("RaggedRange", np.array([0, 5]), np.array([3, 1]), np.array([1, -2]))
    assert_same("RaggedRange", np.array(0), np.array([3, 1]), np.array(1))
    splits = np.array([0, 2, 2, 5])
    for values in (np.arange(5.0), np.arange(20.0).reshape(5, 2, 2)):
        assert_same("RaggedTensorToSparse", (splits,), values)
        assert_same("RaggedGather", (splits,), values, np.array([2, 0, 2]), OUTPUT_RAGGED_RANK=1)
    assert_same("RaggedTensorToSparse", (np.array([0, 1, 3]), np.array([0, 2, 2, 5])), np.arange(5))


def test_ragged_tensors_become_dense() -> None:
    kind = "RaggedTensorToTensor"
    splits, ids = np.array([0, 2, 2, 5]), np.array([0, 0, 2, 2, 2])
    values = np.arange(1, 6, dtype=np.float32)
    for shape in (np.array(-1), np.array([-1, -1]), np.array([2, 2]), np.array([5, -1]), np.array([-1, 4])):
        for parts, types in (
            ((splits,), ["ROW_SPLITS"]),
            ((np.array(3), ids), ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]),
        ):
            assert_same(kind, shape, values, np.float32(-1), parts, row_partition_types=types)
    texts = np.array([b"a", b"b", b"c", b"d", b"e"], object)
    assert_same(kind, np.array([-1, -1]), texts, b"-", (splits,), row_partition_types=["ROW_SPLITS"])
    inner = np.arange(20, dtype=np.int64).reshape(5, 2, 2)
    for default in (np.int64(7), np.array([7, 8]), np.array([[7, 8], [9, 0]])):
        assert_same(kind, np.array(-1), inner, default, (splits,), row_partition_types=["ROW_SPLITS"])
    two = (np.array([0, 1, 1, 3]), np.array([0, 2, 2, 5]))
    for shape in (np.array(-1), np.array([-1, -1, 2]), np.array([4, 1, -1])):
        assert_same(kind, shape, values, np.float32(0), two, row_partition_types=["ROW_SPLITS"] * 2)
    types = ["FIRST_DIM_SIZE", "VALUE_ROWIDS", "VALUE_ROWIDS"]
    rows = (np.array(3), np.array([0, 2, 2]), np.array([0, 0, 2, 2, 2]))
    assert_same(kind, np.array(-1), values, np.float32(0), rows, row_partition_types=types)
    nothing = (np.array([0, 0, 0]),)
    assert_same(kind, np.array(-1), values[:0], np.float32(0), nothing, row_partition_types=["ROW_SPLITS"])


def test_what_python_s_patterns_lack_needs_a_package() -> None:
    texts = np.array(["a漢字b".encode(), b"\xff plain"], object)
    try:
        import re2  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(MissingDependencyError) as caught:
            replace_matches(r"\p{Han}+", b"", texts[0])
        assert str(caught.value) == (
            r"The regular expression '\\p{Han}+' uses '\\p{Han}', which Python's re does not have. Install the package that "
            "has all of RE2: pip install google-re2"
        )
    else:
        assert_same("StaticRegexReplace", texts, pattern=r"(\p{Han})\p{Han}", rewrite=r"<\1\\>")
        assert_same("StaticRegexFullMatch", texts, pattern=r"\p{Latin}\p{Han}+b")
        assert_same("StaticRegexReplace", texts, pattern=r"(?U)a*\S?", rewrite="-")
        scripts = np.array(["12 αβγ".encode(), "Привет мир".encode(), b"a\xff b", b""], object)
        for pattern, rewrite in (
            (r"\p{Greek}+", "G"),
            (r"(\p{Cyrillic}+) (\p{Cyrillic}+)", r"\2-\1"),
            (r"[\p{Lu}x]*", "-"),
            (r"\P{Latin}", ""),
        ):
            for everywhere in (True, False):
                assert_same(
                    "StaticRegexReplace", scripts, pattern=pattern, rewrite=rewrite, replace_global=everywhere
                )
            assert_same("RegexFullMatch", scripts, pattern.encode())


UNICODE = np.array(["Füße 漢字".encode(), b"", b"bad \xff\xfe \xe6\xbc.", b"a\tb\x00"], object)


def test_unicode() -> None:
    for errors in ("replace", "ignore"):
        for control in (False, True):
            more = {"input_encoding": "UTF-8", "errors": errors, "replace_control_characters": control}
            assert_same("UnicodeDecode", UNICODE, **more)
            assert_same("UnicodeDecodeWithOffsets", UNICODE, **more)
            for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
                assert_same("UnicodeTranscode", UNICODE, output_encoding=output, **more)
        # What is no character was not left out by the first TensorFlows.
        strange = 0xD800 if errors == "replace" else 98
        codes = np.array([70, 252, 0x6F22, 0x1F600, strange, 97], np.int32)
        for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
            assert_same("UnicodeEncode", codes, np.array([0, 2, 2, 6]), output_encoding=output, errors=errors)


def test_buckets_of_numbers() -> None:
    for numbers in (np.array([[-1.0, 0.5, 1.0], [9.0, 2.5, 0.0]], np.float32), np.array([0, 1, 5])):
        assert_same("Bucketize", numbers, boundaries=[0.0, 1.0, 2.5])


@pytest.mark.parametrize("peephole", [False, True])
def test_recurrent_cells(peephole: bool) -> None:
    random = np.random.default_rng(0)
    draw = lambda *shape: random.normal(0, 0.7, shape).astype(np.float32)  # noqa: E731
    xs, cs, h, w = draw(5, 2, 3), draw(2, 4), draw(2, 4), draw(7, 16)
    rest = [draw(4), draw(4), draw(4), draw(16)]
    for clip in (3.0, 0.5, -1.0):
        more = {"use_peephole": peephole, "cell_clip": clip, "exactly": False}
        assert_same("LSTMBlockCell", xs[0], cs, h, w, *rest, forget_bias=0.6, **more)
        for count in (5, 3):
            assert_same("BlockLSTM", np.int64(count), xs[:count], cs, h, w, *rest, **more)
    assert_same("GRUBlockCell", xs[0], h, draw(7, 8), draw(7, 4), draw(8), draw(4), exactly=False)
