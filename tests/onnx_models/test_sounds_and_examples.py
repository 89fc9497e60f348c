"""Modules that take files of sounds, or serialized examples, on the engines without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub

pytest.importorskip("onnxruntime")

tf1, raw = tf.compat.v1, tf.raw_ops


def write_example(**features: Any) -> bytes:
    found = tf.train.Example()
    for name, values in features.items():
        kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}[type(values[0])]
        getattr(found.features.feature[name], kind).value.extend(values)
    return found.SerializeToString()


def wide_and_deep(serialized: Any) -> Any:
    """As an estimator's serving signature: features of examples, some of them crossed."""
    features = tf1.parse_example(
        serialized,
        {
            "size": tf1.FixedLenFeature([2], tf.float32),
            "name": tf1.FixedLenFeature([], tf.string, "none"),
            "kinds": tf1.VarLenFeature(tf.int64),
            "words": tf1.VarLenFeature(tf.string),
        },
    )
    columns = [features["kinds"], features["words"]]
    indices, values, sizes = raw.SparseCross(
        indices=[column.indices for column in columns],
        values=[column.values for column in columns],
        shapes=[column.dense_shape for column in columns],
        dense_inputs=[],
        hashed_output=True,
        num_buckets=10,
        hash_key=956888297470,
        out_type=tf.int64,
        internal_type=tf.int64,
    )
    weights = np.arange(20, dtype=np.float32).reshape(10, 2) / 7
    table = tf1.get_variable("weights", initializer=weights)
    wide = tf1.nn.embedding_lookup_sparse(
        table, tf.SparseTensor(indices, values, sizes), None, combiner="sum"
    )
    deep = tf.gather(table, tf.strings.to_hash_bucket_fast(features["name"], 10))
    return tf.concat([features["size"] + deep, tf.fill([tf.shape(serialized)[0], 1], tf.reduce_sum(wide))], 1)


def spoken_commands(files: Any) -> Any:
    """The front of networks for spoken commands; the file tells the rate."""
    sound, rate = tf.audio.decode_wav(files[0], desired_channels=1, desired_samples=4000)
    loudness = raw.AudioSpectrogram(input=sound, window_size=480, stride=160, magnitude_squared=True)
    heard = raw.Mfcc(spectrogram=loudness, sample_rate=rate, dct_coefficient_count=10)
    logits = tf.transpose(heard, [1, 0, 2]) / 9
    (labels,), _ = tf.nn.ctc_greedy_decoder(logits, [tf.shape(logits)[0]])
    return tf.cast(tf.sparse.to_dense(labels, default_value=-1), tf.float32) + tf.reduce_mean(heard)


EXAMPLES = [
    write_example(size=[1.0, 2.0], name=[b"x"], kinds=[3, 4], words=[b"q", b"w"]),
    write_example(size=[3.0, 4.0], kinds=[-1]),
    write_example(size=[5.0, 6.0], name=[b"zz"], kinds=[7], words=[b"e"]),
]
WAVES = 0.3 * np.sin(np.arange(4200) ** 1.3 / 50).astype(np.float32)[:, np.newaxis]


def encode() -> list[bytes]:
    return [tf.audio.encode_wav(WAVES, 16000).numpy()]


@pytest.mark.parametrize(("program", "given"), [(wide_and_deep, EXAMPLES), (spoken_commands, None)])
def test_every_engine_gives_what_the_session_gives(program: Any, given: Any, tmp_path: Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [None])
        hub.add_signature(inputs=x, outputs=program(x))

    texts = np.array(encode() if given is None else given, object)
    path = str(tmp_path / "module")
    hub.load(hub.create_module_spec(module_fn)).export(path)
    with tf.Graph().as_default():
        fed = tf1.placeholder(tf.string, [None])
        output = hub.Module(path)(fed)
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            expected = session.run(output, {fed: texts})
    for engine in ("numpy", "jax", "onnx"):
        found = hub.Predictor(path, engine=engine)(texts)["default"]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5, err_msg=engine)
