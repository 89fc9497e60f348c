"""Cases: sparse tensors, lists of numbers that are each there once, sizes of images, and the text that core ONNX has ops for."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from arrays.op_case import SHAPES, case, i32, integers, numbers

KNOWN = SHAPES | {
    "sparse_indices",
    "a_shape",
    "dense_shape",
    "delimiter",
    "input_shape",
    "new_shape",
    "output_shape",
    "sep",
}

# ---------------------------------------------------------------- sizes of images

IMAGES = numbers(2, 5, 7, 3, low=0, high=1)
for _kind in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"):
    for (_corners, _half), _size in itertools.product(
        ((False, False), (True, False), (False, True)), ((3, 4), (11, 9), (5, 7), (1, 1), (10, 2))
    ):
        if _kind == "ResizeArea" and _half:
            continue
        _more = {} if _kind == "ResizeArea" else {"half_pixel_centers": _half}
        case(
            _kind,
            {"images": IMAGES, "size": i32(*_size)},
            {"align_corners": _corners, **_more},
            tolerance=1e-5,
        )
    case(_kind, {"images": integers(1, 4, 4, 2, high=200, dtype=np.uint8), "size": i32(2, 8)}, tolerance=1e-3)

# ---------------------------------------------------------------- places, colours, cells, buckets

_TURNED = np.asarray(
    [[0.8, -0.6, 2.1, 0.6, 0.8, -1.3, 0.0, 0.0], [1.3, 0.2, -4.7, 0.1, 0.6, 3.2, 0.02, -0.03]], np.float32
)
for _way, _mode in itertools.product(("NEAREST", "BILINEAR"), ("CONSTANT", "REFLECT", "WRAP", "NEAREST")):
    for _transforms in (_TURNED, _TURNED[:1]):
        _inputs = {
            "images": IMAGES,
            "transforms": _transforms,
            "output_shape": i32(6, 9),
        }
        _more = {"interpolation": _way, "fill_mode": _mode}
        case("ImageProjectiveTransformV2", _inputs, _more, tolerance=1e-5, known={"output_shape"})
        _filled = {**_inputs, "fill_value": np.float32(0.7)}
        case("ImageProjectiveTransformV3", _filled, _more, tolerance=1e-5, known={"output_shape"})
_bytes = integers(2, 5, 7, 3, high=250, dtype=np.uint8)
case(
    "ImageProjectiveTransformV2",
    {"images": _bytes, "transforms": _TURNED, "output_shape": i32(5, 7)},
    {"interpolation": "NEAREST"},
    exact=True,
    known={"output_shape"},
)
for _range in ((-2.0, 3.0), (0.1, 0.4)):
    _inputs = {"values": numbers(4, 9, low=-3, high=4), "value_range": np.asarray(_range, np.float32)}
    for _dtype in ("int32", "int64"):
        case(
            "HistogramFixedWidth",
            {**_inputs, "nbins": np.int32(5)},
            {"dtype": _dtype},
            exact=True,
            known={"nbins"},
        )
for _list in (np.asarray([7, 0, 23], np.int32), np.asarray(5, np.int64)):
    case(
        "UnravelIndex",
        {"indices": _list, "dims": np.asarray([2, 3, 4], _list.dtype)},
        exact=True,
        known={"dims"},
    )

_GREY = np.broadcast_to(np.float32([0.0, 0.5, 1.0])[:, None], [1, 2, 3, 3]).copy()
for _images in (IMAGES, _GREY):
    for _kind in ("RGBToHSV", "HSVToRGB"):
        case(_kind, {"images": _images}, tolerance=1e-5)
    case("AdjustContrastv2", {"images": _images, "contrast_factor": np.float32(1.7)}, tolerance=1e-5)
    for _number in (0.3, -0.4):
        case("AdjustHue", {"images": _images, "delta": np.float32(_number)}, tolerance=1e-5)
    for _number in (0.2, 3.0):
        case("AdjustSaturation", {"images": _images, "scale": np.float32(_number)}, tolerance=1e-5)
_cell = {"w": numbers(7, 16), "wci": numbers(4), "wcf": numbers(4), "wco": numbers(4), "b": numbers(16)}
for _more in ({"use_peephole": True, "cell_clip": 0.4}, {"forget_bias": 0.6, "cell_clip": -1.0}):
    case(
        "LSTMBlockCell",
        {"x": numbers(2, 3), "cs_prev": numbers(2, 4), "h_prev": numbers(2, 4), **_cell},
        _more,
        tolerance=1e-5,
    )
case(
    "GRUBlockCell",
    {
        "x": numbers(2, 3),
        "h_prev": numbers(2, 4),
        "w_ru": numbers(7, 8),
        "w_c": numbers(7, 4),
        "b_ru": numbers(8),
        "b_c": numbers(4),
    },
    tolerance=1e-5,
)
for _list in (np.asarray([[-1.0, 0.5, 1.0], [9.0, 2.5, 0.0]], np.float32), np.asarray([0, 1, 5], np.int64)):
    case("Bucketize", {"input": _list}, {"boundaries": [0.0, 1.0, 2.5]}, exact=True)

# ---------------------------------------------------------------- each number once


def exactly(kind: str, inputs: dict[str, Any], attributes: dict[str, Any] | None = None) -> None:
    """A case whose outputs are TensorFlow's to the bit."""
    case(kind, inputs, attributes, exact=True, known=KNOWN)


