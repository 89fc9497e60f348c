"""Does a checkpoint hold a variant's variables? Asked before anything is built or written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.dtypes import name_of
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.spec.variant import Variant

_SHOWN = 10
"""How many faults a message lists before it only counts the rest."""


def check_variables(
    variant: Variant,
    reader: CheckpointReader,
    name_in_checkpoint: Callable[[str], str] = lambda name: name,
    besides: Collection[str] = (),
) -> None:
    """Checks names, dtypes and shapes of all variables at once.

    Args:
        variant: whose variables are asked for.
        reader: the checkpoint.
        name_in_checkpoint: maps a variable's name in the module to its name in the checkpoint.
        besides: variables that the checkpoint need not have.

    Raises:
        CheckpointError: a variable is not there, or has another dtype or shape; all are named.
    """
    # The parts of a partitioned variable have their faults in common.
    faults = list(dict.fromkeys(_faults(variant, reader, name_in_checkpoint, besides)))
    if faults:
        rest = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        listed = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        raise CheckpointError(f"The checkpoint {reader.prefix} does not fit {variant.where}:{listed}{rest}")


def _faults(
    variant: Variant,
    reader: CheckpointReader,
    name_in_checkpoint: Callable[[str], str],
    besides: Collection[str],
) -> Iterator[str]:
    for variable in variant.variables:
        if variable.name in besides:
            continue
        key = name_in_checkpoint(variable.name)
        if key not in reader:
            yield f"{key}: not in the checkpoint"
            continue
        dtype, shape = _type_in_graph(variant, variable)
        if dtype is not None and reader.dtype(key) != dtype:
            yield f"{key}: {name_of(reader.dtype(key))} in the checkpoint, {name_of(dtype)} in the module"
        elif shape is not None and not _fits(reader.shape(key), shape):
            sizes = [None if size == -1 else size for size in shape]
            yield f"{key}: shape {list(reader.shape(key))} in the checkpoint, {sizes} in the module"


def _fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return shape == declared or (
        len(shape) == len(declared)
        and all(size in (-1, found) for found, size in zip(shape, declared, strict=True))
    )


def declared_type(variant: Variant, variable: StoredVariable) -> tuple[int | None, tuple[int, ...] | None]:
    """The dtype number and full shape of a variable as its node says; None for what it leaves open."""
    dtype, shape = _type_in_graph(variant, variable)
    return dtype, None if shape is None or -1 in shape else shape


def _type_in_graph(variant: Variant, variable: StoredVariable) -> tuple[int | None, tuple[int, ...] | None]:
    """The same with -1 for a size that it leaves open; None for the shape where it leaves open how many there are."""
    attrs = variant.nodes[variable.node].attr
    dtype = attrs["dtype"].type if "dtype" in attrs else None
    if variable.slice is not None:
        return dtype, variable.slice.full_shape
    if "shape" not in attrs or attrs["shape"].shape.unknown_rank:
        return dtype, None
    return dtype, tuple(dimension.size for dimension in attrs["shape"].shape.dim)
