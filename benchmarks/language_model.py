"""A network of the size and structure of ELMo, written with plain `tf.compat.v1` ops.

Words are read as bytes by convolutions and highway layers; two layers of LSTMs with projections go over the sentence in
both directions, in `dynamic_rnn` with the sentences' lengths. As in the public bilm-tf, an LSTM starts from the state that the
last call left.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import tensorflow as tf

tf1 = tf.compat.v1

BYTES = 50  # of a word that are looked at
FILTERS = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))
CELLS = 4096
WIDTH = 512
BATCH = 128  # the sentences of which the state is kept
_CLIP = 3.0


def elmo(hub: ModuleType) -> None:
    """96 million numbers, and two signatures: for sentences, and for words with their counts."""
    # As TensorFlow of the time wrote loops.
    tf1.disable_control_flow_v2()
    sentences = tf1.placeholder(tf.string, [None], name="sentences")
    split = tf1.string_split(sentences)
    words = tf1.sparse_tensor_to_dense(split, default_value="")
    one_each = tf.SparseTensor(split.indices, tf.ones_like(split.values, tf.int32), split.dense_shape)
    counts = tf1.sparse_reduce_sum(one_each, 1)
    counts.set_shape([None])
    with tf1.variable_scope("bilm", reuse=tf1.AUTO_REUSE):
        outputs = _outputs(words, counts, "sentences")
        hub.add_signature(inputs=sentences, outputs=outputs)
        tokens = tf1.placeholder(tf.string, [None, None], name="tokens")
        lengths = tf1.placeholder(tf.int32, [None], name="sequence_len")
        inputs = {"tokens": tokens, "sequence_len": lengths}
        hub.add_signature("tokens", inputs=inputs, outputs=_outputs(tokens, lengths, "tokens"))


def _outputs(words: tf.Tensor, counts: tf.Tensor, name: str) -> Mapping[str, tf.Tensor]:
    """What both signatures give: `[sentences, words, 1024]` of each layer, their weighted sum, and its mean."""
    with tf1.name_scope(name):
        shape = tf.shape(words)
        context_free = tf.reshape(_word_vectors(tf.reshape(words, [-1])), [shape[0], shape[1], WIDTH])
        mask = tf.expand_dims(tf.sequence_mask(counts, shape[1], tf.float32), 2)
        forward = backward = context_free
        layers = [tf.concat([context_free, context_free], 2) * mask]
        for layer in range(2):
            forward = _lstm(f"forward{layer}", forward, counts) + (forward if layer else 0.0)
            reverse = tf.reverse_sequence(backward, counts, 1, 0)
            turned = tf.reverse_sequence(_lstm(f"backward{layer}", reverse, counts), counts, 1, 0)
            backward = turned + (backward if layer else 0.0)
            layers.append(tf.concat([forward, backward], 2) * mask)
        weights = tf.nn.softmax(tf1.get_variable("weights", [3], initializer=tf1.zeros_initializer()))
        scale = tf1.get_variable("scale", [], initializer=tf1.ones_initializer())
        total = scale * tf.add_n([weights[index] * each for index, each in enumerate(layers)])
        mean = tf.reduce_sum(total, 1) / tf.cast(tf.maximum(counts, 1), tf.float32)[:, None]
        return {
            "word_emb": context_free,
            "lstm_outputs1": layers[1],
            "lstm_outputs2": layers[2],
            "elmo": total,
            "default": mean,
        }


def _word_vectors(words: tf.Tensor) -> tf.Tensor:
    """Vectors of words from their bytes, whatever they stand beside."""
    padded = tf.strings.substr(tf.strings.join([words, "\0" * BYTES]), 0, BYTES)
    ids = tf.cast(tf.reshape(tf.io.decode_raw(padded, tf.uint8), [-1, BYTES]), tf.int32)
    x = tf.gather(_weight("bytes", [261, 16]), ids)
    parts = []
    for width, depth in FILTERS:
        convolved = tf.nn.conv1d(x, _weight(f"filter{width}", [width, 16, depth]), 1, "VALID")
        parts.append(tf.nn.relu(tf.reduce_max(convolved, 1) + _bias(f"filter{width}_bias", depth)))
    x = tf.concat(parts, 1)
    size = int(x.shape[1])
    for layer in range(2):
        carried = tf.sigmoid(_dense(f"carry{layer}", x, size))
        x = carried * tf.nn.relu(_dense(f"transform{layer}", x, size)) + (1.0 - carried) * x
    return _dense("projection", x, WIDTH)


def _lstm(name: str, x: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """The outputs of an LSTM with a projection for `[sentences, words, 512]`; the state is kept before they are given."""
    with tf1.variable_scope(name):
        kept = [
            tf1.get_variable(part, [BATCH, size], initializer=tf1.zeros_initializer(), trainable=False)
            for part, size in (("state", CELLS), ("output", WIDTH))
        ]
        rows = tf.shape(x)[0]
        first = tuple(variable[:rows] for variable in kept)
        outputs, last = tf1.nn.dynamic_rnn(_Cell(), x, counts, initial_state=first)
        with tf.control_dependencies([outputs]):
            updates = [
                variable.assign(tf.concat([value, variable[rows:]], 0))
                for variable, value in zip(kept, last, strict=True)
            ]
        with tf.control_dependencies(updates):
            return tf.identity(outputs)


class _Cell:
    """An LSTM with a projection and clipping, as `dynamic_rnn` takes one."""

    state_size = (CELLS, WIDTH)
    output_size = WIDTH

    def zero_state(self, rows: Any, dtype: Any) -> Any:
        return tuple(tf.zeros([rows, size], dtype) for size in self.state_size)

    def __call__(self, x: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor], scope: Any = None) -> Any:
        del scope
        kernel = _weight("kernel", [2 * WIDTH, 4 * CELLS])
        bias, projection = _bias("bias", 4 * CELLS), _weight("projection", [CELLS, WIDTH])
        gates = tf.concat([x, state[1]], 1) @ kernel + bias
        enter, new, forget, leave = tf.split(gates, 4, 1)
        cell = tf.sigmoid(forget + 1.0) * state[0] + tf.sigmoid(enter) * tf.tanh(new)
        cell = tf.clip_by_value(cell, -_CLIP, _CLIP)
        output = tf.clip_by_value((tf.sigmoid(leave) * tf.tanh(cell)) @ projection, -_CLIP, _CLIP)
        return output, (cell, output)


def _dense(name: str, x: tf.Tensor, size: int) -> tf.Tensor:
    return x @ _weight(f"{name}/kernel", [x.shape[1], size]) + _bias(f"{name}/bias", size)


def _weight(name: str, shape: list[int]) -> tf.Variable:
    return tf1.get_variable(name, shape, initializer=tf1.variance_scaling_initializer())


def _bias(name: str, size: int) -> tf.Variable:
    return tf1.get_variable(name, [size], initializer=tf1.zeros_initializer())
