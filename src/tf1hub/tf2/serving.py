"""Signatures as serving tools take them: dense tensors in, dense tensors out.

The protocols of serving tools know no SparseTensors and RaggedTensors, and TensorFlow saves no signature
that takes one. So each of their parts is an input or output of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant
from tf1hub.tf2.engine import Engine
from tf1hub.tf2.keywords import by_keyword, keywords

_Infos = Mapping[str, ParsedTensorInfo]


def serving_function(engine: Engine, signature: str) -> Any:
    """A ConcreteFunction from dense tensors by keyword to a dict of dense tensors.

    A dense input or output keeps its name, where a parameter may be called so. A SparseTensor `x` becomes `x_indices`, `x_values` and
    `x_dense_shape`; a RaggedTensor `x` becomes `x_values` and `x_row_splits`, or where several
    dimensions are ragged `x_row_splits_0` and so on, the outermost first.

    Args:
        engine: of the loaded module.
        signature: its name.
    """
    variant = engine.inference.variant
    inputs, outputs = variant.inputs(signature), variant.outputs(signature)
    if all(info.kind == "dense" for info in [*inputs.values(), *outputs.values()]):
        return engine.served(signature)
    function = engine.function(signature, False)

    def serve(given: Mapping[str, Any]) -> dict[str, Any]:
        return flatten(function(_unflatten(given, inputs)), outputs)

    return engine.kept(by_keyword(serve, _flat_specs(inputs)))


def input_names(variant: Variant, signature: str) -> tuple[str, ...]:
    """The names that the inputs of a signature have where it is saved."""
    return tuple(sorted(as_keywords(_flat_specs(variant.inputs(signature)))))


def flatten(values: Mapping[str, Any], infos: _Infos) -> dict[str, Any]:
    """Dense tensors by name, of values some of which are sparse or ragged.

    Args:
        values: by name in the signature.
        infos: the signature's inputs or outputs.
    """
    return {
        name: part
        for key, info in infos.items()
        for name, part in zip(
            part_names(key, infos), tf.nest.flatten(values[key], expand_composites=True), strict=True
        )
    }


def as_keywords(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the names that the inputs of a saved signature have."""
    parameters = keywords(values)
    return {parameters[name]: value for name, value in values.items()}


def _flat_specs(infos: _Infos) -> dict[str, Any]:
    return flatten({key: info.type_spec for key, info in infos.items()}, infos)


def _unflatten(given: Mapping[str, Any], infos: _Infos) -> dict[str, Any]:
    return {
        key: tf.nest.pack_sequence_as(
            info.type_spec, [given[name] for name in part_names(key, infos)], expand_composites=True
        )
        for key, info in infos.items()
    }


def part_names(key: str, infos: _Infos) -> list[str]:
    """The names of the dense tensors that one input or output of a signature consists of."""
    info = infos[key]
    if info.kind == "dense":
        return [key]
    names = [f"{key}_{part}" for part in _parts(info.type_spec)]
    # Another input may be called like that; then the parts are marked.
    while set(names) & infos.keys():
        names = [name + "_" for name in names]
    return names


def _parts(spec: Any) -> list[str]:
    """What the dense tensors of a composite are called, in TensorFlow's order."""
    if isinstance(spec, tf.SparseTensorSpec):
        return ["indices", "values", "dense_shape"]
    count = len(tf.nest.flatten(spec, expand_composites=True))
    if not isinstance(spec, tf.RaggedTensorSpec):
        return [str(index) for index in range(count)]
    if count == 2:
        return ["values", "row_splits"]
    return ["values", *(f"row_splits_{axis}" for axis in range(count - 1))]
