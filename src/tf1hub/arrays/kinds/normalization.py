"""Batch normalization and local response normalization.

What each does is said by TensorFlow's op definitions (`core/ops/nn_ops.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.convolution import channels_back, channels_last
from tf1hub.arrays.kinds.numerics import constant


@op("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def fused_batch_norm(
    call: Call, x: Any, scale: Any, offset: Any, mean: Any, variance: Any
) -> tuple[Any, ...]:
    """Batch normalization, with the moments of the batch (`is_training`) or with given ones.

    Returns:
        The result; the mean and the variance (with Bessel's correction), a moving average where
        `exponential_avg_factor` is not 1; and what a gradient would want.
    """
    xp, dtype = call.xp, x.dtype
    wide = channels_last(call, x).astype(scale.dtype)
    epsilon = constant(call["epsilon"], scale)
    if not call["is_training"]:
        factor = scale / xp.sqrt(variance + epsilon)
        result = wide * factor + (offset - mean * factor)
        return _outputs(call, channels_back(call, result.astype(dtype)), mean, variance, mean, variance)
    axes = tuple(range(wide.ndim - 1))
    count = wide.size // wide.shape[-1] if isinstance(wide.size, int) else _count(wide)
    batch_mean = xp.mean(wide, axis=axes)
    centred = wide - batch_mean
    batch_variance = xp.mean(centred * centred, axis=axes)
    result = centred * (scale / xp.sqrt(batch_variance + epsilon)) + offset
    unbiased = batch_variance * _bessel(xp, count, scale)
    new_mean, new_variance = batch_mean, unbiased
    # Version 1 has no such attribute.
    share = call.get("exponential_avg_factor", 1.0)
    if share != 1.0:
        old, new = constant(1 - share, scale), constant(share, scale)
        new_mean, new_variance = mean * old + batch_mean * new, variance * old + unbiased * new
    return _outputs(
        call, channels_back(call, result.astype(dtype)), new_mean, new_variance, batch_mean, batch_variance
    )


def _count(x: Any) -> Any:
    count: Any = 1
    for n in x.shape[:-1]:
        count = count * n
    return count


def _bessel(xp: Any, count: Any, like: Any) -> Any:
    if isinstance(count, int):
        return constant(count / max(count - 1, 1), like)
    number = xp.asarray(count, like.dtype)  # symbolic
    return number / xp.maximum(number - 1, constant(1, like))


def _outputs(call: Call, *values: Any) -> tuple[Any, ...]:
    if call.kind == "FusedBatchNormV3":
        return (*values, np.zeros((0,), values[1].dtype))
    return values


@op("BatchNormWithGlobalNormalization")
def batch_norm_with_statistics(call: Call, x: Any, mean: Any, variance: Any, beta: Any, gamma: Any) -> Any:
    """Batch normalization with given statistics, as the graphs of 2015 write it."""
    factor = 1 / call.xp.sqrt(variance + constant(call["variance_epsilon"], variance))
    if call["scale_after_normalization"]:
        factor = factor * gamma
    return (x - mean) * factor + beta


@op("LRN")
def local_response_normalization(call: Call, x: Any) -> Any:
    """Each element over a power of the sum of squares of its neighbours among the channels."""
    xp, radius, channels = call.xp, call["depth_radius"], x.shape[-1]
    # A band matrix adds the neighbours up.
    row, column = np.indices((channels, channels))
    band = (np.abs(row - column) <= radius).astype(x.dtype)
    total = xp.matmul(x * x, band)
    return x / (constant(call["bias"], x) + constant(call["alpha"], x) * total) ** constant(call["beta"], x)


# ------------------------------------------------------------------ fake quantization


def _nudge(xp: Any, call: Call, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Limits moved so that 0 is one of the steps (`core/kernels/fake_quant_ops_functor.h`), and the step."""
    one = np.asarray(1, np.float32)
    least = one if call["narrow_range"] else one * 0
    most = np.asarray(2 ** call["num_bits"] - 1, np.float32)
    scale = (high - low) / (most - least)
    zero = least - low / scale
    zero = xp.where(zero < least, least, xp.where(zero > most, most, xp.floor(zero + np.float32(0.5))))
    return (least - zero) * scale, (most - zero) * scale, scale


def _fake_quantized(call: Call, x: Any, low: Any, high: Any) -> Any:
    xp = call.xp
    bottom, top, scale = _nudge(xp, call, low, high)
    clamped = xp.minimum(xp.maximum(x, bottom), top)
    inverse = np.asarray(1, np.float32) / scale
    # TensorFlow rounds what was shifted by the zero point, halves upwards.
    steps = xp.floor((clamped - bottom) * inverse + np.asarray(0.5, np.float32))
    quantized = (steps * scale + bottom).astype(np.float32)
    if xp is not np:
        # The gradient flows as if nothing were rounded, within the limits (`FakeQuantWithMinMaxArgsGradient`).
        from jax import lax

        quantized = clamped + lax.stop_gradient(quantized - clamped)
    return xp.where((low == 0) & (high == 0), np.asarray(0, np.float32), quantized)


@op("FakeQuantWithMinMaxArgs")
def fake_quant_args(call: Call, x: Any) -> Any:
    """Numbers rounded to what a few bits can say, between two constants."""
    return _fake_quantized(call, x, np.asarray(call["min"], np.float32), np.asarray(call["max"], np.float32))


@op("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(call: Call, x: Any, low: Any, high: Any) -> Any:
    """Numbers rounded to what a few bits can say, between two given numbers, or two for each channel."""
    return _fake_quantized(call, x, low, high)