for _dtype in (np.int32, np.int64, np.float32):
    _list = np.asarray([3, 1, 3, 7, 1, 9], _dtype)
    for _place in (np.int32, np.int64):
        exactly("ListDiff", {"x": _list, "y": np.asarray([1, 7, 8], _dtype)}, {"out_idx": _place})
        for _kind in ("Unique", "UniqueWithCounts"):
            exactly(_kind, {"x": _list}, {"out_idx": _place})
        exactly("UniqueV2", {"x": _list, "axis": np.zeros(0, np.int64)}, {"out_idx": _place})
    exactly("ListDiff", {"x": _list, "y": _list[:0]})
    exactly("ListDiff", {"x": _list[:0], "y": _list})
    exactly("Unique", {"x": _list[:1]})

# ---------------------------------------------------------------- sparse tensors

WITH_EMPTY_ROWS = np.asarray([[1, 0], [1, 2], [3, 1]], np.int64)
for _indices, _rows in ((WITH_EMPTY_ROWS, 5), (WITH_EMPTY_ROWS, 4), (WITH_EMPTY_ROWS[:0], 2)):
    for _dtype in (np.float32, np.int64):
        exactly(
            "SparseFillEmptyRows",
            {
                "indices": _indices,
                "values": numbers(len(_indices), dtype=_dtype),
                "dense_shape": np.asarray([_rows, 3], np.int64),
                "default_value": np.asarray(-7, _dtype),
            },
        )
exactly(
    "SparseFillEmptyRows",
    {
        "indices": WITH_EMPTY_ROWS[[2, 0, 1]],
        "values": numbers(3),
        "dense_shape": np.asarray([4, 3], np.int64),
        "default_value": np.float32(0),
    },
)
for _new in ((6, 2), (-1, 4), (3, -1, 2), (12,)):
    exactly(
        "SparseReshape",
        {
            "input_indices": WITH_EMPTY_ROWS,
            "input_shape": np.asarray([4, 3], np.int64),
            "new_shape": np.asarray(_new, np.int64),
        },
    )
for _places, _sizes in (
    (np.asarray([1, 3], np.int32), i32(5)),
    (np.asarray([[0, 1], [2, 0]], np.int64), np.asarray([3, 2], np.int64)),
):
    for _values in (numbers(2), np.float32(2.5)):
        exactly(
            "SparseToDense",
            {
                "sparse_indices": _places,
                "output_shape": _sizes,
                "sparse_values": _values,
                "default_value": np.float32(-1),
            },
        )
exactly(
    "SparseToDense",
    {
        "sparse_indices": np.int32(2),
        "output_shape": i32(4),
        "sparse_values": np.int32(9),
        "default_value": np.int32(0),
    },
)
for _a, _b in itertools.product((False, True), repeat=2):
    _shared = 4 if _a else 3
    case(
        "SparseTensorDenseMatMul",
        {
            "a_indices": WITH_EMPTY_ROWS,
            "a_values": numbers(3),
            "a_shape": np.asarray([4, 3], np.int64),
            "b": numbers(2, _shared) if _b else numbers(_shared, 2),
        },
        {"adjoint_a": _a, "adjoint_b": _b},
        known=KNOWN,
    )

# ---------------------------------------------------------------- text

WORDS = np.asarray([[b"Hello, World", b""], [b"xyzzy", b" a b  c "]], object)
for _kind in ("StringLower", "StringUpper"):
    exactly(_kind, {"input": WORDS})
for _separator in ("", "-"):
    exactly("StringJoin", {"inputs": [WORDS, np.asarray(b"!", object), WORDS]}, {"separator": _separator})
for _pattern in (r"\w+", r"[A-Z].*", ""):
    exactly("StaticRegexFullMatch", {"input": WORDS}, {"pattern": _pattern})
for _texts in (WORDS.ravel(), WORDS.ravel()[:1]):
    exactly("StringSplit", {"input": _texts, "delimiter": np.asarray(b" ", object)}, {"skip_empty": True})
    exactly("StringSplitV2", {"input": _texts, "sep": np.asarray(b"", object)}, {"maxsplit": -1})
case(
    "SparseTensorDenseAdd",
    {
        "a_indices": np.asarray([[0, 1], [1, 2], [1, 0]]),
        "a_values": numbers(3, seed=1),
        "a_shape": np.asarray([2, 3]),
        "b": numbers(2, 3),
    },
    known=frozenset({"a_indices", "a_shape"}),
    exact=True,
)
case(
    "UniqueWithCountsV2",
    {"x": integers(12, high=5), "axis": np.asarray([0])},
    {"out_idx": np.int64},
    exact=True,
)
