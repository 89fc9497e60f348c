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
