"""A module from a frozen graph: one file, its weights constants of the graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tf1hub.errors import CreationError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.dtypes import STRING
from tf1hub.format.graph_limits import check_limits
from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.publish.graph_def import Names, as_message, from_graph_def
from tf1hub.publish.temporary import temporary_prefix
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.storage import Faults, place_at

if TYPE_CHECKING:
    import numpy.typing as npt

_NOT_A_GRAPH = (
    "{path} is not a frozen graph: its {size} bytes are not a GraphDef message. "
    "A frozen graph is a .pb file (or .pbtxt, as text); {hint}."
)


def from_frozen_graph(
    source: Any,
    inputs: Names = None,
    outputs: Names = None,
    *,
    signatures: Mapping[str, tuple[Names, Names]] | None = None,
    variables: Callable[[str, npt.NDArray[Any]], bool] | None = None,
) -> ModuleSpec:
    """Makes a module of a frozen graph, and variables of its constants where they are wanted.

    Example:
        >>> import numpy as np, tensorflow as tf, tf1hub as hub
        >>> with tf.Graph().as_default() as graph:
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="x")
        ...     w = tf.constant([[1.0], [10.0]], name="w")
        ...     y = tf.matmul(x, w, name="y")
        >>> tf.io.write_graph(graph, ".", "frozen.pb", as_text=False)
        './frozen.pb'
        >>> spec = hub.publish.from_frozen_graph(
        ...     "frozen.pb", "x", "y", variables=lambda name, value: value.ndim >= 2)
        >>> spec.export("module")
        >>> hub.read_variables("module")
        1 variable, 2 elements
          w  float32  [2, 1]

    Args:
        source: the path of a `.pb` file (or `.pbtxt`, as text), or a `GraphDef` message.
        inputs: of the signature `"default"`: a tensor's name, or a dict from names to tensor names.
        outputs: of the signature `"default"`, alike.
        signatures: more signatures: name to a pair of inputs and outputs.
        variables: a function that says, for a constant's name and value, whether it becomes a variable again.
            Which of them are trainable is decided as by `from_graph_def`. With None, all stay constants, and
            the module cannot be fine-tuned. Constants inside functions, branches and loops stay constants.

    Returns:
        A spec; with a checkpoint of the values where `variables` chose any.

    Raises:
        CreationError: the file is no frozen graph, a name is not in it, or it cannot become a module.
        FormatError: the file claims far more memory or work than it has bytes for.
    """
    graph = _read(os.fspath(source)) if isinstance(source, str | os.PathLike) else as_message(source)
    prefix = _turn_into_variables(graph, variables) if variables else None
    return from_graph_def(
        graph,
        inputs,
        outputs,
        signatures=signatures,
        checkpoint=prefix,
    )


def _read(path: str) -> GraphDef:
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    data = place_at(path, Faults(CreationError)).read("")
    try:
        if path.endswith((".pbtxt", ".txt")):
            return as_message(text_format.Parse(data, tf.compat.v1.GraphDef()))
        graph = GraphDef.FromString(data)
    except (DecodeError, text_format.ParseError) as error:
        raise CreationError(_NOT_A_GRAPH.format(path=path, size=len(data), hint=_hint(path))) from error
    if not graph.node:
        raise CreationError(_NOT_A_GRAPH.format(path=path, size=len(data), hint=_hint(path)))
    check_limits(graph, path)
    return graph


def _hint(path: str) -> str:
    if os.path.basename(path) == "saved_model.pb":
        return "for a SavedModel call tf1hub.create_module_spec_from_saved_model with its directory"
    return "for a GraphDef in memory pass the message itself"


def _turn_into_variables(graph: GraphDef, chosen: Callable[[str, npt.NDArray[Any]], bool]) -> str | None:
    """Replaces constants by variables of the same name, in place; returns the checkpoint of their values."""
    names = []
    prefix = temporary_prefix()
    with CheckpointWriter(prefix) as writer:
        for node in graph.node:
            # One that waits for something lies in a branch or a loop, where no variable can be.
            if node.op != "Const" or node.input or node.attr["dtype"].type == STRING:
                continue
            value = tf.make_ndarray(
                tf.compat.v1.AttrValue.FromString(node.attr["value"].SerializeToString()).tensor
            )
            if chosen(node.name, value):
                writer.add(node.name, value)
                names.append(node.name)
                _become_variable(node, value.shape)
    if not names:
        return None
    _read_instead(graph, set(names))
    return prefix


def _become_variable(node: NodeDef, shape: tuple[int, ...]) -> None:
    dtype = node.attr["dtype"].type
    node.op = "VarHandleOp"
    del node.input[:]
    node.attr.clear()
    node.attr["dtype"].type = dtype
    node.attr["shared_name"].s = node.name.encode()
    node.attr["shape"].shape.SetInParent()
    for size in shape:
        node.attr["shape"].shape.dim.add(size=size)


def _read_instead(graph: GraphDef, names: set[str]) -> None:
    """Lets every user of the former constants read the variables."""
    taken = {node.name for node in graph.node}
    reads: dict[str, str] = {}
    for name in sorted(names):
        reads[f"{name}:0"] = free_name(f"{name}/Read/ReadVariableOp", taken)
    dtypes = {node.name: node.attr["dtype"].type for node in graph.node if node.name in names}
    for node in graph.node:
        node.input[:] = [
            edge if edge.startswith("^") else reads.get(tensor_name(edge), edge) for edge in node.input
        ]
    for tensor, read in reads.items():
        node = graph.node.add(name=read, op="ReadVariableOp", input=[tensor.removesuffix(":0")])
        node.attr["dtype"].type = dtypes[tensor.removesuffix(":0")]
