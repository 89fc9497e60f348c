"""Sparse and ragged inputs and outputs of signatures as the dense tensors that they consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf

from tf1hub.spec.tensor_info import ParsedTensorInfo

_Infos = Mapping[str, ParsedTensorInfo]

Naming: TypeAlias = Callable[[Any], list[str]]
"""From the type of a composite to what its dense tensors are called, after its own name."""


def as_tensorflow(spec: Any) -> list[str]:
    """What TensorFlow's loader of TF1 modules calls the dense tensors of a composite, in its order."""
    if isinstance(spec, tf.SparseTensorSpec):
        return ["indices", "values", "dense_shape"]
    return [f"component_{index}" for index in range(len(tf.nest.flatten(spec, expand_composites=True)))]


def in_words(spec: Any) -> list[str]:
    """What they are called in what is converted: those of a RaggedTensor by what they are."""
    if isinstance(spec, tf.SparseTensorSpec):
        return as_tensorflow(spec)
    count = len(tf.nest.flatten(spec, expand_composites=True))
    if not isinstance(spec, tf.RaggedTensorSpec):
        return [str(index) for index in range(count)]
    if count == 2:
        return ["values", "row_splits"]
    return ["values", *(f"row_splits_{axis}" for axis in range(count - 1))]


def flatten(values: Mapping[str, Any], infos: _Infos, naming: Naming = in_words) -> dict[str, Any]:
    """Dense tensors by name, of values some of which are sparse or ragged.

    Args:
        values: by name in the signature.
        infos: the signature's inputs or outputs.
        naming: what the parts of a composite are called.
    """
    return {
        name: part
        for key, info in infos.items()
        for name, part in zip(
            part_names(key, infos, naming), tf.nest.flatten(values[key], expand_composites=True), strict=True
        )
    }


def flat_specs(infos: _Infos, naming: Naming = in_words) -> dict[str, Any]:
    """The types of the dense tensors by name."""
    return flatten({key: info.type_spec for key, info in infos.items()}, infos, naming)


def unflatten(given: Mapping[str, Any], infos: _Infos, naming: Naming = in_words) -> dict[str, Any]:
    """The values of a signature's inputs or outputs, of dense tensors by name."""
    return {
        key: tf.nest.pack_sequence_as(
            info.type_spec, [given[name] for name in part_names(key, infos, naming)], expand_composites=True
        )
        for key, info in infos.items()
    }


def part_names(key: str, infos: _Infos, naming: Naming = in_words) -> list[str]:
    """The names of the dense tensors that one input or output of a signature consists of."""
    info = infos[key]
    if info.kind == "dense":
        return [key]
    names = [f"{key}_{part}" for part in naming(info.type_spec)]
    # Another input may be called like that; then the parts are marked.
    while set(names) & infos.keys():
        names = [name + "_" for name in names]
    return names
