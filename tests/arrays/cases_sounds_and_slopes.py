"""Cases: spectrograms, numbers in a few bits, and gradients that are ops."""

from __future__ import annotations

import numpy as np
from arrays.op_case import WIDE, case, numbers, s32

SOUND = numbers(1000, 2, low=-1, high=1)
for window, step in ((400, 160), (256, 100), (480, 480)):
    for squared in (True, False):
        case(
            "AudioSpectrogram",
            {"input": SOUND},
            {"window_size": window, "stride": step, "magnitude_squared": squared},
            tolerance=1e-4,
        )
case("AudioSpectrogram", {"input": SOUND[:300]}, {"window_size": 480, "stride": 3})
LOUDNESS = np.square(numbers(2, 3, 257, low=0, high=1))
BANDS = {
    "upper_frequency_limit": 8000.0,
    "lower_frequency_limit": 100.0,
    "filterbank_channel_count": 20,
    "dct_coefficient_count": 20,
}
for loudness, rate, bands in ((0 * LOUDNESS, 16000, {}), (LOUDNESS, 44100, BANDS), (LOUDNESS, 16000, {})):
    case(
        "Mfcc",
        {"spectrogram": loudness, "sample_rate": s32(rate)},
        bands,
        tolerance=2e-5,
        known=frozenset({"sample_rate"}),
    )

FLOAT = np.float32
for x in (numbers(5, 4, low=-4, high=4), numbers(5, 4, low=0, high=3), np.zeros((2, 4), FLOAT)):
    for signed in (True, False):
        for given in (True, False):
            told = {"signed_input": signed, "range_given": given}
            for rounding, narrow in (("HALF_TO_EVEN", True), ("HALF_UP", False)):
                case(
                    "QuantizeAndDequantizeV2",
                    {"input": x, "input_min": FLOAT(-1), "input_max": FLOAT(2)},
                    {**told, "num_bits": 8, "round_mode": rounding, "narrow_range": narrow},
                )
            case(
                "QuantizeAndDequantizeV4",
                {"input": x, "input_min": FLOAT(0), "input_max": FLOAT(3)},
                {**told, "num_bits": 5},
            )
            ranges = {
                "input_min": -np.arange(1, 5, dtype=FLOAT),
                "input_max": np.arange(2, 6, dtype=FLOAT) / 2,
            }
            case(
                "QuantizeAndDequantizeV3",
                {"input": x, **ranges, "num_bits": s32(6)},
                {**told, "axis": 1},
                known=frozenset({"num_bits"}),
            )

for dtype in WIDE:
    for kind in ("InvGrad", "ReciprocalGrad", "RsqrtGrad", "SigmoidGrad", "SqrtGrad", "TanhGrad"):
        case(kind, {"y": numbers(3, 4, dtype=dtype, low=0.1), "dy": numbers(3, 4, dtype=dtype, seed=1)})
    for kind in ("Relu6Grad", "ReluGrad", "SoftplusGrad", "SoftsignGrad", "LeakyReluGrad"):
        x = numbers(3, 4, dtype=dtype, low=-9, high=9)
        case(kind, {"gradients": numbers(3, 4, dtype=dtype, seed=1), "features": x})
    for kind in ("EluGrad", "SeluGrad"):
        y = numbers(3, 4, dtype=dtype, low=-0.9)
        case(kind, {"gradients": numbers(3, 4, dtype=dtype, seed=1), "outputs": y})
case("LeakyReluGrad", {"gradients": numbers(9), "features": numbers(9, seed=1)}, {"alpha": 1.5})
case("BiasAddGrad", {"out_backprop": numbers(2, 3, 4, 5)}, {"data_format": "NCHW"}, tolerance=5e-6)
case("BiasAddGrad", {"out_backprop": numbers(2, 3, 4)}, tolerance=5e-6)

for merge in (True, False):
    for blank in (-1, 1):
        case(
            "CTCGreedyDecoder",
            {"inputs": numbers(7, 3, 4), "sequence_length": np.asarray([7, 0, 4], np.int32)},
            {"merge_repeated": merge, "blank_index": blank},
        )

# Of random numbers no two are equal; of whole ones some are.
for picture in (numbers(2, 7, 6, 3), np.round(numbers(2, 7, 6, 3))):
    for padding in ("SAME", "VALID"):
        for window, steps in (((2, 2), (2, 2)), ((3, 2), (1, 2))):
            shape = [
                -(-n // s) if padding == "SAME" else (n - w) // s + 1
                for n, w, s in zip((7, 6), window, steps, strict=True)
            ]
            told = {"ksize": [1, *window, 1], "strides": [1, *steps, 1], "padding": padding}
            slope = numbers(2, *shape, 3, seed=1)
            largest = np.zeros((2, *shape, 3), FLOAT)
            case("MaxPoolGrad", {"orig_input": picture, "orig_output": largest, "grad": slope}, told)
            case(
                "AvgPoolGrad",
                {"orig_input_shape": np.asarray([2, 7, 6, 3], np.int32), "grad": slope},
                told,
                known=frozenset({"orig_input_shape"}),
            )
for training in (True, False):
    for kind in ("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3"):
        spare = {"reserve_space_3": np.zeros(0, FLOAT)} if kind.endswith("V3") else {}
        case(
            kind,
            {
                "y_backprop": numbers(2, 3, 4, 5, seed=1),
                "x": numbers(2, 3, 4, 5),
                "scale": numbers(5, seed=2),
                "reserve_space_1": numbers(5, seed=3),
                "reserve_space_2": np.abs(numbers(5, seed=4)) + FLOAT(0.2),
                **spare,
            },
            {"is_training": training, "epsilon": 0.01},
            tolerance=2e-5,
            compare=(0, 1, 2),
        )
for begin, end, steps, shape, masks in (
    ((1, 0), (3, 4), (1, 2), (2, 2, 2), {}),
    ((-1, 1), (0, 3), (1, 1), (2, 2), {"shrink_axis_mask": 1}),
    ((0, 0), (0, 0), (-1, 1), (4, 5, 2), {"begin_mask": 3, "end_mask": 3}),
):
    case(
        "StridedSliceGrad",
        {
            "shape": np.asarray([4, 5, 2], np.int32),
            "begin": np.asarray(begin, np.int32),
            "end": np.asarray(end, np.int32),
            "strides": np.asarray(steps, np.int32),
            "dy": numbers(*shape),
        },
        masks,
        exact=True,
    )
