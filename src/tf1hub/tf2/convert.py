"""`tf1hub.convert`: a TF1 module as a SavedModel of TensorFlow 2, checked against the original."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import numbers
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import AutoTrackable
from tf1hub.arguments import handle_text, path_text
from tf1hub.checks.run import TOLERANCE
from tf1hub.errors import InputError, NotAModuleError, UnknownNameError, WrongModeError
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module_reader import is_module, read_module
from tf1hub.format.module_writer import check_free, write_directory
from tf1hub.format.saved_model import FILE_NAME, SCHEMA_VERSION, format_tags, parse_saved_model
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.progress import ProgressOption, Say, shown
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.storage import place_at
from tf1hub.tf2.conversion import Compared, Conversion
from tf1hub.tf2.conversion_check import compare
from tf1hub.tf2.converted_assets import with_assets_of
from tf1hub.tf2.export import export_values
from tf1hub.tf2.load import load_spec, local_directory
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.original import Given, check_given, run_original
from tf1hub.tf2.programs_apart import ProgramsApart, Saved
from tf1hub.tf2.saved_captures import complete
from tf1hub.tf2.serving import input_names
from tf1hub.tf2.tables import MutableTable
from tf1hub.tf2.variables import Trainable

SERVING_DEFAULT = "serving_default"
"""The signature that serving tools call where their caller names none."""

_FORMS = {"saved_model": "a SavedModel of TensorFlow 2"}


_ALSO_TAKES = (
    "tf1hub.convert also takes what tf1hub.load gives. Of a KerasLayer give layer.resolved_object; of a tf1hub.Module its "
    "handle, or what module.export(path, session) wrote."
)


def convert(
    handle: ModuleSpec | LoadedModule | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    to: str = "saved_model",
    tags: Tags = None,
    trainable: Trainable = True,
    serving_default: str | None = None,
    examples: Given | None = None,
    tolerance: float = TOLERANCE,
    progress: ProgressOption = None,
    imports: Iterable[str] = (),
) -> Conversion:
    """Converts a TF1 module to a self-contained SavedModel of TensorFlow 2, and compares the two.

    Load the SavedModel with `tf.saved_model.load` or `tf1hub.load`. It can be called, also with `training=`, and
    trained. Serving tools find every signature by its name under the tag `serve`, and one of them as
    `serving_default`. Before the SavedModel appears at `path`, it is loaded again and compared with the
    original in a graph, on generated inputs of several sizes.

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
        path: the new directory, here or at a URL; it may hold other files, but nothing of a module or SavedModel.
        to: the form; `"saved_model"` is the one there is.
        tags: the graph variant, as for `tf1hub.load`.
        trainable: the variables that optimizers will see, as for `tf1hub.load`.
        serving_default: the signature that serving tools call by default; None takes `"default"`, or the
            only one.
        examples: inputs to compare on, for signatures that generated ones do not suit: by signature a
            list of dicts of arrays.
        tolerance: how far an output may be from the original's, relative to its largest value.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.
        imports: modules to import first, because they bring ops: `["tensorflow_text"]`.

    Returns:
        What was written, and for each output the largest difference.

    Raises:
        UnknownNameError: there is no such form, variant, signature or variable.
        InputError: `examples` are not what the signatures take, or `tolerance` is no number of 0 or more; or
            `handle` is nothing that can be converted.
        NotAModuleError: `handle` is no TF1 module; the message says what to do with a SavedModel.
        UnsupportedGraphError: the graph uses what cannot be traced again; the message lists all of it.
        CheckFailedError: the converted module gives other numbers; nothing was left at `path`.
        ExportError: something is at `path`, or it cannot be written.
        MissingDependencyError: one of `imports` cannot be imported.
    """
    import_packages(imports, "imports=")
    target = path_text(path)
    _check_form(to)
    _check_tolerance(tolerance)
    check_free(target)
    _check_mode()
    with shown(progress) as say, _opened(handle, tags, trainable, say) as (spec, module):
        work = _Work(spec, module, serving_default, examples or {}, tolerance, say)
        # Only the work holds the variables now, and lets go of them before they are loaded again.
        del module
        write_directory(target, work.fill, FILE_NAME)
    return Conversion(spec.name, target, work.signatures, work.serving_default, tuple(work.compared))


class _Work:
    """One conversion."""

    def __init__(
        self,
        spec: ModuleSpec,
        module: LoadedModule,
        serving_default: str | None,
        examples: Given,
        tolerance: float,
        say: Say,
    ) -> None:
        self._spec = spec
        self._module: LoadedModule | None = module
        self._examples = examples
        self._tolerance = tolerance
        self._say = say
        self._variants = [state.variant for state in module.engine.loaded]
        check_given(examples, self._variants[0])
        self.serving_default = _served_by_default(self._variants[0], serving_default)
        self.signatures: dict[str, tuple[str, ...]] = {}
        self.compared: list[Compared] = []

    def fill(self, directory: str) -> None:
        """Writes the SavedModel into a directory, and compares it with the original."""
        self._say("writing")
        self._save(directory)
        # One after the other, so that the weights are in memory once.
        self._module = None
        gc.collect()
        original = with_assets_of(self._spec, directory)
        expected = [
            (variant, run_original(original, variant, self._examples, self._say))
            for variant in dict.fromkeys(self._variants)
        ]
        gc.collect()
        self._say("loading what was written")
        written = tf.saved_model.load(directory)
        self.compared.extend(compare(original, expected, written, self._tolerance, self._say))

    def _save(self, directory: str) -> None:
        assert self._module is not None
        engine = self._module.engine
        variant = self._variants[0]
        parts = ProgramsApart(engine)
        functions = {name: parts.served(name) for name in variant.signature_names}
        self.signatures = {name: input_names(variant, name) for name in variant.signature_names}
        if self.serving_default is not None:
            functions.setdefault(SERVING_DEFAULT, functions[self.serving_default])
            self.signatures.setdefault(SERVING_DEFAULT, self.signatures[self.serving_default])
        # Its saver reads and writes tables too; that of variables alone is made faster.
        own_saver = any(isinstance(table, MutableTable) for table in engine.resources.tables.values())
        options = tf.saved_model.SaveOptions(experimental_skip_saver=not own_saver)
        with _silent_about(directory):
            tf.saved_model.save(Saved(parts), directory, signatures=functions, options=options)
        complete(directory, parts.programs, with_saver=not own_saver)


def _check_form(to: str) -> None:
    if to not in _FORMS:
        known = ", ".join(f"{name!r} ({words})" for name, words in _FORMS.items())
        raise UnknownNameError(f"A module cannot be converted to {to!r}. There is: {known}.")


def _check_tolerance(tolerance: Any) -> None:
    if not isinstance(tolerance, numbers.Real) or not 0.0 <= float(tolerance) < math.inf:
        raise InputError(
            f"tolerance= is the largest difference relative to the largest value of an output: a number of 0 or more, "
            f"such as {TOLERANCE:g}. It was given {tolerance!r}."
        )


def _check_mode() -> None:
    if not tf.executing_eagerly():
        raise WrongModeError(
            "tf1hub.convert needs eager execution, which is off here (tf.compat.v1.disable_eager_execution, or "
            "inside a tf.Graph or tf.function). Call it outside, or run in the shell: tf1hub convert HANDLE PATH"
        )


@contextlib.contextmanager
def _opened(
    handle: ModuleSpec | LoadedModule | str | os.PathLike[str],
    tags: Tags,
    trainable: Trainable,
    say: Say,
) -> Iterator[tuple[ModuleSpec, LoadedModule]]:
    """The original, as a definition with its values, and loaded."""
    if isinstance(handle, LoadedModule):
        if tags is not None or trainable is not True:
            raise InputError(
                "tf1hub.convert takes tags= and trainable= for a handle. This module is loaded already: give them "
                "to tf1hub.load instead."
            )
        with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
            yield _written(handle, os.path.join(directory, "module")), handle
        return
    if isinstance(handle, ModuleSpec):
        spec = handle
    elif isinstance(handle, AutoTrackable) and hasattr(handle, "signatures"):
        raise InputError(
            "tf1hub.convert was given what was loaded from a SavedModel of TensorFlow 2: that is converted already. "
            "To write it with the values that its variables have now: tf.saved_model.save(loaded, path)"
        )
    else:
        path = handle_text(handle, _ALSO_TAKES)
        say("fetching")
        spec = _spec_at(local_directory(path))
    say("reading")
    module = load_spec(spec, tags, trainable)
    if spec.checkpoint is not None or not module.variables:
        # Whoever asked holds it alone, and may let go of it.
        loaded = [module]
        del module
        yield spec, loaded.pop()
        return
    # Initializers may be random, so both sides get what they gave once.
    with _opened(module, None, True, say) as (exported, _):
        yield exported, module


def _written(module: LoadedModule, directory: str) -> ModuleSpec:
    """A module's definition with the values that it has now, cut down to the variants that run."""
    engine = module.engine
    name = engine.inference.variant.module
    graphs = SavedModel(
        saved_model_schema_version=SCHEMA_VERSION,
        meta_graphs=[state.variant.meta_graph for state in engine.loaded],
    )
    export_values(ModuleSpec(graphs, name, None, module.assets), directory, engine.resources.variables)
    stored = ModuleSpec.from_stored(read_module(directory))
    return ModuleSpec(stored.saved_model, name, stored.checkpoint, stored.asset_paths)


