"""Modules as programs of the time wrote them, in the words of TensorFlow 1.7 to 1.15: each construct has one.

The original library makes them, for this one to read. It runs on Python 3.6. Where a release has more than
TensorFlow 1.7 had, what it adds is asked for by name.
"""

import os

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub  # noqa: TID251 - this is the place where the original makes modules

# Neither had a public name before 1.15.
from tensorflow.python.framework import function  # noqa: TID251
from tensorflow.python.training import moving_averages as moving_averages_ops  # noqa: TID251

VOCABULARY = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "café"]
SENTENCES = [s.encode() for s in ("the quick brown fox", "", "zzz unknown words", "café dog", "lazy")]
# TensorFlow 1.7 forgets that resource variables are read in conds inside others, or inside loops.
LOSES_GRADIENTS = tf.__version__.startswith("1.7.")
contrib = tf.contrib
slim = contrib.slim
rnn = tf.nn.rnn_cell


def numbers(*shape):
    return np.random.RandomState(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def start(low=-0.5, high=0.5, seed=1):
    return tf.random_uniform_initializer(low, high, seed=seed)


def l2(weight):
    return lambda w: weight * tf.nn.l2_loss(w)


class Example:
    """A module to make, the calls to record, and the index of the one to train, or None."""

    def __init__(self, spec, calls, finetune=0, rate=0.1):
        self.spec = spec
        self.calls = calls
        self.finetune = finetune
        self.rate = rate


def simple(module_fn, inputs, finetune=0, signature="default"):
    return Example(hub.create_module_spec(module_fn), [((), signature, inputs)], finetune)


BOTH = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


# ------------------------------------------------------------------ variables


def scalars(_):
    def fn():
        x = tf.placeholder(tf.float32, [None, 1], name="x")
        a, b = tf.get_variable("a", initializer=0.5), tf.get_variable("b", initializer=2.0)
        hub.add_signature(inputs=x, outputs=a * x + b)

    return simple(fn, {"default": numbers(4, 1)})


def ref_variables(_):
    def fn():
        x = tf.placeholder(tf.float32, [None, 6])
        with tf.variable_scope("", use_resource=False):
            w = tf.get_variable("w", [6, 5], initializer=start(), regularizer=l2(0.01))
            h = tf.tanh(tf.matmul(x, w))
            steps = tf.Variable(0, trainable=False, name="steps")
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(steps, 1))
            h = tf.layers.batch_normalization(h, training=True, momentum=0.8)
        hub.add_signature(inputs=x, outputs={"default": tf.layers.dense(h, 2, kernel_initializer=start())})

    return simple(fn, {"default": numbers(5, 6)})


def depends_on_variable(_):
    """A variable that starts from another one, and one that is made of a constant."""

    def fn():
        x = tf.placeholder(tf.float32, [None, 3])
        a = tf.Variable(numbers(3, 3), name="a")
        b = tf.Variable(a.initialized_value() * 2.0, name="b")
        hub.add_signature(inputs=x, outputs=tf.matmul(x, a) + tf.matmul(x, b))

    return simple(fn, {"default": numbers(2, 3)})


def kinds_of_variables(_):
    """Several dtypes, and a partitioned one in each strategy.

    Parts of columns the original library could not take.
    """

    def fn():
        x = tf.placeholder(tf.int64, [None], name="ids")
        parts = tf.fixed_size_partitioner(3)
        table = tf.get_variable("table", [11, 4], initializer=start(), partitioner=parts, regularizer=l2(0.1))
        other = tf.get_variable("other", [11, 4], initializer=start(seed=2), partitioner=parts)
        kept = tf.get_variable("kept", [4], tf.float64, tf.ones_initializer(), trainable=False)
        flag = tf.get_variable("flag", [], tf.bool, tf.constant_initializer(True), trainable=False)
        half = tf.get_variable("half", [4], tf.float16, tf.ones_initializer(), trainable=False)
        y = tf.nn.embedding_lookup(table, x, partition_strategy="div")
        y += tf.nn.embedding_lookup(other, x, partition_strategy="mod")
        y *= tf.cast(kept, tf.float32) * tf.cast(half, tf.float32) * tf.cast(flag, tf.float32)
        hub.add_signature(inputs={"ids": x}, outputs=y)

    return simple(fn, {"ids": np.array([0, 3, 10, 4])})


