"""TF1 Hub format modules (`hub.Module`) on today's TensorFlow.

    import tf1hub as hub

Everything here is loaded when it is first used: the import costs milliseconds, and needs no
TensorFlow where none is used.
"""

from __future__ import annotations

import importlib

# By its name, type checkers take it for that of `typing`, whose import would be nine tenths of this one's time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tf1hub import errors as errors
    from tf1hub import keras as keras
    from tf1hub import publish as publish
    from tf1hub.applying.apply import Applied as Applied
    from tf1hub.applying.apply import apply as apply
    from tf1hub.checks.check import check as check
    from tf1hub.checks.findings import Report as Report
    from tf1hub.columns import image_embedding_column as image_embedding_column
    from tf1hub.columns import sparse_text_embedding_column as sparse_text_embedding_column
    from tf1hub.columns import text_embedding_column as text_embedding_column
    from tf1hub.columns import text_embedding_column_v2 as text_embedding_column_v2
    from tf1hub.comparing import compare as compare
    from tf1hub.comparing.result import Comparison as Comparison
    from tf1hub.compat import install_as_tensorflow_hub as install_as_tensorflow_hub
    from tf1hub.compat import run_program as run_program
    from tf1hub.converting.conversion import Conversion as Conversion
    from tf1hub.converting.convert import convert as convert
    from tf1hub.drawing.graph_picture import GraphPicture as GraphPicture
    from tf1hub.drawing.graph_picture import draw as draw
    from tf1hub.format.checkpoint import Variables as Variables
    from tf1hub.format.messages_pb2 import ImageModuleInfo as ImageModuleInfo
    from tf1hub.graph import Module as Module
    from tf1hub.graph import eval_function_for_module as eval_function_for_module
    from tf1hub.handles import download as download
    from tf1hub.handles import resolve as resolve
    from tf1hub.keras import KerasLayer as KerasLayer
    from tf1hub.predict.jax_function import JaxFunction as JaxFunction
    from tf1hub.predict.jax_function import to_jax as to_jax
    from tf1hub.predict.prediction import Predictor as Predictor
    from tf1hub.progress import Progress as Progress
    from tf1hub.publish import add_signature as add_signature
    from tf1hub.publish import attach_image_module_info as attach_image_module_info
    from tf1hub.publish import attach_message as attach_message
    from tf1hub.publish import create_module_spec as create_module_spec
    from tf1hub.publish import create_module_spec_from_saved_model as create_module_spec_from_saved_model
    from tf1hub.publish.checkpoint_export import export_from_checkpoint as export_from_checkpoint
    from tf1hub.publish.latest_exporter import LatestModuleExporter as LatestModuleExporter
    from tf1hub.publish.registered import register_module_for_export as register_module_for_export
    from tf1hub.repository.hubs import info as info
    from tf1hub.repository.hubs import push as push
    from tf1hub.repository.hubs import search as search
    from tf1hub.repository.hubs import yank as yank
    from tf1hub.spec.composite_arrays import RaggedArray as RaggedArray
    from tf1hub.spec.composite_arrays import SparseArray as SparseArray
    from tf1hub.spec.description import ModuleDescription as ModuleDescription
    from tf1hub.spec.difference import ModuleDifference as ModuleDifference
    from tf1hub.spec.difference import diff as diff
    from tf1hub.spec.image_info import get_expected_image_size as get_expected_image_size
    from tf1hub.spec.image_info import get_num_image_channels as get_num_image_channels
    from tf1hub.spec.inspection import inspect as inspect
    from tf1hub.spec.module_spec import ModuleSpec as ModuleSpec
    from tf1hub.spec.module_spec import load_module_spec as load_module_spec
    from tf1hub.spec.module_variables import read_variables as read_variables
    from tf1hub.tf2.initial_values import initial_values as initial_values
    from tf1hub.tf2.load import load as load
    from tf1hub.tf2.loaded import LoadedModule as LoadedModule
    from tf1hub.trust.publisher_signature import PublisherSignature as PublisherSignature
    from tf1hub.trust.publisher_signature import sign as sign
    from tf1hub.trust.publisher_signature import verify_signature as verify_signature
    from tf1hub.trust.report import Capabilities as Capabilities
    from tf1hub.trust.scan import capabilities as capabilities

