"""Signatures as serving tools take them: dense tensors in, dense tensors out.

The protocols of serving tools know no SparseTensors and RaggedTensors, and TensorFlow saves no signature
that takes one. So each of their parts is an input or output of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.keywords import by_keyword, keywords
from tf1hub.tf2.parts import flat_specs, flatten, unflatten


def serving_function(callables: CallableVariants, signature: str) -> Any:
    """A ConcreteFunction from dense tensors by keyword to a dict of dense tensors.

    A dense input or output keeps its name, where a parameter may be called so. A SparseTensor `x` becomes `x_indices`, `x_values` and
    `x_dense_shape`; a RaggedTensor `x` becomes `x_values` and `x_row_splits`, or where several
    dimensions are ragged `x_row_splits_0` and so on, the outermost first.

    Args:
        callables: the variants of the loaded module.
        signature: its name.
    """
    variant = callables.inference.variant
    inputs, outputs = variant.inputs(signature), variant.outputs(signature)
    if all(info.kind == "dense" for info in [*inputs.values(), *outputs.values()]):
        return callables.serve(signature)
    return callables.keep(flat_function(callables.function(signature, False), inputs, outputs))


def flat_function(
    function: Callable[[dict[str, Any]], Mapping[str, Any]],
    inputs: Mapping[str, ParsedTensorInfo],
    outputs: Mapping[str, ParsedTensorInfo],
) -> Any:
    """A ConcreteFunction from dense tensors by keyword to a dict of dense tensors.

    Args:
        function: from a dict of inputs to one of outputs, sparse and ragged ones among them.
        inputs: of the signature.
        outputs: of the signature.
    """

    def serve(given: Mapping[str, Any]) -> dict[str, Any]:
        return flatten(function(unflatten(given, inputs)), outputs)

    return by_keyword(serve, flat_specs(inputs))


def input_names(variant: Variant, signature: str) -> tuple[str, ...]:
    """The names that the inputs of a signature have where it is saved."""
    return tuple(sorted(as_keywords(flat_specs(variant.inputs(signature)))))


def as_keywords(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the names that the inputs of a saved signature have."""
    parameters = keywords(values)
    return {parameters[name]: value for name, value in values.items()}
