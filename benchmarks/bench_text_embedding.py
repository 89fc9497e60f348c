"""Word vectors become a module: this exporter against the program that users write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Row, at_most, faster, megabytes

VECTORS = 200_000
DIMENSIONS = 300
MATRIX_BYTES = VECTORS * DIMENSIONS * 4
EXTRA_BYTES = 400_000_000


def rows(bench: Bench) -> Iterator[Row]:
    source = bench.workdir / "vectors.txt"
    if not source.exists():
        bench.run("bench_text_embedding:write_vectors", repeats=1, path=source)
    sides = {name: {"program": name} for name in _PROGRAMS}
    # So often only: the straightforward program takes half a minute.
    exported = bench.in_turn(
        "bench_text_embedding:export", sides, repeats=3, source=source, workdir=bench.workdir
    )
    ours, straightforward = exported["exporter"], exported["straightforward"]
    alone = bench.run("bench_text_embedding:tensorflow_alone", repeats=3)["peak_bytes"]
    what = f"export {VECTORS:,} vectors of {DIMENSIONS} (text), against the straightforward program"
    yield faster(what, ours["export_s"], straightforward["export_s"], 8)
    yield at_most(
        f"its peak memory above TensorFlow's own {megabytes(alone)}",
        ours["peak_bytes"] - alone,
        MATRIX_BYTES + EXTRA_BYTES,
        megabytes,
        megabytes(straightforward["peak_bytes"] - alone),
    )


def write_vectors(path: str) -> dict[str, Any]:
    """Numbers as GloVe's files have them: five decimals."""
    import numpy as np

    random = np.random.default_rng(0)
    with open(path, "w") as file:
        for start in range(0, VECTORS, 1000):
            file.writelines(
                f"word{index} " + " ".join(f"{value:.5f}" for value in vector.tolist()) + "\n"
                for index, vector in enumerate(random.normal(0, 0.4, (1000, DIMENSIONS)), start)
            )
    return {}


def export(program: str, source: str, workdir: str) -> dict[str, Any]:
    return _PROGRAMS[program](source, workdir)


def exporter(source: str, workdir: str) -> dict[str, Any]:
    from tf1hub.publish import text_embedding

    started = time.perf_counter()
    made = text_embedding(source, free_path(workdir))
    export = time.perf_counter() - started
    assert (made.vectors, made.dimensions) == (VECTORS, DIMENSIONS)
    return {"export_s": export}


def straightforward(source: str, workdir: str) -> dict[str, Any]:
    """The lines as lists of Python's floats, an array of them, fed into an assignment, then exported."""
    import numpy as np
    import tensorflow as tf

    import tf1hub as hub

    tf1 = tf.compat.v1
    hub.create_module_spec, hub.Module, hub.add_signature  # noqa: B018 - loaded before the clock starts
    started = time.perf_counter()
    words, vectors = [], []
    with open(source, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split(" ")
            words.append(fields[0])
            vectors.append([float(value) for value in fields[1:]])
    embeddings = np.array([*vectors, [0.0] * DIMENSIONS])
    vocabulary = Path(workdir) / f"vocabulary_{time.time_ns()}.txt"
    vocabulary.write_text("\n".join(words) + "\n")

    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticVocabularyTable(initializer, 1)
        tokens = tf1.strings.split(tf.strings.regex_replace(texts, r"\pP", ""), result_type="SparseTensor")
        ids = tf.SparseTensor(tokens.indices, table.lookup(tokens.values), tokens.dense_shape)
        variable = tf1.get_variable("embeddings", embeddings.shape, initializer=tf1.zeros_initializer())
        hub.add_signature(
            inputs=texts, outputs=tf1.nn.safe_embedding_lookup_sparse(variable, ids, combiner="sqrtn")
        )

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        value = tf1.placeholder(tf.float32, embeddings.shape)
        assign = module.variable_map["embeddings"].assign(value)
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            session.run(assign, {value: embeddings})
            module.export(free_path(workdir), session)
    return {"export_s": time.perf_counter() - started}


_PROGRAMS = {"exporter": exporter, "straightforward": straightforward}


def tensorflow_alone() -> dict[str, Any]:
    """A graph and a session without any module."""
    import tensorflow as tf

    with tf.Graph().as_default():
        table = tf.compat.v1.get_variable("table", [3, 1])
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            session.run(table)
    return {}


def free_path(workdir: str) -> str:
    return str(Path(workdir) / f"module_{time.time_ns()}")
