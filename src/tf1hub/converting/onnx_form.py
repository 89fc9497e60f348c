"""`to="onnx"`: one signature as an ONNX model, without TensorFlow."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tf1hub.converting.form import CallableForm, ConversionRequest, Form, Options, Written
from tf1hub.converting.numpy_oracle import OnNumpy, interface_of, outputs_by_name
from tf1hub.converting.refusal import refusals_of_each
from tf1hub.errors import ArgumentError, UnsupportedGraphError
from tf1hub.spec.identity import module_digest
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.unknown import unknown_signature
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.trial.expected import Oracle
from tf1hub.trial.other_process import OtherProcess, start_importing
from tf1hub.trial.shared_runs import Arrays, CannotRunError
from tf1hub.trial.signature_check import Opened

if TYPE_CHECKING:
    from tf1hub.onnx.signature_model import SignatureModel

_STRINGS = ("host", "graph")
_IMPORTS = ("onnx", "tf1hub.onnx.host_file", "tf1hub.onnx.signature_model")
"""What the process that calls the model has imported before. ONNX Runtime is not of it: it starts a thread."""


class OnnxForm(CallableForm):
    """A signature with core operators only; the ops on strings in a file beside it, or in the graph."""

    name = "onnx"
    words = "one signature as an ONNX model"
    suffix = ".onnx"
    companions = (".data", ".host")
    packages = ("onnx", "onnxruntime")
    extra = "onnx"
    options = frozenset({"signature", "strings"})

    def __init__(self, for_one: bool = False) -> None:
        self._for_one = for_one
        self._lowered: tuple[Variant, Options, SignatureModel] | None = None

    def choose(self, options: Options) -> Form:
        """One for one conversion, which keeps the model between its steps."""
        del options
        return OnnxForm(for_one=True)

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        if options.strings not in _STRINGS:
            raise ArgumentError(f"strings= is 'host' or 'graph'. It was given {options.strings!r}.")
        if options.signature is None and not self._for_one:
            # Asked about the module as a whole.
            return refusals_of_each(
                variants[0],
                variants[0].signature_names,
                lambda name: self._refusals(spec, variants[0], Options(signature=name)),
            )
        return self._refusals(spec, variants[0], options)

    def _refusals(self, spec: ModuleSpec, variant: Variant, options: Options) -> list[Refusal]:
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            return [Refusal(f"{' and '.join(missing)} are not installed: pip install 'tf1hub[{self.extra}]'")]
        from tf1hub.onnx.signature_model import CannotLowerError

        try:
            self._model(spec, variant, options)
        except CannotLowerError as error:
            return [
                Refusal(f"it {each.reason}", each.kind, tuple(each.nodes), (error.signature,))
                for each in error.refusals
            ]
        except UnsupportedGraphError as error:
            return [Refusal(str(error))]
        return []

    def prepare(self, request: ConversionRequest) -> None:
        """Chooses the signature.

        Raises:
            UnknownNameError: the module has several and none is `"default"`, or it does not have the one asked for.
        """
        _choose_signature(request.inference, request.options)

    def write(self, request: ConversionRequest, path: str) -> Written:
        from tf1hub.onnx.host_file import SUFFIX, write_host
        from tf1hub.onnx.model_file import write_model

        start_importing(_IMPORTS)
        model = self._model(request.spec, request.inference, request.options)
        self._lowered = None
        digest = module_digest(request.spec)
        if digest is not None:
            model.model.metadata_props.add(key="tf1hub.digest", value=digest)
        write_model(model.model, model.constants, path)
        ports = model.ports
        notes = []
        if ports.before or ports.after:
            write_host(path + SUFFIX, model.module, ports)
            notes.append(
                f"Ops on strings run beside the model, from the file that ends in {SUFFIX}: call it with "
                f"tf1hub.Predictor({path.rpartition('/')[2]!r})."
            )
        if ports.state:
            written = ", ".join(repr(before) for _, before, _ in ports.state)
            notes.append(f"What a call writes goes in and comes out: {written}.")
        given = tuple(sorted(port.name for port in ports.inputs))
        names = {
            "inputs": {port.part: port.name for port in ports.inputs if port.part},
            "outputs": {port.part: port.name for port in ports.outputs if port.part},
        }
        return Written(
            {model.signature: given},
            None,
            (model.signature,),
            tensors={model.signature: names},
            notes=tuple(notes),
        )

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        """The module on NumPy, where the table of ops has all of it; else in a graph."""
        del request
        return OnNumpy(spec)

    @contextlib.contextmanager
    def open(self, request: ConversionRequest, path: str) -> Iterator[Opened]:
        del request
        with OtherProcess("tf1hub.onnx.stored_model:open_stored_state", path, _IMPORTS) as process:
            yield _CallsInProcess(process)

    def _model(self, spec: ModuleSpec, variant: Variant, options: Options) -> SignatureModel:
        """The signature's model; made once for all questions about it."""
        from tf1hub.arrays.module_code import ModuleCode
        from tf1hub.onnx.signature_model import lower_signature

        if self._lowered is not None and self._lowered[:2] == (variant, options):
            return self._lowered[2]
        name = _choose_signature(variant, options)
        model = lower_signature(ModuleCode(spec, variant), name, strings=options.strings)
        if self._for_one:
            self._lowered = variant, options, model
        return model


def _only(variant: Variant) -> str | None:
    """The signature that is taken where none is named."""
    names = variant.signature_names
    if DEFAULT_SIGNATURE in names:
        return DEFAULT_SIGNATURE
    return names[0] if len(names) == 1 else None


def _choose_signature(variant: Variant, options: Options) -> str:
    if options.signature is not None:
        return variant.check_signature(options.signature)
    name = _only(variant)
    if name is None:
        raise unknown_signature(DEFAULT_SIGNATURE, variant.where, variant.signature_names)
    return name


class _CallsInProcess:
    """A model in a process of its own: an `Opened`."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def __call__(
        self, variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]
    ) -> Sequence[Arrays]:
        del training
        try:
            values = self._process(interface_of(variant, signature).arrays(feeds))
        except RuntimeError as error:
            raise CannotRunError(str(error)) from error
        return [outputs_by_name(variant, signature, values)]
