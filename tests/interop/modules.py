"""Modules of this library for the original one to read: each feature of the format has one.

They are the golden modules' kin, written with plain ops, which every TensorFlow has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tf1hub as hub

tf1 = tf.compat.v1

Value = np.ndarray | dict[str, np.ndarray]
Call = tuple[set[str], str, dict[str, Value]]
VOCABULARY = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "café"]


@dataclass(frozen=True)
class Example:
    """A module to make, the calls to compare, and the fine-tuning step, where there is one.

    It is exported from a session, unless `in_session` is false.
    """

    spec: hub.ModuleSpec
    calls: Sequence[Call]
    finetune: tuple[Call, float] | None = None
    in_session: bool = True


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def variable(name: str, *shape: Any, l2: float = 0.0, **more: Any) -> tf.Variable:
    regularizer = (lambda w: l2 * tf.nn.l2_loss(w)) if l2 else None
    sizes = tf.TensorShape(shape).as_list()
    start = tf1.constant_initializer(random(*sizes, seed=len(name) + sum(sizes)))
    return tf1.get_variable(name, sizes, initializer=start, regularizer=regularizer, **more)


def half_plus_two() -> Example:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 1], name="x")
        a, b = tf1.get_variable("a", initializer=0.5), tf1.get_variable("b", initializer=2.0)
        hub.add_signature(inputs=x, outputs=a * x + b)

    call = (set(), "default", {"default": random(4, 1)})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.1))


def dense_layers(use_resource: bool) -> Example:
    def module_fn() -> None:
        with tf1.variable_scope("", use_resource=use_resource):
            x = tf1.placeholder(tf.float32, [None, 50])
            with tf1.variable_scope("hidden"):
                hidden = tf.tanh(tf.matmul(x, variable("kernel", 50, 20, l2=0.01)) + variable("bias", 20))
            with tf1.variable_scope("output"):
                output = tf.matmul(hidden, variable("kernel", 20, 10, l2=0.02)) + variable("bias", 10)
        hub.add_signature(inputs=x, outputs={"default": output, "hidden_activations": hidden})

    call = (set(), "default", {"default": random(5, 50)})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.1))


def image() -> Example:
    """Convolutions, batch norm, a counter of steps, two variants, the common signatures, ImageModuleInfo."""

    def batch_norm(x: tf.Tensor, is_training: bool) -> tf.Tensor:
        depth = x.shape[-1]
        gamma, beta = variable("gamma", depth), variable("beta", depth)
        mean = tf1.get_variable("moving_mean", [depth], initializer=tf1.zeros_initializer(), trainable=False)
        variance = tf1.get_variable(
            "moving_variance", [depth], initializer=tf1.ones_initializer(), trainable=False
        )
        if not is_training:
            return tf1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)[0]
        y, batch_mean, batch_variance = tf1.nn.fused_batch_norm(x, gamma, beta)
        for average, now in ((mean, batch_mean), (variance, batch_variance)):
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, average.assign_sub((average - now) * 0.1))
        return y

    def module_fn(is_training: bool) -> None:
        x = images = tf1.placeholder(tf.float32, [None, 16, 16, 3], name="images")
        for i, depth in enumerate((8, 16)):
            with tf1.variable_scope(f"block{i}"):
                kernel = variable("kernel", 3, 3, x.shape[-1], depth, l2=0.001)
                x = tf.nn.relu(batch_norm(tf.nn.conv2d(x, kernel, strides=2, padding="SAME"), is_training))
        steps = tf1.get_variable("steps", [], tf.int64, tf1.zeros_initializer(), trainable=False)
        if is_training:
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_add(steps, 1))
        features = tf.reduce_mean(x, [1, 2])
        logits = tf.matmul(features, variable("logits", 16, 5))
        hub.add_signature(inputs=images, outputs=features)
        hub.add_signature("image_feature_vector", {"images": images}, {"default": features, "Tiny/block1": x})
        hub.add_signature("image_classification", {"images": images}, logits)
        info = hub.ImageModuleInfo()
        info.default_image_size.height = info.default_image_size.width = 16
        hub.attach_image_module_info(info)

    variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    images = {"images": random(3, 16, 16, 3)}
    calls: list[Call] = [
        (set(), "image_feature_vector", images),
        (set(), "image_classification", images),
        ({"train"}, "image_feature_vector", images),
    ]
    return Example(hub.create_module_spec(module_fn, variants), calls, (calls[2], 0.1))


def text_embedding(folder: Path, parts: int, use_resource: bool = True) -> Example:
    """A vocabulary as asset, a table, embeddings in `parts` parts."""

    def module_fn() -> None:
        sentences = tf1.placeholder(tf.string, [None], name="sentences")
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticVocabularyTable(initializer, 2)
        embeddings = tf1.get_variable(
            "embeddings",
            [len(VOCABULARY) + 2, 7],
            initializer=tf1.random_uniform_initializer(-1, 1, seed=11),
            partitioner=tf1.fixed_size_partitioner(parts) if parts > 1 else None,
            use_resource=use_resource,
        )
        tokens = tf1.string_split(tf.strings.regex_replace(tf.strings.lower(sentences), r"[^\w\s]", ""), " ")
        ids = tf.SparseTensor(tokens.indices, table.lookup(tokens.values), tokens.dense_shape)
        vectors = tf1.nn.safe_embedding_lookup_sparse(embeddings, ids, combiner="sqrtn")
        hub.add_signature(inputs=sentences, outputs=vectors)

    vocabulary = folder / "tokens.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    sentences = ["The quick, brown fox!", "", "zzz unknown words", "café dog", "lazy"]
    call: Call = (set(), "default", {"default": np.array([s.encode() for s in sentences])})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.1))


def word_vectors(folder: Path) -> Example:
    """A text module made of a file of vectors."""
    lines = [" ".join([word, *map(str, random(3, seed=len(word)))]) for word in VOCABULARY]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    hub.publish.text_embedding(
        folder / "vectors.txt", folder / "words", num_oov_buckets=2, combiner="mean", num_partitions=2
    )
    call: Call = (set(), "default", {"default": np.array([b"the quick brown", b"", b"zzz", b"dog"])})
    return Example(hub.load_module_spec(folder / "words"), [call], (call, 0.1))


def condition() -> Example:
    """A signature that exposes a hyperparameter, which steers a `cond`."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 6], name="x")
        is_training = tf1.placeholder_with_default(False, [], name="is_training")
        w = variable("w", 6, 4, l2=0.1)
        h = tf1.cond(is_training, lambda: tf.matmul(x, w) * 2.0, lambda: tf.matmul(x, w))
        hub.add_signature(inputs={"x": x}, outputs=h)
        hub.add_signature("controlled", {"x": x, "is_training": is_training}, h)

    x = random(3, 6)
    calls: list[Call] = [
        (set(), "default", {"x": x}),
        (set(), "controlled", {"x": x, "is_training": np.array(True)}),
        (set(), "controlled", {"x": x, "is_training": np.array(False)}),
    ]
    return Example(hub.create_module_spec(module_fn), calls, (calls[1], 0.1))


