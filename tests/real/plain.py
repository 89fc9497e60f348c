"""Modules as plain TensorFlow runs them: a meta graph, a Saver, a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1

Fetch = Callable[[Any], Any]
"""What to run, given the graph."""


def run(
    path: Path, tags: set[str], signature: str, inputs: Mapping[str, np.ndarray], fetches: Sequence[Fetch]
) -> list[Any]:
    """Runs a signature's variant, fetch after fetch, in one session.

    Args:
        path: the module.
        tags: of the variant.
        signature: whose inputs are fed.
        inputs: the values by the signature's names.
        fetches: each runs by itself, in this order.
    """
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (variant,) = [graph for graph in saved.meta_graphs if set(graph.meta_info_def.tags) == tags]
    definition = variant.signature_def[signature]
    with tf.Graph().as_default() as graph:
        tf1.train.import_meta_graph(tf1.MetaGraphDef.FromString(variant.SerializeToString()))
        wanted = [fetch(graph) for fetch in fetches]
        with tf1.Session() as session:
            tf1.train.Saver(tf1.global_variables()).restore(session, str(path / "variables" / "variables"))
            session.run(tf1.tables_initializer())
            feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
            return [session.run(one, feeds) for one in wanted]


def outputs(path: Path, tags: set[str], signature: str) -> Fetch:
    """Fetches the outputs of a signature by name."""
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (variant,) = [graph for graph in saved.meta_graphs if set(graph.meta_info_def.tags) == tags]
    names = {name: info.name for name, info in variant.signature_def[signature].outputs.items()}
    return lambda graph: {key: graph.get_tensor_by_name(name) for key, name in names.items()}
