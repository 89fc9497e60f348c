"""tf1hub.publish.text_embedding: a file of word vectors becomes a module for texts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from tf1hub.arguments import path_text
from tf1hub.errors import CreationError, ExportError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.module_writer import check_free
from tf1hub.progress import ProgressOption, shown
from tf1hub.publish.module_fn import create_module_spec
from tf1hub.publish.word_vectors.binary_vectors import read_binary
from tf1hub.publish.word_vectors.collection import Collection, Problem
from tf1hub.publish.word_vectors.embedding_graph import COMBINERS, TOKENIZERS, VARIABLE, TextGraph
from tf1hub.publish.word_vectors.text_vectors import read_text
from tf1hub.publish.word_vectors.vector_file import FORMATS, VectorFile, VectorLayout, layout_of
from tf1hub.spec.spec_export import export_module
from tf1hub.storage import absolute, is_remote


@dataclass(frozen=True)
class TextEmbedding:
    """What was exported.

    Attributes:
        path: the module's directory.
        format: the format of the source.
        vectors: how many vectors were taken.
        dimensions: their length.
        problems: what was odd in the source, in its order; the first thousand.
        problem_counts: how often each kind of problem was met.
    """

    path: str
    format: str
    vectors: int
    dimensions: int
    problems: list[Problem] = field(default_factory=list)
    problem_counts: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.vectors:,} vectors of {self.dimensions} dimensions ({self.format})"]
        for kind, count in sorted(self.problem_counts.items()):
            shown = [problem for problem in self.problems if problem.kind == kind][:3]
            lines.append(f"  {kind}: {count:,}")
            lines += [f"    line {problem.line}: {problem.detail}" for problem in shown]
        return "\n".join(lines)


def text_embedding(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word that users know for it
    limit: int | None = None,
    tokenize: str | None = "words",
    lowercase: bool = False,
    combiner: str = "sqrtn",
    l2_normalize: bool = False,
    num_oov_buckets: int = 1,
    num_partitions: int = 1,
    progress: ProgressOption = None,
) -> TextEmbedding:
    """Writes a module that embeds texts by word vectors: the signature `"default"`, string [batch] to float32 [batch, N].

    The vectors become one trainable variable, `embeddings`, and the words become an asset. The file is read once,
    and is never in memory as a whole. While this runs, it needs disk space for the vectors twice.

    Example:
        >>> import pathlib, tf1hub as hub
        >>> _ = pathlib.Path("vectors.txt").write_text("cat 1.0 0.0\\ndog 0.0 1.0\\n")
        >>> print(hub.publish.text_embedding("vectors.txt", "module", combiner="mean"))
        module: 2 vectors of 2 dimensions (glove)
        >>> import tensorflow as tf
        >>> with tf.Graph().as_default():
        ...     y = hub.Module("module")(["cat", "dog, cat!", ""])
        ...     with tf.compat.v1.Session() as session:
        ...         session.run([tf.compat.v1.global_variables_initializer(),
        ...                      tf.compat.v1.tables_initializer()])
        ...         print(session.run(y).tolist())
        [None, None]
        [[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]

    Args:
        source: the file; packed with gzip or not.
        path: the new module's directory, here or at a URL; it may hold other files, but nothing of a module.
        format: `"glove"` (text), `"word2vec"` (text with a header line), `"word2vec-binary"` or
            `"fasttext"` (its `.vec`); None detects it.
        limit: how many vectors to take, from the first (files are sorted by frequency); None takes all.
        tokenize: how a text becomes words: `"words"` removes punctuation and splits at spaces,
            `"spaces"` only splits, None takes each string as one word.
        lowercase: lowercases the words of the file and the texts.
        combiner: how the vectors of a text's words become one: `"sum"`, `"mean"`, or `"sqrtn"`, the
            sum divided by the square root of their count.
        l2_normalize: scales each vector to length 1.
        num_oov_buckets: how many vectors the words outside the file share, by their hash. They are zeros at
            first. With 0, those words are left out.
        num_partitions: in how many parts the variable is made, for parameter servers.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.

    Returns:
        What was written, and what was odd in the file: duplicates (the first stays), ragged and blank
        lines (left out), odd Unicode spaces in words (kept), each with its line number.

    Raises:
        FormatError: the source is damaged, or no file of word vectors.
        CreationError: an argument is not one of those above.
        ExportError: something is at `path`, or it cannot be written.
    """
    _check(format, tokenize, combiner, limit, num_oov_buckets, num_partitions)
    target = path_text(path)
    check_free(target)
    what = f"Reading {path_text(source, 'source')}"
    with (
        shown(progress) as say,
        _directory_beside(target) as directory,
        VectorFile(source, lambda done, total: say(what, done, total, "bytes")) as opened,
    ):
        layout = layout_of(opened, format)
        collection = _collect(opened, layout, directory, limit, lowercase, l2_normalize)
        rows = collection.count + num_oov_buckets
        graph = TextGraph(
            collection.vocabulary_path,
            collection.count,
            layout.dimensions,
            num_oov_buckets,
            num_partitions,
            combiner,
            tokenize,
            lowercase,
            collection.escaped,
        )

        def write_variables(prefix: str) -> None:
            with CheckpointWriter(prefix) as writer:
                writer.add_stream(
                    VARIABLE, "float32", (rows, layout.dimensions), collection.chunks(num_oov_buckets)
                )

        export_module(create_module_spec(graph.module_fn), target, write_variables)
    return TextEmbedding(
        target,
        layout.format,
        collection.count,
        layout.dimensions,
        collection.problems,
        dict(collection.problem_counts),
    )


def _check(
    format: str | None,  # noqa: A002 - as above
    tokenize: str | None,
    combiner: str,
    limit: int | None,
    num_oov_buckets: int,
    num_partitions: int,
) -> None:
    for name, value, known in (
        ("format", format, (*FORMATS, None)),
        ("tokenize", tokenize, TOKENIZERS),
        ("combiner", combiner, COMBINERS),
    ):
        if value not in known:
            raise CreationError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, known))}.")
    for name, number, least in (
        ("limit", 1 if limit is None else limit, 1),
        ("num_oov_buckets", num_oov_buckets, 0),
        ("num_partitions", num_partitions, 1),
    ):
        if number < least:
            raise CreationError(f"{name} is {number}; it must be at least {least}.")


def _collect(
    source: VectorFile,
    layout: VectorLayout,
    directory: str,
    limit: int | None,
    lowercase: bool,
    l2_normalize: bool,
) -> Collection:
    with Collection(directory, layout.dimensions, limit, lowercase, l2_normalize) as collection:
        read = read_binary if layout.format == "word2vec-binary" else read_text
        read(source, layout, collection)
    collection.finish()
    if not collection.count:
        raise CreationError(
            f"{source.path} holds no usable vector: {dict(collection.problem_counts) or 'it is empty'}."
        )
    return collection


def _directory_beside(path: str) -> tempfile.TemporaryDirectory[str]:
    if is_remote(path):
        return tempfile.TemporaryDirectory(prefix="tf1hub-")
    parent, name = os.path.split(absolute(path))
    try:
        os.makedirs(parent, exist_ok=True)
        # Beside the module, where there is room for it.
        return tempfile.TemporaryDirectory(prefix=f".{name}.tf1hub-", dir=parent)
    except OSError as error:
        raise ExportError(f"Cannot export to {path}: {error}.") from error
