"""Assets: files beside the graph, named by its `saved_model_assets` collection."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import Any, AssetFileDef, MetaGraphDef, TensorInfo
from tf1hub.format.tensor_names import tensor_name

DIRECTORY = "assets"
COLLECTION = "saved_model_assets"
PLACEHOLDER = b"SAVEDMODEL-ASSET"
"""What an asset's constant holds on disk in place of a path."""

_TYPE_URL = "type.googleapis.com/tensorflow.AssetFileDef"
_ESCAPES = (
    "{where} names the asset file {name!r}, which would lie outside the module's folder 'assets'. "
    "An asset's name is a plain file name."
)


def check_asset_name(name: str, where: str) -> None:
    """Refuses a file name that leaves `assets/`.

    Raises:
        FormatError: the name is empty, absolute, or has a path separator or a NUL.
    """
    if not name or name in (".", "..") or any(c in name for c in "/\\\0") or name[1:2] == ":":
        raise FormatError(_ESCAPES.format(where=where, name=name))


def asset_files(meta_graph: MetaGraphDef, where: str) -> dict[str, str]:
    """Maps each asset tensor of a variant to its file name in `assets/`.

    Raises:
        FormatError: an entry cannot be read, or names a file outside `assets/`.
    """
    files: dict[str, str] = {}
    if COLLECTION not in meta_graph.collection_def:
        return files
    for packed in meta_graph.collection_def[COLLECTION].any_list.value:
        try:
            asset = AssetFileDef.FromString(packed.value)
        except DecodeError as error:
            raise FormatError(
                f"The collection {COLLECTION!r} of {where} has an item that is not an AssetFileDef."
            ) from error
        check_asset_name(asset.filename, where)
        files[tensor_name(asset.tensor_info.name)] = asset.filename
    return files


def set_asset_files(meta_graph: MetaGraphDef, files: dict[str, str]) -> None:
    """Writes the `saved_model_assets` collection: asset tensor to file name."""
    if COLLECTION in meta_graph.collection_def:
        del meta_graph.collection_def[COLLECTION]
    for tensor, name in files.items():
        asset = AssetFileDef(tensor_info=TensorInfo(name=tensor), filename=name)
        packed = Any(type_url=_TYPE_URL, value=asset.SerializeToString(deterministic=True))
        meta_graph.collection_def[COLLECTION].any_list.value.append(packed)
