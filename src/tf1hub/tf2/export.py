"""The way back: a loaded module, perhaps fine-tuned, written in the TF1 Hub format."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.module_writer import check_free
from tf1hub.spec.export import export_module
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tf2.variables import declared_variables


def export_values(spec: ModuleSpec, path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Writes a definition with the values of its variables, one variable at a time.

    Args:
        spec: the definition.
        path: the new module's directory.
        variables: by node.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """
    check_free(path)
    declared = declared_variables(spec.variants())

    def write_variables(prefix: str) -> None:
        with CheckpointWriter(prefix) as writer:
            for node, stored in declared.items():
                value = variables[node].numpy()
                if stored.slice is None:
                    writer.add(stored.name, value)
                else:
                    writer.add_slice(stored.name, stored.slice.full_shape, stored.slice.offset, value)

    export_module(spec, path, write_variables if declared else None)
