"""Ops that work element by element: mathematics, comparison, logic, bits, casts and choices.

What each does is said by TensorFlow's op definitions (`core/ops/math_ops.cc`, `bitwise_ops.cc`, `nn_ops.cc`).
Binary ops broadcast as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import accurate, constant, is_complex, is_float, is_integer, numbers_of
from tf1hub.arrays.named_sizes import compute_with_sizes


def _unary(function: Callable[[Any, Any], Any]) -> Callable[[Call, Any], Any]:
    def run(call: Call, x: Any) -> Any:
        return accurate(numbers_of(call.xp, x), lambda given: function(call.xp, given), call.xp)

    return run


_UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "Abs": lambda xp, x: xp.abs(x),
    "Acos": lambda xp, x: xp.arccos(x),
    "Acosh": lambda xp, x: xp.arccosh(x),
    "Asin": lambda xp, x: xp.arcsin(x),
    "Asinh": lambda xp, x: xp.arcsinh(x),
    "Atan": lambda xp, x: xp.arctan(x),
    "Atanh": lambda xp, x: xp.arctanh(x),
    "Ceil": lambda xp, x: xp.ceil(x),
    "Conj": lambda xp, x: xp.conj(x),
    "Cos": lambda xp, x: xp.cos(x),
    "Cosh": lambda xp, x: xp.cosh(x),
    "Exp": lambda xp, x: xp.exp(x),
    "Expm1": lambda xp, x: xp.expm1(x),
    "Floor": lambda xp, x: xp.floor(x),
    "Inv": lambda xp, x: _one_over(xp, x),
    "Invert": lambda xp, x: xp.invert(x),
    "IsFinite": lambda xp, x: xp.isfinite(x),
    "IsInf": lambda xp, x: xp.isinf(x),
    "IsNan": lambda xp, x: xp.isnan(x),
    "Log": lambda xp, x: xp.log(x),
    "Log1p": lambda xp, x: xp.log1p(x),
    "LogicalNot": lambda xp, x: xp.logical_not(x),
    "Neg": lambda xp, x: xp.negative(x),
    "OnesLike": lambda xp, x: xp.ones_like(x),
    "Reciprocal": lambda xp, x: _one_over(xp, x),
    "Rint": lambda xp, x: xp.round(x),
    "Round": lambda xp, x: xp.round(x),
    "Rsqrt": lambda xp, x: _one_over(xp, xp.sqrt(x)),
    "Sigmoid": lambda xp, x: _sigmoid(xp, x),
    "Sin": lambda xp, x: xp.sin(x),
    "Sinh": lambda xp, x: xp.sinh(x),
    "Sqrt": lambda xp, x: xp.sqrt(x),
    "Square": lambda xp, x: x * x,
    "Tan": lambda xp, x: xp.tan(x),
    "Tanh": lambda xp, x: xp.tanh(x),
    "ZerosLike": lambda xp, x: xp.zeros_like(x),
    # core/ops/nn_ops.cc
    "Elu": lambda xp, x: xp.where(x < 0, xp.expm1(xp.minimum(x, constant(0, x))), x),
    "Relu": lambda xp, x: xp.maximum(x, constant(0, x)),
    "Relu6": lambda xp, x: xp.clip(x, constant(0, x), constant(6, x)),
    "Selu": lambda xp, x: _selu(xp, x),
    "Softplus": lambda xp, x: xp.logaddexp(x, constant(0, x)),
    "Softsign": lambda xp, x: x / (constant(1, x) + xp.abs(x)),
}


for _name, _function in _UNARY.items():
    op(_name)(_unary(_function))


def _one_over(xp: Any, x: Any) -> Any:
    if is_integer(x):
        return xp.floor_divide(constant(1, x), x)
    return constant(1, x) / x


def _sigmoid(xp: Any, x: Any) -> Any:
    if is_complex(x):
        return constant(1, x) / (constant(1, x) + xp.exp(-x))
    if xp is np:
        # Of a number with a large negative one, `exp` would overflow.
        small = np.exp(-np.abs(x))
        return np.where(x >= 0, constant(1, x), small) / (constant(1, x) + small)
    import jax

    return jax.nn.sigmoid(x)


def _selu(xp: Any, x: Any) -> Any:
    # https://arxiv.org/abs/1706.02515, section 2
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    negative = constant(scale * alpha, x) * xp.expm1(xp.minimum(x, constant(0, x)))
    return xp.where(x < 0, negative, constant(scale, x) * x)


@op("Sign")
def sign(call: Call, x: Any) -> Any:
    """-1, 0 or 1; of a complex number, the number of length 1 in its direction."""
    xp = call.xp
    if is_complex(x):
        size = xp.abs(x)
        return xp.where(size == 0, constant(0, x), x / xp.where(size == 0, 1, size).astype(x.dtype))
    return xp.sign(x)


@op("Real", "Imag", "ComplexAbs", "Angle")
def part_of_complex(call: Call, x: Any) -> Any:
    """The real or imaginary part, the absolute value or the angle of complex numbers."""
    xp = call.xp
    function = {"Real": xp.real, "Imag": xp.imag, "ComplexAbs": xp.abs, "Angle": xp.angle}[call.kind]
    return function(x)


@op("Complex")
def make_complex(call: Call, real: Any, imaginary: Any) -> Any:
    """Complex numbers from their parts."""
    xp = call.xp
    dtype = call.dtype("Tout")
    one_i = np.asarray(1j, dtype)
    return (
        real.astype(dtype) + one_i * imaginary.astype(dtype)
        if xp is np
        else xp.asarray(real + 1j * imaginary, dtype)
    )


@op("LeakyRelu")
def leaky_relu(call: Call, x: Any) -> Any:
    """x where it is positive, a fraction of it elsewhere."""
    alpha = constant(call["alpha"], x)
    # As TensorFlow's kernel: NaN stays NaN, and a slope above 1 works.
    return call.xp.where(x > 0, x, x * alpha)


@op("PopulationCount")
def population_count(call: Call, x: Any) -> Any:
    """The number of bits that are set."""
    bits = x.dtype.itemsize * 8
    given = x.view(f"uint{bits}")
    found = call.xp.zeros(x.shape, "uint8")
    for bit in range(bits):
        found = found + ((given >> np.asarray(bit, given.dtype)) & np.asarray(1, given.dtype)).astype("uint8")
    return found


def _wide_pow(xp: Any, x: Any, y: Any) -> Any:
    if xp is not np or not is_integer(x):
        return xp.power(x, y)
    if np.any(y < 0):
        raise ValueError("Integers to negative integer powers are not allowed")
    return np.power(x, y)


def _floor_div(xp: Any, x: Any, y: Any) -> Any:
    if is_integer(x):
        return xp.floor_divide(x, _no_zero(xp, y))
    return xp.floor(x / y)


def _truncate_div(xp: Any, x: Any, y: Any) -> Any:
    if not is_integer(x):
        return xp.trunc(x / y)
    y = _no_zero(xp, y)
    if xp.issubdtype(x.dtype, np.unsignedinteger):
        return xp.floor_divide(x, y)
    whole = xp.floor_divide(x, y)
    return whole + ((whole < 0) & (whole * y != x)).astype(x.dtype)


def _floor_mod(xp: Any, x: Any, y: Any) -> Any:
    return xp.mod(x, _no_zero(xp, y)) if is_integer(x) else xp.mod(x, y)


def _truncate_mod(xp: Any, x: Any, y: Any) -> Any:
    return xp.fmod(x, _no_zero(xp, y)) if is_integer(x) else xp.fmod(x, y)


def _no_zero(xp: Any, y: Any) -> Any:
    if xp is np and np.any(y == 0):
        raise ValueError("Integer division by zero")
    return y


def _where_not_zero(xp: Any, zero: Any, function: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    """`function` where `zero` is false, 0 elsewhere, and gradients that stay finite."""
    result = function(x, xp.where(zero, constant(1, y), y))
    return xp.where(zero, constant(0, result), result)


def _shift_amount(xp: Any, x: Any, y: Any) -> Any:
    """TensorFlow keeps the number of bits in the range of the type (`bitwise_ops.h`)."""
    return xp.clip(y, np.asarray(0, y.dtype), np.asarray(x.dtype.itemsize * 8 - 1, y.dtype))


_BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Add": lambda xp, x, y: x + y,
    "AddV2": lambda xp, x, y: x + y,
    "Sub": lambda xp, x, y: x - y,
    "Mul": lambda xp, x, y: x * y,
    "MulNoNan": lambda xp, x, y: xp.where(y == 0, constant(0, x), x * xp.where(y == 0, constant(0, y), y)),
    "Div": lambda xp, x, y: _truncate_div(xp, x, y) if is_integer(x) else x / y,
    "RealDiv": lambda xp, x, y: x / y,
    "DivNoNan": lambda xp, x, y: _where_not_zero(xp, y == 0, lambda a, b: a / b, x, y),
    "FloorDiv": _floor_div,
    "TruncateDiv": _truncate_div,
    "FloorMod": _floor_mod,
    "Mod": _truncate_mod,
    "TruncateMod": _truncate_mod,
    "Maximum": lambda xp, x, y: xp.maximum(x, y),
    "Minimum": lambda xp, x, y: xp.minimum(x, y),
    "Pow": _wide_pow,
    "SquaredDifference": lambda xp, x, y: (x - y) * xp.conj(x - y) if is_complex(x) else (x - y) * (x - y),
    "Atan2": lambda xp, x, y: xp.arctan2(x, y),
    "Xdivy": lambda xp, x, y: xp.where(x == 0, constant(0, x), x / xp.where(x == 0, constant(1, y), y)),
    "Xlogy": lambda xp, x, y: xp.where(
        x == 0, constant(0, x), x * xp.log(xp.where(x == 0, constant(1, y), y))
    ),
    "Xlog1py": lambda xp, x, y: xp.where(
        x == 0, constant(0, x), x * xp.log1p(xp.where(x == 0, constant(0, y), y))
    ),
    "Less": lambda xp, x, y: x < y,
    "LessEqual": lambda xp, x, y: x <= y,
    "Greater": lambda xp, x, y: x > y,
    "GreaterEqual": lambda xp, x, y: x >= y,
    "LogicalAnd": lambda xp, x, y: xp.logical_and(x, y),
    "LogicalOr": lambda xp, x, y: xp.logical_or(x, y),
    "BitwiseAnd": lambda xp, x, y: xp.bitwise_and(x, y),
    "BitwiseOr": lambda xp, x, y: xp.bitwise_or(x, y),
    "BitwiseXor": lambda xp, x, y: xp.bitwise_xor(x, y),
    "LeftShift": lambda xp, x, y: xp.left_shift(x, _shift_amount(xp, x, y)),
    "RightShift": lambda xp, x, y: xp.right_shift(x, _shift_amount(xp, x, y)),
    "NextAfter": lambda xp, x, y: xp.nextafter(x, y),
}


def _binary(function: Callable[[Any, Any, Any], Any]) -> Callable[[Call, Any, Any], Any]:
    def run(call: Call, x: Any, y: Any) -> Any:
        of_sizes = compute_with_sizes(call.kind, x, y)
        if of_sizes is not None:
            return of_sizes
        return function(call.xp, numbers_of(call.xp, x), numbers_of(call.xp, y))

    return run


for _name, _function_of_two in _BINARY.items():
    op(_name)(_binary(_function_of_two))


@op("Equal", "NotEqual")
def equal(call: Call, x: Any, y: Any) -> Any:
    """Whether elements are equal; strings too. `incompatible_shape_error` false gives one answer for shapes that differ."""
    negated = call.kind == "NotEqual"
    # Of what JAX exports, sizes may only have names; JAX tells then which go together.
    if all(isinstance(n, int) for n in (*x.shape, *y.shape)):
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            if call["incompatible_shape_error"]:
                raise
            return np.asarray(negated)
    if x.dtype == object:
        result = np.equal(x, y).astype(bool)
        return ~result if negated else result
    return x != y if negated else x == y


@op("ApproximateEqual")
def approximate_equal(call: Call, x: Any, y: Any) -> Any:
    """Whether two tensors of one shape are closer than a tolerance."""
    return call.xp.abs(x - y) < np.asarray(call["tolerance"], np.float32).astype(x.dtype)


@op("BiasAdd", "BiasAddV1")
def bias_add(call: Call, value: Any, bias: Any) -> Any:
    """Adds a vector to each channel, which are last, or second in data format NCHW."""
    if call.kind == "BiasAdd" and call["data_format"] == "NCHW":
        bias = bias.reshape((-1,) + (1,) * (value.ndim - 2))
    return value + bias


@op("AddN", "AccumulateNV2")
def add_n(call: Call, *tensors: Any) -> Any:
    """The sum of tensors of one shape."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total


