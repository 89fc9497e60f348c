"""`to="tflite"`: a model for TensorFlow Lite (LiteRT), made by TensorFlow's own converter."""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf1hub.converting.form import CallableForm, ConversionRequest, Options, Written
from tf1hub.converting.frozen_graph_form import freezing
from tf1hub.converting.refusal import RefusedError, program_refusals
from tf1hub.converting.saved_model_form import check_eager
from tf1hub.freezing.dense_parts import part_names
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.shared_runs import Arrays
from tf1hub.trial.signature_check import Opened

_SCOPE = re.compile(r"^module(_\d+)?/")
"""What is put before the names of a module's nodes where it is traced."""


class TFLiteForm(CallableForm):
    """Signatures for inference, on phones and microcontrollers; floats stay floats."""

    name = "tflite"
    words = "a TensorFlow Lite model"
    suffix = ".tflite"
    packages = ("tensorflow",)
    options = frozenset({"signature"})
    asks_converter = True

    def check_mode(self) -> None:
        super().check_mode()
        check_eager()

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        found = freezing(spec, variants[0], options, files=True)
        reason = "is written by calls, and a model for inference keeps nothing"
        return [*program_refusals(variants[:1]), *found.refusals_of_writes(reason)]

    def write(self, request: ConversionRequest, path: str) -> Written:
        import tensorflow as tf

        from tf1hub._tensorflow import converter_error
        from tf1hub.converting.saved_model_files import write_saved_model
        from tf1hub.tf2.load import load_spec

        variant = request.inference
        names = freezing(request.spec, variant, request.options, files=True).signatures
        module, request.module = request.module, None
        with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
            module = load_spec(request.spec, variant.tags, False) if module is None else module
            signatures = write_saved_model(module, None, directory).signatures
            del module
            converter = tf.lite.TFLiteConverter.from_saved_model(directory, signature_keys=list(names))
            request.say("TensorFlow's converter is at work")
            try:
                model = converter.convert()
            except converter_error() as error:
                raise RefusedError(_refusals_of(error)) from error
        with open(path, "wb") as file:
            file.write(model)
        return Written({name: signatures[name] for name in names}, compared=list(names))

    @contextlib.contextmanager
    def open(self, request: ConversionRequest, path: str) -> Iterator[Opened]:
        del request
        import tensorflow as tf

        from tf1hub.tf2.serving import as_keywords
        from tf1hub.trial.original import dense_values, failures_told

        with warnings.catch_warnings():
            # It tells of its successor, which is the same interpreter as a package of its own.
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
            interpreter = tf.lite.Interpreter(model_path=path)

        def call(variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]) -> list[Arrays]:
            del training
            runner = interpreter.get_signature_runner(signature)
            infos = variant.outputs(signature)
            given = as_keywords(dense_values(feeds, variant.inputs(signature), part_names))
            details = runner.get_input_details()
            with failures_told(RuntimeError):
                # What the outputs do not need is no input of the model.
                found = runner(
                    **{
                        name: np.asarray(value).astype(details[name]["dtype"])
                        for name, value in given.items()
                        if name in details
                    }
                )
            return [{key: [found[part] for part in part_names(key, infos)] for key in infos}]

        yield call


def _refusals_of(error: Any) -> list[Refusal]:
    """What the converter says, by op."""
    nodes: dict[str, set[str]] = {}
    for one in getattr(error, "errors", ()):
        op = one.operator.name.removeprefix("tf.")
        # Where constants are named, another op of the same pass is what is in the way.
        if op and op != "Const":
            place = next((call.name for call in one.location.call if call.name), "?")
            nodes.setdefault(op, set()).add(_SCOPE.sub("", place.partition("@")[0]))
    if not nodes:
        return [Refusal(str(error).partition("\n")[0])]
    reason = "TensorFlow's converter has nothing for it"
    return [Refusal(reason, op, tuple(sorted(names))) for op, names in sorted(nodes.items())]