def loop() -> Example:
    """A recurrent network: a `while_loop` over time, with a TensorArray."""

    def module_fn() -> None:
        tokens = tf1.placeholder(tf.int32, [None, None], name="tokens")
        embedded = tf.gather(variable("embeddings", 30, 8), tokens)
        w = variable("w", 8, 8, l2=0.01)
        inputs = tf.transpose(embedded, [1, 0, 2])
        length = tf.shape(inputs)[0]
        states = tf.TensorArray(tf.float32, size=length, element_shape=[None, 8])

        def step(t: tf.Tensor, state: tf.Tensor, states: tf.TensorArray) -> Any:
            # As cells do; the loop is traced more than once.
            with tf1.variable_scope("cell", reuse=tf1.AUTO_REUSE):
                u = variable("u", 8, 8)
            state = tf.tanh(tf.matmul(inputs[t], w) + tf.matmul(state, u))
            return t + 1, state, states.write(t, state)

        start = (tf.constant(0), tf.zeros_like(inputs[0]), states)
        shapes = (tf.TensorShape([]), tf.TensorShape([None, 8]), tf.TensorShape(None))
        _, last, states = tf1.while_loop(lambda t, *_: t < length, step, start, shape_invariants=shapes)
        hub.add_signature(inputs={"tokens": tokens}, outputs={"default": last, "states": states.stack()})

    tokens = np.random.default_rng(0).integers(0, 30, (3, 6)).astype(np.int32)
    call: Call = (set(), "default", {"tokens": tokens})
    # TensorFlow 1.15 runs an imported loop of TensorFlow 2's kind, but has no gradient for it.
    finetune = None if tf1.control_flow_v2_enabled() else (call, 0.1)
    return Example(hub.create_module_spec(module_fn), [call], finetune)


