"""Cases of ops that work element by element."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from arrays.op_case import FLOATS, INTS, ODD, WIDE, case, numbers

EVERYWHERE = (
    "Abs",
    "Atan",
    "Asinh",
    "Cos",
    "Cosh",
    "Exp",
    "Expm1",
    "Neg",
    "Sin",
    "Sinh",
    "Sigmoid",
    "Square",
    "Tan",
    "Tanh",
)
EXACT = {"Abs", "Neg", "Ceil", "Floor", "Rint", "Round", "Sign", "OnesLike", "ZerosLike", "Relu", "Relu6", "IsFinite", "IsInf",
         "IsNan", "Invert", "LogicalNot", "Conj", "Real", "Imag"}  # fmt: skip


def unary(kind: str, *values, tolerance: float = 2e-6) -> None:
    name = "features" if kind in ("Elu", "Relu", "Relu6", "Selu", "Softplus", "Softsign") else "x"
    name = "input" if kind in ("Real", "Imag", "Angle", "Conj") else name
    for value in values:
        exact = kind in EXACT and value.dtype.kind != "c"
        case(kind, {name: value}, exact=exact, tolerance=tolerance)


for kind in EVERYWHERE:
    for dtype in FLOATS:
        unary(kind, numbers(3, 4, dtype=dtype), tolerance=4e-6)
    unary(kind, numbers(0, 4), np.float32(0.3), ODD, tolerance=4e-6)
for kind in ("Ceil", "Floor", "Rint", "Sign", "Round"):
    for dtype in FLOATS if kind != "Rint" else WIDE:
        unary(kind, numbers(3, 4, dtype=dtype), np.asarray([0.5, 1.5, 2.5, -0.5, -1.5, 2.0], dtype))
    unary(kind, ODD, numbers(2, 0))
for kind in ("Abs", "Neg", "Sign", "Square"):
    for dtype in INTS:
        unary(kind, numbers(7, dtype=dtype, low=-5, high=5))
for kind in ("Acos", "Asin", "Atanh", "Erfinv"):
    if kind != "Erfinv":
        unary(
            kind, numbers(3, 4, low=-0.99, high=0.99), numbers(3, dtype=np.float64, low=-0.9, high=0.9), ODD
        )
for kind in ("Acosh", "Log", "Sqrt", "Rsqrt", "Reciprocal", "Inv", "Lgamma", "Digamma"):
    for dtype in WIDE:
        unary(kind, numbers(3, 4, dtype=dtype, low=1.1, high=30.0), tolerance=1e-5)
    unary(kind, numbers(0))
for kind in ("Log", "Log1p", "Sqrt", "Rsqrt", "Reciprocal", "Inv", "Acosh"):
    unary(kind, ODD, tolerance=4e-6)
for dtype in (np.float32, np.float16, np.float64):
    unary("Lgamma", numbers(8, low=-4.5, high=4.5, dtype=dtype), tolerance=2e-5)
unary("Digamma", numbers(8, low=-4.5, high=4.5), tolerance=2e-5)
unary("Log1p", numbers(3, 4, low=-0.9), numbers(3, dtype=np.float64, low=-0.9))
for dtype in FLOATS:
    unary("Erf", numbers(40, dtype=dtype, low=-4, high=4), tolerance=4e-6)
    for kind in ("Elu", "Relu", "Relu6", "Selu", "Softplus", "Softsign"):
        unary(kind, numbers(3, 4, dtype=dtype, low=-9, high=9), tolerance=4e-6)
    case("LeakyRelu", {"features": numbers(3, 4, dtype=dtype)}, {"alpha": 0.3})
unary("Erf", ODD, numbers(0))
unary("Erfc", numbers(40, low=-4, high=4), ODD, numbers(5, dtype=np.float64), tolerance=1e-5)
unary("BesselI0e", numbers(40, low=-60, high=60), numbers(4, dtype=np.float64), numbers(0))
unary("BesselI1e", numbers(40, low=-60, high=60), numbers(4, dtype=np.float64))
for kind in ("Elu", "Relu", "Relu6", "Selu", "Softplus", "Softsign"):
    unary(
        kind,
        ODD[3:],
        np.asarray([np.nan], np.float32),
        np.asarray([80.0, -80.0, 30.0, -30.0], np.float32),
        numbers(0, 2),
    )
unary("Relu", numbers(7, dtype=np.int32, low=-5, high=5))
unary("Relu6", numbers(7, dtype=np.int32, low=-9, high=9))
case("LeakyRelu", {"features": ODD}, {"alpha": 0.2})
case("LeakyRelu", {"features": numbers(5)}, {"alpha": 1.5})
for kind in ("OnesLike", "ZerosLike"):
    for dtype in (*FLOATS, *INTS, np.bool_, np.complex64):
        unary(kind, numbers(2, 3, dtype=dtype))
for kind in ("IsFinite", "IsInf", "IsNan"):
    unary(kind, ODD, ODD.astype(np.float64), ODD.astype(np.float16), numbers(0))
unary("LogicalNot", numbers(5, dtype=np.bool_))
for dtype in (np.int8, np.uint8, np.int32, np.int64, np.uint16):
    unary("Invert", numbers(9, dtype=dtype, low=-5, high=9))
    case("PopulationCount", {"x": numbers(9, dtype=dtype, low=-5, high=99)}, exact=True)
COMPLEX = numbers(3, 4, dtype=np.complex64)
for kind in ("Conj", "Real", "Imag", "Angle"):
    case(kind, {"input": COMPLEX}, exact=kind != "Angle")
for kind in ("Real", "Imag", "Angle"):
    case(kind, {"input": COMPLEX.astype(np.complex128)}, {"Tout": "float64"}, exact=kind != "Angle")
case("ComplexAbs", {"x": COMPLEX})
case("ComplexAbs", {"x": COMPLEX.astype(np.complex128)}, {"Tout": "float64"})
case("Complex", {"real": numbers(3), "imag": numbers(3, seed=1)}, exact=True)
case(
    "Complex",
    {"real": numbers(3, dtype=np.float64), "imag": numbers(3, seed=1, dtype=np.float64)},
    {"Tout": "complex128"},
    exact=True,
)
for kind in ("Exp", "Neg", "Square", "Sqrt", "Sigmoid", "Tanh", "Sin", "Log", "Reciprocal", "Sign", "Rsqrt"):
    unary(kind, COMPLEX, tolerance=1e-5)

ARITHMETIC = ("Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference")
FLOAT_ONLY = ("RealDiv", "Pow", "Atan2", "DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py", "NextAfter")
COMPARE = ("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual")
NAN = np.asarray([[np.nan], [1.0], [np.inf], [-np.inf], [0.0]], np.float32)


def binary(kind: str, x, y, **settings) -> None:
    case(
        kind,
        {"y": x, "x": y}
        if kind == "Atan2"
        else {"x1": x, "x2": y}
        if kind == "NextAfter"
        else {"x": x, "y": y},
        **settings,
    )


for kind in (*ARITHMETIC, *COMPARE):
    exact = kind != "SquaredDifference"
    for dtype in (*FLOATS, *INTS):
        settings = {"exact": exact}
        binary(
            kind,
            numbers(3, 4, dtype=dtype, low=-5, high=5),
            numbers(3, 4, dtype=dtype, low=-5, high=5, seed=1),
            **settings,
        )
        binary(kind, numbers(3, 1, dtype=dtype), numbers(2, 1, 4, dtype=dtype, seed=1), **settings)
    binary(kind, numbers(0, 4), numbers(1, 4), exact=exact)
    binary(kind, np.float32(2), numbers(2, 2), exact=exact)
    binary(kind, NAN, NAN.T, exact=exact)
for kind in ("Add", "AddV2", "Sub", "Mul", "SquaredDifference", "Equal", "NotEqual", "Pow", "RealDiv", "Div"):
    binary(kind, COMPLEX, numbers(3, 1, dtype=np.complex64, seed=2), tolerance=1e-5)
for dtype in (np.int8, np.uint8, np.int16):
    for kind in ("AddV2", "Sub", "Mul", "Maximum", "Less"):
        if (kind, dtype) != ("Sub", np.uint8):
            binary(
                kind,
                numbers(9, dtype=dtype, low=-100, high=100),
                numbers(9, dtype=dtype, low=-100, high=100, seed=1),
                exact=True,
            )
for kind in FLOAT_ONLY:
    low = 0.1 if kind in ("Pow", "Xlogy", "Xlog1py") else -2.0
    for dtype in WIDE:
        binary(
            kind,
            numbers(3, 4, dtype=dtype, low=low),
            numbers(3, 4, dtype=dtype, low=low, seed=1),
            tolerance=4e-6,
        )
        binary(
            kind,
            numbers(3, 1, dtype=dtype, low=low),
            numbers(2, 1, 4, dtype=dtype, low=low, seed=1),
            tolerance=4e-6,
        )
    binary(kind, numbers(0, 4), numbers(1, 4))
for kind in ("RealDiv", "DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py", "Pow", "Atan2"):
    binary(
        kind,
        NAN[[0, 1, 2, 4]],
        NAN[[1, 2, 4]].T if kind == "MulNoNan" else np.asarray([[1.0, 0.0, 2.0]], np.float32),
    )
binary("RealDiv", NAN, NAN.T)
for dtype in INTS:
    binary(
        "Pow",
        numbers(6, dtype=dtype, low=-3, high=3),
        numbers(6, dtype=dtype, low=0, high=4, seed=1),
        exact=True,
    )
DIVISIONS = ("Div", "FloorDiv", "TruncateDiv", "FloorMod", "Mod", "TruncateMod")
for kind in DIVISIONS:
    for dtype in (np.int32, np.int64, np.int8):
        if dtype == np.int8 and kind in ("Mod", "TruncateMod", "FloorMod"):
            continue
        x = np.asarray([7, -7, 7, -7, 0, 6, -6], dtype)
        binary(kind, x, np.asarray([3, 3, -3, -3, 2, 3, -3], dtype), exact=True)
        binary(kind, x[:, None], np.asarray([[1, 2, -5]], dtype), exact=True)
    if kind != "TruncateDiv":
        for dtype in WIDE:
            binary(
                kind, numbers(9, dtype=dtype, low=-9, high=9), numbers(9, dtype=dtype, low=1, high=4, seed=1)
            )
            binary(
                kind, numbers(9, dtype=dtype, low=-9, high=9), -numbers(9, dtype=dtype, low=1, high=4, seed=1)
            )
    binary(kind, numbers(0, 2, dtype=np.int32), numbers(1, 2, dtype=np.int32, low=1), exact=True)
for kind in ("Div", "FloorDiv", "TruncateDiv"):
    binary(
        kind,
        numbers(9, dtype=np.uint8, high=200),
        numbers(9, dtype=np.uint8, low=1, high=9, seed=1),
        exact=True,
    )
for kind in ("LogicalAnd", "LogicalOr"):
    binary(kind, numbers(3, 1, dtype=np.bool_), numbers(4, dtype=np.bool_, seed=1), exact=True)
    binary(kind, numbers(0, dtype=np.bool_), numbers(1, dtype=np.bool_, seed=1), exact=True)
for kind in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift"):
    for dtype in (np.int32, np.int64, np.uint8, np.int8):
        low = 0 if "Shift" in kind else -9
        binary(
            kind,
            numbers(9, dtype=dtype, low=-99, high=99),
            numbers(9, dtype=dtype, low=low, high=6, seed=1),
            exact=True,
        )
for kind in ("Equal", "NotEqual"):
    binary(kind, numbers(5, dtype=np.bool_), numbers(5, dtype=np.bool_, seed=1), exact=True)
    binary(kind, np.asarray([b"a", b"b", b""], object), np.asarray([b"a", b"c", b""], object), exact=True)
    binary(kind, numbers(3), numbers(4), attributes={"incompatible_shape_error": False}, exact=True)
case(
    "ApproximateEqual", {"x": numbers(4), "y": numbers(4) + np.float32(0.01)}, {"tolerance": 0.02}, exact=True
)
case("ApproximateEqual", {"x": numbers(4), "y": numbers(4) + np.float32(0.01)}, exact=True)

for dtype in (*FLOATS, *INTS):
    case("BiasAdd", {"value": numbers(2, 3, 4, dtype=dtype), "bias": numbers(4, dtype=dtype)}, exact=True)
    case(
        "BiasAdd",
        {"value": numbers(2, 3, 4, 5, dtype=dtype), "bias": numbers(3, dtype=dtype)},
        {"data_format": "NCHW"},
        exact=True,
    )
case("BiasAdd", {"value": numbers(0, 4), "bias": numbers(4)}, exact=True)
case("BiasAddV1", {"value": numbers(2, 3), "bias": numbers(3)}, exact=True)
for count in (1, 2, 5):
    case("AddN", {"inputs": [numbers(2, 3, seed=i) for i in range(count)]})
    case(
        "AccumulateNV2",
        {"inputs": [numbers(2, 3, seed=i) for i in range(count)]},
        {"shape": [2, 3]},
        session=True,
    )
case("AddN", {"inputs": [numbers(4, dtype=np.int32, seed=i) for i in range(3)]}, exact=True)
for dtype in (np.float32, np.int32, np.float16):
    value = {"t": numbers(3, 4, dtype=dtype, low=-5, high=5)}
    case(
        "ClipByValue",
        {**value, "clip_value_min": np.asarray(-1, dtype), "clip_value_max": np.asarray(2, dtype)},
        exact=True,
    )
case(
    "ClipByValue",
    {"t": numbers(3, 4), "clip_value_min": numbers(3, 4) - np.float32(0.1), "clip_value_max": numbers(3, 4)},
    exact=True,
)
TRUTH = numbers(3, 4, dtype=np.bool_)
for dtype in (np.float32, np.int64, np.bool_, np.complex64):
    pair = [numbers(3, 4, dtype=dtype), numbers(3, 4, dtype=dtype, seed=1)]
    for condition in (TRUTH, TRUTH[:, 0], np.asarray(True)):
        case("Select", {"condition": condition, "x": pair[0], "y": pair[1]}, exact=True)
    for condition in (TRUTH, TRUTH[:, :1], np.asarray(False)):
        case("SelectV2", {"condition": condition, "t": pair[0][:, :1], "e": pair[1][:1]}, exact=True)
case(
    "Select",
    {"condition": TRUTH[0, :2], "x": np.asarray([b"a", b"b"], object), "y": np.asarray([b"c", b"d"], object)},
    exact=True,
)
case(
    "SelectV2",
    {"condition": TRUTH[0, :2], "t": np.asarray([b"a", b"b"], object), "e": np.asarray(b"", object)},
    exact=True,
)
case("SelectV2", {"condition": TRUTH[:0], "t": numbers(1, 4), "e": np.float32(0)}, exact=True)

CASTS = (
    np.float32,
    np.float64,
    np.float16,
    ml_dtypes.bfloat16,
    np.int32,
    np.int64,
    np.uint8,
    np.int8,
    np.bool_,
    np.complex64,
)
for source in CASTS:
    value = numbers(8, dtype=source, low=0 if source == np.uint8 else -50, high=50)
    for to in CASTS:
        if to == np.uint8 and np.dtype(source).kind in "fcV":
            value = np.abs(value).real.astype(source)
        case("Cast", {"x": value}, {"DstT": np.dtype(to).name}, exact=True)
for to in ("uint8", "int8", "uint16", "int16"):
    # Colours that nobody clipped: enough of them for the vectorized kernel, which the last few of an array do not get.
    case("Cast", {"x": numbers(4, 64, low=-99000, high=99000)}, {"DstT": to}, exact=True)
    case("Cast", {"x": numbers(4, 64, dtype=np.float16, low=-30000, high=30000)}, {"DstT": to}, exact=True)
    # Doubles so near to the next whole number that floats do not tell them apart.
    near = np.asarray([254.9999999999, 126.9999999999, 0.9999999999, -0.9999999999, 300, -300, 30000, -30000])
    case("Cast", {"x": np.tile(near, 16)}, {"DstT": to}, exact=True)
case("Cast", {"x": ODD}, {"DstT": "bool"}, exact=True)
case("Cast", {"x": ODD}, {"DstT": "float64"}, exact=True)
case("Cast", {"x": np.asarray([1.7, -1.7, 2.5], np.float32)}, {"DstT": "int32", "Truncate": True}, exact=True)
case("Cast", {"x": np.asarray([300, -300, 5], np.int32)}, {"DstT": "int8"}, exact=True)
case("Bitcast", {"input": numbers(3)}, {"type": "int32"}, exact=True)
case("Bitcast", {"input": numbers(3)}, {"type": "uint8"}, exact=True)
case("Bitcast", {"input": numbers(2, 3, 4, dtype=np.uint8, high=99)}, {"type": "float32"}, exact=True)
case("Bitcast", {"input": numbers(2, 2, dtype=np.float64)}, {"type": "int64"}, exact=True)
case("StopGradient", {"input": numbers(2, 3)}, exact=True)
case("PreventGradient", {"input": numbers(2, 3)}, {"message": "no"}, exact=True)
case("Snapshot", {"input": numbers(2, 3)}, exact=True)
case("EnsureShape", {"input": numbers(2, 3)}, {"shape": [None, 3]}, exact=True)
case("IdentityN", {"input": [numbers(2), numbers(3, dtype=np.int32)]}, exact=True)
case("PlaceholderWithDefault", {"input": numbers(2, 3)}, {"shape": [None, 3]}, exact=True)
case("DeepCopy", {"x": numbers(2, 3)}, exact=True)
case("GuaranteeConst", {"input": numbers(2, 3)}, exact=True)

PARTS = np.asarray(
    [1e-30, 1e-7, 0.01, 0.3, 0.5, 0.7, 0.99, 0.999999, 0.0, 1.0, -0.5, 1.5, np.nan], np.float32
)
PLACES = np.asarray([0.0, 1e-3, 0.4, 1.0, 3.0, 9.0, 40.0, np.inf, -1.0], np.float32)
for dtype in WIDE:
    case("Erfinv", {"x": np.concatenate([PARTS, -PARTS]).astype(dtype)}, tolerance=1e-5)
    case("Ndtri", {"x": PARTS.astype(dtype)}, tolerance=1e-5)
    for kind in ("Igamma", "Igammac"):
        case(
            kind,
            {"a": np.asarray([[0.01], [0.5], [1], [4.5], [30], [200]], dtype), "x": PLACES.astype(dtype)},
            tolerance=1e-5,
        )
    shapes = numbers(60, dtype=dtype, low=0.05, high=30), numbers(60, dtype=dtype, low=0.05, high=30, seed=1)
    case(
        "Betainc",
        {"a": shapes[0], "b": shapes[1], "x": numbers(60, dtype=dtype, low=0, high=1)},
        tolerance=1e-5,
    )
