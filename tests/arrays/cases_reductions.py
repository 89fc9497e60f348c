"""Cases of reductions, cumulative ops, largest elements and segments."""

from __future__ import annotations

import numpy as np
from arrays.op_case import FLOATS, INTS, WIDE, case, i32, integers, numbers, s32

AXES = (
    s32(0),
    s32(-1),
    i32(0),
    i32(0, 2),
    i32(-1, 0),
    i32(0, 1, 2),
    np.asarray([], np.int32),
    np.asarray([1], np.int64),
)
for kind in ("Sum", "Prod", "Mean", "Max", "Min", "EuclideanNorm"):
    exact = kind in ("Max", "Min")
    for dtype in FLOATS:
        case(kind, {"input": numbers(3, 4, 2, dtype=dtype), "axis": i32(1)}, exact=exact)
    for axes in AXES:
        for keep in (False, True):
            case(kind, {"input": numbers(3, 4, 2), "axis": axes}, {"keep_dims": keep}, exact=exact)
    for shape in ((0, 3), (3, 0)):
        case(kind, {"input": numbers(*shape), "axis": i32(0)}, exact=exact)
        case(kind, {"input": numbers(*shape), "axis": i32(-1)}, {"keep_dims": True}, exact=exact)
    case(
        kind,
        {"input": np.asarray([[np.nan, 1.0], [2.0, 3.0], [np.inf, 1.0]], np.float32), "axis": i32(1)},
        exact=exact,
    )
    case(kind, {"input": np.float32(-3), "axis": np.asarray([], np.int32)}, exact=exact)
    if kind != "EuclideanNorm":
        for dtype in (*INTS, np.uint8, np.int8):
            case(kind, {"input": numbers(3, 4, dtype=dtype, low=-5, high=5), "axis": i32(1)}, exact=True)
    if kind not in ("Max", "Min"):
        case(kind, {"input": numbers(3, 4, dtype=np.complex64), "axis": i32(1)}, tolerance=1e-5)
for kind in ("All", "Any"):
    for axes in AXES:
        for keep in (False, True):
            case(
                kind,
                {"input": numbers(3, 4, 2, dtype=np.bool_), "axis": axes},
                {"keep_dims": keep},
                exact=True,
            )
    case(kind, {"input": numbers(0, 3, dtype=np.bool_), "axis": i32(0)}, exact=True)
for kind in ("ArgMax", "ArgMin"):
    for axis in (s32(0), s32(-1), s32(1)):
        for out in ("int32", "int64"):
            case(kind, {"input": numbers(3, 4, 2), "dimension": axis}, {"output_type": out}, exact=True)
    for dtype in (*FLOATS, *INTS, np.uint8):
        case(kind, {"input": numbers(5, 6, dtype=dtype), "dimension": s32(1)}, exact=True)
    case(kind, {"input": np.asarray([[1, 3, 3, 1], [2, 2, 2, 2]], np.int32), "dimension": s32(1)}, exact=True)
    case(
        kind,
        {
            "input": np.asarray(
                [[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [-np.inf, np.inf, np.nan]], np.float32
            ),
            "dimension": s32(1),
        },
        exact=True,
    )
for kind in ("Cumsum", "Cumprod", "CumulativeLogsumexp"):
    for axis in (0, -1, 1):
        for exclusive in (False, True):
            for reverse in (False, True):
                case(
                    kind,
                    {"x": numbers(3, 4, 2), "axis": s32(axis)},
                    {"exclusive": exclusive, "reverse": reverse},
                    tolerance=5e-6,
                )
    case(kind, {"x": numbers(0, 3), "axis": s32(0)}, {"exclusive": True})
    case(kind, {"x": numbers(4, dtype=np.float64), "axis": s32(0)})
    if kind != "CumulativeLogsumexp":
        for dtype in INTS:
            case(kind, {"x": numbers(3, 4, dtype=dtype), "axis": s32(1)}, {"exclusive": True}, exact=True)
for dtype in (*FLOATS, *INTS, np.uint8):
    for k in (0, 1, 3):
        case("TopKV2", {"input": numbers(2, 3, 5, dtype=dtype, low=-9, high=9), "k": s32(k)}, exact=True)
case("TopKV2", {"input": np.asarray([[1, 3, 3, 1, 3]], np.float32), "k": s32(4)}, exact=True)
case("TopKV2", {"input": numbers(0, 5), "k": s32(2)}, exact=True)
PREDICTIONS = np.asarray(
    [[0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.2, 0.2], [np.nan, 1, 2, 3], [1, np.inf, 0, 2]], np.float32
)
for k in (1, 2, 3):
    case("InTopKV2", {"predictions": PREDICTIONS, "targets": i32(1, 2, 1, 3), "k": s32(k)}, exact=True)
    case("InTopK", {"predictions": PREDICTIONS, "targets": i32(3, 9, 3, 1)}, {"k": k}, exact=True)
for reverse in (False, True):
    case("NthElement", {"input": numbers(3, 5), "n": s32(1)}, {"reverse": reverse}, exact=True)

for kind in ("Sum", "Prod", "Max", "Min"):
    for dtype in (*WIDE, np.int32):
        case(
            f"UnsortedSegment{kind}",
            {"data": numbers(5, 2, dtype=dtype), "segment_ids": i32(0, 2, 0, -1, 2), "num_segments": s32(4)},
        )
        case(
            f"Segment{kind}",
            {"data": numbers(5, 2, dtype=dtype), "segment_ids": i32(0, 0, 2, 2, 3)},
            known=frozenset({"segment_ids"}),
        )
    case(
        f"UnsortedSegment{kind}",
        {"data": numbers(3, 2, 2), "segment_ids": integers(3, 2, high=3), "num_segments": s32(3)},
    )
    case(f"UnsortedSegment{kind}", {"data": numbers(0, 2), "segment_ids": i32(), "num_segments": s32(2)})
case(
    "SegmentMean",
    {"data": numbers(5, 2), "segment_ids": i32(0, 0, 2, 2, 3)},
    known=frozenset({"segment_ids"}),
)
for kind in ("Sum", "Mean", "SqrtN"):
    data = {"data": numbers(6, 2), "indices": i32(1, 0, 5, 5), "segment_ids": i32(0, 0, 1, 3)}
    case(f"SparseSegment{kind}", data, known=frozenset({"segment_ids"}))
    case(f"SparseSegment{kind}WithNumSegments", {**data, "num_segments": s32(6)})
case("Bincount", {"arr": i32(1, 1, 3, 7), "size": s32(5), "weights": np.asarray([], np.float32)}, exact=True)
case("Bincount", {"arr": i32(1, 1, 3, 4), "size": s32(5), "weights": numbers(4)})
for binary in (False, True):
    for values in (i32(1, 1, 3, 7), integers(2, 4)):
        case(
            "DenseBincount",
            {"input": values, "size": s32(4), "weights": np.asarray([], np.float32)},
            {"binary_output": binary},
            exact=True,
        )
case("DenseBincount", {"input": integers(2, 4), "size": s32(4), "weights": numbers(2, 4)})
