"""`to="saved_model"`: a self-contained SavedModel of TensorFlow 2."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tf1hub.converting.converted_assets import with_assets_of
from tf1hub.converting.form import CallableForm, ConversionRequest, Form, Options, Written
from tf1hub.converting.frozen_saved_model import FrozenSavedModelForm
from tf1hub.converting.refusal import program_refusals
from tf1hub.converting.serving_default import choose_default_signature
from tf1hub.errors import WrongModeError
from tf1hub.format.module_writer import RESERVED
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.chance import leaves_state, writes_variables_alone
from tf1hub.trial.expected import Oracle
from tf1hub.trial.signature_check import Opened


class SavedModelForm(CallableForm):
    """Trainable and callable in TensorFlow 2, and with signatures for serving tools."""

    name = "saved_model"
    words = "a SavedModel of TensorFlow 2"
    taken = RESERVED
    packages = ("tensorflow",)
    options = frozenset({"trainable", "serving_default", "frozen"})
    trains = True
    refuses_in_prepare = True

    def choose(self, options: Options) -> Form:
        return FrozenSavedModelForm() if options.frozen else self

    def check_mode(self) -> None:
        super().check_mode()
        check_eager()

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        del spec, options
        return program_refusals(variants)

    def prepare(self, request: ConversionRequest) -> None:
        from tf1hub.tf2.load import load_spec, load_to_save

        options = request.options
        choose_default_signature(request.inference, options.serving_default)
        if request.module is None:
            tags = None if request.variants[0] is not request.variants[1] else request.inference.tags
            request.module = load_to_save(request.spec, tags, options.trainable)
            request.values_stay_stored = request.module is not None
        if request.module is None:
            request.module = load_spec(request.spec, tags, options.trainable)

    def write(self, request: ConversionRequest, path: str) -> Written:
        from tf1hub.converting.saved_model_files import write_saved_model

        # Only this function holds the variables now, so that they are in memory once when they are loaded again.
        module, request.module = request.module, None
        assert module is not None
        default = choose_default_signature(request.inference, request.options.serving_default)
        return write_saved_model(module, default, path, request.spec if request.values_stay_stored else None)

    def original(self, spec: ModuleSpec, path: str) -> ModuleSpec:
        return with_assets_of(spec, path)

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        """The module in a graph; where calls write variables, each call from the stored values, on both sides."""
        from tf1hub.trial.original import Original

        writing = [variant for variant in request.variants if leaves_state(variant)]
        return Original(spec, fresh=bool(writing) and all(map(writes_variables_alone, writing)))

    @contextlib.contextmanager
    def open(self, request: ConversionRequest, path: str) -> Iterator[Opened]:
        import tensorflow as tf

        from tf1hub.converting.saved_model_calls import SavedModelCalls

        yield SavedModelCalls(tf.saved_model.load(path), request.variants)


def check_eager() -> None:
    """Checks that functions run here.

    Raises:
        WrongModeError: the caller is in a graph.
    """
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise WrongModeError(
            "tf1hub.convert needs eager execution, which is off here (tf.compat.v1.disable_eager_execution, or "
            "inside a tf.Graph or tf.function). Call it outside, or run in the shell: tf1hub convert HANDLE PATH"
        )
