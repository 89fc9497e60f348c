"""What a case of an op is, and values to make cases of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

CASES: dict[str, list[Case]] = {}
"""All cases, by op type."""

SHAPES = frozenset(
    [
        "axis",
        "dim",
        "axes",
        "dimension",
        "reduction_indices",
        "shape",
        "dims",
        "multiples",
        "paddings",
        "size",
        "begin",
        "end",
        "strides",
        "perm",
        "split_dim",
        "size_splits",
        "num_segments",
        "k",
        "depth",
        "start",
        "stop",
        "limit",
        "delta",
        "num",
        "shift",
        "s0",
        "s1",
        "block_shape",
        "crops",
        "concat_dim",
        "n",
        "input_sizes",
        "filter_sizes",
        "ksize",
        "fft_length",
        "max_output_size",
        "max_output_size_per_class",
        "max_total_size",
        "iou_threshold",
        "score_threshold",
        "soft_nms_sigma",
        "num_lower",
        "num_upper",
        "crop_size",
        "num_rows",
        "num_cols",
        "num_samples",
        "overlap_threshold",
        "minval",
        "maxval",
    ]
)
"""Inputs that say shapes, axes and counts: known while JAX traces."""


@dataclass(frozen=True, eq=False)
class Case:
    """One call of an op.

    Attributes:
        kind: the op type.
        inputs: arrays, or lists of them, by the names of `tf.raw_ops`, in the order of the op's definition.
        attributes: by the same.
        exact: whether every bit is TensorFlow's; otherwise numbers are within `tolerance`.
        tolerance: relative and absolute, for float32; other dtypes scale it.
        known: inputs that are known while JAX traces.
        refused: why JAX refuses the op where all else is traced; None where it does not.
        compare: outputs to compare; None for all.
        session: whether TensorFlow runs the op in a session only.
        drawn: whether the outputs are random, so that only their distribution is TensorFlow's.
    """

    kind: str
    inputs: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    exact: bool = False
    tolerance: float = 2e-6
    known: frozenset[str] = SHAPES
    refused: str | None = None
    compare: tuple[int, ...] | None = None
    session: bool = False
    drawn: bool = False

    def __str__(self) -> str:
        parts = [
            f"{name}={'+'.join(_told(v) for v in value) if isinstance(value, list) else _told(value)}"
            for name, value in self.inputs.items()
        ]
        return f"{self.kind}({', '.join(parts + [f'{k}={v}' for k, v in self.attributes.items()])})"


def _told(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if value.size > 4 or value.ndim > 1 else str(value.tolist())


def case(
    kind: str, inputs: dict[str, Any], /, attributes: dict[str, Any] | None = None, **settings: Any
) -> None:
    """Adds a case."""
    arrays = {
        name: [np.asarray(v) for v in value] if isinstance(value, list) else np.asarray(value)
        for name, value in inputs.items()
    }
    CASES.setdefault(kind, []).append(Case(kind, arrays, attributes or {}, **settings))


def numbers(*shape: int, dtype: Any = np.float32, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    """Numbers between two limits, of any dtype."""
    kind = np.dtype(dtype).kind
    generator = np.random.default_rng([seed, *shape])
    if kind == "b":
        return generator.random(shape) < 0.5
    if kind in "iu":
        least = max(low, 0) if kind == "u" else low
        return generator.integers(int(least), int(high) + 1, shape).astype(dtype)
    if kind == "c":
        parts = generator.uniform(low, high, (2, *shape))
        return (parts[0] + 1j * parts[1]).astype(dtype)
    return generator.uniform(low, high, shape).astype(dtype)


def integers(*shape: int, low: int = 0, high: int = 5, dtype: Any = np.int32, seed: int = 0) -> Any:
    """Integers from `low` up to `high`."""
    return np.random.default_rng([seed, *shape]).integers(low, high, shape).astype(dtype)


def i32(*values: Any) -> Any:
    """A vector of int32."""
    return np.asarray(values, np.int32)


def s32(value: int) -> Any:
    """A scalar of int32."""
    return np.asarray(value, np.int32)


FLOATS = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
WIDE = (np.float32, np.float64)
INTS = (np.int32, np.int64)
ODD = np.asarray([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -3.25, 100.0], np.float32)