# --------------------------------------------------------------------- images


def slim_image(_):
    def fn(is_training):
        images = tf.placeholder(tf.float32, [None, 12, 12, 3], name="images")
        norm = {"is_training": is_training, "decay": 0.9, "scale": True, "fused": True}
        with slim.arg_scope(
            [slim.conv2d, slim.separable_conv2d],
            weights_regularizer=slim.l2_regularizer(0.004),
            weights_initializer=start(),
            normalizer_fn=slim.batch_norm,
            normalizer_params=norm,
        ):
            net = slim.conv2d(images, 6, 3, stride=2, scope="Conv2d_1a")
            net = slim.separable_conv2d(net, 8, 3, depth_multiplier=2, scope="Sep_2a")
            net = slim.conv2d(net, 8, 1, scope="Conv2d_3a", normalizer_params=dict(norm, fused=False))
            # So near to 1 that float32 has none nearer: one value dropped in a million runs would be a difference.
            net = slim.dropout(net, 0.99999999, is_training=is_training)
            features = tf.reduce_mean(slim.max_pool2d(net, 2, padding="SAME"), [1, 2])
        logits = slim.fully_connected(features, 4, activation_fn=None, weights_initializer=start())
        hub.add_signature(inputs=images, outputs=features)
        hub.add_signature("image_classification", {"images": images}, {"default": logits, "Slim/net": net})

    x = numbers(3, 12, 12, 3)
    calls = [
        ((), "default", {"default": x}),
        ((), "image_classification", {"images": x}),
        (("train",), "image_classification", {"images": x}),
    ]
    return Example(hub.create_module_spec(fn, tags_and_args=BOTH), calls, 2)


def layers_image(_):
    def fn(is_training):
        images = tf.placeholder(tf.float32, [None, 12, 12, 3], name="images")
        net = tf.layers.conv2d(images, 6, 3, kernel_initializer=start(), kernel_regularizer=l2(0.01))
        net = tf.layers.batch_normalization(net, training=is_training, momentum=0.9)
        net = tf.layers.conv2d_transpose(net, 5, 3, 2, kernel_initializer=start())
        net = tf.layers.batch_normalization(tf.nn.relu(net), training=is_training, fused=False, renorm=False)
        net = tf.image.resize_bilinear(net, [6, 6])
        features = tf.layers.flatten(tf.layers.average_pooling2d(net, 3, 3))
        hub.add_signature("image_feature_vector", {"images": images}, features)
        if hasattr(hub, "attach_image_module_info"):
            info = hub.ImageModuleInfo()
            info.default_image_size.height = info.default_image_size.width = 12
            hub.attach_image_module_info(info)

    x = {"images": numbers(2, 12, 12, 3)}
    calls = [((), "image_feature_vector", x), (("train",), "image_feature_vector", x)]
    return Example(hub.create_module_spec(fn, tags_and_args=BOTH), calls, 1)


def keras_layers(_):
    def fn():
        images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
        model = tf.keras.Sequential(
            [
                tf.keras.layers.Conv2D(4, 3, kernel_initializer=start(), input_shape=(8, 8, 3)),
                tf.keras.layers.LeakyReLU(),
                tf.keras.layers.GlobalAveragePooling2D(),
                tf.keras.layers.Dense(3, kernel_initializer=start()),
            ]
        )
        hub.add_signature(inputs=images, outputs=model(images))

    return simple(fn, {"default": numbers(2, 8, 8, 3)})


