"""The networks that were published most, at their sizes: ResNet-50, BERT-base, and sentences as means of word vectors."""

from __future__ import annotations

import math
from types import ModuleType

import tensorflow as tf

tf1 = tf.compat.v1

WORDS = 200_000
TOKENS = 128


def resnet50(hub: ModuleType) -> None:
    """ResNet-50 (v1, steps in the 3x3 convolutions), 25.5 million weights; batch normalization as one op."""
    images = tf1.placeholder(tf.float32, [None, 224, 224, 3], name="images")
    x = tf.nn.relu(_normed("conv1", images, 7, 64, 2))
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for stage, (blocks, depth) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            name, stride = f"stage{stage}/block{block}", 2 if stage and not block else 1
            shortcut = x if block else _normed(f"{name}/shortcut", x, 1, 4 * depth, stride)
            y = tf.nn.relu(_normed(f"{name}/conv1", x, 1, depth, 1))
            y = tf.nn.relu(_normed(f"{name}/conv2", y, 3, depth, stride))
            x = tf.nn.relu(shortcut + _normed(f"{name}/conv3", y, 1, 4 * depth, 1))
    features = tf.reduce_mean(x, [1, 2])
    hub.add_signature(inputs=images, outputs=_dense("logits", features, 1001))


def _normed(name: str, x: tf.Tensor, width: int, depth: int, stride: int) -> tf.Tensor:
    with tf1.variable_scope(name):
        kernel = tf1.get_variable(
            "weights",
            [width, width, x.shape[-1], depth],
            initializer=tf1.variance_scaling_initializer(2.0),
        )
        y = tf.nn.conv2d(x, kernel, strides=stride, padding="SAME")
        ones, zeros = tf1.ones_initializer(), tf1.zeros_initializer()
        gamma = tf1.get_variable("gamma", [depth], initializer=ones)
        beta = tf1.get_variable("beta", [depth], initializer=zeros)
        mean = tf1.get_variable("moving_mean", [depth], initializer=zeros, trainable=False)
        variance = tf1.get_variable("moving_variance", [depth], initializer=ones, trainable=False)
        return tf1.nn.fused_batch_norm(y, gamma, beta, mean, variance, 1e-5, is_training=False)[0]


def _dense(name: str, x: tf.Tensor, size: int) -> tf.Tensor:
    with tf1.variable_scope(name):
        kernel = tf1.get_variable(
            "kernel", [x.shape[-1], size], initializer=tf1.truncated_normal_initializer(stddev=0.02)
        )
        return x @ kernel + tf1.get_variable("bias", [size], initializer=tf1.zeros_initializer())


def bert_base(hub: ModuleType, layers: int = 12, width: int = 768, heads: int = 12) -> None:
    """BERT-base, 110 million weights, written as its first implementation was."""
    ids, mask, segments = (
        tf1.placeholder(tf.int32, [None, None], name=name)
        for name in ("input_ids", "input_mask", "segment_ids")
    )
    batch, length = tf.shape(ids)[0], tf.shape(ids)[1]
    normal = tf1.truncated_normal_initializer(stddev=0.02)
    words = tf1.get_variable("word_embeddings", [30_522, width], initializer=normal)
    places = tf1.get_variable("position_embeddings", [512, width], initializer=normal)
    kinds = tf1.get_variable("token_type_embeddings", [2, width], initializer=normal)
    x = tf.gather(words, ids)
    one_hot = tf.one_hot(tf.reshape(segments, [-1]), 2)
    x += tf.reshape(one_hot @ kinds, [batch, length, width])
    x += tf.expand_dims(places[:length], 0)
    x = _layer_norm("embeddings", x)
    adder = (1.0 - tf.cast(mask[:, None, None, :], tf.float32)) * -10000.0
    x = tf.reshape(x, [-1, width])
    for layer in range(layers):
        with tf1.variable_scope(f"layer_{layer}"):
            query, key, value = (
                tf.transpose(
                    tf.reshape(_dense(part, x, width), [batch, length, heads, width // heads]), [0, 2, 1, 3]
                )
                for part in ("query", "key", "value")
            )
            scores = tf.matmul(query, key, transpose_b=True) * (1.0 / math.sqrt(width // heads))
            context = tf.transpose(tf.nn.softmax(scores + adder) @ value, [0, 2, 1, 3])
            attended = _dense("attended", tf.reshape(context, [-1, width]), width)
            x = _layer_norm("attention", attended + x)
            inner = _gelu(_dense("intermediate", x, 4 * width))
            x = _layer_norm("output", _dense("output", inner, width) + x)
    sequence = tf.reshape(x, [batch, length, width])
    pooled = tf.tanh(_dense("pooler", sequence[:, 0], width))
    inputs = {"input_ids": ids, "input_mask": mask, "segment_ids": segments}
    hub.add_signature(inputs=inputs, outputs={"pooled_output": pooled, "sequence_output": sequence})


def _layer_norm(name: str, x: tf.Tensor) -> tf.Tensor:
    with tf1.variable_scope(f"{name}/LayerNorm"):
        beta = tf1.get_variable("beta", [x.shape[-1]], initializer=tf1.zeros_initializer())
        gamma = tf1.get_variable("gamma", [x.shape[-1]], initializer=tf1.ones_initializer())
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-12)


def _gelu(x: tf.Tensor) -> tf.Tensor:
    return x * 0.5 * (1.0 + tf.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * tf.pow(x, 3))))


def sentences(hub: ModuleType, width: int = 128) -> None:
    """The mean of the vectors of a sentence's words, of a vocabulary of 200,000, as the first text modules had it."""
    texts = tf1.placeholder(tf.string, [None], name="sentences")
    vocabulary = tf.constant([f"word{index}".encode() for index in range(WORDS)])
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(vocabulary, tf.range(WORDS, dtype=tf.int64)), -1
    )
    tokens = tf1.string_split(texts)
    found = table.lookup(tokens.values)
    ids = tf.where(found < 0, tf.strings.to_hash_bucket_fast(tokens.values, 1000) + WORDS, found)
    normal = tf1.truncated_normal_initializer(stddev=0.1)
    vectors = tf1.get_variable("vectors", [WORDS + 1000, width], initializer=normal)
    sparse = tf.SparseTensor(tokens.indices, ids, tokens.dense_shape)
    filled, _ = tf.sparse.fill_empty_rows(sparse, 0)
    hub.add_signature(
        inputs=texts, outputs=tf1.nn.embedding_lookup_sparse(vectors, filled, None, combiner="sqrtn")
    )
