"""Writes a loaded module as a SavedModel of TensorFlow 2."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tf1hub.converting.form import Written
from tf1hub.converting.serving_default import SERVING_DEFAULT
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.programs_apart import ProgramsApart, Saved
from tf1hub.tf2.saved_captures import complete
from tf1hub.tf2.saved_values import write_values
from tf1hub.tf2.serving import input_names
from tf1hub.tf2.tables import MutableTable


def write_saved_model(
    module: LoadedModule, serving_default: str | None, directory: str, stored: ModuleSpec | None = None
) -> Written:
    """Writes a module into a directory.

    Args:
        module: the module.
        serving_default: the signature that serving tools call by default.
        directory: an empty one.
        stored: where the module's variables have no values, the definition whose checkpoint has them.

    Raises:
        CheckpointError: that checkpoint is damaged.
    """
    callables = module.callables
    variant = callables.inference.variant
    parts = ProgramsApart(callables)
    functions = {name: parts.serve(name) for name in variant.signature_names}
    signatures = {name: input_names(variant, name) for name in variant.signature_names}
    also_as: dict[str, str] = {}
    if serving_default is not None and SERVING_DEFAULT not in functions:
        # TensorFlow would save another function for it.
        also_as[SERVING_DEFAULT] = serving_default
        signatures[SERVING_DEFAULT] = signatures[serving_default]
    # Its saver reads and writes tables too; that of variables alone is made faster.
    own_saver = any(isinstance(table, MutableTable) for table in callables.resources.tables.values())
    options = tf.saved_model.SaveOptions(experimental_skip_saver=not own_saver)
    with _silent_about(directory):
        _save(Saved(parts), directory, signatures=functions, options=options)
    if stored is not None:
        write_values(directory, stored, [state.variant for state in callables.loaded])
    complete(directory, parts, also_as, with_saver=not own_saver)
    return Written(signatures, serving_default)


# AutoGraph would rewrite a function of TensorFlow's around each signature.
_save = tf.autograph.experimental.do_not_convert(tf.saved_model.save)


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
