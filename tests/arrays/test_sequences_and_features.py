"""Ops on sequences of labels, crossed features, examples, files of sounds and quantized numbers, held against TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from arrays.beside_tensorflow import assert_same

from tf1hub.arrays.kernels import kernel_of

NUMBERS = np.random.default_rng(0)


def texts(*values: bytes) -> Any:
    return np.asarray(values, object) if values else np.zeros(0, object)


@pytest.mark.parametrize(("steps", "batch", "classes"), [(7, 3, 4), (1, 1, 3), (12, 4, 3), (5, 2, 1)])
def test_labels_of_scores(steps: int, batch: int, classes: int) -> None:
    scores = NUMBERS.normal(size=(steps, batch, classes)).astype(np.float32) * 2
    lengths = NUMBERS.integers(0, steps + 1, batch).astype(np.int32)
    for merge in (True, False):
        for blank in (-1, 0):
            assert_same("CTCGreedyDecoder", scores, lengths, merge_repeated=merge, blank_index=blank)
        for width, ranks in ((1, 1), (3, 2), (20, 3), (2, 2)):
            if classes > 1 and steps > 2:
                counts = lengths if ranks == 1 else np.full(batch, steps, np.int32)
                told = {"beam_width": width, "top_paths": ranks, "merge_repeated": merge}
                assert_same("CTCBeamSearchDecoder", scores, counts, exactly=False, **told)


@pytest.mark.parametrize("normalize", [True, False])
def test_how_far_sequences_are_apart(normalize: bool) -> None:
    guess = np.array([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1]]), np.array([1, 2, 3, 4, 4]), np.array([4, 2])
    truth = np.array([[0, 0], [0, 1], [0, 2], [2, 0]]), np.array([1, 3, 2, 4]), np.array([4, 3])
    assert_same("EditDistance", *guess, *truth, normalize=normalize)
    words = [(each[0], texts(*(b"%d" % n for n in each[1])), each[2]) for each in (guess, truth)]
    assert_same("EditDistance", *words[0], *words[1], normalize=normalize)


PLACES = np.array([[0, 0], [0, 1], [1, 0], [3, 0]]), np.array([[0, 0], [1, 0], [1, 1], [3, 0]])
WORDS = texts(b"a", b"bb", b"c", b"d")
SIZES = (np.array([4, 2]), np.array([4, 2]))
DENSE = np.array([[5, 6], [7, 8], [9, 10], [1, 2]])
TEXTS = np.array([[b"x"], [b"yy"], [b""], [b"long text that is hashed in another way"]], object)


def test_crossed_features() -> None:
    both = PLACES, (WORDS, np.array([1, -2, 3, 4])), SIZES
    for buckets, dense in ((0, ()), (100, (TEXTS, DENSE))):
        told = {
            "hashed_output": True,
            "num_buckets": buckets,
            "out_type": tf.int64,
            "internal_type": tf.int64,
        }
        assert_same("SparseCross", *both, dense, hash_key=956888297470 - buckets * 10**12, **told)
    told = {"hashed_output": False, "num_buckets": 0, "out_type": tf.string, "internal_type": tf.string}
    assert_same("SparseCross", (PLACES[0],) * 2, (WORDS,) * 2, SIZES, (TEXTS,), hash_key=1, **told)
    assert_same("SparseCross", (), (), (), (TEXTS, TEXTS), hash_key=1, **told)
    assert_same("SparseCrossV2", (PLACES[0],) * 2, (WORDS,) * 2, SIZES, (TEXTS,), b"-")
    salt = np.array([137, 7])
    for strong in (False, True):
        more = np.int64(50), np.bool_(strong), salt
        assert_same("SparseCrossHashed", (PLACES[0],) * 2, (WORDS,) * 2, SIZES, (TEXTS,), *more)
        assert_same("SparseCrossHashed", *both, (), *more)
    assert_same("SparseCrossHashed", *both, (DENSE,), np.int64(50), np.bool_(False), salt)


def example(**features: Any) -> bytes:
    found = tf.train.Example()
    for name, values in features.items():
        kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}.get(type((values or [None])[0]))
        feature = found.features.feature[name]
        if kind is not None:
            getattr(feature, kind).value.extend(values)
    return found.SerializeToString()


EXAMPLES = texts(
    example(a=[1.0, 2.0], b=[b"x"], c=[3, 4, 5], s=[b"q", b"w"]),
    example(a=[3.0, 4.0], c=[-1], s=[]),
    example(a=[5.0, 6.0], b=[b"zz"], s=[b"e"]),
)
ONE = np.array(EXAMPLES[0], object)
DEFAULTS = np.zeros(0, np.float32), np.array(b"default", object)


def test_features_of_examples() -> None:
    keys = tuple(np.array(key, object) for key in (b"c", b"s", b"a", b"b"))
    sparse = {"sparse_types": [tf.int64, tf.string], "dense_shapes": [[2], []]}
    assert_same("ParseExample", EXAMPLES, texts(), keys[:2], keys[2:], DEFAULTS, **sparse)
    filled = {"sparse_types": [], "dense_shapes": [[None]]}
    assert_same("ParseExample", EXAMPLES, texts(), (), keys[:1], (np.array(7),), **filled)
    ragged = {"ragged_value_types": [tf.string], "ragged_split_types": [tf.int32]}
    told = {"num_sparse": 1, "sparse_types": [tf.int64], "dense_shapes": [[2], []], **ragged}
    lists = texts(b"c"), texts(b"a", b"b"), texts(b"s")
    assert_same("ParseExampleV2", EXAMPLES, texts(), *lists, DEFAULTS, **told)
    assert_same("ParseExampleV2", ONE, texts(), *lists, DEFAULTS, **told)
    told = {**sparse, "num_sparse": 2, "sparse_keys": ["c", "s"], "dense_keys": ["a", "b"]}
    assert_same("ParseSingleExample", ONE, DEFAULTS, **told)


@pytest.mark.parametrize(
    ("key", "default", "shape", "said"),
    [
        (
            b"a",
            np.zeros(0, np.int64),
            (2,),
            "Data types don't match. It has a float_list, but expected type: int64",
        ),
        (b"a", np.zeros(0, np.float32), (3,), r"Values size: 2 but output shape: \[3\]"),
        (b"none", np.zeros(0, np.float32), (1,), "Feature: none is required but could not be found"),
        (b"a", np.zeros(1, np.float32), (None, 3), r"not a multiple of stride length. Values size: 2"),
    ],
)
def test_features_that_do_not_fit(key: bytes, default: Any, shape: Any, said: str) -> None:
    kernel = kernel_of("ParseExampleV2")
    assert kernel is not None
    attributes = {
        "sparse_types": [],
        "dense_shapes": [shape],
        "ragged_value_types": [],
        "ragged_split_types": [],
    }
    with pytest.raises(ValueError, match=said):
        kernel.function(np, attributes, EXAMPLES, texts(), texts(), texts(key), texts(), default)


def test_files_of_sounds() -> None:
    sound = NUMBERS.normal(size=(50, 2)).astype(np.float32) * 0.6
    assert_same("EncodeWav", sound, np.int32(8000))
    file = tf.audio.encode_wav(sound, 8000).numpy()
    for channels in (-1, 1, 3):
        for samples in (-1, 20, 70):
            assert_same("DecodeWav", file, desired_channels=channels, desired_samples=samples)
    kernel = kernel_of("DecodeWav")
    assert kernel is not None
    for data, said in (
        (b"no file", "no WAV file"),
        (file[:20], "unpack|without samples"),
        (file[:36], "without samples"),
    ):
        with pytest.raises(Exception, match=said):
            kernel.function(np, {"desired_channels": -1, "desired_samples": -1}, np.array(data, object))


@pytest.mark.parametrize("mode", ["MIN_COMBINED", "MIN_FIRST", "SCALED"])
@pytest.mark.parametrize(("dtype", "of"), [(np.uint8, tf.quint8), (np.int8, tf.qint8)])
def test_quantized_numbers_are_read(mode: str, dtype: Any, of: Any) -> None:
    kernel, limits = kernel_of("Dequantize"), np.iinfo(dtype)
    assert kernel is not None
    given = NUMBERS.integers(limits.min, limits.max + 1, (4, 5)).astype(dtype)
    for ends in ((-1.3, 2.0), (0.0, 3.0), (-2.0, 2.0)):
        low, high = np.float32(ends)
        expected = tf.raw_ops.Dequantize(
            input=tf.bitcast(given, of), min_range=low, max_range=high, mode=mode
        )
        attributes = {"mode": mode, "dtype": np.dtype(np.float32)}
        (found,) = kernel.function(np, attributes, given, low, high)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
