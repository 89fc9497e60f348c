"""A spec in a tf.Graph."""

from __future__ import annotations

from tf1hub.graph.evaluate import eval_function_for_module
from tf1hub.graph.module import Module

__all__ = ["Module", "eval_function_for_module"]
