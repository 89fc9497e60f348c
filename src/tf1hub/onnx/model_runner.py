"""Runs a signature's model on ONNX Runtime, with what has to run around it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.arrays.prepared import Code
from tf1hub.arrays.randomness import Random
from tf1hub.errors import InputError
from tf1hub.onnx.model_file import write_model
from tf1hub.onnx.model_ports import ModelPorts, name_of
from tf1hub.onnx.signature_model import SignatureModel
from tf1hub.program.nodes import Tensor

_OUT_OF_MEMORY = ("bad allocation", "bad_alloc", "Failed to allocate memory")
_HEAVY = frozenset({"Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"})
"""Op types whose work is worth sharing among threads."""
_Array = npt.NDArray[Any]


class HostPart:
    """What runs beside a model: the ops on strings before it and after it, on NumPy.

    Args:
        module: has the ops.
        ports: of the model.
    """

    def __init__(self, module: ModuleCode, ports: ModelPorts) -> None:
        self._module = module
        self._random = Random()
        self._fed = [port.tensor for port in ports.fed]
        self._given = [*self._fed, *(port.tensor for port in ports.outputs)]
        # The ports find both anew each time.
        self._wanted_before, self._wanted_after = ports.before, ports.after
        self._before = self._code(self._wanted_before, self._fed)
        self._after = self._code(self._wanted_after, self._given)

    def _code(self, fetches: Sequence[Tensor], given: Sequence[Tensor]) -> Code | None:
        if not fetches:
            return None
        return self._module.code([name_of(t) for t in fetches], [], [name_of(t) for t in given])

    def run_before(self, values: dict[Tensor, Any]) -> None:
        """Adds the inputs of the model that ops on strings give."""
        if self._before is not None:
            self._run(self._before, self._wanted_before, self._fed, values)

    def run_after(self, values: dict[Tensor, Any]) -> None:
        """Adds the outputs that ops on strings compute from those of the model."""
        if self._after is not None:
            self._run(self._after, self._wanted_after, self._given, values)

    def _run(
        self, code: Code, wanted: Sequence[Tensor], given: Sequence[Tensor], values: dict[Tensor, Any]
    ) -> None:
        results = self._module.run(code, [values[tensor] for tensor in given], random=self._random)
        values.update(zip(wanted, results, strict=True))


class ModelRunner:
    """A signature's model, ready to be called.

    Args:
        session: of ONNX Runtime, with the model.
        ports: of the model.
        host: what runs beside it; None where nothing has to.
    """

    def __init__(self, session: Any, ports: ModelPorts, host: HostPart | None) -> None:
        self._session = session
        self._ports = ports
        self._host = host
        self._names = [port.name for port in ports.outputs] + [after for _, _, after in ports.state]
        self._fed = [(port.tensor, name_of(port.tensor)) for port in ports.fed]
        self._inputs = [(port.name, port.tensor) for port in ports.inputs]
        self._outputs = [(port.tensor, port.is_complex) for port in ports.outputs]
        self._fetched = [(name_of(port.tensor), port.tensor) for port in ports.fetched]
        self._state: dict[str, _Array] = {}
        self._turn = threading.Lock()

    def __call__(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays behind the signature's outputs, for those behind its inputs, by the names of their tensors."""
        values: dict[Tensor, Any] = {tensor: feeds[name] for tensor, name in self._fed}
        host = self._host
        if host is not None:
            host.run_before(values)
        given = {name: _as_given(values[tensor]) for name, tensor in self._inputs}
        results = self._run_with_state(given) if self._ports.state else self._run(given)
        for (tensor, is_complex), value in zip(self._outputs, results, strict=False):
            values[tensor] = _as_complex(value) if is_complex else _as_bytes(value)
        if host is not None:
            host.run_after(values)
        return {name: values[tensor] for name, tensor in self._fetched}

    def _run_with_state(self, given: Mapping[str, _Array]) -> list[_Array]:
        """What one call writes, the next one reads: such calls wait for each other."""
        with self._turn:
            results = self._run({**given, **self._state})
            written = results[len(self._outputs) :]
            self._state = {
                before: value for (_, before, _), value in zip(self._ports.state, written, strict=True)
            }
        return results

    @property
    def writes(self) -> bool:
        """Whether a call reads what earlier ones wrote."""
        return bool(self._ports.state)

    def forget(self) -> None:
        """Lets the next call start from the stored values of the variables that calls write."""
        self._state = {}

    def _run(self, given: Mapping[str, _Array]) -> list[_Array]:
        try:
            results: list[_Array] = self._session.run(self._names, given)
        except Exception as error:
            if any(words in str(error) for words in _OUT_OF_MEMORY):
                raise MemoryError(f"ONNX Runtime: {error}") from error
            # ONNX Runtime has a class of errors for each code, which all derive from Exception alone.
            raise InputError(f"ONNX Runtime cannot compute with what it is given: {error}") from error
        return results


def _as_given(value: _Array) -> _Array:
    if value.dtype.kind == "c":
        return np.stack([value.real, value.imag], -1)
    if value.dtype.kind != "O":
        return value
    texts = np.empty(value.shape, object)
    texts.reshape(-1)[:] = [
        each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in value.ravel()
    ]
    return texts


def _as_complex(pairs: _Array) -> _Array:
    found: _Array = (pairs[..., 0] + 1j * pairs[..., 1]).astype(np.complex64)
    return found


def _as_bytes(value: _Array) -> _Array:
    if value.dtype.kind != "O":
        return value
    found = np.empty(value.shape, object)
    found.reshape(-1)[:] = [each.encode() if isinstance(each, str) else each for each in value.ravel()]
    return found


def threads_for(model: onnx.ModelProto, ports: ModelPorts) -> int | None:
    """How many threads a run takes where nobody says: one if all that is left of a text module is to look its words up.

    Other threads take longer to start than they save. None is as many as there are processors.
    """
    return 1 if ports.before and _HEAVY.isdisjoint(_op_types(model.graph)) else None


def _op_types(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _op_types(attribute.g)


def session_of(path: str, threads: int | None = None) -> Any:
    """ONNX Runtime with a model.

    Args:
        path: of the model.
        threads: how many threads a run takes; None is as many as there are processors.
    """
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    options.log_severity_level = 3  # it warns of initializers that are inputs too
    # Threads that wait would spin, and take a processor each from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_in_memory(model: SignatureModel, threads: int | None = None) -> ModelRunner:
    """A model that was not written, ready to be called; `threads` as for `session_of`."""
    ports = model.ports
    host = HostPart(model.module, ports) if ports.before or ports.after else None
    threads = threads or threads_for(model.model, ports)
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
        path = os.path.join(directory, "model.onnx")
        write_model(model.model, model.constants, path)
        return ModelRunner(session_of(path, threads), ports, host)