def _spec_at(path: str) -> ModuleSpec:
    storage = place_at(path)
    if is_module(path) or not storage.exists(FILE_NAME):
        return ModuleSpec.from_stored(read_module(path))
    graphs = parse_saved_model(storage.read(FILE_NAME), storage.path(FILE_NAME)).meta_graphs
    if any(graph.object_graph_def for graph in graphs):
        raise NotAModuleError(
            f"{path} is a SavedModel of TensorFlow 2 already: tf.saved_model.load and serving tools take it as it is."
        )
    tags = format_tags(frozenset(graphs[0].meta_info_def.tags)) if graphs else "{}"
    raise NotAModuleError(
        f"{path} is a SavedModel of TensorFlow 1, not a TF1 Hub module. Make a module of it, and convert that, in Python:\n"
        f"    spec = tf1hub.create_module_spec_from_saved_model({path!r}, inference_tags={tags})\n"
        "    tf1hub.convert(spec, ...)"
    )


def _served_by_default(variant: Variant, asked_for: str | None) -> str | None:
    if asked_for is not None:
        return variant.check_signature(asked_for)
    names = variant.signature_names
    for name in (SERVING_DEFAULT, DEFAULT_SIGNATURE):
        if name in names:
            return name
    return names[0] if len(names) == 1 else None


@contextlib.contextmanager
def _silent_about(directory: str) -> Iterator[None]:
    """Keeps TensorFlow from announcing a directory that nobody will find."""

    def tells_something_else(record: Any) -> bool:
        return directory not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(tells_something_else)
    try:
        yield
    finally:
        logger.removeFilter(tells_something_else)
