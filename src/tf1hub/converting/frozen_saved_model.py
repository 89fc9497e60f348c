"""`to="saved_model"` with `frozen=True`: a SavedModel without a variable, for loaders and serving tools."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from tf1hub.converting.converted_assets import with_assets_of
from tf1hub.converting.form import CallableForm, ConversionRequest, Options, Written
from tf1hub.converting.frozen_graph_form import freezing, fresh_original, notes_of
from tf1hub.converting.serving_default import SERVING_DEFAULT, choose_default_signature
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import AssetFileDef, MetaGraphDef, SavedModel, SignatureDef, TensorInfo
from tf1hub.format.module_writer import RESERVED
from tf1hub.format.saved_model import FILE_NAME, SCHEMA_VERSION
from tf1hub.format.tensor_names import node_of
from tf1hub.freezing.dense_parts import part_names
from tf1hub.freezing.frozen_graph import Frozen
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.storage import copy_file
from tf1hub.trial.expected import Oracle
from tf1hub.trial.signature_check import Opened

_METHOD = "tensorflow/serving/predict"
_WRITTEN = "is written by calls, and what loads a SavedModel has no variable for one call"
_MAIN_OP = "saved_model_main_op"
"""The collection that names the op which loaders run once."""


class FrozenSavedModelForm(CallableForm):
    """Signatures for inference alone; nothing to restore, nothing to train."""

    name = "saved_model"
    words = "a SavedModel without variables"
    taken = RESERVED
    packages = ("tensorflow",)

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        found = freezing(spec, variants[0], options, files=True)
        return [*found.refusals(), *found.refusals_of_writes(_WRITTEN)]

    def prepare(self, request: ConversionRequest) -> None:
        choose_default_signature(request.inference, request.options.serving_default)

    def write(self, request: ConversionRequest, path: str) -> Written:
        from tf1hub.converting.tensorflow_calls import start_process

        start_process()
        variant = request.inference
        frozen = freezing(request.spec, variant, request.options, files=True).freeze()
        default = choose_default_signature(variant, request.options.serving_default)
        graph = _meta_graph(frozen, variant, default)
        model = SavedModel(saved_model_schema_version=SCHEMA_VERSION, meta_graphs=[graph])
        if graph.asset_file_def:
            os.mkdir(os.path.join(path, "assets"))
        for asset in graph.asset_file_def:
            copy_file(request.spec.asset_paths[asset.filename], os.path.join(path, "assets", asset.filename))
        with open(os.path.join(path, FILE_NAME), "wb") as file:
            file.write(model.SerializeToString(deterministic=True))
        # Loaders run what fills the tables.
        notes = tuple(note for note in notes_of(frozen) if "fills the tables" not in note)
        signatures = {name: tuple(definition.inputs) for name, definition in graph.signature_def.items()}
        return Written(signatures, default, notes=notes)

    def original(self, spec: ModuleSpec, path: str) -> ModuleSpec:
        return with_assets_of(spec, path) if os.path.isdir(os.path.join(path, "assets")) else spec

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        return fresh_original(request, spec)

    def open(self, request: ConversionRequest, path: str) -> AbstractContextManager[Opened]:
        from tf1hub.converting.tensorflow_calls import open_apart

        return open_apart(request, "open_saved_model", path)


def _meta_graph(frozen: Frozen, variant: Variant, default: str | None) -> MetaGraphDef:
    graph = MetaGraphDef()
    graph.meta_info_def.CopyFrom(variant.meta_graph.meta_info_def)
    del graph.meta_info_def.tags[:]
    graph.meta_info_def.tags.append("serve")
    graph.graph_def.CopyFrom(frozen.graph)
    for name in frozen.inputs:
        graph.signature_def[name].CopyFrom(_signature(frozen, variant, name))
    if default is not None and SERVING_DEFAULT not in graph.signature_def:
        graph.signature_def[SERVING_DEFAULT].CopyFrom(graph.signature_def[default])
    if frozen.initializer:
        graph.collection_def[_MAIN_OP].node_list.value.append(frozen.initializer)
    nodes = {node.name: node for node in graph.graph_def.node}
    for tensor, file in variant.asset_files.items():
        if node_of(tensor) in nodes:
            graph.asset_file_def.append(AssetFileDef(tensor_info=TensorInfo(name=tensor), filename=file))
    return graph


def _signature(frozen: Frozen, variant: Variant, name: str) -> SignatureDef:
    signature = SignatureDef(method_name=_METHOD)
    for field, tensors, infos in (
        (signature.inputs, frozen.inputs[name], variant.inputs(name)),
        (signature.outputs, frozen.outputs[name], variant.outputs(name)),
    ):
        for key, info in infos.items():
            parts = part_names(key, infos)
            for part in parts:
                field[part].CopyFrom(_tensor_info(info, part.removeprefix(f"{key}_"), tensors[part]))
    return signature


def _tensor_info(info: Any, part: str, tensor: str) -> TensorInfo:
    if info.kind == "dense":
        found = TensorInfo()
        found.CopyFrom(info.message)
        found.name = tensor
        return found
    found = TensorInfo(name=tensor, dtype=dtypes.number_of(info.dtype_name))
    found.tensor_shape.unknown_rank = True
    if not part.startswith("values"):
        splits = info.row_splits_dtype_name
        found.dtype = dtypes.INT64 if info.is_sparse or splits is None else dtypes.number_of(splits)
    return found
