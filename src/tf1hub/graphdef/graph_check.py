"""The checks that make a variant that lay on disk safe to use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from tf1hub.errors import FormatError
from tf1hub.format import dtypes
from tf1hub.format.assets import asset_files
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, NodeDef, TensorShapeProto
from tf1hub.format.saved_model import tensors_of
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import (
    ENTERS,
    IDENTITIES,
    READS,
    RESTORES,
    TABLE_FILLS,
    TABLE_FILLS_FROM_FILES,
    VARIABLES,
    WRITES,
)
from tf1hub.graphdef.variable_defs import StoredVariable, stored_variables

MAX_TENSOR_ELEMENTS = 2**40
"""No stored tensor has as many elements. More of them are damage, and TensorFlow may abort."""

# fmt: off
WITHOUT_SHAPES = frozenset(
    [
        "N", "Tdim", "Tidx", "T", "Tshape", "_class", "container", "data_format", "dtype", "epsilon",
        "index_type", "is_training", "keep_dims", "padding", "shared_name", "strides", "transpose_a",
        "transpose_b", "use_locking", "validate_shape",
    ]
)
# fmt: on
"""Attributes that no op has as a shape or a tensor; most of a graph's are such."""
_TEXTS = {
    **dict.fromkeys(ENTERS, "frame_name"),
    **dict.fromkeys(["StaticRegexFullMatch", "StaticRegexReplace"], "pattern"),
    **dict.fromkeys(["UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeTranscode"], "input_encoding"),
}
"""By op, its attribute that is text. Other attributes of strings may have any bytes, or TensorFlow's importer looks at them."""
_LEAST_INPUTS = {
    **dict.fromkeys(IDENTITIES | READS | RESTORES | TABLE_FILLS, 1),
    **dict.fromkeys(TABLE_FILLS_FROM_FILES | WRITES, 2),
}
"""The inputs of the ops by which state is found in a graph before TensorFlow has looked at it."""
_NODE_COLLECTIONS = ("table_initializer", "update_ops", "regularization_losses", "asset_filepaths")


def check_meta_graph(
    meta_graph: MetaGraphDef, where: str, variables_of: Callable[[], Iterable[StoredVariable]] | None = None
) -> None:
    """Checks one variant before anything is built from it.

    Every name that an edge, a signature or a colocation uses must exist exactly once, and every shape must be
    valid. TensorFlow does not check all of this, so a damaged file could make it crash.

    Args:
        meta_graph: the variant.
        where: the variant in words, for messages.
        variables_of: gives the variant's variables, for whoever goes on with them: parsing them takes long.

    Raises:
        FormatError: the first fault found.
    """
    if not meta_graph.signature_def:
        raise FormatError(f"{where} has no signature. A module has at least one.")
    outputs = _check_nodes(meta_graph.graph_def, where)
    variables = stored_variables(meta_graph, where) if variables_of is None else variables_of()
    for signature, definition in meta_graph.signature_def.items():
        for direction, infos in (("input", definition.inputs), ("output", definition.outputs)):
            for name, info in infos.items():
                named = f"The {direction} {name!r} of the signature {signature!r} in {where}"
                for tensor in tensors_of(info):
                    if node_of(tensor) not in outputs:
                        raise FormatError(f"{named} is the tensor {tensor!r}, which the graph does not have.")
    _check_collections(meta_graph, variables, outputs, where)
    _check_variables(variables, outputs, where)


