"""A TF1 module that was saved as a SavedModel and restored by TensorFlow, as its traces tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tf1hub.errors import UnknownSignatureError, UnsupportedFormatError
from tf1hub.graph.inputs import convert_inputs
from tf1hub.keras.callee import Source
from tf1hub.keras.traces import holds_tables, parameters, traces, variables_read_by, variables_read_for
from tf1hub.publish.tensor_infos import tensor_info_of_spec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import DEFAULT_SIGNATURE
from tf1hub.tf2.saving import SAVED_VERSION, VERSION_NAME


@dataclass(frozen=True)
class _WayOfCalling:
    """One way of calling a TF1 module that was saved: a trace, and the arguments that it stands for."""

    trace: Any
    inputs: Any
    training: bool
    signature: str
    as_dict: bool


class RestoredSource(Source):
    """A TF1 module that `tf1hub.convert` or `tf.saved_model.save` wrote, and TensorFlow restored.

    Args:
        restored: the object.
        forms: the ways of calling it.
        where: the object in words, for messages.
    """

    def __init__(self, restored: Any, forms: Iterable[_WayOfCalling], where: str) -> None:
        self._restored = restored
        # Only these have the names of inputs and outputs.
        self._forms = {
            (form.signature, form.training): form
            for form in forms
            if form.as_dict and (form.inputs is None or isinstance(form.inputs, Mapping))
        }
        self._inputs = {
            signature: _parse(form.inputs or {})
            for (signature, training), form in self._forms.items()
            if not training
        }
        self.where = where
        self.variables = list(restored.variables)
        self.trainable_variables = list(restored.trainable_variables)
        self.regularization_losses = list(restored.regularization_losses)
        self.has_tables = holds_tables(restored)

    @property
    def signature_names(self) -> list[str]:
        """All signatures that the module is called by, sorted."""
        return sorted(self._inputs)

    def check_signature(self, name: str | None) -> str:
        name = name or DEFAULT_SIGNATURE
        if name not in self.signature_names:
            raise UnknownSignatureError(
                f"No signature {name!r} in {self.where}. It has: {', '.join(self.signature_names)}."
            )
        return name

    def inputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        return self._inputs[signature]

    def outputs(self, signature: str) -> Mapping[str, ParsedTensorInfo]:
        return _parse(self._forms[signature, False].trace.structured_outputs)

    def trained_variables(self, signature: str, returned: Iterable[str]) -> Iterable[str]:
        form = self._forms.get((signature, True))
        read = [] if form is None else variables_read_for(form.trace, set(returned))
        read.extend(variable for loss in self.regularization_losses for variable in variables_read_by(loss))
        # Under a distribution strategy the copies of a variable are other objects of the same name.
        return {variable.name.removesuffix(":0") for variable in read}

    def call(self, values: Mapping[str, Any], training: bool, signature: str) -> Mapping[str, Any]:
        if (signature, training) not in self._forms:
            known = ", ".join(sorted(name for name, trains in self._forms if trains)) or "none"
            raise UnknownSignatureError(
                f"The signature {signature!r} of {self.where} is for inference only. In training there are: {known}."
            )
        given = convert_inputs(values, self.inputs(signature), signature, self.where)
        outputs: Mapping[str, Any] = self._restored(
            given or None, training=training, signature=signature, as_dict=True
        )
        return outputs


def restored_source(restored: Any, where: str) -> RestoredSource | None:
    """The TF1 module that TensorFlow restored; None where it is something else.

    Raises:
        UnsupportedFormatError: a newer tf1hub saved it.
    """
    version = _version(restored)
    if version is None:
        return None
    if version > SAVED_VERSION:
        raise UnsupportedFormatError(
            f"The SavedModel of a TF1 module {where} is of version {version}, and this tf1hub reads versions up to "
            f"{SAVED_VERSION}. Use the tf1hub that saved it, or a newer one."
        )
    forms = [_form(trace) for trace in traces(restored)]
    found = [form for form in forms if form is not None]
    return RestoredSource(restored, found, where) if found and len(found) == len(forms) else None


def _version(restored: Any) -> int | None:
    """The version of a saved TF1 module; None for what is none."""
    said = [trace.structured_input_signature[0] for trace in traces(getattr(restored, VERSION_NAME, None))]
    if len(said) == 1 and len(said[0]) == 1 and isinstance(said[0][0], int):
        return said[0][0]
    # Version 0 said none; its modules are known by what they take and have.
    alike = list(parameters(restored)) == ["inputs", "training", "signature", "as_dict"] and all(
        hasattr(restored, name) for name in ("variables", "trainable_variables", "regularization_losses")
    )
    return 0 if alike else None


def _form(trace: Any) -> _WayOfCalling | None:
    arguments, keywords = trace.structured_input_signature
    fits = not keywords and [type(argument) for argument in arguments[1:]] == [bool, str, bool]
    return _WayOfCalling(trace, *arguments) if fits else None


def _parse(specs: Mapping[str, Any]) -> dict[str, ParsedTensorInfo]:
    return {name: ParsedTensorInfo(tensor_info_of_spec(spec)) for name, spec in sorted(specs.items())}