def moving_averages(_):
    """Averages of weights, as programs moved them; the original library refused ExponentialMovingAverage."""

    def fn(is_training):
        x = tf.placeholder(tf.float32, [None, 3])
        w = tf.get_variable("w", [3, 3], initializer=start())
        steps = tf.get_variable("steps", [], tf.int64, tf.zeros_initializer(), trainable=False)
        average = tf.get_variable("average", [3, 3], initializer=tf.zeros_initializer(), trainable=False)
        if is_training:
            update = moving_averages_ops.assign_moving_average(average, w, 0.9, zero_debias=False)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(steps, 1))
        hub.add_signature(inputs=x, outputs=tf.matmul(x, w if is_training else average))

    x = {"default": numbers(2, 3)}
    calls = [((), "default", x), (("train",), "default", x)]
    return Example(hub.create_module_spec(fn, tags_and_args=BOTH), calls, 1)


# ----------------------------------------------------------------------- text


def vocabulary_file(folder):
    path = os.path.join(folder, "tokens.txt")
    with open(path, "wb") as file:
        file.write("\n".join(VOCABULARY).encode() + b"\n")
    return path


def lookup_text(folder):
    """The table of contrib with an asset, and combiners over parts."""
    path = vocabulary_file(folder)

    def fn():
        sentences = tf.placeholder(tf.string, [None], name="sentences")
        table = contrib.lookup.index_table_from_file(path, num_oov_buckets=3)
        embeddings = tf.get_variable(
            "embeddings", [12, 5], initializer=start(), partitioner=tf.fixed_size_partitioner(2)
        )
        tokens = tf.string_split(sentences, " ")
        ids = tf.SparseTensor(tokens.indices, table.lookup(tokens.values), tokens.dense_shape)
        outputs = {
            name: contrib.layers.safe_embedding_lookup_sparse(embeddings, ids, combiner=name)
            for name in ("sqrtn", "mean", "sum")
        }
        hub.add_signature(inputs=sentences, outputs=dict(outputs, default=outputs["mean"]))

    return simple(fn, {"default": np.array(SENTENCES)})


def tables(_):
    """Tables from tensors and their way back, buckets of a hash."""

    def fn():
        words = tf.placeholder(tf.string, [None], name="words")
        there = contrib.lookup.index_table_from_tensor(tf.constant(VOCABULARY), default_value=0)
        back = contrib.lookup.index_to_string_table_from_tensor(tf.constant(VOCABULARY), "?")
        values = contrib.lookup.KeyValueTensorInitializer(VOCABULARY, numbers(9), tf.string, tf.float32)
        weights = contrib.lookup.HashTable(values, -1.0)
        index = there.lookup(words)
        outputs = {
            "default": weights.lookup(words),
            "index": index,
            "again": back.lookup(index + 1),
            "fast": tf.string_to_hash_bucket_fast(words, 100),
            "strong": tf.string_to_hash_bucket_strong(words, 100, [1, 2]),
            "joined": tf.string_join([words, back.lookup(index)], "-"),
        }
        hub.add_signature(inputs={"words": words}, outputs=outputs)

    return simple(fn, {"words": np.array([b"fox", b"dog", b"nobody"])}, finetune=None)


def weighted_text(_):
    """Sparse ids with weights, and a crossed and hashed feature."""

    def fn():
        ids = tf.sparse_placeholder(tf.int64, name="ids")
        table = tf.get_variable("table", [10, 3], initializer=start())
        weights = tf.SparseTensor(ids.indices, tf.cast(ids.values, tf.float32) / 10.0, ids.dense_shape)
        y = tf.nn.embedding_lookup_sparse(table, ids, weights, combiner="mean")
        hub.add_signature(
            inputs={"ids": ids}, outputs={"default": y, "doubled": tf.sparse_add(weights, weights)}
        )

    ids = {
        "indices": np.array([[0, 0], [0, 1], [1, 3], [2, 0]], np.int64),
        "values": np.array([1, 4, 9, 5], np.int64),
        "dense_shape": np.array([3, 4], np.int64),
    }
    return simple(fn, {"ids": ids})


