"""Where the values of variables come from: a checkpoint, or arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.tf2.variables import Values

_READ_BYTES = 32 << 20
"""How much one op reads: few ops, and never all weights in memory twice."""

_Declared = Iterable[tuple[StoredVariable, tf.DType]]
_Typed = tuple[StoredVariable, tf.DType, tf.TensorShape]
_Valued = Iterator[tuple[StoredVariable, tf.DType, Any]]


def checkpoint_values(prefix: str, where: str, io_device: str | None = None) -> Values:
    """Reads values with TensorFlow's own op, whose tensors become the variables without a copy.

    Args:
        prefix: of the checkpoint.
        where: the module in words, for messages.
        io_device: the device that reads the files; None for the one that is current.
    """

    def read(declared: _Declared) -> _Valued:
        reader = CheckpointReader(prefix)
        wanted = list(declared)
        _check_names((variable.name for variable, _ in wanted), reader, where)
        batch: list[_Typed] = []
        size = 0
        for variable, dtype in wanted:
            shape = tf.TensorShape(
                reader.shape(variable.name) if variable.slice is None else variable.slice.shape
            )
            batch.append((variable, dtype, shape))
            size += max(dtype.size, 1) * shape.num_elements()
            if size >= _READ_BYTES:
                yield from _restore(prefix, batch, io_device)
                batch, size = [], 0
        if batch:
            yield from _restore(prefix, batch, io_device)

    return read


def _restore(prefix: str, batch: Sequence[_Typed], io_device: str | None) -> _Valued:
    try:
        with contextlib.nullcontext() if io_device is None else tf.device(io_device):
            tensors = tf.raw_ops.RestoreV2(
                prefix=prefix,
                tensor_names=[variable.name for variable, _, _ in batch],
                shape_and_slices=[
                    "" if variable.slice is None else variable.slice.spec() for variable, _, _ in batch
                ],
                dtypes=[dtype for _, dtype, _ in batch],
            )
    except tf.errors.OpError as error:
        raise CheckpointError(f"The checkpoint {prefix} cannot be read: {error.message}") from error
    tensors = list(tensors)
    for index, (variable, dtype, shape) in enumerate(batch):
        # Each is let go of as soon as it has become a variable.
        value, tensors[index] = tensors[index], None
        # In a graph, what will be read from a file has no shape of its own.
        value.set_shape(shape)
        yield variable, dtype, value


def array_values(arrays: Mapping[str, npt.NDArray[Any]], where: str) -> Values:
    """Takes values from arrays by name in the module; of a partitioned variable the whole."""

    def read(declared: _Declared) -> _Valued:
        wanted = list(declared)
        _check_names((variable.name for variable, _ in wanted), arrays, where)
        for variable, dtype in wanted:
            value = arrays[variable.name]
            if variable.slice is not None:
                value = value[variable.slice.cut]
            yield variable, dtype, value

    return read


def from_nodes(arrays: Mapping[str, npt.NDArray[Any]]) -> Values:
    """Takes values from arrays by the node that holds each variable; of a partitioned one each part."""

    def read(declared: _Declared) -> _Valued:
        for variable, dtype in declared:
            yield variable, dtype, arrays[variable.node]

    return read


def _check_names(names: Iterable[str], known: Any, where: str) -> None:
    missing = sorted({name for name in names if name not in known})
    if missing:
        raise CheckpointError(f"There are no values for these variables of {where}: {', '.join(missing)}.")
