"""`tf1hub.convert`: a TF1 module in another form, checked against the original."""

from __future__ import annotations

import gc
import math
import numbers
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tf1hub.arguments import path_text, word_list
from tf1hub.converting.conversion import Conversion
from tf1hub.converting.form import CallableForm, ConversionRequest, Form, Options
from tf1hub.converting.old_objects import old_objects_set_aside
from tf1hub.converting.refusal import RefusedError, refuse
from tf1hub.converting.registry import FORMS, find_refusals, form_named, forms_that_take
from tf1hub.converting.source import open_source
from tf1hub.errors import InputError, UnsupportedGraphError
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.progress import ProgressOption, shown
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.permission import Trust
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.storage import whole
from tf1hub.trial.distance import TOLERANCE
from tf1hub.trial.expected import Given, check_given
from tf1hub.trust.refusal import check_signatures, check_state

if TYPE_CHECKING:
    from tf1hub.tf2.loaded import LoadedModule
    from tf1hub.tf2.variables import Trainable


def convert(
    handle: ModuleSpec | LoadedModule | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    to: str = "saved_model",
    tags: Tags = None,
    trainable: Trainable = True,
    serving_default: str | None = None,
    frozen: bool = False,
    signature: str | None = None,
    strings: str = "host",
    examples: Given | None = None,
    tolerance: float = TOLERANCE,
    progress: ProgressOption = None,
    imports: Iterable[str] = (),
    trust: Trust = None,
) -> Conversion:
    """Converts a TF1 module to another form, by default a SavedModel of TensorFlow 2, and compares the two.

    Load the SavedModel with `tf.saved_model.load` or `tf1hub.load`. It can be called, also with `training=`, and
    trained. Serving tools find every signature by its name under the tag `serve`, and one of them as
    `serving_default`. Before anything appears at `path`, it is opened again and compared with the
    original, on generated inputs of several sizes. `docs/ways_out.md` has the other forms.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     a = tf.compat.v1.get_variable("a", initializer=0.5)
        ...     hub.add_signature(inputs=x, outputs=a * x + 2.0)
        >>> conversion = hub.convert(hub.create_module_spec(module_fn), "converted")
        >>> [(row.signature, row.output, row.max_abs) for row in conversion.compared]
        [('default', 'default', 0.0)]
        >>> served = tf.saved_model.load("converted").signatures["serving_default"]
        >>> served(default=tf.constant([1.0]))["default"].numpy().tolist()
        [2.5]

    Args:
        handle: a URL, a path or a ModuleSpec of a TF1 module; or the result of `tf1hub.load`, which is written
            with the current values of its variables.
        path: the new directory or file, here or at a URL. The directory may hold other files, but nothing of a module
            or SavedModel.
        to: the form: `"saved_model"`, `"frozen_graph"`, `"tflite"`, `"onnx"`, `"safetensors"` or `"stablehlo"`.
        tags: the graph variant, as for `tf1hub.load`.
        trainable: of a SavedModel, the variables that optimizers will see, as for `tf1hub.load`.
        serving_default: of a SavedModel, the signature that serving tools call by default; None takes `"default"`, or the
            only one.
        frozen: of a SavedModel, whether its variables become constants; it cannot be trained then.
        signature: of a frozen graph or a TFLite model, the only signature to write; None for all. Of an ONNX model, which
            holds one, that one; None takes `"default"`, or the only one.
        strings: of an ONNX model, where ops on strings run: `"host"` for NumPy, from a small file beside the model;
            `"graph"` for in it, where core operators have them.
        examples: inputs to compare on, for signatures that generated ones do not suit: by signature a
            list of dicts of arrays.
        tolerance: how far an output may be from the original's, relative to its largest value.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.
        imports: modules to import first, because they bring ops: `["tensorflow_text"]`.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Returns:
        What was written, and for each output the largest difference.

    Raises:
        UnknownNameError: there is no such form, variant, signature or variable.
        InputError: `examples` are not what the signatures take, or `tolerance` is no number of 0 or more; or
            `handle` is nothing that can be converted, or the form has no such option.
        NotAModuleError: `handle` is no TF1 module; the message says what to do with a SavedModel.
        UnsupportedGraphError: the graph has what the form cannot take; the message lists all of it.
        CheckFailedError: the converted module gives other numbers; nothing was left at `path`.
        TrustError: a signature does what nobody allowed; nothing was left at `path`.
        ExportError: something is at `path`, or it cannot be written.
        MissingDependencyError: one of `imports` cannot be imported, or the form needs a package that is not installed.
    """
    options = Options(trainable, serving_default, frozen, signature, strings)
    _check_options(form_named(to), options, examples)
    form = form_named(to).choose(options)
    # Before it is made a tuple: one string would be its letters.
    packages = tuple(word_list(imports, "The modules that imports= names"))
    import_packages(packages, "imports=")
    target = path_text(path)
    _check_tolerance(tolerance)
    _check_free(form, target)
    form.check_mode()
    with (
        shown(progress) as say,
        old_objects_set_aside(),
        open_source(handle, tags, options, say, trust) as request,
    ):
        request.imports = packages
        check_state(request.spec, request.variants)
        check_signatures(request.variants, options.signature)
        if examples and isinstance(form, CallableForm):
            check_given(examples, request.inference, form.oracle(request, request.spec))
        _check_taken(form, request)
        form.prepare(request)
        with _new(form, target) as place:
            say("writing")
            try:
                written = form.write(request, place)
            except RefusedError as error:
                raise _refusal_of(form, request, error.refusals) from error
            # One after the other, so that the weights are in memory once.
            gc.collect()
            compared = tuple(form.compare(request, place, written, examples or {}, tolerance))
    return Conversion(
        module=request.spec.name,
        path=target,
        signatures=written.signatures,
        serving_default=written.serving_default,
        compared=compared,
        to=form.name,
        tensors=written.tensors,
        notes=written.notes,
    )


