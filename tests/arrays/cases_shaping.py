"""Cases of ops that change shapes, or put tensors together and take them apart."""

from __future__ import annotations

import numpy as np
from arrays.op_case import FLOATS, INTS, case, i32, numbers, s32

STRINGS = np.asarray([[b"a", b"b", b"c"], [b"d", b"", b"f"]], object)


def exactly(kind: str, inputs: dict, attributes: dict | None = None, **settings) -> None:
    case(kind, inputs, attributes, exact=True, **settings)


for x in (numbers(2, 3), numbers(0, 4, 1), np.float32(3), STRINGS):
    for out in ("int32", "int64"):
        exactly("Shape", {"input": x}, {"out_type": out})
        exactly("Size", {"input": x}, {"out_type": out})
    exactly("Rank", {"input": x})
exactly("ShapeN", {"input": [numbers(2, 3), numbers(1)]})
for shape in ([6], [3, -1], [-1], [1, 2, 3, 1]):
    exactly("Reshape", {"tensor": numbers(2, 3), "shape": i32(*shape)})
    exactly("Reshape", {"tensor": STRINGS, "shape": np.asarray(shape, np.int64)})
exactly("Reshape", {"tensor": numbers(0, 3), "shape": i32(-1, 3)})
exactly("Reshape", {"tensor": numbers(0, 3), "shape": i32(0)})
exactly("Reshape", {"tensor": numbers(2, 0), "shape": i32(2, -1, 4)})
exactly("Reshape", {"tensor": np.float32(1), "shape": np.asarray([], np.int32)})
for axis in (0, 1, -1, 2):
    exactly("ExpandDims", {"input": numbers(2, 3), "axis": s32(axis)})
exactly("ExpandDims", {"input": numbers(2, 3), "axis": i32(1)})
for axes in ([], [0], [-1], [0, 2]):
    exactly("Squeeze", {"input": numbers(1, 3, 1)}, {"axis": axes})
exactly("Squeeze", {"input": numbers(1, 1)})
for dtype in (*FLOATS, *INTS, np.bool_, np.complex64):
    exactly("Transpose", {"x": numbers(2, 3, 4, dtype=dtype), "perm": i32(2, 0, 1)})
    if np.dtype(dtype).kind == "c":
        exactly("ConjugateTranspose", {"x": numbers(2, 3, 4, dtype=dtype), "perm": i32(2, 0, 1)})
exactly("Transpose", {"x": STRINGS, "perm": i32(1, 0)})
exactly("ConjugateTranspose", {"x": numbers(2, 3), "perm": i32(1, 0)})
exactly("InvertPermutation", {"x": i32(2, 0, 1, 3)})
for times in ([2, 1], [1, 3], [0, 2]):
    exactly("Tile", {"input": numbers(2, 3), "multiples": i32(*times)})
exactly("Tile", {"input": STRINGS, "multiples": i32(2, 2)})
exactly("BroadcastTo", {"input": numbers(3, 1), "shape": i32(2, 3, 4)})
exactly("BroadcastTo", {"input": np.int32(3), "shape": np.asarray([2, 0], np.int64)})
for pair in (([2, 1], [3]), ([], [4, 5]), ([0, 1], [1, 7])):
    exactly("BroadcastArgs", {"s0": i32(*pair[0]), "s1": i32(*pair[1])})
    exactly("BroadcastGradientArgs", {"s0": i32(*pair[0]), "s1": i32(*pair[1])})
exactly("BroadcastGradientArgs", {"s0": i32(2, 3, 1), "s1": i32(2, 1, 1)})
for value in (np.float32(2), np.int64(3), np.asarray(True), np.asarray(b"x", object)):
    exactly("Fill", {"dims": i32(2, 3), "value": value})
exactly("Fill", {"dims": np.asarray([], np.int64), "value": np.float32(2)})
for given in ((0, 5, 1), (2, -3, -2), (5, 0, 1), (0, 0, 1), (1, 10, 3)):
    for dtype in (np.int32, np.int64, np.float32, np.float64):
        if given == (5, 0, 1):
            continue
        start, limit, delta = (np.asarray(n, dtype) for n in given)
        exactly("Range", {"start": start, "limit": limit, "delta": delta})
