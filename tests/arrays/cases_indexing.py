"""Cases of ops that take elements by index, or put them there."""

from __future__ import annotations

import numpy as np
from arrays.op_case import FLOATS, INTS, case, i32, integers, numbers, s32

STRINGS = np.asarray([[b"a", b"b", b"c"], [b"d", b"", b"f"]], object)


def exactly(kind: str, inputs: dict, attributes: dict | None = None, **settings) -> None:
    case(kind, inputs, attributes, exact=True, **settings)


for dtype in (*FLOATS, *INTS, np.bool_):
    exactly("Gather", {"params": numbers(4, 3, dtype=dtype), "indices": i32(3, 0, 3)})
    exactly("GatherV2", {"params": numbers(4, 3, dtype=dtype), "indices": i32(2, 0), "axis": s32(1)})
exactly("Gather", {"params": STRINGS, "indices": np.asarray([[1, 0]], np.int64)}, {"validate_indices": False})
for axis in (0, 1, -1, -2):
    for indices in (s32(1), i32(1, 0), integers(2, 2, high=2), np.asarray([], np.int64)):
        exactly("GatherV2", {"params": numbers(2, 4, 3), "indices": indices, "axis": s32(axis)})
for batch, axis in ((1, 1), (1, 2), (1, -1), (2, 2), (-1, 2)):
    exactly(
        "GatherV2",
        {"params": numbers(2, 3, 4, 5), "indices": integers(2, 3, high=3), "axis": s32(axis)},
        {"batch_dims": batch},
    )
exactly("GatherV2", {"params": numbers(0, 3), "indices": np.asarray([], np.int32), "axis": s32(0)})
for indices in (
    i32(1, 2),
    np.asarray([[1], [0]], np.int64),
    integers(2, 2, 2, high=2),
    np.zeros((3, 0), np.int32),
    i32(1, 2, 3),
):
    exactly("GatherNd", {"params": numbers(2, 3, 4), "indices": indices})
exactly("GatherNd", {"params": STRINGS, "indices": i32(1, 2)})
exactly("GatherNd", {"params": numbers(2, 3), "indices": np.zeros((0, 1), np.int32)})

for dtype in (np.float32, np.int32):
    updates = numbers(3, 2, dtype=dtype)
    places = np.asarray([[1], [0], [1]], np.int32)
    case("ScatterNd", {"indices": places, "updates": updates, "shape": i32(4, 2)})
    case(
        "ScatterNdNonAliasingAdd",
        {"input": numbers(4, 2, dtype=dtype), "indices": places, "updates": updates},
    )
    for kind in ("Add", "Sub", "Min", "Max"):
        case(
            f"TensorScatter{kind}",
            {"tensor": numbers(4, 2, dtype=dtype), "indices": places, "updates": updates},
        )
    exactly(
        "TensorScatterUpdate",
        {
            "tensor": numbers(4, 2, dtype=dtype),
            "indices": np.asarray([[1, 0], [3, 1]], np.int32),
            "updates": updates[:2, 0],
        },
    )
exactly(
    "TensorScatterUpdate",
    {"tensor": numbers(4, 2), "indices": np.zeros((0, 1), np.int64), "updates": numbers(0, 2)},
)
case(
    "ScatterNd",
    {"indices": np.zeros((0, 1), np.int64), "updates": numbers(0, 2), "shape": np.asarray([3, 2], np.int64)},
)
exactly(
    "TensorStridedSliceUpdate",
    {
        "input": numbers(4, 5),
        "begin": i32(1, 0),
        "end": i32(3, 5),
        "strides": i32(1, 2),
        "value": numbers(2, 3, seed=1),
    },
)
exactly(
    "TensorStridedSliceUpdate",
    {
        "input": numbers(4, 5),
        "begin": i32(1, 0),
        "end": i32(0, 0),
        "strides": i32(1, 1),
        "value": numbers(5, seed=1),
    },
    {"shrink_axis_mask": 1, "end_mask": 2},
)

for begin, size in (((0, 1), (2, 2)), ((1, 0), (-1, -1)), ((0, 3), (2, 0))):
    for dtype in (np.int32, np.int64):
        exactly(
            "Slice",
            {"input": numbers(2, 3), "begin": np.asarray(begin, dtype), "size": np.asarray(size, dtype)},
        )
exactly("Slice", {"input": STRINGS, "begin": i32(0, 1), "size": i32(1, -1)})
exactly("Slice", {"input": numbers(4, 3), "begin": i32(2, 0), "size": i32(2, 3)}, known=frozenset({"size"}))

