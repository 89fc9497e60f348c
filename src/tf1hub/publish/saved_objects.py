"""Which object of a TensorFlow 2 SavedModel each variable of its graph is.

Names do not tell: a graph numbers those that meet in it, and Keras 3 puts every variable into it twice, of which
only one is restored. But functions list the objects that they captured, in the order in which a call is given them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tf1hub._tensorflow import checkpointed_objects, saved_objects
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.messages_pb2 import MetaGraphDef
from tf1hub.format.tensor_names import node_of

_OBJECTS_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


class SavedVariable(NamedTuple):
    """What the objects of a SavedModel say of a variable.

    Attributes:
        name: the name that it was made with.
        trainable: whether optimizers saw it.
        key: of its value in the SavedModel's checkpoint; None where it is not there under a key of its own.
    """

    name: str
    trainable: bool
    key: str | None


def saved_variables(meta_graph: MetaGraphDef, checkpoint: str | None) -> dict[str, SavedVariable]:
    """The variables that the signatures of a SavedModel capture, by their nodes in the graph.

    Args:
        meta_graph: the graph, its calls as they were saved.
        checkpoint: prefix of the SavedModel's checkpoint.
    """
    saved = saved_objects(meta_graph.object_graph_def)
    keys = {} if checkpoint is None else _keys(saved, CheckpointReader(checkpoint))
    found = {}
    for node, number in _captured_objects(meta_graph, saved).items():
        if saved.nodes[number].WhichOneof("kind") == "variable":
            variable = saved.nodes[number].variable
            name = variable.name.removesuffix(":0")
            found[node] = SavedVariable(name, variable.trainable, keys.get(number))
    return found


def _captured_objects(meta_graph: MetaGraphDef, saved: Any) -> dict[str, int]:
    """The number of the object behind each node that a call is given for a capture."""
    found = {}
    for node in meta_graph.graph_def.node:
        function = node.attr["f"].func.name if "f" in node.attr else ""
        if function in saved.concrete_functions:
            captures = saved.concrete_functions[function].bound_inputs
            given = [edge for edge in node.input if not edge.startswith("^")]
            # Captures come last.
            for edge, number in zip(reversed(given), reversed(captures), strict=False):
                found[node_of(edge)] = number
    return found


def _keys(saved: Any, reader: CheckpointReader) -> dict[int, str]:
    """The key in the checkpoint of each object that has a value there."""
    if _OBJECTS_KEY not in reader:
        return {}
    stored = checkpointed_objects(reader.array(_OBJECTS_KEY).item())
    found: dict[int, str] = {}
    # Both graphs start from the same object, and name its parts alike.
    pairs = {0: 0}
    waiting = [0]
    while waiting:
        number = waiting.pop()
        node = stored.nodes[pairs[number]]
        for value in node.attributes:
            if value.name == _VALUE and value.checkpoint_key in reader:
                found[number] = value.checkpoint_key
        children = {child.local_name: child.node_id for child in node.children}
        for child in saved.nodes[number].children:
            if child.local_name in children and child.node_id not in pairs:
                pairs[child.node_id] = children[child.local_name]
                waiting.append(child.node_id)
    return found
