"""Exports a module with the values that its variables have in a session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.errors import ArgumentError, ExportError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.module_writer import check_free
from tf1hub.graphdef.variable_defs import StoredVariable, by_name
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.spec_export import export_module, writer_of_others
from tf1hub.spec.variant import Variant

_FETCH_BYTES = 64 << 20
"""How much one run of the session fetches: few runs, and never all weights in memory twice."""


def export_from_session(
    spec: ModuleSpec,
    variant: Variant,
    variables: Sequence[tuple[StoredVariable, Any]],
    path: str,
    session: Any,
) -> None:
    """`Module.export`; see there.

    Args:
        spec: the definition.
        variant: the one in use, for messages.
        variables: those of the program, each with what the module stores.
        path: the new module's directory.
        session: has their values.
    """
    if not hasattr(session, "run"):
        raise ArgumentError(f"A session is a tf.compat.v1.Session, not {session!r}.")
    check_free(path)
    write_others = writer_of_others(spec, variant, {stored.name for stored, _ in variables})
    if not variables and write_others is None:
        export_module(spec, path, None)
        return

    def write_variables(prefix: str) -> None:
        with CheckpointWriter(prefix) as writer:
            for variable, value in _values(variables, session):
                if variable.slice is None:
                    writer.add(variable.name, value)
                else:
                    writer.add_slice(variable.name, variable.slice.full_shape, variable.slice.offset, value)
            if write_others is not None:
                write_others(writer)

    export_module(spec, path, write_variables)


def _values(
    variables: Iterable[tuple[StoredVariable, Any]], session: Any
) -> Iterator[tuple[StoredVariable, np.ndarray]]:
    batch: list[tuple[StoredVariable, Any]] = []
    size = 0
    for stored, variable in variables:
        batch.append((stored, variable))
        size += (variable.shape.num_elements() or 0) * max(variable.dtype.size, 1)
        if size >= _FETCH_BYTES:
            yield from _fetch(batch, session)
            batch, size = [], 0
    yield from _fetch(batch, session)


def variable_pairs(variant: Variant, variables: Mapping[str, Any]) -> Iterator[tuple[StoredVariable, Any]]:
    """Each stored variable of a variant with the one in the graph, in the order of their names.

    Args:
        variant: the variant.
        variables: of a graph, by name in the module; of a partitioned one the list of its parts.
    """
    for name, stored in sorted(by_name(variant.variables).items()):
        parts = sorted(stored, key=lambda part: part.slice.offset if part.slice else ())
        value = variables[name]
        yield from zip(parts, value if isinstance(value, list) else [value], strict=True)


def _fetch(
    batch: list[tuple[StoredVariable, Any]], session: Any
) -> Iterator[tuple[StoredVariable, np.ndarray]]:
    if not batch:
        return
    try:
        values = session.run([variable for _, variable in batch])
    except tf.errors.FailedPreconditionError as error:
        raise ExportError(
            "Cannot export: the session has no value for a variable of the module. "
            f"Run its initializers, or restore a checkpoint, first. TensorFlow says: {error.message}"
        ) from error
    for (stored, _), value in zip(batch, values, strict=True):
        yield stored, np.asarray(value)
