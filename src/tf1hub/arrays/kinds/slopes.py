"""Gradients that are ops of their own, which graphs hold that follow a slope while they infer (saliency, attacks, energies).

Semantics: TensorFlow's op definitions (`core/ops/math_ops.cc`, `nn_ops.cc`). An op of the first kind is given what the function gave
and the gradient behind it; one of the second kind the gradient, and what the function was given (of `Elu` and `Selu` what it gave).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import constant

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def _number(value: float, like: Any) -> Any:
    return constant(value, like)


_OF_RESULTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "InvGrad": lambda _, y, dy: -dy * y * y,
    "ReciprocalGrad": lambda _, y, dy: -dy * y * y,
    "RsqrtGrad": lambda _, y, dy: dy * _number(-0.5, y) * y * y * y,
    "SigmoidGrad": lambda _, y, dy: dy * y * (_number(1, y) - y),
    "SqrtGrad": lambda _, y, dy: dy * _number(0.5, y) / y,
    "TanhGrad": lambda _, y, dy: dy * (_number(1, y) - y * y),
}

_OF_INPUTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "EluGrad": lambda xp, dy, y: xp.where(y < 0, dy * (y + _number(1, y)), dy),
    "Relu6Grad": lambda xp, dy, x: xp.where((x > 0) & (x < 6), dy, _number(0, dy)),
    "ReluGrad": lambda xp, dy, x: xp.where(x > 0, dy, _number(0, dy)),
    "SeluGrad": lambda xp, dy, y: xp.where(
        y < 0, dy * (y + _number(SELU_SCALE * SELU_ALPHA, y)), dy * _number(SELU_SCALE, y)
    ),
    "SoftplusGrad": lambda xp, dy, x: dy / (xp.exp(-x) + _number(1, x)),
    "SoftsignGrad": lambda xp, dy, x: dy / xp.square(_number(1, x) + xp.abs(x)),
}


def _slope(function: Callable[[Any, Any, Any], Any]) -> Callable[[Call, Any, Any], Any]:
    def run(call: Call, one: Any, other: Any) -> Any:
        return function(call.xp, one, other)

    return run


for _name, _function in {**_OF_RESULTS, **_OF_INPUTS}.items():
    op(_name)(_slope(_function))


@op("LeakyReluGrad")
def leaky_relu_slope(call: Call, dy: Any, x: Any) -> Any:
    """The gradient where `x` is positive, a fraction of it elsewhere."""
    return call.xp.where(x > 0, dy, dy * constant(call["alpha"], dy))


@op("BiasAddGrad")
def bias_slope(call: Call, dy: Any) -> Any:
    """The sum of the gradients of each channel."""
    axis = 1 if call["data_format"].startswith("NC") else dy.ndim - 1
    return call.xp.sum(dy, tuple(place for place in range(dy.ndim) if place != axis)).astype(dy.dtype)
