"""Word vectors become a text embedding module."""

from __future__ import annotations

from tf1hub.publish.word_vectors.collection import Problem
from tf1hub.publish.word_vectors.embedding_module import TextEmbedding, text_embedding

__all__ = ["Problem", "TextEmbedding", "text_embedding"]
