"""A model that was written, opened again: from its file, and from the host part beside it where it has one."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import SignatureDef
from tf1hub.onnx.host_file import SUFFIX, read_host
from tf1hub.onnx.model_ports import ModelPorts
from tf1hub.onnx.model_runner import HostPart, ModelRunner, session_of, threads_for
from tf1hub.spec.tensor_info import ParsedTensorInfo

_NOT_OURS = (
    "{path} is an ONNX model that tf1hub did not write: it does not say which inputs and outputs of a module its own are. "
    "ONNX Runtime runs it: onnxruntime.InferenceSession({path!r})"
)
_NO_HOST = (
    "{path} needs the file {host}, which runs the ops on strings before and after it, and which is not there. "
    "Put it beside the model, as tf1hub.convert wrote it."
)


class StoredModel:
    """A signature's model.

    Args:
        path: of the model.
        threads: how many threads a run takes; None is as many as there are processors.

    Attributes:
        signature: the signature's name.
        module: the module that it was made from, in words.
        inputs: of the signature.
        outputs: of the signature.

    Raises:
        FormatError: it was not written by this library, or its host part is not there or damaged.
    """

    def __init__(self, path: str, threads: int | None = None) -> None:
        try:
            model = onnx.load(path, load_external_data=False)
        except DecodeError as error:
            raise FormatError(f"{path} is damaged, or no ONNX model: {error}.") from error
        told = {prop.key: prop.value for prop in model.metadata_props}
        if "tf1hub.ports" not in told:
            raise FormatError(_NOT_OURS.format(path=path))
        ports = ModelPorts.from_text(told["tf1hub.ports"])
        session = session_of(path, threads or threads_for(model, ports))
        definition = SignatureDef.FromString(bytes.fromhex(told["tf1hub.signature_def"]))
        self.signature = told["tf1hub.signature"]
        self.module = told["tf1hub.module"]
        self.inputs = {name: ParsedTensorInfo(definition.inputs[name]) for name in sorted(definition.inputs)}
        self.outputs = {
            name: ParsedTensorInfo(definition.outputs[name]) for name in sorted(definition.outputs)
        }
        self._runner = ModelRunner(session, ports, self._host(path, ports))

    def __call__(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays behind the outputs, for those behind the inputs, by the names of their tensors."""
        return self._runner(feeds)

    @property
    def writes(self) -> bool:
        """Whether a call reads what earlier ones wrote."""
        return self._runner.writes

    def forget(self) -> None:
        """Lets the next call start from the stored values of the variables that calls write."""
        self._runner.forget()

    def _host(self, path: str, ports: ModelPorts) -> HostPart | None:
        if not (ports.before or ports.after):
            return None
        if not os.path.exists(path + SUFFIX):
            raise FormatError(_NO_HOST.format(path=path, host=os.path.basename(path) + SUFFIX))
        assets = tempfile.TemporaryDirectory(prefix="tf1hub-")
        weakref.finalize(self, assets.cleanup)
        return HostPart(read_host(path + SUFFIX, assets.name), ports)


def open_stored_state(path: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A model each of whose calls starts from the stored values of the variables that calls write."""
    model = StoredModel(path)

    def call(feeds: Mapping[str, Any]) -> dict[str, Any]:
        model.forget()
        return model(feeds)

    return call