SLICES = (
    ((0, 0), (2, 3), (1, 1), {}),
    ((1, -1), (0, -4), (-1, -2), {}),
    ((0, 1), (9, 9), (1, 1), {}),
    ((-9, 1), (9, 2), (1, 1), {}),
    ((0, 1), (1, 2), (1, 1), {"shrink_axis_mask": 1}),
    ((-1, 1), (0, 2), (1, 1), {"shrink_axis_mask": 3}),
    ((0, 1), (0, 2), (1, 1), {"begin_mask": 1, "end_mask": 1}),
    ((0, 1), (0, 2), (-1, 1), {"begin_mask": 1, "end_mask": 3}),
    ((0, 0, 1), (0, 0, 2), (1, 1, 1), {"ellipsis_mask": 1, "new_axis_mask": 2}),
    ((0, 1), (0, 2), (1, 1), {"ellipsis_mask": 1}),
    ((0, 0), (0, 2), (1, 1), {"ellipsis_mask": 1, "shrink_axis_mask": 2}),
    ((0, 0, 0), (0, 2, 1), (1, 1, 1), {"new_axis_mask": 1, "shrink_axis_mask": 4}),
    ((0,), (0,), (1,), {"new_axis_mask": 1}),
    ((2,), (1,), (1,), {}),
    ((1,), (1,), (1,), {"new_axis_mask": 1, "shrink_axis_mask": 1}),
    ((0, 0, 0, 0), (0, 1, 0, 1), (1, 1, 1, 1), {"new_axis_mask": 5, "ellipsis_mask": 2}),
)
for begin, end, strides, masks in SLICES:
    for dtype in (np.int32, np.int64):
        parts = {
            "begin": np.asarray(begin, dtype),
            "end": np.asarray(end, dtype),
            "strides": np.asarray(strides, dtype),
        }
        exactly("StridedSlice", {"input": numbers(2, 3, 4), **parts}, masks)
exactly(
    "StridedSlice",
    {"input": STRINGS, "begin": i32(0, 0), "end": i32(1, 0), "strides": i32(1, 1)},
    {"end_mask": 2, "shrink_axis_mask": 1},
)
exactly(
    "StridedSlice",
    {"input": numbers(5, 3), "begin": i32(2), "end": i32(3), "strides": i32(1)},
    {"shrink_axis_mask": 1},
    known=frozenset({"strides", "end"}),
)
exactly(
    "StridedSlice", {"input": numbers(5, 3), "begin": i32(2), "end": i32(4), "strides": i32(1)},
    known=frozenset({"strides"}), refused="the size of its result",
)  # fmt: skip

for axis in (-1, 0, 1):
    for dtype in (np.float32, np.int32, np.bool_):
        on, off = np.asarray(1, dtype), np.asarray(0, dtype)
        exactly(
            "OneHot",
            {
                "indices": np.asarray([[0, 2], [-1, 5]], np.int64),
                "depth": s32(3),
                "on_value": on,
                "off_value": off,
            },
            {"axis": axis},
        )
exactly(
    "OneHot", {"indices": s32(1), "depth": s32(3), "on_value": np.float32(5), "off_value": np.float32(-1)}
)
exactly(
    "OneHot",
    {
        "indices": np.asarray([1, 200], np.uint8),
        "depth": s32(300),
        "on_value": np.float32(5),
        "off_value": np.float32(-1),
    },
)
exactly("OneHot", {"indices": i32(), "depth": s32(0), "on_value": np.float32(5), "off_value": np.float32(-1)})
for value in (
    numbers(3, 4, dtype=np.bool_),
    integers(2, 3, high=2),
    np.asarray([0.0, np.nan, 2.0], np.float32),
    numbers(0, 2),
):
    exactly("Where", {"condition": value}, refused="how many positions")
for kind in ("LowerBound", "UpperBound"):
    rows = np.sort(numbers(2, 6), -1)
    for out in ("int32", "int64"):
        exactly(
            kind,
            {"sorted_inputs": rows, "values": np.concatenate([rows[:, 1:3], numbers(2, 3, seed=1)], 1)},
            {"out_type": out},
        )
for data in (numbers(5), numbers(5, 2), np.asarray([b"a", b"b", b"c", b"d", b"e"], object)):
    exactly(
        "DynamicPartition",
        {"data": data, "partitions": i32(1, 0, 2, 1, 1)},
        {"num_partitions": 4},
        refused="the sizes of its parts",
    )
exactly(
    "DynamicPartition",
    {"data": numbers(5, 2), "partitions": i32(1, 0, 2, 1, 1)},
    {"num_partitions": 3},
    known=frozenset({"partitions"}),
)
for kind in ("DynamicStitch", "ParallelDynamicStitch"):
    parts = [numbers(2, 3), numbers(2, 2, 3, seed=1)]
    exactly(kind, {"indices": [i32(4, 0), np.asarray([[1, 2], [3, 5]], np.int32)], "data": parts})
    exactly(
        kind,
        {"indices": [i32(4, 0), np.asarray([[1, 2], [3, 5]], np.int32)], "data": parts},
        known=frozenset({"indices"}),
    )
    exactly(kind, {"indices": [i32(), i32(1, 0)], "data": [numbers(0), numbers(2)]})
exactly(
    "DynamicStitch",
    {"indices": [i32(0, 2), i32(2, 1)], "data": [numbers(2), numbers(2, seed=1)]},
    known=frozenset({"indices"}),
)
for sequence, batch in ((1, 0), (0, 1), (2, 0), (1, 2)):
    x = numbers(3, 4, 3)
    exactly(
        "ReverseSequence",
        {"input": x, "seq_lengths": integers(x.shape[batch], high=4, dtype=np.int64)},
        {"seq_dim": sequence, "batch_dim": batch},
    )
exactly("ReverseSequence", {"input": STRINGS, "seq_lengths": i32(2, 0)}, {"seq_dim": 1})
