"""What a module_fn says about its graph while it runs: signatures and attachments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tf1hub.errors import WrongModeError

_COLLECTION = ("tf1hub", "recording")
"""Not a string, so that no exporter takes it for a collection of the module."""


@dataclass
class Recording:
    """What was said about one graph.

    Attributes:
        signatures: name to inputs and outputs, each name to tensor.
        attachments: key to serialized message.
    """

    signatures: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)


def recording(caller: str) -> Recording:
    """The recording of the default graph.

    Args:
        caller: the public function that asks, for the message.

    Raises:
        WrongModeError: in eager mode, where there is no graph to say something about.
    """
    if tf.executing_eagerly():
        raise WrongModeError(
            f"tf1hub.{caller} speaks about the graph of a module_fn, and this is eager mode. "
            "Call it inside the function that you pass to tf1hub.create_module_spec."
        )
    found = tf.compat.v1.get_collection_ref(_COLLECTION)
    if not found:
        found.append(Recording())
    result: Recording = found[0]
    return result
