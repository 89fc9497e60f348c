"""Cases of convolutions, pooling, normalization, fake quantization and boxes."""

from __future__ import annotations

import numpy as np
from arrays.op_case import FLOATS, case, i32, numbers, s32

LOOSE = {"tolerance": 2e-5}
for dtype in FLOATS:
    case(
        "Conv2D",
        {"input": numbers(2, 5, 6, 3, dtype=dtype), "filter": numbers(3, 2, 3, 4, dtype=dtype)},
        {"strides": [1, 1, 1, 1], "padding": "SAME"},
        **LOOSE,
    )
for padding in ("SAME", "VALID"):
    for strides in ((1, 1), (2, 2), (1, 3), (2, 1)):
        for dilations in ((1, 1), (2, 1), (2, 2)):
            for size in ((7, 8), (8, 7)):
                given = {"input": numbers(2, *size, 3), "filter": numbers(3, 2, 3, 4)}
                attributes = {
                    "strides": [1, *strides, 1],
                    "padding": padding,
                    "dilations": [1, *dilations, 1],
                }
                case("Conv2D", given, attributes, **LOOSE)
                depthwise = {**given, "filter": numbers(3, 2, 3, 2)}
                if strides[0] == strides[1] and (strides == (1, 1) or dilations == (1, 1)):
                    case("DepthwiseConv2dNative", depthwise, attributes, **LOOSE)
