"""`tf1hub.inspect`: all that can be said of a module without running it, without TensorFlow and NumPy."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from tf1hub.errors import CacheError
from tf1hub.format import dtypes, module_def
from tf1hub.format.attachments import IMAGE_MODULE_INFO_KEY
from tf1hub.format.checkpoint.reader import CheckpointReader
from tf1hub.format.messages_pb2 import ImageModuleInfo
from tf1hub.format.module_files import is_added, purpose
from tf1hub.graphdef.variable_defs import StoredVariable, by_name
from tf1hub.spec import common_signatures
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.description import (
    AssetDescription,
    AttachmentDescription,
    FileDescription,
    ModuleDescription,
    Provenance,
    SignatureDescription,
    VariableDescription,
    VariantDescription,
)
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.variant import Variant
from tf1hub.storage import is_remote, place_at

if TYPE_CHECKING:
    from tf1hub.handles.manifest import Manifest

__all__ = ["inspect"]

# The text that the original library writes beside a module in its cache.
_DESCRIPTOR_HANDLE = re.compile(r"^Module: (.+)$", re.MULTILINE)
_DESCRIPTOR_TIME = re.compile(r"^Download Time: (.+)$", re.MULTILINE)


def inspect(handle: ModuleSpec | str | os.PathLike[str]) -> ModuleDescription:
    """Describes a module: variants, signatures, variables, assets, attachments, ops, provenance.

    Needs neither TensorFlow nor NumPy, and reads no weights: of the checkpoint only the index.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        ...     w = tf.compat.v1.get_variable("w", [4, 2])
        ...     hub.add_signature(inputs=x, outputs=x @ w)
        >>> description = inspect(hub.create_module_spec(module_fn))
        >>> description
        <module_fn(): variants {} (default); 1 variables, 8 parameters, 32 bytes; 0 assets>
        >>> print(description.variant().signature("default").outputs["default"])
        float32 [?, 2]

    Args:
        handle: a handle, or a ModuleSpec.

    Returns:
        Named tuples; `to_dict()` gives them ready for JSON.

    Raises:
        HandleError: the handle cannot name a module.
        ResolveError: the module could not be obtained.
        FormatError: the module is damaged.
    """
    spec = load_module_spec(handle)
    variants = spec.variants()
    reader = CheckpointReader(spec.checkpoint) if spec.checkpoint else None
    variables = _variables(variants, reader)
    known = {variable.name for variable in variables}
    stored = reader.keys() if reader else ()
    described = tuple(_variant(variant) for variant in variants)
    return ModuleDescription(
        name=spec.name,
        variants=described,
        variables=variables,
        assets=tuple(_asset(name, path) for name, path in sorted(spec.asset_paths.items())),
        unused=tuple(key for key in stored if key not in known),
        provenance=_provenance(spec, described),
        files=tuple(_added_files(spec)),
    )


def describe_signature(variant: Variant, name: str) -> SignatureDescription:
    """One signature, with the common signatures that it meets."""
    inputs = {key: info.description for key, info in variant.inputs(name).items()}
    outputs = {key: info.description for key, info in variant.outputs(name).items()}
    meets = common_signatures.find_met(name, inputs, outputs)
    return SignatureDescription(name, inputs, outputs, tuple(common.name for common in meets))


def count_ops(variant: Variant) -> dict[str, int]:
    """How often each op occurs in the graph and its functions; calls of functions are no ops."""
    graph = variant.meta_graph.graph_def
    counts = Counter(node.op for node in graph.node)
    for function in graph.library.function:
        counts.update(node.op for node in function.node_def)
    for function in graph.library.function:
        counts.pop(function.signature.name, None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def decode_attachment(key: str, data: bytes) -> AttachmentDescription:
    """An attachment; its fields where the type is known by the key."""
    value: dict[str, dict[str, int]] | None = None
    if key == IMAGE_MODULE_INFO_KEY:
        # One that cannot be decoded is still shown, with its size.
        with contextlib.suppress(DecodeError):
            size = ImageModuleInfo.FromString(data).default_image_size
            value = {"default_image_size": {"height": size.height, "width": size.width}}
    return AttachmentDescription(key, len(data), value)


def _variant(variant: Variant) -> VariantDescription:
    meta = variant.meta_graph.meta_info_def
    graph = variant.meta_graph.graph_def
    return VariantDescription(
        tags=tuple(sorted(variant.tags)),
        signatures=tuple(describe_signature(variant, name) for name in variant.signature_names),
        ops=count_ops(variant),
        nodes=len(graph.node),
        functions=len(graph.library.function),
        variables=len(by_name(variant.variables)),
        update_ops=len(variant.collection("update_ops")),
        regularization_losses=len(variant.collection("regularization_losses")),
        tables=len(variant.collection("table_initializer")),
        assets=tuple(sorted(set(variant.asset_files.values()))),
        attachments=tuple(decode_attachment(key, data) for key, data in sorted(variant.attachments.items())),
        tensorflow_version=meta.tensorflow_version,
        producer=graph.versions.producer,
    )


def _variables(variants: list[Variant], reader: CheckpointReader | None) -> tuple[VariableDescription, ...]:
    owners: dict[str, list[tuple[Variant, list[StoredVariable]]]] = {}
    for variant in variants:
        for name, parts in by_name(variant.variables).items():
            owners.setdefault(name, []).append((variant, parts))
    return tuple(_variable(name, owners[name], reader) for name in sorted(owners))


def _variable(
    name: str, owners: list[tuple[Variant, list[StoredVariable]]], reader: CheckpointReader | None
) -> VariableDescription:
    variant, parts = owners[0]
    stored_bytes: int | None = None
    if reader is not None and name in reader:
        number, shape = reader.dtype(name), reader.shape(name)
        stored_bytes = reader.stored_bytes(name)
    else:
        declared, found = declared_type(variant, parts[0])
        number, shape = declared or 0, found  # type: ignore[assignment]  # unknown without checkpoint
    elements = None if shape is None else prod(shape)
    size = dtypes.size_of(number)
    if stored_bytes is None and elements is not None and size is not None:
        stored_bytes = elements * size
    return VariableDescription(
        name=name,
        dtype=dtypes.name_of(number),
        shape=shape,
        elements=elements,
        bytes=stored_bytes,
        trainable=any(part.node in owner.trainable_nodes for owner, parts in owners for part in parts),
        parts=len(parts),
        is_resource=parts[0].definition.is_resource,
        variants=tuple(tuple(sorted(owner.tags)) for owner, _ in owners),
    )


def _asset(name: str, path: str) -> AssetDescription:
    return AssetDescription(name, place_at(path).size(""))


def _added_files(spec: ModuleSpec) -> Iterator[FileDescription]:
    """What lies in the module's directory and is no part of it; other folders than its own may hold anything."""
    if is_remote(spec.name) or not os.path.isfile(os.path.join(spec.name, module_def.FILE_NAME)):
        return
    storage = place_at(spec.name)
    assets = {f"assets/{name}" for name in spec.asset_paths}
    for folder in ("", "assets/", "assets.extra/", "debug/", "variables/"):
        for name in (folder + found for found in storage.list(folder.rstrip("/"))):
            path = storage.path(name)
            if is_added(name) and name not in assets and os.path.isfile(path):
                yield FileDescription(name, os.path.getsize(path), purpose(name))


def _provenance(spec: ModuleSpec, variants: tuple[VariantDescription, ...]) -> Provenance:
    versions = tuple(sorted({variant.tensorflow_version for variant in variants} - {""}))
    producers = tuple(sorted({variant.producer for variant in variants}))
    manifest = _manifest(spec.name)
    if manifest is not None:
        return Provenance(
            versions,
            producers,
            manifest.handle,
            manifest.source or None,
            manifest.time or None,
            manifest.digest,
        )
    text = _text(f"{spec.name}.descriptor.txt")
    handle, time = _DESCRIPTOR_HANDLE.search(text), _DESCRIPTOR_TIME.search(text)
    return Provenance(versions, producers, handle and handle[1], None, time and time[1])


def _manifest(directory: str) -> Manifest | None:
    """The cache's record of what it downloaded; a damaged one is the cache's concern, not this one's."""
    path = f"{directory}.manifest.json"
    text = _text(path)
    if not text:
        return None
    # Most modules are asked about where they were made; hashing need not be imported for those.
    from tf1hub.handles import manifest as manifests

    try:
        return manifests.from_json(text, path)
    except CacheError:
        return None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
