"""tf.contrib.crf: against all chains that there are, and against what TensorFlow 1.15 printed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tf1hub.compat import crf

BATCH, STEPS, TAGS = 4, 5, 3
LENGTHS = np.array([5, 2, 1, 3])


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    random = np.random.default_rng(5)
    bitmap = random.uniform(size=(BATCH, STEPS, TAGS)) < 0.6
    bitmap[..., 1] = True
    return {
        "inputs": random.uniform(-2, 2, (BATCH, STEPS, TAGS)).astype(np.float32),
        "tags": random.integers(0, TAGS, (BATCH, STEPS)),
        "transitions": random.uniform(-1, 1, (TAGS, TAGS)).astype(np.float32),
        "bitmap": bitmap,
    }


def chains(data: dict[str, Any], row: int) -> dict[tuple[int, ...], float]:
    """The score of each chain of tags of one sequence, one by one."""
    scores, transitions = data["inputs"][row].astype(np.float64), data["transitions"].astype(np.float64)
    return {
        chain: sum(scores[step, tag] for step, tag in enumerate(chain))
        + sum(transitions[pair] for pair in itertools.pairwise(chain))
        for chain in itertools.product(range(TAGS), repeat=int(LENGTHS[row]))
    }


def allowed(data: dict[str, Any], row: int) -> dict[tuple[int, ...], float]:
    bitmap = data["bitmap"][row]
    return {
        chain: score
        for chain, score in chains(data, row).items()
        if all(bitmap[step, tag] for step, tag in enumerate(chain))
    }


def log_sum(scores: dict[tuple[int, ...], float]) -> float:
    return float(np.logaddexp.reduce(list(scores.values())))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_probabilities_are_those_of_all_chains(data: dict[str, Any], dtype: str) -> None:
    lengths, tags = tf.constant(LENGTHS, dtype), tf.constant(data["tags"], dtype)
    found, transitions = crf.crf_log_likelihood(data["inputs"], tags, lengths, data["transitions"])
    norm = crf.crf_log_norm(data["inputs"], lengths, data["transitions"])
    multi = crf.crf_multitag_sequence_score(data["inputs"], data["bitmap"], lengths, data["transitions"])
    score = crf.crf_sequence_score(data["inputs"], tags, lengths, data["transitions"])
    parts = crf.crf_unary_score(tags, lengths, data["inputs"]) + crf.crf_binary_score(
        tags, lengths, data["transitions"]
    )
    own = [tuple(data["tags"][row, : LENGTHS[row]].tolist()) for row in range(BATCH)]
    expected = [chains(data, row)[own[row]] for row in range(BATCH)]
    norms = [log_sum(chains(data, row)) for row in range(BATCH)]
    assert transitions is data["transitions"]
    np.testing.assert_allclose(score, expected, atol=1e-5)
    np.testing.assert_allclose(parts, expected, atol=1e-5)
    np.testing.assert_allclose(norm, norms, atol=1e-5)
    np.testing.assert_allclose(found, np.subtract(expected, norms), atol=1e-5)
    np.testing.assert_allclose(multi, [log_sum(allowed(data, row)) for row in range(BATCH)], atol=1e-5)


def padded(chain: tuple[int, ...]) -> list[int]:
    return [*chain, *[0] * (STEPS - len(chain))]


def test_the_best_chain_is_the_best_of_all(data: dict[str, Any]) -> None:
    every = [chains(data, row) for row in range(BATCH)]
    tags, scores = crf.crf_decode(data["inputs"], data["transitions"], LENGTHS)
    assert tags.numpy().tolist() == [padded(max(each, key=each.__getitem__)) for each in every]
    assert tags.dtype == tf.int32
    np.testing.assert_allclose(scores, [max(each.values()) for each in every], atol=1e-5)
    some = [allowed(data, row) for row in range(BATCH)]
    tags, scores = crf.crf_constrained_decode(data["inputs"], data["bitmap"], data["transitions"], LENGTHS)
    assert tags.numpy().tolist() == [padded(max(each, key=each.__getitem__)) for each in some]
    np.testing.assert_allclose(scores, [max(each.values()) for each in some], atol=1e-5)
    for row, length in enumerate(LENGTHS):
        chain, score = crf.viterbi_decode(data["inputs"][row, :length], data["transitions"])
        assert tuple(chain) == max(every[row], key=every[row].__getitem__)
        assert score == pytest.approx(max(every[row].values()), abs=1e-5)


def test_the_gradient_of_the_norm_is_the_probability_of_each_tag(data: dict[str, Any]) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = tf.compat.v1.placeholder(tf.float32, [None, None, TAGS])
        transitions = tf.constant(data["transitions"])
        norm = crf.crf_log_norm(inputs, tf.constant(LENGTHS), transitions)
        gradients = session.run(tf.gradients(norm, [inputs, transitions]), {inputs: data["inputs"]})
    expected = np.zeros((BATCH, STEPS, TAGS))
    pairs = np.zeros((TAGS, TAGS))
    for row in range(BATCH):
        norm = log_sum(chains(data, row))
        for chain, score in chains(data, row).items():
            for step, tag in enumerate(chain):
                expected[row, step, tag] += np.exp(score - norm)
            for pair in itertools.pairwise(chain):
                pairs[pair] += np.exp(score - norm)
    np.testing.assert_allclose(gradients[0], expected, atol=1e-5)
    np.testing.assert_allclose(gradients[1], pairs, atol=1e-5)


def test_transitions_are_made_where_none_are_given() -> None:
    with tf.Graph().as_default(), tf.compat.v1.variable_scope("tagger"):
        inputs = tf.zeros([2, 3, 4])
        _, transitions = crf.crf_log_likelihood(inputs, tf.zeros([2, 3], tf.int32), tf.constant([3, 3]))
        assert (transitions.name, transitions.shape) == ("tagger/transitions:0", [4, 4])
        assert tf.compat.v1.trainable_variables() == [transitions]


def test_sequences_without_steps_and_of_one_step_are_those_of_tensorflow_1() -> None:
    """Recorded with TensorFlow 1.15.5."""
    inputs = [[[0.39, -0.66, 1.05]], [[1.92, 1.97, -0.31]]]
    transitions = np.zeros((3, 3), np.float32)
    tags, scores = crf.crf_decode(inputs, transitions, [1, 0])
    assert tags.numpy().tolist() == [[2], [1]]
    np.testing.assert_allclose(scores, [1.05, 1.97], rtol=1e-6)
    assert crf.crf_log_norm(inputs, [1, 0], transitions).numpy()[1] == 0
    assert crf.crf_sequence_score(inputs, [[0], [1]], [1, 0], transitions).numpy().tolist() == [
        pytest.approx(0.39),
        0,
    ]
    assert crf.viterbi_decode([[1.0, 2], [3, 1], [0, 0]], [[0, 1.0], [1, 0]]) == ([1, 0, 1], 7.0)