EXPLICIT = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 2, 3, 0, 0, 0]}
IMAGE = numbers(2, 6, 7, 4)
case(
    "Conv2D", {"input": IMAGE, "filter": numbers(3, 3, 4, 5)}, {"strides": [1, 2, 1, 1], **EXPLICIT}, **LOOSE
)
case(
    "DepthwiseConv2dNative",
    {"input": IMAGE, "filter": numbers(3, 3, 4, 1)},
    {"strides": [1, 1, 1, 1], **EXPLICIT},
    **LOOSE,
)
case(
    "Conv2D",
    {"input": IMAGE, "filter": numbers(1, 1, 4, 5)},
    {"strides": [1, 2, 2, 1], "padding": "SAME"},
    **LOOSE,
)
case(
    "Conv2D",
    {"input": IMAGE, "filter": numbers(3, 3, 2, 6)},
    {"strides": [1, 1, 1, 1], "padding": "SAME"},
    **LOOSE,
)
case(
    "Conv2D",
    {"input": IMAGE, "filter": numbers(1, 1, 2, 6)},
    {"strides": [1, 1, 1, 1], "padding": "SAME"},
    **LOOSE,
)
case(
    "Conv2D",
    {"input": np.where(IMAGE > 1.8, np.float32(np.nan), IMAGE), "filter": numbers(2, 2, 4, 5)},
    {"strides": [1, 1, 1, 1], "padding": "VALID"},
    **LOOSE,
)
FIRST = {"data_format": "NCHW", "strides": [1, 1, 2, 2], "padding": "SAME", "dilations": [1, 1, 1, 1]}
case("Conv2D", {"input": numbers(2, 3, 6, 7), "filter": numbers(3, 3, 3, 5)}, FIRST, **LOOSE)
for padding in ("SAME", "VALID"):
    for strides in ((1, 1, 1), (2, 2, 1)):
        attributes = {"strides": [1, *strides, 1], "padding": padding}
        case(
            "Conv3D", {"input": numbers(1, 4, 5, 6, 2), "filter": numbers(2, 3, 2, 2, 3)}, attributes, **LOOSE
        )
        shape = [
            -(-n // s) if padding == "SAME" else -(-(n - k + 1) // s)
            for n, k, s in zip((4, 5, 6), (2, 3, 2), strides, strict=True)
        ]
        gradient = numbers(1, *shape, 3)
        case(
            "Conv3DBackpropInputV2",
            {"input_sizes": i32(1, 4, 5, 6, 2), "filter": numbers(2, 3, 2, 2, 3), "out_backprop": gradient},
            attributes,
            **LOOSE,
        )
        case(
            "Conv3DBackpropFilterV2",
            {"input": numbers(1, 4, 5, 6, 2), "filter_sizes": i32(2, 3, 2, 2, 3), "out_backprop": gradient},
            attributes,
            **LOOSE,
        )
for padding in ("SAME", "VALID"):
    for strides in ((1, 1), (2, 2), (3, 2)):
        for size in ((7, 8), (8, 9)):
            shape = [
                -(-n // s) if padding == "SAME" else -(-(n - k + 1) // s)
                for n, k, s in zip(size, (3, 2), strides, strict=True)
            ]
            attributes = {"strides": [1, *strides, 1], "padding": padding}
            sizes = i32(2, *size, 3)
            case(
                "Conv2DBackpropInput",
                {"input_sizes": sizes, "filter": numbers(3, 2, 3, 4), "out_backprop": numbers(2, *shape, 4)},
                attributes,
                **LOOSE,
            )
            case(
                "Conv2DBackpropFilter",
                {
                    "input": numbers(2, *size, 3),
                    "filter_sizes": i32(3, 2, 3, 4),
                    "out_backprop": numbers(2, *shape, 4),
                },
                attributes,
                **LOOSE,
            )
            if strides[0] == strides[1]:
                case(
                    "DepthwiseConv2dNativeBackpropInput",
                    {
                        "input_sizes": sizes,
                        "filter": numbers(3, 2, 3, 2),
                        "out_backprop": numbers(2, *shape, 6),
                    },
                    attributes,
                    **LOOSE,
                )
case(
    "Conv2DBackpropInput",
    {"input_sizes": i32(2, 7, 8, 3), "filter": numbers(3, 2, 3, 4), "out_backprop": numbers(2, 7, 8, 4)},
    {"strides": [1, 1, 1, 1], "padding": "SAME", "dilations": [1, 2, 2, 1]},
    **LOOSE,
)
case(
    "Conv2DBackpropInput",
    {"input_sizes": i32(2, 6, 6, 3), "filter": numbers(2, 2, 3, 4), "out_backprop": numbers(2, 8, 7, 4)},
    {"strides": [1, 1, 1, 1], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 2, 2, 0, 0, 0]},
    **LOOSE,
)
for padding in ("SAME", "VALID"):
    case(
        "Dilation2D",
        {"input": numbers(2, 6, 7, 3), "filter": numbers(3, 2, 3)},
        {"strides": [1, 2, 1, 1], "rates": [1, 1, 2, 1], "padding": padding},
    )
    for window, strides, rates in (
        ((3, 2), (2, 1), (1, 2)),
        ((1, 1), (2, 3), (1, 1)),
        ((2, 3), (1, 1), (1, 1)),
    ):
        case(
            "ExtractImagePatches",
            {"images": numbers(2, 6, 7, 3)},
            {
                "ksizes": [1, *window, 1],
                "strides": [1, *strides, 1],
                "rates": [1, *rates, 1],
                "padding": padding,
            },
            exact=True,
        )

for padding in ("SAME", "VALID"):
    for window, strides in (((2, 2), (2, 2)), ((3, 2), (1, 2)), ((3, 3), (2, 2)), ((5, 5), (1, 1))):
        attributes = {"ksize": [1, *window, 1], "strides": [1, *strides, 1], "padding": padding}
        case("MaxPool", {"input": numbers(2, 7, 6, 3)}, attributes, exact=True)
        case("AvgPool", {"value": numbers(2, 7, 6, 3)}, attributes, **LOOSE)
        case(
            "MaxPoolV2",
            {"input": numbers(2, 7, 6, 3), "ksize": i32(1, *window, 1), "strides": i32(1, *strides, 1)},
            {"padding": padding},
            exact=True,
        )
        for batch in (False, True):
            for out in ("int32", "int64"):
                case(
                    "MaxPoolWithArgmax",
                    {"input": numbers(2, 7, 6, 3)},
                    {**attributes, "include_batch_in_index": batch, "Targmax": out},
                    exact=True,
                )
    three = {"ksize": [1, 2, 3, 2, 1], "strides": [1, 2, 1, 1, 1], "padding": padding}
    case("MaxPool3D", {"input": numbers(1, 5, 6, 4, 2)}, three, exact=True)
    case("AvgPool3D", {"input": numbers(1, 5, 6, 4, 2)}, three, **LOOSE)
for dtype in FLOATS[:3]:
    case(
        "MaxPool",
        {"input": numbers(1, 4, 4, 2, dtype=dtype)},
        {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"},
        exact=True,
    )
    case(
        "AvgPool",
        {"value": numbers(1, 4, 4, 2, dtype=dtype)},
        {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"},
        **LOOSE,
    )
case(
    "MaxPool",
    {"input": numbers(2, 7, 6, 3)},
    {
        "ksize": [1, 3, 3, 1],
        "strides": [1, 1, 1, 1],
        "padding": "EXPLICIT",
        "explicit_paddings": [0, 0, 1, 0, 1, 1, 0, 0],
    },
    exact=True,
)
case(
    "MaxPool",
    {"input": numbers(0, 7, 6, 3)},
    {"ksize": [1, 3, 3, 1], "strides": [1, 1, 1, 1], "padding": "SAME"},
    exact=True,
)

for shape, layout in (((2, 3, 4, 5), "NHWC"), ((2, 5, 3, 4), "NCHW")):
    for training in (False, True):
        for kind in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
            if layout == "NCHW" and not training and kind != "FusedBatchNormV3":
                continue
            moments = {"mean": numbers(5), "variance": np.abs(numbers(5, seed=3))}
            if training:
                moments = {name: np.zeros(0, np.float32) for name in moments}
            given = {
                "x": numbers(*shape),
                "scale": numbers(5, seed=1),
                "offset": numbers(5, seed=2),
                **moments,
            }
            case(
                kind,
                given,
                {"is_training": training, "epsilon": 0.01, "data_format": layout},
                **LOOSE,
                compare=(0, 1, 2),
            )
half = {"x": numbers(2, 3, 4, 5, dtype=np.float16), "scale": numbers(5, seed=1), "offset": numbers(5, seed=2)}
case(
    "FusedBatchNormV3",
    {**half, "mean": numbers(5), "variance": np.abs(numbers(5, seed=3))},
    {"is_training": False},
    **LOOSE,
    compare=(0, 1, 2),
)
case(
    "FusedBatchNormV3",
    {**half, "x": numbers(2, 3, 4, 5), "mean": numbers(5), "variance": np.abs(numbers(5, seed=3))},
    {"exponential_avg_factor": 0.3},
    **LOOSE,
    compare=(0, 1, 2),
)
case(
    "FusedBatchNormV3",
    {**half, "x": numbers(1, 1, 1, 5), "mean": np.zeros(0, np.float32), "variance": np.zeros(0, np.float32)},
    **LOOSE,
    compare=(0, 1, 2),
)
for attributes in ({}, {"depth_radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.75}):
    case("LRN", {"input": numbers(2, 3, 4, 8)}, attributes, **LOOSE)
for bits in (8, 4):
    for narrow in (False, True):
        for low, high in ((-1.0, 1.1), (0.0, 6.0), (-3.2, 0.5), (1.0, 2.0)):
            attributes = {"num_bits": bits, "narrow_range": narrow}
            if low <= 0:
                case(
                    "FakeQuantWithMinMaxArgs",
                    {"inputs": numbers(40, low=-4, high=4)},
                    {"min": low, "max": high, **attributes},
                )
            case(
                "FakeQuantWithMinMaxVars",
                {"inputs": numbers(40, low=-4, high=4), "min": np.float32(low), "max": np.float32(high)},
                attributes,
            )
        case(
            "FakeQuantWithMinMaxVarsPerChannel",
            {
                "inputs": numbers(9, 3, low=-4, high=4),
                "min": np.asarray([-1, 0, -3], np.float32),
                "max": np.asarray([1, 6, 0.5], np.float32),
            },
            attributes,
        )
case("FakeQuantWithMinMaxVars", {"inputs": numbers(4), "min": np.float32(0), "max": np.float32(0)})

CORNERS = np.sort(numbers(20, 2, 2, low=0, high=1), 1).reshape(20, 4)
SCORES = numbers(20, low=0, high=1)
counts = {"max_output_size": s32(6)}
KEEPS = {"refused": "how many boxes it keeps"}
for limit in (0.1, 0.5):
    case(
        "NonMaxSuppression",
        {"boxes": CORNERS, "scores": SCORES, **counts},
        {"iou_threshold": limit},
        exact=True,
        **KEEPS,
    )
    limits = {"iou_threshold": np.float32(limit)}
    case("NonMaxSuppressionV2", {"boxes": CORNERS, "scores": SCORES, **counts, **limits}, exact=True, **KEEPS)
    for least in (0.0, 0.5):
        scored = {
            "boxes": CORNERS,
            "scores": SCORES,
            **counts,
            **limits,
            "score_threshold": np.float32(least),
        }
        case("NonMaxSuppressionV3", scored, exact=True, **KEEPS)
        for padded in (False, True):
            kept = {} if padded else KEEPS
            case("NonMaxSuppressionV4", scored, {"pad_to_max_output_size": padded}, exact=True, **kept)
            for sigma in (0.0, 0.5):
                case(
                    "NonMaxSuppressionV5",
                    {**scored, "soft_nms_sigma": np.float32(sigma)},
                    {"pad_to_max_output_size": padded},
                    **(KEEPS if sigma else kept),
                )
        overlap = np.abs(numbers(20, 20, high=1, low=0))
        case(
            "NonMaxSuppressionWithOverlaps",
            {
                "overlaps": (overlap + overlap.T) / 2,
                "scores": SCORES,
                **counts,
                "overlap_threshold": np.float32(limit),
                "score_threshold": np.float32(least),
            },
            exact=True,
            **KEEPS,
        )
case(
    "NonMaxSuppressionV3",
    {"boxes": CORNERS[:0], "scores": SCORES[:0], **counts, **limits, "score_threshold": np.float32(0)},
    exact=True,
    **KEEPS,
)
OF_CLASSES = np.sort(numbers(2, 20, 3, 2, 2, low=-0.2, high=1.2), 3).reshape(2, 20, 3, 4)
for own, (each, total, per_class, clip) in enumerate(
    [(6, 10, False, True), (2, 10, True, False), (20, 80, False, False), (1, 2, False, True)]
):
    case(
        "CombinedNonMaxSuppression",
        {
            "boxes": OF_CLASSES if own % 2 else OF_CLASSES[:, :, :1],
            "scores": numbers(2, 20, 3, low=0, high=1),
            "max_output_size_per_class": s32(each),
            "max_total_size": s32(total),
            "iou_threshold": np.float32(0.3),
            "score_threshold": np.float32(0.4),
        },
        {"pad_per_class": per_class, "clip_boxes": clip},
    )
BOXES = np.asarray(
    [[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [0.9, 0.8, 0.1, 0.2], [-0.5, 0.0, 1.5, 1.2]], np.float32
)
for method in ("bilinear", "nearest"):
    for size in ((3, 4), (1, 1), (8, 9)):
        case(
            "CropAndResize",
            {
                "image": numbers(2, 6, 7, 3),
                "boxes": BOXES,
                "box_ind": i32(0, 1, 1, 0),
                "crop_size": i32(*size),
            },
            {"method": method, "extrapolation_value": -1.0},
            **LOOSE,
        )
case(
    "CropAndResize",
    {
        "image": numbers(2, 6, 7, 3, dtype=np.uint8, high=200),
        "boxes": BOXES,
        "box_ind": i32(0, 1, 1, 0),
        "crop_size": i32(4, 4),
    },
    tolerance=1e-4,
)
