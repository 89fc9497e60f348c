"""The engine that runs a module as an ONNX model, on ONNX Runtime."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from tf1hub.errors import MissingDependencyError, UnsupportedGraphError
from tf1hub.predict.engine_request import Compute, Request

_INSTALL = "pip install 'tf1hub[onnx]'"


def stored_model(handle: object, threads: int | None = None) -> Any:
    """The model that `tf1hub.convert` wrote, where a handle is the path of one; else None.

    Args:
        handle: any handle.
        threads: how many threads a run takes; None is as many as there are processors.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        FormatError: it is no model of this library's, or the file beside it is not there or damaged.
    """
    if not isinstance(handle, str | os.PathLike):
        return None
    path = os.fspath(handle)
    if not (isinstance(path, str) and path.endswith(".onnx") and os.path.isfile(path)):
        return None
    install = OnnxEngine().not_installed()
    if install is not None:
        raise MissingDependencyError(f"{path} is an ONNX model. To run it: {install}.")
    from tf1hub.onnx.stored_model import StoredModel

    return StoredModel(path, threads)


class OnnxEngine:
    """ONNX Runtime; ops on strings and tables run beside it, on NumPy."""

    name = "onnx"

    def __init__(self) -> None:
        self._lowered: tuple[Request, Any] | None = None

    def not_installed(self) -> str | None:
        """The extra that has it."""
        there = all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))
        return None if there else _INSTALL

    def refusals(self, request: Request) -> Sequence[str]:
        """What has no counterpart in ONNX."""
        try:
            self._model(request)
        except UnsupportedGraphError as error:
            lines = str(error).split("\n")
            return [line.removeprefix("  - ") for line in lines[1:]] or lines
        return []

    def build(self, request: Request) -> Compute:
        """Lowers the signature and loads the model."""
        from tf1hub.onnx.model_runner import run_in_memory

        return run_in_memory(self._model(request), None if request.threads is None else 1)

    def _model(self, request: Request) -> Any:
        """The signature's model; made once for both questions."""
        from tf1hub.onnx.signature_model import lower_signature

        if self._lowered is None or self._lowered[0] is not request:
            self._lowered = request, lower_signature(request.module, request.signature, seed=request.seed)
        return self._lowered[1]
