"""Making modules."""

from __future__ import annotations

from tf1hub.publish.attach import attach_image_module_info, attach_message
from tf1hub.publish.checkpoint import from_checkpoint
from tf1hub.publish.frozen_graph import from_frozen_graph
from tf1hub.publish.function import from_function
from tf1hub.publish.graph_def import from_graph_def
from tf1hub.publish.module_fn import create_module_spec
from tf1hub.publish.saved_model_spec import create_module_spec_from_saved_model
from tf1hub.publish.signatures import add_signature
from tf1hub.publish.word_vectors import TextEmbedding, text_embedding

__all__ = [
    "TextEmbedding",
    "add_signature",
    "attach_image_module_info",
    "attach_message",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "from_checkpoint",
    "from_frozen_graph",
    "from_function",
    "from_graph_def",
    "text_embedding",
]
