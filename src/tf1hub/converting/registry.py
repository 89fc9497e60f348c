"""The forms that there are."""

from __future__ import annotations

from tf1hub.converting.form import Form, Options
from tf1hub.converting.frozen_graph_form import FrozenGraphForm
from tf1hub.converting.onnx_form import OnnxForm
from tf1hub.converting.safetensors_form import SafetensorsForm
from tf1hub.converting.saved_model_form import SavedModelForm
from tf1hub.converting.stablehlo_form import StablehloForm
from tf1hub.converting.tflite_form import TFLiteForm
from tf1hub.errors import Error, UnknownNameError
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant

FORMS: tuple[Form, ...] = (
    SavedModelForm(),
    FrozenGraphForm(),
    TFLiteForm(),
    OnnxForm(),
    SafetensorsForm(),
    StablehloForm(),
)
"""All forms; a new one is a file of this room and a line here."""


def form_named(name: str) -> Form:
    """The form that `to=` names.

    Raises:
        UnknownNameError: there is none; the message lists those that there are.
    """
    for form in FORMS:
        if form.name == name:
            return form
    known = ", ".join(f"{form.name!r} ({form.words})" for form in FORMS)
    raise UnknownNameError(f"A module cannot be converted to {name!r}. There is: {known}.")


def forms_that_take(spec: ModuleSpec, variants: tuple[Variant, Variant]) -> list[str]:
    """The names of the forms that can hold a module; without those where only the conversion itself can tell."""
    return [
        form.name
        for form in FORMS
        if not form.asks_converter and not find_refusals(form, spec, variants, Options())
    ]


def find_refusals(
    form: Form, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
) -> list[Refusal]:
    """What a form cannot take of a module, a damaged one included.

    Args:
        form: the form.
        spec: the module.
        variants: those that run without and with `training=True`.
        options: what the caller asks for.
    """
    try:
        return form.refusals(spec, variants, options)
    except Error:
        raise
    except Exception as error:  # noqa: BLE001  # a damaged graph may fail anywhere, in other libraries too
        return [Refusal(f"its graph cannot be read: {type(error).__name__}: {error}")]
