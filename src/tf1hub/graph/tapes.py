"""Gradient tapes in a graph.

A tape notes each op that Python makes, and knows nothing of what an importer put into the graph: it would give None
for all that lies behind a module. So an application is noted as if it were one op, whose gradient is what `tf.gradients`
finds in the graph, with loops of the first generation, custom gradients and all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import (
    is_taped,
    not_taped,
    note_variable,
    notes_variables,
    record_on_tapes,
)


def note_use(variables: Iterable[Any]) -> None:
    """Shows the active tapes, and the function being built, which resource variables are read.

    To be called before a handle is captured by a function: a tape does not look at a capture whose variable it has not
    heard of.
    """
    if notes_variables():
        for variable in variables:
            note_variable(variable)


def record(outputs: Iterable[Any], inputs: Iterable[Any], handles: Iterable[Any]) -> None:
    """Shows the active tapes what was just added to the default graph.

    Args:
        outputs: the tensors that it gives.
        inputs: the tensors that it was given.
        handles: those of the resource variables that it reads, as the default graph has them.
    """
    if is_taped():
        given = [tensor for tensor in inputs if _is_differentiable(tensor)]
        _record([tensor for tensor in outputs if _is_differentiable(tensor)], [*given, *handles])


def _record(outputs: Sequence[Any], inputs: Sequence[Any]) -> None:
    """Notes tensors as one op's outputs.

    The ops of its gradients and tangents take tensors from between the inputs and the outputs, of which a tape has no
    notice. So each of those is noted as one op as well, should a tape still be active: it gives derivatives of any order.
    """
    inputs = list({id(tensor): tensor for tensor in inputs}.values())
    # What is handed on is no result: the tape knows where it comes from.
    known = {id(tensor) for tensor in inputs}
    outputs = list({id(tensor): tensor for tensor in outputs if id(tensor) not in known}.values())
    if not outputs or not inputs:
        return

    def gradient(*output_gradients: Any) -> list[Any]:
        used = _used_outputs(outputs, output_gradients)
        with not_taped():
            found = _partial([output for output, _ in used], inputs, [given for _, given in used])
        if is_taped():
            given = [_values(gradient) for _, gradient in used]
            _record([_values(gradient) for gradient in found if gradient is not None], [*inputs, *given])
        return found

    def tangent(*input_tangents: Any) -> list[Any]:
        with not_taped():
            # The gradient is linear in what it is given, and its own gradient by that is the tangent.
            seeds = [tf.ones_like(output) for output in outputs]
            pairs = [
                (tf.convert_to_tensor(gradient), given)
                for gradient, given in zip(_partial(outputs, inputs, seeds), input_tangents, strict=True)
                if gradient is not None and given is not None
            ]
            found = tf.gradients(
                [gradient for gradient, _ in pairs],
                seeds,
                [given for _, given in pairs],
                unconnected_gradients="zero",
            )
        if is_taped():
            _record(found, [*inputs, *(given for _, given in pairs)])
        return list(found)

    record_on_tapes("TF1HubModule", outputs, inputs, gradient, tangent)


def _partial(outputs: Sequence[Any], inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs, of which one may depend on another: what comes from that is the tape's to know."""
    return list(tf.gradients(outputs, inputs, output_gradients, stop_gradients=inputs))


def _used_outputs(outputs: Sequence[Any], gradients: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The outputs that the differentiated value depends on, and their gradients.

    A tape fills zeros in for the others. Through those there need not even be a gradient.
    """
    pairs = list(zip(outputs, gradients, strict=True))
    return [pair for pair in pairs if not _is_zero(pair[1])] or pairs


def _is_zero(gradient: Any) -> bool:
    if isinstance(gradient, tf.IndexedSlices):
        return False
    operation = gradient.op
    if operation.type == "Fill":
        operation = operation.inputs[1].op
    if operation.type == "Const":
        return not tf.get_static_value(operation.outputs[0]).any()
    return bool(operation.type == "ZerosLike")


def _values(gradient: Any) -> Any:
    """The tensor that is differentiated in a gradient: of a sparse one, its values."""
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _is_differentiable(tensor: Any) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_complex)
