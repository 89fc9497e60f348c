"""Text encoders as they were published: BERT, ELMo, and sentence encoders over hashed words and n-grams."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from published.layers import LSTMCell, dense, dropout, gelu, layer_norm, variable

import tf1hub as hub

tf1 = tf.compat.v1

# ------------------------------------------------------------------------- BERT

VOCABULARY, WIDTH, HEADS, MOST_POSITIONS = 30, 12, 3, 16


def _size(x: Any) -> list[Any]:
    """`get_shape_list`: numbers where they are known, else scalars of the graph."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(x.shape.as_list())]


def _attention(x: Any, mask: Any, is_training: bool) -> Any:
    """Self-attention over a matrix of all positions, as `modeling.py` has it: reshapes and transposes."""
    batch, length = _size(mask)[:2]
    size = WIDTH // HEADS

    def heads(name: str) -> Any:
        return tf.transpose(tf.reshape(dense(x, WIDTH, name), [batch, length, HEADS, size]), [0, 2, 1, 3])

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = tf.multiply(tf.matmul(query, key, transpose_b=True), 1.0 / math.sqrt(size))
    adder = (1.0 - tf.cast(tf.expand_dims(mask, axis=[1]), tf.float32)) * -10000.0
    probabilities = dropout(tf.nn.softmax(scores + adder), 1.0, is_training)
    context = tf.transpose(tf.matmul(probabilities, value), [0, 2, 1, 3])
    return tf.reshape(context, [batch * length, WIDTH])


def bert(is_training: bool) -> None:
    """The signatures `tokens`, `mlm` and `tokenization_info`, whose vocabulary is an asset."""
    ids = tf1.placeholder(tf.int32, [None, None], "input_ids")
    mask = tf1.placeholder(tf.int32, [None, None], "input_mask")
    segments = tf1.placeholder(tf.int32, [None, None], "segment_ids")
    positions = tf1.placeholder(tf.int32, [None, None], "mlm_positions")
    batch, length = _size(ids)
    with tf1.variable_scope("bert"):
        with tf1.variable_scope("embeddings"):
            table = variable("word_embeddings", [VOCABULARY, WIDTH])
            embedded = tf.gather(table, tf.reshape(tf.expand_dims(ids, -1), [-1]))
            embedded = tf.reshape(embedded, [batch, length, WIDTH])
            kinds = tf.one_hot(tf.reshape(segments, [-1]), depth=2)
            kinds = tf.matmul(kinds, variable("token_type_embeddings", [2, WIDTH]))
            embedded += tf.reshape(kinds, [batch, length, WIDTH])
            with tf.control_dependencies([tf1.assert_less_equal(length, MOST_POSITIONS)]):
                places = tf.slice(
                    variable("position_embeddings", [MOST_POSITIONS, WIDTH]), [0, 0], [length, -1]
                )
                embedded += tf.reshape(places, [1, length, WIDTH])
            embedded = dropout(layer_norm(embedded), 1.0, is_training)
        with tf1.variable_scope("encoder"):
            to_mask = tf.cast(tf.reshape(mask, [batch, 1, length]), tf.float32)
            attended = tf.ones(shape=[batch, length, 1], dtype=tf.float32) * to_mask
            net = tf.reshape(embedded, [-1, WIDTH])
            for layer in range(2):
                with tf1.variable_scope(f"layer_{layer}"):
                    with tf1.variable_scope("attention"):
                        with tf1.variable_scope("self"):
                            found = _attention(net, attended, is_training)
                        with tf1.variable_scope("output"):
                            found = dropout(dense(found, WIDTH, "dense"), 1.0, is_training)
                            net = layer_norm(found + net)
                    inner = dense(net, 2 * WIDTH, "intermediate/dense", gelu)
                    with tf1.variable_scope("output"):
                        net = layer_norm(dropout(dense(inner, WIDTH, "dense"), 1.0, is_training) + net)
            sequence = tf.reshape(net, [batch, length, WIDTH])
        with tf1.variable_scope("pooler"):
            pooled = dense(tf.squeeze(sequence[:, 0:1, :], axis=1), WIDTH, "dense", tf.tanh)
    with tf1.variable_scope("cls/predictions"):
        offsets = tf.reshape(tf.range(0, batch, dtype=tf.int32) * length, [-1, 1])
        chosen = tf.gather(
            tf.reshape(sequence, [batch * length, WIDTH]), tf.reshape(positions + offsets, [-1])
        )
        with tf1.variable_scope("transform"):
            chosen = layer_norm(dense(chosen, WIDTH, "dense", gelu))
        bias = variable("output_bias", [VOCABULARY], initializer=tf1.zeros_initializer())
        logits = tf.nn.bias_add(tf.matmul(chosen, table, transpose_b=True), bias)
    given = {"input_ids": ids, "input_mask": mask, "segment_ids": segments}
    outputs = {"sequence_output": sequence, "pooled_output": pooled}
    hub.add_signature("tokens", given, outputs)
    hub.add_signature("mlm", {**given, "mlm_positions": positions}, {**outputs, "mlm_logits": logits})
    file = tf.constant(WORDS_FILE[0], name="vocab_file")
    tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
    hub.add_signature("tokenization_info", {}, {"vocab_file": file, "do_lower_case": tf.constant(True)})


