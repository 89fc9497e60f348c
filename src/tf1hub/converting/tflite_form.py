"""`to="tflite"`: a model for TensorFlow Lite (LiteRT), made by TensorFlow's own converter."""

from __future__ import annotations

import re
import tempfile
from contextlib import AbstractContextManager
from typing import Any

from tf1hub.converting.form import CallableForm, ConversionRequest, Options, Written
from tf1hub.converting.frozen_graph_form import freezing
from tf1hub.converting.refusal import RefusedError, program_refusals
from tf1hub.converting.saved_model_form import check_eager
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
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
        from tf1hub.converting.tensorflow_calls import start_process
        from tf1hub.tf2.load import load_spec

        start_process()
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

    def open(self, request: ConversionRequest, path: str) -> AbstractContextManager[Opened]:
        from tf1hub.converting.tensorflow_calls import open_apart

        return open_apart(request, "open_tflite", path)


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
