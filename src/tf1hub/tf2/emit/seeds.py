"""The seeds of random ops that have none of their own."""

from __future__ import annotations

import tensorflow as tf

from tf1hub._tensorflow import op_def
from tf1hub.format.messages_pb2 import NodeDef

_SEEDS = ("seed", "seed2")


def follow_seed(node: NodeDef) -> None:
    """Gives a random op without a seed the one that it would have if it were run eagerly.

    That follows from `tf.random.set_seed`; without that it is random. The seed of the function being traced would
    be the same for all modules that are loaded.
    """
    definition = op_def(node.op)
    if definition is None or not {attribute.name for attribute in definition.attr}.issuperset(_SEEDS):
        return
    if any(name in node.attr and node.attr[name].i for name in _SEEDS):
        return
    with tf.init_scope():
        seeds = tf.compat.v1.random.get_seed(None)
    for name, seed in zip(_SEEDS, seeds, strict=True):
        if seed is not None:
            node.attr[name].i = seed