def _check_nodes(graph: GraphDef, where: str) -> dict[str, NodeDef]:
    names: dict[str, NodeDef] = {}
    edges: set[str] = set()
    # Most lists of shapes of a graph are the same few; those that are sound need no second look.
    sound: set[bytes] = set()
    for node in graph.node:
        name, op = node.name, node.op
        if not name or not op:
            raise FormatError(f"{where} has a node without a name or an op: name {name!r}, op {op!r}.")
        if op in _TEXTS:
            _check_text(node, where)
        if len(node.input) < _LEAST_INPUTS.get(op, 0):
            raise FormatError(
                f"{where} has the node {name!r} of the op {op} with {len(node.input)} inputs. It has at least "
                f"{_LEAST_INPUTS[op]} in every sound graph: the file is damaged."
            )
        if name in names:
            raise FormatError(f"{where} has two nodes named {name!r}. Node names are unique.")
        names[name] = node
        edges.update(node.input)
        for key in node.attr:
            if key in WITHOUT_SHAPES:
                continue
            value = node.attr[key]
            kind = value.WhichOneof("value")
            if kind == "tensor":
                _check_shape(value.tensor.tensor_shape, name, where)
            elif kind == "shape" or kind == "list":
                shapes = value.SerializeToString()
                if shapes not in sound:
                    for shape in (value.shape,) if kind == "shape" else value.list.shape:
                        _check_shape(shape, name, where)
                    sound.add(shapes)
    for function in graph.library.function:
        for node in function.node_def:
            if node.op in _TEXTS:
                _check_text(node, where)
    missing = {edge for edge in edges if edge not in names and node_of(edge) not in names}
    for node in graph.node if missing else ():
        for edge in node.input:
            if edge in missing:
                raise FormatError(
                    f"{where} has the node {node.name!r} with the input {edge!r}, which is not in the graph."
                )
    return names


def _check_collections(
    meta_graph: MetaGraphDef, variables: Iterable[StoredVariable], nodes: Collection[str], where: str
) -> None:
    used = [("saved_model_assets", name) for name in asset_files(meta_graph, where)]
    for collection in _NODE_COLLECTIONS:
        if collection in meta_graph.collection_def:
            used += [(collection, name) for name in meta_graph.collection_def[collection].node_list.value]
    for variable in variables:
        definition = variable.definition
        names = (definition.variable_name, definition.initializer_name, definition.snapshot_name)
        used += [("variables", name) for name in (*names, definition.initial_value_name) if name]
    for collection, name in used:
        if node_of(name) not in nodes:
            raise FormatError(
                f"The collection {collection!r} of {where} names {name!r}, which the graph does not have."
            )


def _check_variables(variables: Iterable[StoredVariable], nodes: Mapping[str, NodeDef], where: str) -> None:
    declared = {variable.node for variable in variables}
    for name, node in nodes.items():
        if node.op not in VARIABLES and name not in declared:
            continue
        # A protobuf map would insert a missing key on `[]`.
        dtype = node.attr["dtype"].type if "dtype" in node.attr else 0
        if not dtypes.is_known(dtype):
            raise FormatError(
                f"{where} has the variable {node.name!r} of the dtype {dtype}, which TensorFlow does not have. "
                "The file is damaged."
            )
        kind = node.attr["shape"].WhichOneof("value") if "shape" in node.attr else "shape"
        if kind not in ("shape", None):
            raise FormatError(
                f"{where} has the variable {node.name!r} whose shape is none, but an attribute of the kind {kind!r}. "
                "The file is damaged."
            )


def _check_text(node: NodeDef, where: str) -> None:
    """TensorFlow puts what is no text into its message, which then cannot be a string either."""
    name = _TEXTS[node.op]
    value = node.attr[name].s if name in node.attr else b""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{where} has the node {node.name!r} of the op {node.op}, whose {name!r} is {value!r}. That is text in UTF-8 "
            "in every sound graph: the file is damaged."
        ) from error


def _check_shape(shape: TensorShapeProto, node: str, where: str) -> None:
    elements = 1
    for dimension in shape.dim:
        if dimension.size < -1:
            raise FormatError(f"{where} has the node {node!r} with a dimension of {dimension.size}.")
        elements *= max(dimension.size, 1)
        if elements > MAX_TENSOR_ELEMENTS:
            sizes = [dimension.size for dimension in shape.dim]
            raise FormatError(
                f"{where} has the node {node!r} with the shape {sizes}, too large for any tensor."
            )
