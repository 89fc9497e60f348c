"""The signatures of a variant as `tf.function`s, each traced when it is first called."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graph.inputs import assemble, dense_tensors
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.tf2.emit import Trace, run
from tf1hub.tf2.keywords import keywords
from tf1hub.tf2.variant_state import VariantState


def signature_program(
    state: VariantState, signature: str, update: bool
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What emits a signature: a Python function from a dict of tensors to the dict of outputs.

    Args:
        state: of the variant.
        signature: its name.
        update: whether to run the variant's update ops, as in training.
    """
    inputs, outputs = state.variant.inputs(signature), state.variant.outputs(signature)

    def apply(given: Mapping[str, Any]) -> dict[str, Any]:
        fed = dense_tensors(given, inputs)
        fetches, targets = plan_fetches(state, signature, fed, update)
        feeds = {split_tensor_name(name): value for name, value in fed.items()}
        values = run(Trace(state), state.program(fetches, targets, fed), feeds)
        by_name = dict(zip(fetches, values, strict=True))
        return {name: _as_declared(assemble(info, by_name), info) for name, info in outputs.items()}

    return apply


def signature_function(
    state: VariantState, signature: str, update: bool
) -> tf.types.experimental.GenericFunction:
    """A `tf.function` from a dict of inputs to the dict of outputs of a signature; see `signature_program`."""
    apply, inputs = signature_program(state, signature, update), state.variant.inputs(signature)
    return tf.function(apply, autograph=False, input_signature=[input_types(inputs)])


def input_types(inputs: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    """The types of a signature's inputs, as a `tf.function` of a dict of them takes them."""
    # Not every input's name is one that an op of a graph may have.
    parameters = keywords(inputs)
    return {name: type_spec(info, parameters[name]) for name, info in inputs.items()}


def _as_declared(value: Any, info: ParsedTensorInfo) -> Any:
    """An output with the shape that its signature declares, some of which TensorFlow does not find again.

    It knows nothing of what comes out of a table, for one.
    """
    if info.kind != "dense" or not info.shape or not value.shape.is_compatible_with(info.get_shape()):
        return value
    shape = value.shape.merge_with(info.get_shape())
    if value.shape.rank is not None and shape.as_list() == value.shape.as_list():
        return value
    value = tf.identity(value)  # the tensor itself may be an input
    value.set_shape(shape)
    return value


def plan_fetches(
    state: VariantState, signature: str, fed: Collection[str], update: bool
) -> tuple[list[str], list[str]]:
    """The tensors and the update ops that a signature has to compute.

    Args:
        state: of the variant.
        signature: its name.
        fed: names of the tensors behind its inputs.
        update: whether the variant's update ops run too.

    Raises:
        UnsupportedGraphError: an output needs a placeholder that none of the inputs feeds.
    """
    outputs = state.variant.outputs(signature).values()
    fetches = [tensor_name(name) for info in outputs for name in info.tensor_names]
    _check_fed(state, signature, fetches, fed)
    return fetches, update_ops(state, signature, fed) if update else []


def type_spec(info: ParsedTensorInfo, name: str) -> Any:
    """The type of an input as `tf.function` takes it, named where it can be."""
    spec = info.type_spec
    return tf.TensorSpec(spec.shape, spec.dtype, name=name) if isinstance(spec, tf.TensorSpec) else spec


def _check_fed(state: VariantState, signature: str, fetches: list[str], fed: Collection[str]) -> None:
    missing = state.placeholders(fetches, fed)
    if missing:
        raise UnsupportedGraphError(
            f"The signature {signature!r} of {state.variant.where} needs {', '.join(map(repr, missing))}, "
            f"placeholders that none of its inputs feeds. It cannot be computed."
        )


def update_ops(state: VariantState, signature: str, fed: Collection[str]) -> list[str]:
    """The update ops that a signature's inputs suffice for."""
    kept: list[str] = []
    targets = state.variant.collection("update_ops")
    # One walk for all of them, where each would walk through most of the graph.
    if not state.placeholders(targets, fed):
        return [node_of(target) for target in targets]
    for target in targets:
        missing = state.placeholders([target], fed)
        if missing:
            warnings.warn(
                f"The update op {node_of(target)!r} of {state.variant.where} is left out: it needs "
                f"{', '.join(map(repr, missing))}, which the signature {signature!r} does not feed.",
                stacklevel=2,
            )
        else:
            kept.append(node_of(target))
    return kept


def has_updates(state: VariantState) -> bool:
    """Whether training does more than inference on the same variant."""
    return bool(state.variant.collection("update_ops"))