@op("ClipByValue")
def clip_by_value(call: Call, x: Any, low: Any, high: Any) -> Any:
    """The nearest values within limits."""
    xp = call.xp
    return xp.maximum(xp.minimum(x, high), low)


@op("Select")
def select(call: Call, condition: Any, then: Any, otherwise: Any) -> Any:
    """Elements of one tensor or of another; a vector of conditions chooses among whole rows."""
    if condition.ndim == 1 and then.ndim > 1:
        condition = condition.reshape((-1,) + (1,) * (then.ndim - 1))
    return call.xp.where(condition, then, otherwise)


@op("SelectV2")
def select_v2(call: Call, condition: Any, then: Any, otherwise: Any) -> Any:
    """Elements of one tensor or of another, all three broadcast."""
    return call.xp.where(condition, then, otherwise)


@op("Cast")
def cast(call: Call, x: Any) -> Any:
    """Another dtype: fractions are cut off, complex numbers give their real part, all numbers but 0 are true."""
    to = call.dtype("DstT")
    if isinstance(x, np.ndarray) and x.dtype == object:
        if to.kind in "iu":
            return x
        import jax.numpy as jnp

        x = numbers_of(jnp, x)
    if is_complex(x) and np.dtype(to).kind not in "cb":
        x = call.xp.real(x)
    if np.dtype(to).kind == "b":
        return x != constant(0, x)
    if np.dtype(to).kind in "iu" and np.dtype(to).itemsize < 4 and is_float(x):
        # Where C leaves open what becomes of a number that does not fit, TensorFlow's vectorized kernel gives the nearest that does.
        limits = np.iinfo(to)
        # A narrower dtype may not have the limits, and a double is cut off before it could be rounded up.
        x = x if x.dtype.name in ("float32", "float64") else x.astype(np.float32)
        x = call.xp.clip(x, constant(limits.min, x), constant(limits.max, x))
    return x.astype(to)


@op("Bitcast")
def bitcast(call: Call, x: Any) -> Any:
    """The same bits as another dtype; smaller elements make a new last axis, larger ones take one."""
    to = np.dtype(call.dtype("type"))
    if call.xp is not np:
        from jax import lax

        return lax.bitcast_convert_type(x, to)
    given = np.ascontiguousarray(x).reshape(x.shape)
    if to.itemsize == x.dtype.itemsize:
        return given.view(to)
    if to.itemsize < x.dtype.itemsize:
        return given[..., np.newaxis].view(to)
    return given.view(to)[..., 0]


@op("StopGradient")
def stop_gradient(call: Call, x: Any) -> Any:
    """The tensor itself, through which no gradient flows."""
    if call.xp is np:
        return x
    from jax import lax

    return lax.stop_gradient(x)