def albert(is_training: bool) -> None:
    """One layer of weights for all layers, by einsum; a sentence-order head."""
    ids = tf1.placeholder(tf.int32, [None, None], "input_ids")
    mask = tf1.placeholder(tf.int32, [None, None], "input_mask")
    length = _size(ids)[1]
    size = WIDTH // HEADS

    def projected(x: Any, name: str) -> Any:
        with tf1.variable_scope(name):
            kernel = tf.reshape(variable("kernel", [WIDTH, WIDTH]), [WIDTH, HEADS, size])
            bias = tf.reshape(variable("bias", [WIDTH], initializer=tf1.zeros_initializer()), [HEADS, size])
            return tf.einsum("BFH,HND->BFND", x, kernel) + bias

    with tf1.variable_scope("bert"):
        net = tf.nn.embedding_lookup(variable("embeddings/word_embeddings", [VOCABULARY, 8]), ids)
        net = layer_norm(
            net + variable("embeddings/position_embeddings", [MOST_POSITIONS, 8])[:length][tf.newaxis]
        )
        net = dense(net, WIDTH, "encoder/embedding_hidden_mapping_in")
        for number in range(2):
            with tf1.variable_scope("encoder/transformer/group_0", reuse=number > 0):
                query, key, value = (projected(net, name) for name in ("query", "key", "value"))
                scores = tf.einsum("BFNH,BTNH->BNFT", query, key) / math.sqrt(size)
                adder = (1.0 - tf.cast(mask[:, tf.newaxis, tf.newaxis, :], tf.float32)) * -10000.0
                attended = tf.einsum("BNFT,BTNH->BFNH", tf.nn.softmax(scores + adder), value)
                kernel = tf.reshape(variable("attention/kernel", [WIDTH, WIDTH]), [HEADS, size, WIDTH])
                net = layer_norm(net + tf.einsum("BFND,NDH->BFH", attended, kernel), "LayerNorm")
                inner = tf.einsum("BFH,HO->BFO", net, variable("intermediate/kernel", [WIDTH, 16]))
                inner = tf.einsum("BFO,OH->BFH", gelu(inner), variable("output/kernel", [16, WIDTH]))
                net = layer_norm(net + dropout(inner, 1.0, is_training), "LayerNorm_1")
        pooled = dense(net[:, 0], WIDTH, "pooler/dense", tf.tanh)
        weights = variable("cls/seq_relationship/output_weights", [2, WIDTH])
        order = tf.nn.log_softmax(tf.matmul(pooled, weights, transpose_b=True), axis=-1)
    outputs = {"sequence_output": net, "pooled_output": pooled, "sop_log_probs": order}
    hub.add_signature("tokens", {"input_ids": ids, "input_mask": mask}, outputs)


# ------------------------------------------------------------------------- ELMo

CHARACTERS, MOST_SENTENCES = 8, 4


