"""Exports a spec: its definition with the variables of a checkpoint, or of a program."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tf1hub.errors import ExportError
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module_writer import WriteVariables, check_free, write_module
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.gradient_names import as_stored, rename_gradients
from tf1hub.graphdef.op_types import RESTORES
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.given_values import GivenValues, Values
from tf1hub.spec.variant import Variant

if TYPE_CHECKING:
    from tf1hub.spec.module_spec import ModuleSpec

_NO_VALUES = (
    "Cannot export {module}: it has {count} variables and came without values. "
    "Give them: spec.export(path, checkpoint_path=...) or spec.export(path, values=...). Those that a session has "
    "trained are written by module.export(path, session); those that the initializers give, untrained, by "
    "tf1hub.load(spec).export(path)."
)
_NOT_OWNED = (
    "Cannot export from {variant}: {other} has variables that it lacks: {names}; and the module came without values "
    "for them. Make that variant too, over the same state and before initializers run: tf1hub.Module(module, tags={tags}). Or "
    "export from the variant that owns all variables, usually {{'train'}}."
)


def export_module(spec: ModuleSpec, path: str, write_variables: WriteVariables | None) -> None:
    """Writes a spec's definition and assets, and the variables that `write_variables` gives.

    Args:
        spec: what to write.
        path: the new directory.
        write_variables: writes the checkpoint below a prefix; None for a spec without variables.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """
    write_module(path, _definition_to_store(spec), spec.asset_paths, write_variables)


def export_spec(
    spec: ModuleSpec,
    path: str,
    checkpoint_path: str | None,
    name_transform_fn: Callable[[str], str] | None,
    values: Values | None,
) -> None:
    """`ModuleSpec.export`; see there."""
    check_free(path)
    given = GivenValues({} if values is None else values, spec.variants(), spec.name)
    names = sorted({variable.name for variant in spec.variants() for variable in variant.variables})
    if not checkpoint_path:
        if values is None and names:
            raise ExportError(_NO_VALUES.format(module=spec.name, count=len(names)))
        given.check()
        export_module(spec, path, (lambda prefix: _write(prefix, names, given.write)) if names else None)
        return
    transform = name_transform_fn or (lambda name: name)
    reader = CheckpointReader(checkpoint_path)
    given.check(elsewhere=names)
    for variant in spec.variants():
        check_variables(variant, reader, transform, besides=given.names)

    def write_one(writer: CheckpointWriter, name: str) -> None:
        if name in given.names:
            given.write(writer, name)
        else:
            writer.copy_from(reader, transform(name), name)

    export_module(spec, path, (lambda prefix: _write(prefix, names, write_one)) if names else None)


def _write(prefix: str, names: list[str], write_one: Callable[[CheckpointWriter, str], None]) -> None:
    with CheckpointWriter(prefix) as writer:
        for name in names:
            write_one(writer, name)


def writer_of_others(
    spec: ModuleSpec, variant: Variant, owned: Collection[str]
) -> Callable[[CheckpointWriter], None] | None:
    """What writes the variables that a program does not have, with the values that they are stored with.

    A program that exports owns the variables of the variants that it uses. Those that only others have, such as the
    second of two networks, keep what they are.

    Args:
        spec: the definition.
        variant: the one that the program uses.
        owned: the names of the variables that the program has values for.

    Returns:
        Writes them into an export's checkpoint; None where the program owns all variables.

    Raises:
        ExportError: there are such variables, and the definition came without values; they are named.
        CheckpointError: the checkpoint is damaged, or does not have them.
    """
    names = names_besides(spec, owned)
    if not names:
        return None
    if spec.checkpoint is None:
        other = next(other for other in spec.variants() if _names_besides(other, owned))
        raise ExportError(
            _NOT_OWNED.format(
                variant=variant.where,
                other=other.where,
                names=", ".join(_names_besides(other, owned)),
                tags=set(other.tags),
            )
        )
    reader = CheckpointReader(spec.checkpoint)
    for other in spec.variants():
        check_variables(other, reader, besides=owned)

    def write(writer: CheckpointWriter) -> None:
        for name in names:
            writer.copy_from(reader, name)

    return write


def names_besides(spec: ModuleSpec, owned: Collection[str]) -> list[str]:
    """The names of a definition's variables that are not among those given, sorted."""
    return sorted({name for variant in spec.variants() for name in _names_besides(variant, owned)})


def _names_besides(variant: Variant, owned: Collection[str]) -> list[str]:
    return sorted({variable.name for variable in variant.variables} - set(owned))


def _definition_to_store(spec: ModuleSpec) -> SavedModel:
    """The definition without what is of this machine and process.

    Those are the paths from which a nested module's variables started (what is written starts from its own
    checkpoint), and the marks of gradients that are registered here.
    """
    definition = SavedModel()
    definition.CopyFrom(spec.saved_model)
    for graph in definition.meta_graphs:
        graph.graph_def.debug_info = b""
        rename_gradients(graph.graph_def, as_stored)
        variant = Variant(graph, spec.name)
        starts = [
            variable.definition.initial_value_name or variable.definition.initializer_name
            for variable in variant.variables
        ]
        for name in ancestors(variant.nodes, filter(None, starts)):
            node = variant.nodes[name]
            if node.op in RESTORES:
                source = variant.nodes[node_of(node.input[0])]
                if source.op == "Const":
                    values = source.attr["value"].tensor.string_val
                    values[:] = [b""] * len(values)
    return definition
