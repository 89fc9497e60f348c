"""What TensorFlow calls of what was converted, opened in a process that did not write it."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tf1hub._tensorflow import op_def
from tf1hub.converting.form import ConversionRequest
from tf1hub.converting.saved_model_calls import unoptimized
from tf1hub.freezing.dense_parts import part_names
from tf1hub.freezing.frozen_graph import NAMES_NODE
from tf1hub.graphdef.op_packages import package_of
from tf1hub.handles import settings
from tf1hub.spec.variant import Variant
from tf1hub.tf2.serving import as_keywords
from tf1hub.trial.original import dense_values, failures_told
from tf1hub.trial.other_process import OtherProcess, start_importing
from tf1hub.trial.shared_runs import Arrays, CannotRunError
from tf1hub.trial.signature_check import Opened

Run: TypeAlias = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Of a signature's name and arrays by the names of the parts of its inputs, to arrays by those of its outputs."""

_IMPORTS = ("tensorflow", __name__)


def start_process() -> None:
    """Lets another process import TensorFlow while this one writes."""
    if not _has_gpu():
        start_importing(_IMPORTS)


@contextlib.contextmanager
def open_apart(request: ConversionRequest, opener: str, path: str) -> Iterator[Opened]:
    """What was written, called in another process.

    In this one where another would not do: where a program registered ops by itself, or TensorFlow holds the memory of a GPU.

    Args:
        request: what was converted.
        opener: the name of a function of this file, which gives a `Run`.
        path: what was written.
    """
    ops = _ops_of(request.inference)
    if not _has_gpu():
        packages = (package_of(op) for op in ops)
        loaded = [found.module for found in packages if found is not None and found.module in sys.modules]
        also = tuple(dict.fromkeys([*settings.imports(), *request.imports, *loaded]))
        with OtherProcess(f"{__name__}:{opener}", path, _IMPORTS, also) as process:
            try:
                unknown = process(None, ops)
            except RuntimeError:
                unknown = []  # each call will say why
            if not unknown:
                yield _as_opened(process)
                return
    yield _as_opened(globals()[opener](path))


def _ops_of(variant: Variant) -> list[str]:
    """The types of ops of a variant and its functions, but for calls of these."""
    graph = variant.meta_graph.graph_def
    functions = graph.library.function
    ops = {node.op for nodes in (graph.node, *(each.node_def for each in functions)) for node in nodes}
    return sorted(ops - {each.signature.name for each in functions})


def _as_opened(run: Callable[..., Any]) -> Opened:
    def call(variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]) -> list[Arrays]:
        del training
        values = dense_values(feeds, variant.inputs(signature), part_names)
        try:
            found = run(signature, values)
        except RuntimeError as error:
            raise CannotRunError(str(error)) from error
        infos = variant.outputs(signature)
        return [{key: [found[part] for part in part_names(key, infos)] for key in infos}]

    return call


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _opener(load: Callable[[str], Run]) -> Callable[[str], Callable[[str | None, Any], Any]]:
    """A function of a path, to one that loads it when it is first called; of None and ops, it tells which are unknown here."""

    def open_path(path: str) -> Callable[[str | None, Any], Any]:
        loaded: list[Run] = []

        def call(signature: str | None, given: Any) -> Any:
            if signature is None:
                return [op for op in given if op_def(op) is None]
            with failures_told(RuntimeError, KeyError):
                if not loaded:
                    loaded.append(load(path))
                return dict(loaded[0](signature, given))

        return call

    return open_path


@_opener
def open_frozen_graph(path: str) -> Run:
    """A frozen graph in a session."""
    graph_def = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    told = {node.name: node for node in graph_def.node}[NAMES_NODE].attr["value"].tensor.string_val[0]
    names = json.loads(told)
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name="")
    if names["initializer"]:
        session.run(graph.get_operation_by_name(names["initializer"]))

    def run(signature: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        tensors = names["signatures"][signature]
        found: Mapping[str, Any] = session.run(
            tensors["outputs"], {tensors["inputs"][name]: value for name, value in values.items()}
        )
        return found

    return run


@_opener
def open_saved_model(path: str) -> Run:
    """A SavedModel without variables."""
    signatures = tf.saved_model.load(path).signatures

    def run(signature: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        function = signatures[signature]
        types = {name: spec.dtype for name, spec in function.structured_input_signature[1].items()}
        with unoptimized():
            given = {name: tf.convert_to_tensor(value, types[name]) for name, value in values.items()}
            return {name: tensor.numpy() for name, tensor in function(**given).items()}

    return run


@_opener
def open_tflite(path: str) -> Run:
    """A TensorFlow Lite model in its interpreter."""
    with warnings.catch_warnings():
        # It tells of its successor, which is the same interpreter as a package of its own.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=path)

    def run(signature: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        runner = interpreter.get_signature_runner(signature)
        details = runner.get_input_details()
        # What the outputs do not need is no input of the model.
        given = {
            name: np.asarray(value).astype(details[name]["dtype"])
            for name, value in as_keywords(values).items()
            if name in details
        }
        found: Mapping[str, Any] = runner(**given)
        return found

    return run