def _character_ids(token: Any) -> Any:
    """The bytes of one token between two marks, padded: what the published module does token by token."""
    characters = tf.cast(tf1.decode_raw(tf1.substr(token, 0, CHARACTERS - 2), tf.uint8), tf.int32) + 1
    padding = tf.fill([CHARACTERS - 2 - tf.size(characters)], 260)
    return tf.concat([[258], characters, [259], padding], 0)


def _token_vectors(tokens: Any) -> Any:
    """The convolutional network over characters, its highways and its projection."""
    flat = tf.map_fn(_character_ids, tf.reshape(tokens, [-1]), dtype=tf.int32, back_prop=False)
    ids = tf.reshape(flat, [tf.shape(tokens)[0], tf.shape(tokens)[1], CHARACTERS])
    with tf1.variable_scope("bilm", use_resource=False):
        embedded = tf.nn.embedding_lookup(variable("char_embed", [261, 4]), ids)
        embedded = tf.reshape(embedded, [-1, CHARACTERS, 1, 4])
        found = []
        for width, filters in ((1, 3), (2, 3), (3, 6)):
            with tf1.variable_scope(f"CNN/{width}"):
                kernel = variable("W_cnn", [width, 1, 4, filters])
                conv = tf1.nn.conv2d(embedded, kernel, [1, 1, 1, 1], "VALID") + variable("b_cnn", [filters])
                conv = tf1.nn.max_pool(conv, [1, CHARACTERS - width + 1, 1, 1], [1, 1, 1, 1], "VALID")
                found.append(tf.squeeze(tf.nn.relu(conv), [1, 2]))
        net = tf.concat(found, 1)
        for number in range(2):
            with tf1.variable_scope(f"CNN_high_{number}"):
                carry = tf.sigmoid(tf.matmul(net, variable("W_carry", [12, 12])) + variable("b_carry", [12]))
                turned = tf.nn.relu(
                    tf.matmul(net, variable("W_transform", [12, 12])) + variable("b_transform", [12])
                )
                net = carry * turned + (1.0 - carry) * net
        net = tf.matmul(net, variable("CNN_proj/W_proj", [12, 6])) + variable("CNN_proj/b_proj", [6])
    return tf.reshape(net, [tf.shape(tokens)[0], tf.shape(tokens)[1], 6])


def _language_model(vectors: Any, lengths: Any) -> tuple[list[Any], list[Any]]:
    """Two directions of two LSTMs, each of which begins where the batch before it ended."""
    batch = tf.shape(vectors)[0]
    layers, updates = [], []
    by_direction: list[list[Any]] = []
    for direction in ("forward", "backward"):
        net = (
            vectors
            if direction == "forward"
            else tf.reverse_sequence(vectors, lengths, seq_axis=1, batch_axis=0)
        )
        outputs = []
        for layer in range(2):
            with tf1.variable_scope(f"RNN_{direction}/layer_{layer}"):
                kept = [
                    tf1.get_variable(
                        name, [MOST_SENTENCES, size], initializer=tf1.zeros_initializer(), trainable=False
                    )
                    for name, size in (("cell_state", 8), ("output_state", 6))
                ]
                started = tuple(state[:batch, :] for state in kept)
                found, after = tf1.nn.dynamic_rnn(LSTMCell(8, 6), net, lengths, initial_state=started)
                with tf.control_dependencies([found]):
                    for state, new in zip(kept, after, strict=True):
                        updates.append(tf1.assign(state, tf.concat([new, state[batch:, :]], 0)))
                net = found + net if layer else found
            turned = (
                net if direction == "forward" else tf.reverse_sequence(net, lengths, seq_axis=1, batch_axis=0)
            )
            outputs.append(turned)
        by_direction.append(outputs)
    layers = [tf.concat([ahead, back], -1) for ahead, back in zip(*by_direction, strict=True)]
    return layers, updates


