"""What this library makes, in every way that it can, raises no alarm when somebody else reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import tf1hub as hub  # noqa: E402
from examples.digits_demo.publish import module_fn as digits  # noqa: E402
from tf1hub.format.checkpoint import CheckpointWriter  # noqa: E402

tf1 = tf.compat.v1


def with_table(words: Path) -> None:
    """A `module_fn` with a table of words, a variable and a loss."""
    texts = tf1.placeholder(tf.string, [None])
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(words),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        1,
    )
    vectors = tf1.get_variable("vectors", [3, 2], regularizer=tf.nn.l2_loss)
    hub.add_signature(inputs=texts, outputs=tf.gather(vectors, table.lookup(texts)))


def from_module_fn(directory: Path, words: Path) -> str:
    spec = hub.create_module_spec(lambda: with_table(words))
    spec.export(directory / "made", values={"vectors": np.ones([3, 2], np.float32)})
    return str(directory / "made")


def of_the_demo(directory: Path, words: Path) -> str:
    del words
    arguments = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    spec = hub.create_module_spec(digits, arguments, drop_collections=["regularization_losses"])
    hub.load(spec).export(str(directory / "made"))
    return str(directory / "made")


def from_a_session(directory: Path, words: Path) -> str:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(hub.create_module_spec(lambda: with_table(words)))
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        module.export(str(directory / "made"), session)
    return str(directory / "made")


def from_function(directory: Path, words: Path) -> str:
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(words),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def look_up(texts: tf.Tensor) -> tf.Tensor:
        return table.lookup(texts)

    hub.publish.from_function(look_up).export(directory / "made")
    return str(directory / "made")


def from_checkpoint(directory: Path, words: Path) -> str:
    with CheckpointWriter(str(directory / "model")) as writer:
        writer.add("vectors", np.ones([3, 2], np.float32))
    spec = hub.publish.from_checkpoint(lambda: with_table(words), str(directory / "model"))
    spec.export(directory / "made")
    return str(directory / "made")


def from_graph_def(directory: Path, words: Path) -> str:
    del words
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None], name="x")
        tf.identity(x * 2.0, name="y")
    hub.publish.from_graph_def(graph.as_graph_def(), "x", "y").export(directory / "made")
    return str(directory / "made")


def from_frozen_graph(directory: Path, words: Path) -> str:
    del words
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        tf.matmul(x, tf.constant([[1.0], [2.0]]), name="y")
    made = hub.publish.from_frozen_graph(graph.as_graph_def(), "x", "y", variables=lambda *_: True)
    made.export(directory / "made")
    return str(directory / "made")


def from_saved_model(directory: Path, words: Path) -> str:
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(words),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )
    module.serve = tf.function(module.table.lookup, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(directory / "saved"), signatures={"serving_default": module.serve})
    hub.create_module_spec_from_saved_model(str(directory / "saved")).export(directory / "made")
    return str(directory / "made")


def text_embedding(directory: Path, words: Path) -> str:
    del words
    (directory / "vectors.txt").write_text("cat 1 2\ndog 3 4\n")
    hub.publish.text_embedding(directory / "vectors.txt", directory / "made")
    return str(directory / "made")


def converted(directory: Path, words: Path) -> str:
    hub.convert(hub.create_module_spec(lambda: with_table(words)), directory / "made")
    return str(directory / "made")


WAYS: list[Callable[[Path, Path], str]] = [
    from_module_fn,
    of_the_demo,
    from_a_session,
    from_function,
    from_checkpoint,
    from_graph_def,
    from_frozen_graph,
    from_saved_model,
    text_embedding,
    converted,
]


def test_every_way_of_making_a_module_is_here():
    attachments = {"TextEmbedding", "add_signature", "attach_image_module_info", "attach_message"}
    other_names = {
        "create_module_spec": from_module_fn,
        "create_module_spec_from_saved_model": from_saved_model,
    }
    made = {way.__name__ for way in WAYS}
    named = {getattr(other_names.get(name), "__name__", name) for name in hub.publish.__all__}
    assert named - attachments <= made


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_alarm(way: Callable[[Path, Path], str], tmp_path: Path):
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")
    report = hub.capabilities(way(tmp_path, words))
    assert report.ok, report