def columns(_):
    """Feature columns inside a module."""

    def fn():
        words = tf.placeholder(tf.string, [None, 2], name="words")
        places = tf.placeholder(tf.string, [None, 2], name="places")
        ages = tf.placeholder(tf.float32, [None, 1], name="ages")
        column = tf.feature_column
        listed = column.categorical_column_with_vocabulary_list("words", VOCABULARY, num_oov_buckets=1)
        hashed = column.categorical_column_with_hash_bucket("places", 7)
        bucket = column.bucketized_column(column.numeric_column("ages"), [10.0, 20.0])
        used = [
            column.embedding_column(listed, 3, initializer=start()),
            column.embedding_column(hashed, 2, "sqrtn", initializer=start()),
            column.indicator_column(column.crossed_column([bucket, "words"], 5)),
            bucket,
        ]
        inputs = {"words": words, "places": places, "ages": ages}
        hub.add_signature(inputs=inputs, outputs=column.input_layer(inputs, used))

    words = np.array([[b"fox", b"dog"], [b"nobody", b"the"]])
    return simple(fn, {"words": words, "places": words, "ages": np.array([[5.0], [15.0]], np.float32)})


# --------------------------------------------------------------- control flow


def conds(_):
    """A cond around updates, one in another, a case, and one with a variable read in a branch."""

    def fn():
        x = tf.placeholder(tf.float32, [None, 6], name="x")
        training = tf.placeholder_with_default(False, [], name="is_training")
        h = tf.layers.dense(x, 5, kernel_initializer=start(), kernel_regularizer=l2(0.05))
        h = tf.layers.batch_normalization(h, training=training, momentum=0.8)
        w = tf.get_variable("w", [5], initializer=tf.ones_initializer())
        big = tf.reduce_sum(h) > 0.0
        h = tf.cond(training, lambda: tf.cond(big, lambda: h * w, lambda: h - w), lambda: tf.identity(h))
        many = tf.shape(x)[0] > 3
        h = tf.case([(many, lambda: h * 2.0), (big, lambda: h + w)], default=lambda: h)
        hub.add_signature(inputs={"x": x}, outputs=h)
        hub.add_signature("controlled", {"x": x, "is_training": training}, h)

    x = numbers(4, 6)
    calls = [
        ((), "default", {"x": x}),
        ((), "controlled", {"x": x, "is_training": np.array(True)}),
        ((), "controlled", {"x": x[:2], "is_training": np.array(False)}),
    ]
    return Example(hub.create_module_spec(fn), calls, None if LOSES_GRADIENTS else 1)


def loops(_):
    """while_loop, map_fn, scan and foldl, with variables that are read inside."""

    def fn():
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        w = tf.get_variable("w", [4, 4], initializer=start())
        _, y = tf.while_loop(
            lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(tf.matmul(y, w))), (tf.constant(0), x)
        )
        first = w[0]
        z = tf.map_fn(lambda row: tf.cond(row[0] > 0, lambda: row * 2.0, lambda: row + first), x)
        summed = tf.scan(lambda a, b: a + b, x)
        folded = tf.foldl(lambda a, b: tf.maximum(a, b), x)
        hub.add_signature(inputs={"x": x}, outputs={"default": y + z, "scan": summed, "fold": folded})

    return simple(fn, {"x": numbers(3, 4)}, None if LOSES_GRADIENTS else 0)


def recurrent(kind):
    def example(_):
        cells = {
            "lstm": lambda: rnn.LSTMCell(7, use_peepholes=True, num_proj=4, initializer=start()),
            "gru": lambda: rnn.GRUCell(4, kernel_initializer=start()),
            "stack": lambda: rnn.MultiRNNCell(
                [rnn.BasicLSTMCell(4), rnn.ResidualWrapper(rnn.BasicRNNCell(4))]
            ),
            "norm": lambda: contrib.rnn.LayerNormBasicLSTMCell(4),
            "block": lambda: contrib.rnn.LSTMBlockCell(4),
        }

        def fn():
            tokens = tf.placeholder(tf.int32, [None, 5], name="tokens")
            lengths = tf.placeholder(tf.int32, [None], name="lengths")
            with tf.variable_scope("rnn", initializer=start()):
                x = tf.nn.embedding_lookup(tf.get_variable("table", [20, 4]), tokens)
                both, _ = tf.nn.bidirectional_dynamic_rnn(
                    cells[kind](), cells[kind](), x, lengths, dtype=tf.float32
                )
                with tf.variable_scope("static"):
                    one, _ = tf.nn.static_rnn(
                        cells[kind](), tf.unstack(x, axis=1), sequence_length=lengths, dtype=tf.float32
                    )
            outputs = {"default": tf.concat(both, 2), "static": tf.stack(one, 1)}
            hub.add_signature(inputs={"tokens": tokens, "sequence_len": lengths}, outputs=outputs)

        tokens = np.arange(15).reshape(3, 5).astype(np.int32)
        # TensorFlow 2 has the ops of contrib's cell, and no gradient for them.
        finetune = None if kind == "block" else 0
        return simple(fn, {"tokens": tokens, "sequence_len": np.array([5, 2, 4], np.int32)}, finetune)

    return example


