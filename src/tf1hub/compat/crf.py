"""`tf.contrib.crf`: conditional random fields over chains of tags, as taggers on ELMo and BERT have them.

A chain of tags y of a sequence with the scores x (one for each tag at each step) and the transitions A has the score
`sum_t x[t, y[t]] + sum_t A[y[t-1], y[t]]`, and the probability exp(score) / Z, where Z sums over all chains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import numpy.typing as npt


def crf_log_likelihood(
    inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any = None
) -> tuple[Any, Any]:
    """The log-probability of each sequence's tags.

    Args:
        inputs: float32 [batch, steps, tags], the scores.
        tag_indices: int [batch, steps], the tags.
        sequence_lengths: int [batch]; steps after a sequence's length do not count.
        transition_params: float32 [tags, tags], from the row's tag to the column's; None makes the variable
            `transitions` in the current scope.

    Returns:
        A pair: the log-probabilities, float32 [batch], and the transitions.
    """
    inputs = tf.convert_to_tensor(inputs)
    if transition_params is None:
        tags = tf.compat.dimension_value(inputs.shape[2])
        transition_params = tf.compat.v1.get_variable("transitions", [tags, tags])
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_sequence_score(inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Any:
    """The score of each sequence's tags, float32 [batch]; arguments as for `crf_log_likelihood`."""
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, transition_params)


def crf_unary_score(tag_indices: Any, sequence_lengths: Any, inputs: Any) -> Any:
    """The part of a sequence's score that comes from its steps, float32 [batch]."""
    inputs = tf.convert_to_tensor(inputs)
    scores = tf.gather(inputs, tag_indices, batch_dims=2)
    return tf.reduce_sum(_within(scores, sequence_lengths), axis=1)


def crf_binary_score(tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Any:
    """The part of a sequence's score that comes from its transitions, float32 [batch]."""
    tags = tf.convert_to_tensor(tag_indices)
    scores = tf.gather_nd(transition_params, tf.stack([tags[:, :-1], tags[:, 1:]], axis=2))
    return tf.reduce_sum(_within(scores, tf.convert_to_tensor(sequence_lengths) - 1), axis=1)


def crf_log_norm(inputs: Any, sequence_lengths: Any, transition_params: Any) -> Any:
    """The logarithm of Z of each sequence, float32 [batch]; 0 for one without steps."""
    transitions = tf.convert_to_tensor(transition_params)

    def step(score: Any, scores: Any) -> Any:
        return tf.reduce_logsumexp(score[:, :, tf.newaxis] + transitions, axis=1) + scores

    last = _along(step, inputs, sequence_lengths)[-1]
    norms = tf.reduce_logsumexp(last, axis=1)
    return tf.where(tf.convert_to_tensor(sequence_lengths) > 0, norms, tf.zeros_like(norms))


def crf_multitag_sequence_score(
    inputs: Any, tag_bitmap: Any, sequence_lengths: Any, transition_params: Any
) -> Any:
    """The logarithm of the sum of exp(score) over all chains that a bitmap allows, float32 [batch].

    Args:
        inputs: float32 [batch, steps, tags], the scores.
        tag_bitmap: bool [batch, steps, tags], the tags that each step may have.
        sequence_lengths: int [batch].
        transition_params: float32 [tags, tags].
    """
    return crf_log_norm(crf_filtered_inputs(inputs, tag_bitmap), sequence_lengths, transition_params)


def crf_filtered_inputs(inputs: Any, tag_bitmap: Any) -> Any:
    """The scores with minus infinity where a bitmap, bool [batch, steps, tags], does not allow a tag."""
    inputs = tf.convert_to_tensor(inputs)
    return tf.where(tag_bitmap, inputs, tf.fill(tf.shape(inputs), tf.constant(-np.inf, inputs.dtype)))


def crf_constrained_decode(
    potentials: Any, tag_bitmap: Any, transition_params: Any, sequence_length: Any
) -> tuple[Any, Any]:
    """The best tags of each sequence among those that a bitmap, bool [batch, steps, tags], allows; as `crf_decode`."""
    return crf_decode(crf_filtered_inputs(potentials, tag_bitmap), transition_params, sequence_length)


def crf_decode(potentials: Any, transition_params: Any, sequence_length: Any) -> tuple[Any, Any]:
    """The tags with the best score of each sequence.

    Args:
        potentials: float32 [batch, steps, tags], the scores.
        transition_params: float32 [tags, tags].
        sequence_length: int [batch].

    Returns:
        A pair: the tags, int32 [batch, steps], 0 after a sequence's length, and their scores, float32 [batch].
        A sequence without steps is taken for one of a single step.
    """
    transitions = tf.convert_to_tensor(transition_params)
    lengths = tf.maximum(tf.cast(sequence_length, tf.int32), 1)

    def step(score: Any, scores: Any) -> Any:
        return tf.reduce_max(score[:, :, tf.newaxis] + transitions, axis=1) + scores

    # The best score of a chain that ends at each step with each tag; and back from the best end.
    scores = _along(step, potentials, lengths)

    def before(following: Any, elements: tuple[Any, Any]) -> Any:
        number, score = elements
        tags = tf.argmax(score + tf.gather(tf.transpose(transitions), following), 1, tf.int32)
        return tf.where(number < lengths - 1, tags, following)

    last = tf.argmax(scores[-1], 1, tf.int32)
    chains = tf.scan(before, (tf.range(tf.shape(scores)[0]), scores), last, reverse=True)
    return _within(tf.transpose(chains), lengths), tf.reduce_max(scores[-1], axis=1)


def viterbi_decode(score: npt.ArrayLike, transition_params: npt.ArrayLike) -> tuple[list[int], float]:
    """The tags with the best score of one sequence, computed with NumPy.

    Args:
        score: [steps, tags].
        transition_params: [tags, tags].

    Returns:
        A pair: the tags, and their score.
    """
    scores, transitions = np.asarray(score), np.asarray(transition_params)
    best = [scores[0]]
    for now in scores[1:]:
        best.append((best[-1][:, np.newaxis] + transitions).max(axis=0) + now)
    chain = [int(best[-1].argmax())]
    for earlier in reversed(best[:-1]):
        chain.append(int((earlier + transitions[:, chain[-1]]).argmax()))
    return chain[::-1], best[-1].max()


def _along(step: Callable[[Any, Any], Any], inputs: Any, lengths: Any) -> Any:
    """What a recursion gives at each step, [steps, batch, tags]: the last valid one after a sequence's length.

    Args:
        step: gives the value at a step from that before, [batch, tags], and the step's scores, alike. The first value
            is the scores of the first step.
        inputs: [batch, steps, tags].
        lengths: [batch].
    """
    by_step = tf.transpose(inputs, [1, 0, 2])
    lengths = tf.cast(lengths, tf.int32)

    def advance(value: Any, elements: tuple[Any, Any]) -> Any:
        number, scores = elements
        new = tf.where(tf.equal(number, 0), scores, step(value, scores))
        return tf.where((number < lengths)[:, tf.newaxis], new, value)

    return tf.scan(advance, (tf.range(tf.shape(by_step)[0]), by_step), tf.zeros_like(by_step[0]))


def _within(values: Any, lengths: Any) -> Any:
    """The values, [batch, steps], with 0 after a sequence's length."""
    return tf.where(tf.sequence_mask(lengths, tf.shape(values)[1]), values, tf.zeros_like(values))
