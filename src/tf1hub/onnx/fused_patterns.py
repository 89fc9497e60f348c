"""Groups of ops that ONNX has one operator for. They are found when the last op of the group is lowered."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.traced_values import Value
from tf1hub.program.code import Op
from tf1hub.program.nodes import Tensor

_HAND_ON = frozenset({"Identity", "StopGradient"})
_ADDS = frozenset({"Add", "AddV2"})


def layer_norm(call: LoweringCall) -> Value | None:
    """`x * k + (beta - mean * k)` with `k = rsqrt(variance + epsilon) * gamma`, as TensorFlow writes it.

    The moments are those along the last axis, `tf.nn.moments`'; None where it is something else.
    """
    sides = _inputs(call, call.op, _ADDS)
    if sides is None:
        return None
    for scaled, shift in (sides, sides[::-1]):
        found = _match(call, scaled, shift)
        if found is not None:
            return found
    return None


def _match(call: LoweringCall, scaled: Tensor, shift: Tensor) -> Value | None:
    product = _inputs(call, _maker_of(call, scaled), {"Mul"})
    difference = _inputs(call, _maker_of(call, shift), {"Sub"})
    taken = None if difference is None else _inputs(call, _maker_of(call, difference[1]), {"Mul"})
    if product is None or difference is None or taken is None:
        return None
    x, factor = product
    if factor not in taken:
        return None
    mean = taken[0] if taken[1] == factor else taken[1]
    beta = difference[0]
    if _mean_of(call, mean) != x:
        return None
    weighted = _inputs(call, _maker_of(call, factor), {"Mul"})
    for root, gamma in (weighted, weighted[::-1]) if weighted is not None else ():
        inverse = _maker_of(call, root)
        if inverse is None or inverse.node.op != "Rsqrt":
            continue
        inside = _inputs(call, _maker_of(call, inverse.inputs[0]), _ADDS)
        for variance, small in (inside, inside[::-1]) if inside is not None else ():
            epsilon = call.scope.values.get(small)
            if not isinstance(epsilon, Value) or epsilon.known is None or epsilon.known.size != 1:
                continue
            if _is_variance(call, variance, x, mean):
                return _normalize(call, x, gamma, beta, float(epsilon.known.reshape(-1)[0]))
    return None


def _normalize(call: LoweringCall, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Value | None:
    values = [call.scope.get(tensor) for tensor in (x, gamma, beta)]
    if not all(isinstance(value, Value) and value.dtype == np.float32 for value in values):
        return None
    source, scale, shift = values
    assert isinstance(source, Value)
    assert isinstance(scale, Value)
    assert isinstance(shift, Value)
    if source.first is not None or scale.rank != 1 or shift.rank != 1:
        return None
    result = call.graph.op(
        "LayerNormalization", source, scale, shift, axis=-1, epsilon=epsilon, dtype=np.float32
    )
    result.shape = source.shape
    return result


def _is_variance(call: LoweringCall, variance: Tensor, x: Tensor, mean: Tensor) -> bool:
    squares = _inputs(call, _maker_of(call, _mean_of(call, variance) or ("", 0)), {"SquaredDifference"})
    return squares is not None and set(squares) == {x, mean}


def _mean_of(call: LoweringCall, tensor: Tensor) -> Tensor | None:
    """What a tensor is the mean of, along the last axis, which is kept."""
    op = _maker_of(call, tensor)
    if op is None or op.node.op != "Mean" or not op.node.definition.attr["keep_dims"].b:
        return None
    x, axes = op.inputs
    known, source = call.scope.values.get(axes), call.scope.values.get(x)
    if not isinstance(known, Value) or known.known is None or not isinstance(source, Value):
        return None
    numbers = np.atleast_1d(known.known).tolist()
    last = -1 if source.rank is None else source.rank - 1
    return _see_through(call, x) if numbers in ([-1], [last]) else None


def _inputs(
    call: LoweringCall, op: Op | None, kinds: frozenset[str] | set[str]
) -> tuple[Tensor, Tensor] | None:
    if op is None or op.node.op not in kinds or len(op.inputs) != 2:
        return None
    return _see_through(call, op.inputs[0]), _see_through(call, op.inputs[1])


def _maker_of(call: LoweringCall, tensor: Tensor) -> Op | None:
    return call.scope.program.by_name.get(tensor[0])


def _see_through(call: LoweringCall, tensor: Tensor) -> Tensor:
    """The tensor behind what only hands it on."""
    while (op := _maker_of(call, tensor)) is not None and op.node.op in _HAND_ON:
        tensor = op.inputs[0]
    return tensor
