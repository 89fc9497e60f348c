"""`saved_model.pb`: its graph variants."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.graph_limits import check_limits
from tf1hub.format.messages_pb2 import SavedModel, TensorInfo
from tf1hub.format.nesting import check_nesting

FILE_NAME = "saved_model.pb"
SCHEMA_VERSION = 1

_UNREADABLE = "{where} is damaged: its {size} bytes are not a SavedModel message (a cut download, or not this kind of file)."
_SCHEMA = (
    "{where} has the schema version {version}; this library reads version 1. The file is damaged, or newer."
)
_NO_VARIANT = "{where} holds no graph variant. A module has at least one; the file is damaged or was cut."
_TWICE = "{where} holds two graph variants with the tags {tags}. Each set of tags names one variant."


def parse_saved_model(data: bytes, where: str) -> SavedModel:
    """Reads `saved_model.pb` and checks what holds for the file as a whole.

    Args:
        data: the file's bytes.
        where: the file's path, for messages.

    Raises:
        FormatError: the bytes are no SavedModel, or one that no module can have; or a graph in it passes one of the limits
            of `graph_limits`.
    """
    try:
        saved_model = SavedModel.FromString(data)
    except DecodeError as error:
        check_nesting(data, SavedModel, where)
        raise FormatError(_UNREADABLE.format(where=where, size=len(data))) from error
    if saved_model.saved_model_schema_version not in (0, SCHEMA_VERSION):
        raise FormatError(_SCHEMA.format(where=where, version=saved_model.saved_model_schema_version))
    if not saved_model.meta_graphs:
        raise FormatError(_NO_VARIANT.format(where=where))
    seen: set[frozenset[str]] = set()
    for meta_graph in saved_model.meta_graphs:
        tags = frozenset(meta_graph.meta_info_def.tags)
        if tags in seen:
            raise FormatError(_TWICE.format(where=where, tags=format_tags(tags)))
        seen.add(tags)
        check_limits(meta_graph.graph_def, where)
    return saved_model


def format_tags(tags: frozenset[str] | set[str]) -> str:
    """A set of tags as the messages of this library show it.

    Example:
        >>> format_tags(frozenset()), format_tags({"train", "a"})
        ('{}', "{'a', 'train'}")
    """
    return "{" + ", ".join(repr(tag) for tag in sorted(tags)) + "}"


def tensors_of(info: TensorInfo) -> list[str]:
    """The dense tensors that one input or output of a signature consists of."""
    kind = info.WhichOneof("encoding")
    if kind == "coo_sparse":
        sparse = info.coo_sparse
        return [sparse.indices_tensor_name, sparse.values_tensor_name, sparse.dense_shape_tensor_name]
    if kind == "composite_tensor":
        return [tensor for part in info.composite_tensor.components for tensor in tensors_of(part)]
    return [info.name]