def fused_lstm(_):
    def fn():
        x = tf.placeholder(tf.float32, [5, None, 4], name="x")
        with tf.variable_scope("rnn", initializer=start()):
            y, _ = contrib.rnn.LSTMBlockFusedCell(3)(x, dtype=tf.float32)
        hub.add_signature(inputs={"x": x}, outputs=y)

    return simple(fn, {"x": numbers(5, 2, 4)})


def functions(_):
    """Functions of the time, called by their names as ops; one with a gradient of its own."""

    @function.Defun(tf.float32, tf.float32)
    def times(a, b):
        return a * b

    @function.Defun(tf.float32, tf.float32)
    def twice_backward(x, grad):
        return grad * 3.0 + 0.0 * x

    @function.Defun(tf.float32, grad_func=twice_backward)
    def twice(x):
        return x * 2.0

    def fn():
        x = tf.placeholder(tf.float32, [None, 3])
        w = tf.get_variable("w", [3], initializer=start())
        y = times(x, w)
        y.set_shape([None, 3])
        z = twice(y)
        z.set_shape([None, 3])
        hub.add_signature(inputs=x, outputs=z)

    return simple(fn, {"default": numbers(2, 3)})


# ---------------------------------------------------------------- whole modules


def nested(folder):
    inner = scalars(None).spec
    export(inner, os.path.join(folder, "inner"))

    def fn():
        x = tf.placeholder(tf.float32, [None, 1])
        module = hub.Module(os.path.join(folder, "inner"), trainable=True)
        scale = tf.get_variable("scale", [1], initializer=tf.ones_initializer())
        hub.add_signature(inputs=x, outputs=module(module(x)) * scale)

    return simple(fn, {"default": numbers(4, 1)})


def no_variables(_):
    def fn():
        hub.add_signature("constants", outputs={"default": tf.constant([1.0, 2.0]), "name": tf.constant("a")})
        x = tf.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=tf.log(tf.abs(x) + 1.0))

    calls = [((), "constants", {}), ((), "default", {"default": numbers(3)})]
    return Example(hub.create_module_spec(fn), calls, None)


EXAMPLES = {
    "scalars": scalars,
    "ref_variables": ref_variables,
    "depends_on_variable": depends_on_variable,
    "kinds_of_variables": kinds_of_variables,
    "slim_image": slim_image,
    "layers_image": layers_image,
    "keras_layers": keras_layers,
    "moving_averages": moving_averages,
    "lookup_text": lookup_text,
    "tables": tables,
    "weighted_text": weighted_text,
    "columns": columns,
    "conds": conds,
    "loops": loops,
    "rnn_lstm": recurrent("lstm"),
    "rnn_gru": recurrent("gru"),
    "rnn_stack": recurrent("stack"),
    "rnn_norm": recurrent("norm"),
    "rnn_block": recurrent("block"),
    "fused_lstm": fused_lstm,
    "functions": functions,
    "nested": nested,
    "no_variables": no_variables,
}


def export(spec, path):
    """Exports a module with the values that its variables start with."""
    tags = {"train"} if {"train"} in [set(tags) for tags in spec.get_tags()] else None
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        module = hub.Module(spec, tags=tags)
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            module.export(path, session)