__version__ = "0.1.0"

_HOMES = {
    "Applied": "tf1hub.applying.apply",
    "Capabilities": "tf1hub.trust.report",
    "Comparison": "tf1hub.comparing.result",
    "Conversion": "tf1hub.converting.conversion",
    "GraphPicture": "tf1hub.drawing.graph_picture",
    "ImageModuleInfo": "tf1hub.format.messages_pb2",
    "JaxFunction": "tf1hub.predict.jax_function",
    "KerasLayer": "tf1hub.keras",
    "LatestModuleExporter": "tf1hub.publish.latest_exporter",
    "LoadedModule": "tf1hub.tf2.loaded",
    "Module": "tf1hub.graph",
    "ModuleDescription": "tf1hub.spec.description",
    "ModuleDifference": "tf1hub.spec.difference",
    "ModuleSpec": "tf1hub.spec.module_spec",
    "Predictor": "tf1hub.predict.prediction",
    "Progress": "tf1hub.progress",
    "PublisherSignature": "tf1hub.trust.publisher_signature",
    "RaggedArray": "tf1hub.spec.composite_arrays",
    "Report": "tf1hub.checks.findings",
    "SparseArray": "tf1hub.spec.composite_arrays",
    "Variables": "tf1hub.format.checkpoint",
    "add_signature": "tf1hub.publish",
    "apply": "tf1hub.applying.apply",
    "attach_image_module_info": "tf1hub.publish",
    "attach_message": "tf1hub.publish",
    "capabilities": "tf1hub.trust.scan",
    "check": "tf1hub.checks.check",
    "compare": "tf1hub.comparing",
    "convert": "tf1hub.converting.convert",
    "create_module_spec": "tf1hub.publish",
    "create_module_spec_from_saved_model": "tf1hub.publish",
    "diff": "tf1hub.spec.difference",
    "download": "tf1hub.handles",
    "draw": "tf1hub.drawing.graph_picture",
    "eval_function_for_module": "tf1hub.graph",
    "export_from_checkpoint": "tf1hub.publish.checkpoint_export",
    "get_expected_image_size": "tf1hub.spec.image_info",
    "get_num_image_channels": "tf1hub.spec.image_info",
    "image_embedding_column": "tf1hub.columns",
    "info": "tf1hub.repository.hubs",
    "initial_values": "tf1hub.tf2.initial_values",
    "inspect": "tf1hub.spec.inspection",
    "install_as_tensorflow_hub": "tf1hub.compat",
    "load": "tf1hub.tf2.load",
    "load_module_spec": "tf1hub.spec.module_spec",
    "push": "tf1hub.repository.hubs",
    "read_variables": "tf1hub.spec.module_variables",
    "register_module_for_export": "tf1hub.publish.registered",
    "resolve": "tf1hub.handles",
    "run_program": "tf1hub.compat",
    "search": "tf1hub.repository.hubs",
    "sign": "tf1hub.trust.publisher_signature",
    "sparse_text_embedding_column": "tf1hub.columns",
    "text_embedding_column": "tf1hub.columns",
    "text_embedding_column_v2": "tf1hub.columns",
    "to_jax": "tf1hub.predict.jax_function",
    "verify_signature": "tf1hub.trust.publisher_signature",
    "yank": "tf1hub.repository.hubs",
}
_MODULES = (
    "errors",
    "keras",
    "publish",
)

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(_import_home(name), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tf1hub.{name}")
    else:
        raise AttributeError(f"module 'tf1hub' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def _import_home(name: str) -> Any:
    try:
        return importlib.import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        from tf1hub.errors import without_tensorflow

        raise without_tensorflow(f"tf1hub.{name}") from error


def __dir__() -> list[str]:
    return __all__