def sparse() -> Example:
    def module_fn() -> None:
        x = tf1.sparse_placeholder(tf.float32, [None, 10], name="x")
        outputs = {
            "default": tf.sparse.sparse_dense_matmul(x, variable("w", 10, 3)),
            "doubled": tf.SparseTensor(x.indices, x.values * 2, x.dense_shape),
        }
        hub.add_signature(inputs={"default": x}, outputs=outputs)

    x = {
        "indices": np.array([[0, 1], [1, 4], [2, 9]], np.int64),
        "values": np.array([1, 2, 3], np.float32),
        "dense_shape": np.array([3, 10], np.int64),
    }
    call: Call = (set(), "default", {"default": x})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.1))


def ragged() -> Example:
    def module_fn() -> None:
        x = tf1.ragged.placeholder(tf.float32, 1, [])
        w = variable("w", 1)
        summed = tf.reduce_sum(x, axis=1) * w
        hub.add_signature(inputs={"x": x}, outputs={"default": summed, "doubled": x * 2.0})

    x = {"values": np.array([1, 2, 3, 4], np.float32), "row_splits": np.array([0, 2, 2, 4], np.int64)}
    call: Call = (set(), "default", {"x": x})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.1))


def nested(folder: Path) -> Example:
    """A module whose module_fn uses another module."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 1])
        inner = hub.Module(str(folder / "inner"), trainable=True)
        hub.add_signature(inputs=x, outputs=inner(inner(x)) * variable("scale", 1))

    export(half_plus_two().spec, folder / "inner")
    call = (set(), "default", {"default": random(4, 1)})
    return Example(hub.create_module_spec(module_fn), [call], (call, 0.01))


def no_variables() -> Example:
    def module_fn() -> None:
        hub.add_signature("constants", outputs={"default": tf.constant([1.0, 2.0]), "name": tf.constant("a")})
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x + 1.0)

    calls: list[Call] = [(set(), "constants", {}), (set(), "default", {"default": random(3)})]
    return Example(hub.create_module_spec(module_fn), calls)


def without_a_session(folder: Path) -> Example:
    """What exports without a session writes is read again, and exported once more."""
    made = text_embedding(folder, parts=3)
    export(made.spec, folder / "started")
    values = hub.read_variables(folder / "started")
    made.spec.export(folder / "given", values={name: 2.0 * value for name, value in values.items()})
    return replace(made, spec=hub.load_module_spec(folder / "given"), in_session=False)


EXAMPLES: dict[str, Callable[[Path], Example]] = {
    "half_plus_two": lambda _: half_plus_two(),
    "resource_variables": lambda _: dense_layers(use_resource=True),
    "ref_variables": lambda _: dense_layers(use_resource=False),
    "image": lambda _: image(),
    "text_embedding": lambda folder: text_embedding(folder, parts=1),
    "text_embedding_ref": lambda folder: text_embedding(folder, parts=1, use_resource=False),
    "text_embedding_partitioned": lambda folder: text_embedding(folder, parts=3),
    "word_vectors": word_vectors,
    "condition": lambda _: condition(),
    "loop": lambda _: loop(),
    "sparse": lambda _: sparse(),
    "ragged": lambda _: ragged(),
    "nested": nested,
    "without_a_session": without_a_session,
    "no_variables": lambda _: no_variables(),
}


def export(spec: hub.ModuleSpec, path: Path) -> None:
    """Exports a module with the values that its variables start with."""
    tags = {"train"} if {"train"} in [set(tags) for tags in spec.get_tags()] else None
    with tf.Graph().as_default():
        module = hub.Module(spec, tags=tags)
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            module.export(str(path), session)
