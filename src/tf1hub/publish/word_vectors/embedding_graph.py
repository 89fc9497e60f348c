"""The graph of a text embedding module: words, ids, vectors, one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub.publish.signatures import add_signature

COMBINERS = ("sum", "mean", "sqrtn")
TOKENIZERS = ("words", "spaces", None)
VARIABLE = "embeddings"

_PUNCTUATION = r"\pP"


@dataclass(frozen=True)
class TextGraph:
    """What a text embedding module is made of; `module_fn` builds it.

    Attributes:
        vocabulary_path: a file with a word per line, in the order of the vectors.
        vocabulary_size: the number of words.
        dimensions: the length of a vector.
        num_oov_buckets: how many vectors the words not in the vocabulary share; they come last.
        num_partitions: in how many parts the variable is made.
        combiner: one of `COMBINERS`.
        tokenize: one of `TOKENIZERS`.
        lowercase: whether texts are lowercased.
        escaped: whether the vocabulary is written with escapes.
    """

    vocabulary_path: str
    vocabulary_size: int
    dimensions: int
    num_oov_buckets: int
    num_partitions: int
    combiner: str
    tokenize: str | None
    lowercase: bool
    escaped: bool

    def module_fn(self) -> None:
        """Builds the graph, for `create_module_spec`."""
        texts = tf.compat.v1.placeholder(tf.string, [None], name="texts")
        words = self._words(tf.strings.lower(texts, encoding="utf-8") if self.lowercase else texts)
        values = _escape(words.values) if self.escaped else words.values
        ids = tf.SparseTensor(words.indices, self._table().lookup(values), words.dense_shape)
        # Ids below zero are left out, and a text without any word becomes zeros.
        vectors = tf.compat.v1.nn.safe_embedding_lookup_sparse(self._variable(), ids, combiner=self.combiner)
        add_signature(inputs=texts, outputs=tf.ensure_shape(vectors, [None, self.dimensions]))

    def _words(self, texts: Any) -> Any:
        if self.tokenize is None:
            count = tf.size(texts, out_type=tf.int64)
            rows = tf.range(count)
            return tf.SparseTensor(tf.stack([rows, tf.zeros_like(rows)], axis=1), texts, tf.stack([count, 1]))
        if self.tokenize == "words":
            texts = tf.strings.regex_replace(texts, _PUNCTUATION, "")
        return tf.compat.v1.strings.split(texts, result_type="SparseTensor")

    def _table(self) -> Any:
        initializer = tf.lookup.TextFileInitializer(
            self.vocabulary_path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
            vocab_size=self.vocabulary_size,
        )
        if self.num_oov_buckets:
            return tf.lookup.StaticVocabularyTable(initializer, self.num_oov_buckets)
        return tf.lookup.StaticHashTable(initializer, default_value=-1)

    def _variable(self) -> Any:
        partitioner = (
            tf.compat.v1.fixed_size_partitioner(self.num_partitions) if self.num_partitions > 1 else None
        )
        return tf.compat.v1.get_variable(
            VARIABLE,
            [self.vocabulary_size + self.num_oov_buckets, self.dimensions],
            tf.float32,
            tf.compat.v1.zeros_initializer(),
            partitioner=partitioner,
            use_resource=True,
        )


def _escape(words: Any) -> Any:
    for plain, escaped in ((r"\\", r"\\\\"), (r"\r", r"\\r"), (r"\n", r"\\n"), (r"^$", r"\\e")):
        words = tf.strings.regex_replace(words, plain, escaped)
    return words
