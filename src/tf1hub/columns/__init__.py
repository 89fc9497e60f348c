"""Feature columns that embed text and images by a module."""

from __future__ import annotations

from tf1hub.columns.image_column import image_embedding_column
from tf1hub.columns.sparse_text_column import sparse_text_embedding_column
from tf1hub.columns.text_column import text_embedding_column
from tf1hub.columns.text_column_v2 import text_embedding_column_v2

__all__ = [
    "image_embedding_column",
    "sparse_text_embedding_column",
    "text_embedding_column",
    "text_embedding_column_v2",
]