case("Range", {"start": np.float32(0), "limit": np.float32(1), "delta": np.float32(0.1)})
for count in (1, 2, 7):
    case(
        "LinSpace",
        {"start": np.float32(-1), "stop": np.float32(2), "num": s32(count)},
        known=frozenset({"num"}),
    )
exactly("Empty", {"shape": i32(2, 0)}, {"dtype": "float32"})
exactly("Empty", {"shape": i32(2, 2)}, {"dtype": "float32", "init": True})

parts = [numbers(2, 3), numbers(2, 1, seed=1), numbers(2, 0)]
for axis in (1, -1):
    exactly("ConcatV2", {"values": parts, "axis": s32(axis)})
exactly("ConcatV2", {"values": [STRINGS, STRINGS[:1]], "axis": s32(0)})
exactly("ConcatV2", {"values": [np.asarray([1, 2], np.int64), np.asarray([3], np.int64)], "axis": s32(0)})
exactly("Concat", {"concat_dim": s32(1), "values": parts})
exactly("ConcatOffset", {"concat_dim": s32(1), "shape": [i32(2, 3), i32(2, 4), i32(2, 5)]})
for axis in (0, 1, -1):
    exactly("Pack", {"values": [numbers(2, 3), numbers(2, 3, seed=1)]}, {"axis": axis})
exactly("Pack", {"values": [s32(1), s32(2)]})
exactly("ParallelConcat", {"values": [numbers(1, 3), numbers(1, 3, seed=1)]}, {"shape": [2, 3]}, session=True)
for axis, count in ((0, 2), (1, 3), (-1, 3)):
    exactly("Unpack", {"value": numbers(2, 3)}, {"num": count, "axis": axis})
exactly("Unpack", {"value": STRINGS}, {"num": 2, "axis": 0})
for axis, count in ((0, 2), (-1, 3), (1, 1)):
    exactly("Split", {"axis": s32(axis), "value": numbers(4, 6)}, {"num_split": count})
for sizes in ([2, 3, 1], [2, -1], [0, 6]):
    exactly(
        "SplitV",
        {"value": numbers(2, 6), "size_splits": i32(*sizes), "axis": s32(-1)},
        {"num_split": len(sizes)},
    )

BORDER = np.asarray([[1, 0], [2, 3]], np.int32)
for x in (
    numbers(2, 4),
    numbers(2, 4, dtype=np.int64),
    numbers(0, 4),
    numbers(2, 4, dtype=np.bool_),
    STRINGS,
):
    exactly("Pad", {"input": x, "paddings": BORDER})
exactly("PadV2", {"input": numbers(2, 3), "paddings": BORDER, "constant_values": np.float32(-7)})
exactly(
    "PadV2",
    {"input": numbers(2, 3), "paddings": BORDER.astype(np.int64), "constant_values": np.float32(7)},
    known=frozenset({"paddings", "constant_values"}),
)
for mode in ("REFLECT", "SYMMETRIC"):
    exactly("MirrorPad", {"input": numbers(3, 5), "paddings": BORDER}, {"mode": mode})
    exactly("MirrorPad", {"input": numbers(2, 3), "paddings": np.zeros((2, 2), np.int64)}, {"mode": mode})

exactly("Reverse", {"tensor": numbers(2, 3), "dims": np.asarray([False, True])})
for axes in ([0], [-1], [0, 1], []):
    exactly("ReverseV2", {"tensor": numbers(2, 3), "axis": np.asarray(axes, np.int32)})
exactly("Roll", {"input": numbers(3, 4), "shift": s32(1), "axis": s32(0)})
exactly("Roll", {"input": numbers(3, 4), "shift": i32(-1, 5, 2), "axis": i32(0, -1, 1)})