def _new(form: Form, path: str) -> AbstractContextManager[str]:
    """A file or directory to write, which appears at a path at the end, or not at all."""
    if form.suffix:
        return whole.new_files(path)
    return whole.new_directory(path, form.last, form.taken)


def _check_free(form: Form, path: str) -> None:
    whole.check_free(path, form.taken)
    for suffix in form.companions:
        whole.check_free(path + suffix)


def _check_taken(form: Form, request: ConversionRequest) -> None:
    """Refuses a module that a form cannot take, with all that is in the way."""
    if form.refuses_in_prepare:
        return
    found = find_refusals(form, request.spec, request.variants, request.options)
    if found:
        raise _refusal_of(form, request, found)


def _refusal_of(form: Form, request: ConversionRequest, found: Sequence[Refusal]) -> UnsupportedGraphError:
    others = forms_that_take(request.spec, request.variants)
    return UnsupportedGraphError(refuse(request.spec.name, form.name, found, others))


def _check_options(form: Form, options: Options, examples: Given | None) -> None:
    """Refuses options that a form does not have."""
    having = {
        option.name: [other for other in FORMS if option.name in other.options]
        for option in fields(Options)
        if getattr(options, option.name) != option.default
    }
    if examples:
        having["examples"] = [other for other in FORMS if isinstance(other, CallableForm)]
    for option, forms in having.items():
        if form not in forms:
            names = ", ".join(repr(other.name) for other in forms)
            raise InputError(f"{option}= is not for to={form.name!r}. The forms that have it: {names}.")


def _check_tolerance(tolerance: Any) -> None:
    if not isinstance(tolerance, numbers.Real) or not 0.0 <= float(tolerance) < math.inf:
        raise InputError(
            f"tolerance= is the largest difference relative to the largest value of an output: a number of 0 or more, "
            f"such as {TOLERANCE:g}. It was given {tolerance!r}."
        )
