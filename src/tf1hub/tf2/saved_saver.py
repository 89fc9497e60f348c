"""What loads the variables of a SavedModel in a session, in TensorFlow's C++ and in serving tools.

TensorFlow's own functions for that are traced op by op, which takes a third of the time of saving. This writes the same
ops down as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.graphdef.names import free_name
from tf1hub.tf2.saved_values import OBJECTS, stored_keys

_FOLDER = "saver"


def add_saver(graph: Any, variables: Iterable[str], prefix: str) -> None:
    """Adds the ops, and says which they are.

    Args:
        graph: the MetaGraphDef, in which the ops that hold variables have the variables' names.
        variables: the names.
        prefix: of the checkpoint that was written.
    """
    written = CheckpointReader(prefix)
    keys = stored_keys(written)
    nodes = {node.name: node for node in graph.graph_def.node}
    names = sorted(set(variables), key=keys.__getitem__)
    types = [nodes[name].attr["dtype"].type for name in names]
    ops = _Ops(graph.graph_def)
    file = ops.add("Placeholder", "filename", dtype=tf.string, shape=[])
    stored = [keys[name] for name in names]
    read = [
        ops.add("ReadVariableOp", f"read_{index}", [name], dtype=kind)
        for index, (name, kind) in enumerate(zip(names, types, strict=True))
    ]
    read.append(ops.constant("objects", written.array(OBJECTS).item()))
    save = ops.add(
        "SaveV2",
        "save",
        [file, ops.constant("saved", [*stored, OBJECTS]), ops.constant("whole", [""] * len(read)), *read],
        dtypes=[*types, tf.string.as_datatype_enum],
    )
    saved = ops.add("Identity", "saved_to", [file, f"^{save}"], T=tf.string)
    restore = ops.add(
        "RestoreV2",
        "restore",
        [file, ops.constant("restored", stored), ops.constant("parts", [""] * len(stored))],
        dtypes=types,
    )
    assigned = [
        ops.add("AssignVariableOp", f"assign_{index}", [name, f"{restore}:{index}"], dtype=kind)
        for index, (name, kind) in enumerate(zip(names, types, strict=True))
    ]
    done = ops.add("NoOp", "restored_all", [f"^{name}" for name in assigned])
    graph.saver_def.filename_tensor_name = f"{file}:0"
    graph.saver_def.save_tensor_name = f"{saved}:0"
    graph.saver_def.restore_op_name = done
    graph.saver_def.version = tf.compat.v1.train.SaverDef.V2


class _Ops:
    """Adds ops to a GraphDef, below a folder of their own."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        used = {node.name.split("/", 1)[0] for node in graph.node}
        self._folder = free_name(_FOLDER, used)

    def add(self, kind: str, name: str, inputs: Sequence[str] = (), **attributes: Any) -> str:
        """Adds one, and returns its name."""
        node = self._graph.node.add(op=kind, name=f"{self._folder}/{name}", input=inputs)
        for key, value in attributes.items():
            if key == "shape":
                node.attr[key].shape.CopyFrom(tf.TensorShape(value).as_proto())
            elif isinstance(value, list):
                node.attr[key].list.type.extend(value)
            else:
                node.attr[key].type = tf.as_dtype(value).as_datatype_enum
        return str(node.name)

    def constant(self, name: str, value: Any) -> str:
        """Adds a constant of texts."""
        added = self.add("Const", name, dtype=tf.string)
        self._graph.node[-1].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.string))
        return added
