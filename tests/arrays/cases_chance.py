"""Cases of random ops, which agree with TensorFlow's in their distribution alone."""

from __future__ import annotations

import numpy as np
from arrays.op_case import FLOATS, case, i32, s32

SEED = np.asarray([3, 7], np.int64)
MANY = i32(4, 5000)
for dtype in FLOATS:
    for kind in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
        case(kind, {"shape": MANY}, {"dtype": np.dtype(dtype).name}, drawn=True)
    for kind in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
        case(kind, {"shape": MANY, "seed": SEED}, {"dtype": np.dtype(dtype).name}, drawn=True)
for dtype in (np.int32, np.int64):
    limits = {"minval": np.asarray(-3, dtype), "maxval": np.asarray(4, dtype)}
    case("RandomUniformInt", {"shape": MANY, **limits}, drawn=True)
    case("StatelessRandomUniformInt", {"shape": MANY, "seed": SEED, **limits}, drawn=True)
LOGITS = np.log(np.asarray([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]], np.float32))
for out in ("int32", "int64"):
    case("Multinomial", {"logits": LOGITS, "num_samples": s32(9000)}, {"output_dtype": out}, drawn=True)
    case(
        "StatelessMultinomial",
        {"logits": LOGITS, "num_samples": s32(9000), "seed": SEED},
        {"output_dtype": out},
        drawn=True,
    )
for dtype in (np.float64, np.float32):
    case("RandomGamma", {"shape": i32(3000), "alpha": np.asarray([0.5, 3.0], dtype)}, drawn=True)
    case(
        "RandomPoissonV2",
        {"shape": i32(3000), "rate": np.asarray([0.5, 9.0], dtype)},
        {"dtype": np.dtype(dtype).name},
        drawn=True,
    )
case("RandomShuffle", {"value": np.arange(8000, dtype=np.float32)}, drawn=True)
for shape in ((), (0, 3)):
    case("RandomUniform", {"shape": np.asarray(shape, np.int64)}, {"dtype": "float32"}, drawn=True)