exactly(
    "SpaceToBatchND",
    {"input": numbers(2, 4, 6, 3), "block_shape": i32(2, 3), "paddings": np.zeros((2, 2), np.int32)},
)
exactly(
    "SpaceToBatchND",
    {"input": numbers(1, 5, 3), "block_shape": i32(2), "paddings": np.asarray([[1, 2]], np.int32)},
)
exactly(
    "BatchToSpaceND",
    {
        "input": numbers(12, 2, 2, 3),
        "block_shape": i32(2, 3),
        "crops": np.asarray([[1, 0], [0, 2]], np.int32),
    },
)
exactly(
    "SpaceToBatch",
    {"input": numbers(1, 4, 4, 2), "paddings": np.asarray([[1, 1], [0, 0]], np.int32)},
    {"block_size": 2},
)
exactly(
    "BatchToSpace",
    {"input": numbers(4, 2, 2, 2), "crops": np.asarray([[1, 0], [0, 0]], np.int32)},
    {"block_size": 2},
)
exactly("SpaceToDepth", {"input": numbers(2, 4, 6, 3)}, {"block_size": 2})
exactly("DepthToSpace", {"input": numbers(2, 2, 3, 12)}, {"block_size": 2})

for x in (numbers(3), numbers(2, 3)):
    exactly("Diag", {"diagonal": x})
    exactly("MatrixDiag", {"diagonal": x})
for sizes in ((3, 3), (2, 3, 2, 3)):
    exactly("DiagPart", {"input": numbers(*sizes)})
exactly("MatrixDiagPart", {"input": numbers(2, 3, 4)})
exactly("MatrixSetDiag", {"input": numbers(2, 3, 4), "diagonal": numbers(2, 3)})
for align in ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"):
    for rows, columns in ((3, 4), (4, 3), (3, 3)):
        for low, high in ((-1, 1), (0, 0), (0, 2), (-2, -1), (1, 1)):
            x = numbers(2, rows, columns)
            k = i32(low, high)
            pad = np.float32(9)
            exactly("MatrixDiagPartV3", {"input": x, "k": k, "padding_value": pad}, {"align": align})
            longest = min(rows + min(0, high), columns + min(0, -low))
            band = numbers(2, longest) if low == high else numbers(2, high - low + 1, longest)
            exactly("MatrixSetDiagV3", {"input": x, "diagonal": band, "k": k}, {"align": align})
            exactly(
                "MatrixDiagV3",
                {
                    "diagonal": band,
                    "k": k,
                    "num_rows": s32(rows),
                    "num_cols": s32(columns),
                    "padding_value": pad,
                },
                {"align": align},
            )
k = i32(-1, 1)
exactly("MatrixDiagPartV2", {"input": numbers(2, 3, 4), "k": k, "padding_value": np.float32(9)})
for version, rows, columns in (("V2", 4, 3), ("V3", 3, 5)):
    # The main diagonal alone, as graphs of the time have it.
    matrices = numbers(2, rows, columns)
    exactly(f"MatrixDiagPart{version}", {"input": matrices, "k": s32(0), "padding_value": np.float32(9)})
    exactly(f"MatrixSetDiag{version}", {"input": matrices, "diagonal": numbers(2, 3), "k": s32(0)})
    for size in (-1, 3):
        exactly(
            f"MatrixDiag{version}",
            {
                "diagonal": numbers(2, 3),
                "k": s32(0),
                "num_rows": s32(size),
                "num_cols": s32(size),
                "padding_value": np.float32(9),
            },
        )
exactly("MatrixSetDiagV2", {"input": numbers(2, 3, 4), "diagonal": numbers(2, 3, 3), "k": k})
exactly(
    "MatrixDiagV2",
    {
        "diagonal": numbers(2, 3, 3),
        "k": k,
        "num_rows": s32(3),
        "num_cols": s32(4),
        "padding_value": np.float32(9),
    },
)
exactly(
    "MatrixDiagV2",
    {
        "diagonal": numbers(2, 3),
        "k": s32(1),
        "num_rows": s32(-1),
        "num_cols": s32(-1),
        "padding_value": np.float32(9),
    },
)
for lower, upper in ((0, -1), (-1, 0), (1, 1), (0, 0)):
    exactly("MatrixBandPart", {"input": numbers(2, 3, 4), "num_lower": s32(lower), "num_upper": s32(upper)})