def elmo(is_training: bool) -> None:
    """Signatures for sentences and for tokens; a call leaves its state for the next one."""
    texts = tf1.placeholder(tf.string, [None], "text")
    tokens = tf1.placeholder(tf.string, [None, None], "tokens")
    sequence_len = tf1.placeholder(tf.int32, [None], "sequence_len")
    split = tf1.string_split(texts, " ")
    padded = tf1.sparse_tensor_to_dense(split, default_value="")
    counts = tf1.reduce_sum(tf.cast(tf.not_equal(padded, ""), tf.int32), axis=1)
    with tf1.variable_scope("aggregation"):
        weights = variable("weights", [3], initializer=tf1.zeros_initializer())
        scale = variable("scaling", [], initializer=tf1.ones_initializer())
    signatures = (("default", {"strings": texts}, padded, counts),
                  ("tokens", {"tokens": tokens, "sequence_len": sequence_len}, tokens, sequence_len))  # fmt: skip
    for number, (name, inputs, words, lengths) in enumerate(signatures):
        with tf1.variable_scope(tf1.get_variable_scope(), reuse=number > 0):
            vectors = _token_vectors(words)
            layers, updates = _language_model(vectors, lengths)
        with tf.control_dependencies(updates):
            layers = [tf.identity(layer) for layer in layers]
        all_layers = [tf.concat([vectors, vectors], -1), *layers]
        mask = tf.sequence_mask(lengths, tf.shape(words)[1], dtype=tf.float32)[:, :, tf.newaxis]
        shares = tf.split(tf.nn.softmax(weights + 1.0 / 3.0), 3)
        mixed = scale * tf.add_n(
            [share * layer * mask for share, layer in zip(shares, all_layers, strict=True)]
        )
        mixed = dropout(mixed, 1.0, is_training)
        mean = tf.math.divide(tf.reduce_sum(mixed, 1), tf.reduce_sum(mask, 1) + 1e-9)
        outputs = {"word_emb": vectors, "lstm_outputs1": layers[0], "lstm_outputs2": layers[1]}
        hub.add_signature(name, inputs, {**outputs, "elmo": mixed, "default": mean})


# ----------------------------------------------------------- sentence encoders

WORDS = [b"the", b"quick", b"brown", b"fox", b"jumps", b"over", b"lazy", b"dog", b"a", b"don't"]
WORDS_FILE: list[str] = []
"""Where the words lie, one a line, while modules are made."""


