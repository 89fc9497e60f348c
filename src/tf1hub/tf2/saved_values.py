"""The values of a SavedModel's variables, copied from the checkpoint of the module.

TensorFlow saves the values that variables have in memory. To save a module as it is stored, its variables need none: the
bytes go from one checkpoint to the other, and the weights are never in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import checkpointed_objects
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.checkpoint.shards import index_path, shard_path
from tf1hub.format.module_reader import VARIABLES_PREFIX
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.tf2.variables import Values, declared_variables

OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The key of the message that says which object's value each tensor is (tensorflow/core/protobuf/
trackable_object_graph.proto)."""


def can_stay_stored(spec: ModuleSpec, variants: Sequence[Variant]) -> bool:
    """Whether a module can be traced and saved without the values of its variables.

    It can, where it has a checkpoint, and no table is made or filled from a variable: tables are filled while functions are
    traced.
    """
    return spec.checkpoint is not None and not any(map(_fills_from_variables, variants))


def _fills_from_variables(variant: Variant) -> bool:
    made = [edge for table in variant.table_fillers for edge in variant.nodes[table].input]
    fillers = [node for nodes in variant.table_fillers.values() for node in nodes]
    return not variant.variable_nodes.isdisjoint(ancestors(variant.nodes, [*made, *fillers]))


def stored_types(spec: ModuleSpec, variants: Sequence[Variant]) -> Values:
    """TensorSpecs in the place of values that stay in a module's checkpoint.

    Raises:
        CheckpointError: the checkpoint lacks a variable, or has it in another dtype or shape.
    """
    assert spec.checkpoint is not None
    reader = CheckpointReader(spec.checkpoint)

    def read(declared: Any) -> Iterator[tuple[StoredVariable, tf.DType, Any]]:
        for variant in variants:
            check_variables(variant, reader)
        for variable, dtype in declared:
            shape = reader.shape(variable.name) if variable.slice is None else variable.slice.shape
            yield variable, dtype, tf.TensorSpec(shape, dtype)

    return read


def write_values(directory: str, spec: ModuleSpec, variants: Sequence[Variant]) -> None:
    """Gives a SavedModel the values of its variables.

    Args:
        directory: where TensorFlow saved it. Its checkpoint says what objects there are, and holds the contents of tables.
        spec: the module, with a checkpoint.
        variants: those that were loaded.

    Raises:
        CheckpointError: the module's checkpoint is damaged.
        ExportError: the values cannot be written.
    """
    assert spec.checkpoint is not None
    prefix = os.path.join(directory, VARIABLES_PREFIX)
    saved, filled = CheckpointReader(prefix), f"{prefix}_filled"
    keys = stored_keys(saved)
    with CheckpointWriter(filled) as writer:
        copies = _VariableCopies(CheckpointReader(spec.checkpoint))
        for node, variable in declared_variables(variants).items():
            copies.copy(variable, keys[node], writer)
        for key in saved:
            writer.copy_from(saved, key)
    for path in (lambda prefix: shard_path(prefix, 0, 1), index_path):
        os.replace(path(filled), path(prefix))


def stored_keys(saved: CheckpointReader) -> Mapping[str, str]:
    """The keys under which a checkpoint of TensorFlow 2 has the values of variables, by the names of these."""
    objects = checkpointed_objects(saved.array(OBJECTS).item())
    return {
        attribute.full_name: attribute.checkpoint_key
        for node in objects.nodes
        for attribute in node.attributes
    }


class _VariableCopies:
    """The values of variables in a module's checkpoint.

    Args:
        reader: of the checkpoint.
    """

    def __init__(self, reader: CheckpointReader) -> None:
        self._reader = reader
        self._verified: set[str] = set()

    def copy(self, variable: StoredVariable, key: str, writer: CheckpointWriter) -> None:
        """Copies that of a variable, whole: a part of a partitioned one is a variable of its own in TensorFlow 2.

        Args:
            variable: the variable.
            key: its name where it is written.
            writer: writes it.

        Raises:
            CheckpointError: it is damaged.
        """
        name = variable.name
        if variable.slice is None and not self._reader.is_partitioned(name):
            writer.copy_from(self._reader, name, key)
            return
        self._verify(name)
        if variable.slice is None:
            writer.add(key, self._reader.array(name))
        else:
            writer.add(key, self._reader.slice_array(name, variable.slice.offset, variable.slice.shape))

    def _verify(self, name: str) -> None:
        """Compares the checksums of a variable, once for all parts of it."""
        if name not in self._verified:
            for part in self._reader.stored_parts(name):
                self._reader.files.verify(part.entry, part.what, lambda _: None)
            self._verified.add(name)
