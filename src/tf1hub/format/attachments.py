"""Attachments: serialized messages that a publisher attaches to a variant."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import Attachment, MetaGraphDef

COLLECTION = "hub_module_attachments"
IMAGE_MODULE_INFO_KEY = "image_module_info"


def attachments(meta_graph: MetaGraphDef, where: str) -> dict[str, bytes]:
    """Maps the keys of a variant's attachments to the serialized messages.

    Raises:
        FormatError: the collection cannot be read.
    """
    found: dict[str, bytes] = {}
    if COLLECTION not in meta_graph.collection_def:
        return found
    for data in meta_graph.collection_def[COLLECTION].bytes_list.value:
        try:
            attachment = Attachment.FromString(data)
        except DecodeError as error:
            raise FormatError(
                f"The collection {COLLECTION!r} of {where} has an item that is not an attachment."
            ) from error
        found[attachment.key] = attachment.value
    return found


def set_attachments(meta_graph: MetaGraphDef, values: Mapping[str, bytes]) -> None:
    """Writes the attachments of a variant, sorted by key."""
    if COLLECTION in meta_graph.collection_def:
        del meta_graph.collection_def[COLLECTION]
    for key in sorted(values):
        attachment = Attachment(key=key, value=values[key])
        meta_graph.collection_def[COLLECTION].bytes_list.value.append(attachment.SerializeToString())