def nnlm(is_training: bool) -> None:
    """`nnlm-en-dim128`: words of a file with buckets for the others, embeddings in parts, their sum over a square root."""
    del is_training
    texts = tf1.placeholder(tf.string, [None], "sentences")
    cleaned = tf1.regex_replace(texts, r"[^\pL\s\d']", "")
    tokens = tf1.string_split(cleaned, " ")
    keys = tf.lookup.TextFileInitializer(
        WORDS_FILE[0],
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    table = tf.lookup.StaticVocabularyTable(keys, num_oov_buckets=3)
    ids = tf.SparseTensor(tokens.indices, table.lookup(tokens.values), tokens.dense_shape)
    filled, _ = tf1.sparse_fill_empty_rows(ids, tf.constant(len(WORDS), tf.int64))
    parts = tf1.get_variable("embeddings", [len(WORDS) + 3, 8], partitioner=tf1.fixed_size_partitioner(3))
    net = tf1.nn.embedding_lookup_sparse(parts, filled, None, partition_strategy="div", combiner="sqrtn")
    net = dense(net, 6, "hidden", tf.nn.relu)
    hub.add_signature(inputs=texts, outputs={"default": net, "normalized": tf.nn.l2_normalize(net, 1)})


def use_lite(is_training: bool) -> None:
    """`universal-sentence-encoder-lite`: ids of pieces come in as the three parts of a sparse tensor."""
    values = tf1.placeholder(tf.int64, [None], "values")
    indices = tf1.placeholder(tf.int64, [None, 2], "indices")
    dense_shape = tf1.placeholder(tf.int64, [None], "dense_shape")
    pieces = tf.SparseTensor(indices, values, dense_shape)
    ids = tf1.sparse_tensor_to_dense(pieces, default_value=-1)
    ids.set_shape([None, None])
    valid = tf.cast(tf.greater_equal(ids, 0), tf.float32)
    with tf1.variable_scope("Encoder_en"):
        table = variable("EmbeddingLookup/EmbeddingTable", [40, 8])
        net = tf.nn.embedding_lookup(table, tf.maximum(ids, 0)) * valid[:, :, tf.newaxis]
        length = tf.shape(net)[1]
        place = tf.cast(tf.range(length), tf.float32)[:, tf.newaxis]
        rates = tf.exp(tf.cast(tf.range(4), tf.float32) * -(math.log(1e4) / 3.0))[tf.newaxis, :]
        net += tf.concat([tf.sin(place * rates), tf.cos(place * rates)], 1)[tf.newaxis]
        query, key, value = tf.split(dense(net, 24, "attention/qkv", inputs=8), 3, axis=2)
        scores = tf.matmul(query, key, transpose_b=True) / math.sqrt(8.0)
        scores += (1.0 - valid[:, tf.newaxis, :]) * -1e9
        net = layer_norm(
            net + dropout(tf.matmul(tf.nn.softmax(scores), value), 1.0, is_training), epsilon=1e-6
        )
        count = tf.sqrt(tf.maximum(tf.reduce_sum(valid, 1, keepdims=True), 1.0))
        pooled = tf.reduce_sum(net * valid[:, :, tf.newaxis], 1) / count
        bag = tf1.nn.safe_embedding_lookup_sparse([table], pieces, combiner="sqrtn")
        net = dense(tf.concat([pooled, bag], 1), 6, "hidden_layers/tanh_layer_0", tf.tanh, inputs=16)
    inputs = {"values": values, "indices": indices, "dense_shape": dense_shape}
    hub.add_signature(inputs=inputs, outputs=tf.nn.l2_normalize(net, 1))


def word_ngrams(is_training: bool) -> None:
    """A deep averaging network over hashed words, pairs of words, and the trigrams of their characters."""
    texts = tf1.placeholder(tf.string, [None], "text")
    lowered = tf.strings.lower(tf1.regex_replace(texts, r"([,.!?])", r" \1 "))
    words = tf1.string_split(lowered, " \n\t")
    padded = tf1.sparse_tensor_to_dense(words, default_value="")
    pairs = tf.strings.join([padded[:, :-1], padded[:, 1:]], "_")
    real = tf.logical_and(tf.not_equal(padded[:, :-1], ""), tf.not_equal(padded[:, 1:], ""))
    rows = tf.where(real)
    pairs_of = tf.SparseTensor(
        rows,
        tf.strings.to_hash_bucket_fast(tf.gather_nd(pairs, rows), 50),
        tf.cast(tf.shape(pairs), tf.int64),
    )
    words_of = tf.SparseTensor(
        words.indices, tf.strings.to_hash_bucket_fast(words.values, 50), words.dense_shape
    )
    found = []
    for name, ids in (("unigrams", words_of), ("bigrams", pairs_of)):
        table = variable(name, [50, 6])
        found.append(tf1.nn.safe_embedding_lookup_sparse(table, ids, combiner="sqrtn"))

    # Trigrams of characters: each word between marks, cut at every place, summed by segments.
    marked = tf.strings.join(["<", words.values, ">"])
    length = tf.strings.length(marked)
    most = tf.reduce_max(tf.concat([length, [3]], 0)) - 2
    starts = tf.tile(tf.range(most)[tf.newaxis, :], [tf.size(marked), 1])
    inside = tf.where(starts + 3 <= length[:, tf.newaxis])
    of_word = tf.gather(marked, inside[:, 0])
    places = tf.cast(inside[:, 1], tf.int32)
    grams = tf1.substr(of_word, places, tf.ones_like(places) * 3)
    hashed = tf.strings.to_hash_bucket_strong(grams, 60, [17, 42])
    vectors = tf.nn.embedding_lookup(variable("trigrams", [60, 6]), hashed)
    sentence = tf.gather(words.indices[:, 0], inside[:, 0])
    summed = tf1.unsorted_segment_sum(vectors, sentence, tf.shape(texts)[0])
    number = tf1.unsorted_segment_sum(tf.ones_like(sentence, tf.float32), sentence, tf.shape(texts)[0])
    found.append(summed / tf.maximum(number, 1.0)[:, tf.newaxis])

    net = dropout(tf.concat(found, 1), 1.0, is_training)
    net = dense(net, 8, "hidden_0", tf.nn.relu)
    net = dense(net, 6, "hidden_1", tf.tanh)
    hub.add_signature(inputs=texts, outputs=tf.nn.l2_normalize(net, 1))
