"""The way back: a loaded module, perhaps fine-tuned, written in the TF1 Hub format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import Error, ExportError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.module_writer import check_free
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.spec_export import export_module
from tf1hub.tf2.initial_values import values_of
from tf1hub.tf2.variables import declared_variables, with_dtypes


def export_values(spec: ModuleSpec, path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Writes a definition with the values of its variables, one variable at a time.

    Args:
        spec: the definition. Variables that only variants have which are not loaded keep the values that
            they start from.
        path: the new module's directory.
        variables: those that are loaded, by node.

    Raises:
        ExportError: something is at `path`, it cannot be written, or a variable has no value.
    """
    check_free(path)
    declared = declared_variables(spec.variants())

    def write_variables(prefix: str) -> None:
        with CheckpointWriter(prefix) as writer:
            for stored, value in _values(spec, declared, variables):
                if stored.slice is None:
                    writer.add(stored.name, value)
                else:
                    writer.add_slice(stored.name, stored.slice.full_shape, stored.slice.offset, value)

    export_module(spec, path, write_variables if declared else None)


def _values(
    spec: ModuleSpec, declared: Mapping[str, StoredVariable], variables: Mapping[str, tf.Variable]
) -> Iterator[tuple[StoredVariable, Any]]:
    for node, stored in declared.items():
        if node in variables:
            yield stored, variables[node].numpy()
    others = {node: stored for node, stored in declared.items() if node not in variables}
    if not others:
        return
    variants = [variant for variant in spec.variants() if others.keys() & variant.variable_nodes]
    try:
        for stored, _, value in values_of(spec, variants)(with_dtypes(others, variants)):
            yield stored, tf.convert_to_tensor(value).numpy()
    except Error as error:
        names = ", ".join(sorted({stored.name for stored in others.values()}))
        places = ", ".join(variant.where for variant in variants)
        raise ExportError(
            f"The module cannot be exported whole: {places} have variables that were not loaded, whose values are not "
            f"known: {names}. {error}"
        ) from error
