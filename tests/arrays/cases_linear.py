"""Cases of products and decompositions of matrices, transforms, norms and losses."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from arrays.op_case import FLOATS, WIDE, case, i32, numbers

for dtype in (*FLOATS, np.int32, np.complex64):
    case("MatMul", {"a": numbers(3, 4, dtype=dtype), "b": numbers(4, 5, dtype=dtype)}, tolerance=4e-6)
for a in (False, True):
    for b in (False, True):
        left, right = numbers(*((4, 3) if a else (3, 4))), numbers(*((5, 4) if b else (4, 5)))
        case("MatMul", {"a": left, "b": right}, {"transpose_a": a, "transpose_b": b}, tolerance=4e-6)
        case("SparseMatMul", {"a": left, "b": right}, {"transpose_a": a, "transpose_b": b}, tolerance=1e-5)
        for dtype in (np.float32, np.complex64):
            pair = {"x": numbers(2, *left.shape, dtype=dtype), "y": numbers(2, *right.shape, dtype=dtype)}
            for kind in ("BatchMatMul", "BatchMatMulV2"):
                case(kind, pair, {"adj_x": a, "adj_y": b}, tolerance=1e-5)
case("MatMul", {"a": numbers(0, 4), "b": numbers(4, 5)})
case("MatMul", {"a": numbers(3, 0), "b": numbers(0, 5)})
case("SparseMatMul", {"a": numbers(3, 4, dtype=ml_dtypes.bfloat16), "b": numbers(4, 5)}, tolerance=1e-2)
case("BatchMatMulV2", {"x": numbers(2, 1, 3, 4), "y": numbers(5, 4, 2)}, tolerance=4e-6)
case("BatchMatMulV2", {"x": numbers(3, 4, dtype=np.float64), "y": numbers(5, 4, 2, dtype=np.float64)})
case(
    "BatchMatMulV3",
    {"x": numbers(2, 3, 4, dtype=np.int8), "y": numbers(2, 4, 2, dtype=np.int8)},
    {"Tout": "int32"},
    exact=True,
)
for equation, shapes in (
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("...ij,jk->...ik", [(2, 5, 3, 4), (4, 2)]),
    ("abc,cd->abd", [(2, 3, 4), (4, 5)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("BFNH,NHD->BFD", [(2, 3, 4, 5), (4, 5, 6)]),
    ("i,j->ij", [(3,), (4,)]),
):
    for dtype in WIDE:
        case(
            "Einsum",
            {"inputs": [numbers(*s, dtype=dtype) for s in shapes]},
            {"equation": equation},
            tolerance=5e-6,
        )
case("Einsum", {"inputs": [numbers(3)]}, {"equation": "i->ii"}, exact=True)
case("Cross", {"a": numbers(4, 3), "b": numbers(4, 3, seed=1)}, tolerance=4e-6)

for dtype in WIDE:
    square = numbers(2, 4, 4, dtype=dtype) + 3 * np.eye(4, dtype=dtype)
    positive = square @ np.swapaxes(square, -1, -2)
    lower = np.tril(square)
    loose = {"tolerance": 3e-5}
    case("Cholesky", {"input": positive}, **loose)
    case("MatrixDeterminant", {"input": square}, **loose)
    case("LogMatrixDeterminant", {"input": square}, **loose)
    for adjoint in (False, True):
        case("MatrixInverse", {"input": square}, {"adjoint": adjoint}, **loose)
        case(
            "MatrixSolve",
            {"matrix": square, "rhs": numbers(2, 4, 3, dtype=dtype)},
            {"adjoint": adjoint},
            **loose,
        )
        for low in (False, True):
            case(
                "MatrixTriangularSolve",
                {"matrix": square, "rhs": numbers(2, 4, 3, dtype=dtype)},
                {"adjoint": adjoint, "lower": low},
                **loose,
            )
    case("SelfAdjointEigV2", {"input": positive}, {"compute_v": False}, tolerance=1e-4, compare=(0,))
    case("SelfAdjointEigV2", {"input": positive}, {"compute_v": True}, tolerance=1e-4, compare=(0,))
    case("Svd", {"input": numbers(3, 4, dtype=dtype)}, {"compute_uv": False}, **loose, compare=(0,))
    for full in (False, True):
        case("Svd", {"input": numbers(3, 4, dtype=dtype)}, {"full_matrices": full}, **loose, compare=(0,))
        case("Qr", {"input": numbers(4, 3, dtype=dtype)}, {"full_matrices": full}, **loose, compare=(1,))
case("MatrixInverse", {"input": numbers(0, 3, 3)})
case("Cholesky", {"input": np.zeros((0, 0), np.float32)})

for dtype in FLOATS:
    case("L2Loss", {"t": numbers(3, 4, dtype=dtype)}, tolerance=4e-6)
    for kind in ("Softmax", "LogSoftmax"):
        case(kind, {"logits": numbers(3, 5, dtype=dtype, low=-9, high=9)}, tolerance=4e-6)
        case(kind, {"logits": numbers(2, 3, 4, dtype=dtype)}, tolerance=4e-6)
case("L2Loss", {"t": numbers(0)})
for kind in ("Softmax", "LogSoftmax"):
    case(kind, {"logits": numbers(0, 5)})
    case(kind, {"logits": np.asarray([[1000.0, 0.0, -1000.0], [3, 1, 2], [-np.inf, 0, 1]], np.float32)})
for dtype in WIDE:
    labels = np.abs(numbers(3, 4, dtype=dtype, seed=2))
    case(
        "SoftmaxCrossEntropyWithLogits",
        {"features": numbers(3, 4, dtype=dtype), "labels": labels},
        tolerance=5e-6,
    )
    case(
        "SoftmaxCrossEntropyWithLogits",
        {"features": numbers(3, 4, dtype=dtype), "labels": labels[:1]},
        tolerance=5e-6,
    )
    case(
        "SparseSoftmaxCrossEntropyWithLogits",
        {"features": numbers(3, 4, dtype=dtype), "labels": i32(0, 3, 1)},
        tolerance=5e-6,
    )
case(
    "SoftmaxCrossEntropyWithLogits",
    {"features": np.asarray([[-np.inf, 0.0]], np.float32), "labels": np.asarray([[0.0, 1.0]], np.float32)},
)
case("SparseSoftmaxCrossEntropyWithLogits", {"features": numbers(0, 4), "labels": np.asarray([], np.int64)})

for dtype in (np.complex64, np.complex128):
    for kind, rank in (("FFT", 1), ("IFFT", 1), ("FFT2D", 2), ("IFFT2D", 2), ("FFT3D", 3), ("IFFT3D", 3)):
        case(kind, {"input": numbers(*(2, 3, 4, 5)[-rank - 1 :], dtype=dtype)}, tolerance=1e-5)
for rank, suffix in ((1, ""), (2, "2D"), (3, "3D")):
    shape = (2, 3, 4, 6)[-rank - 1 :]
    for lengths in (shape[1:], tuple(n - 1 for n in shape[1:])):
        case(f"RFFT{suffix}", {"input": numbers(*shape), "fft_length": i32(*lengths)}, tolerance=2e-5)
        half = (*shape[:-1], lengths[-1] // 2 + 1)
        case(
            f"IRFFT{suffix}",
            {"input": numbers(*half, dtype=np.complex64), "fft_length": i32(*lengths)},
            tolerance=2e-5,
        )
case(
    "RFFT",
    {"input": numbers(2, 6, dtype=np.float64), "fft_length": i32(6)},
    {"Tcomplex": "complex128"},
    tolerance=1e-5,
)
case(
    "IRFFT",
    {"input": numbers(2, 4, dtype=np.complex128), "fft_length": i32(6)},
    {"Treal": "float64"},
    tolerance=1e-5,
)

STATE = {"cs_prev": numbers(3, 4, seed=1), "h_prev": numbers(3, 4, seed=2)}
WEIGHTS = {
    "w": numbers(9, 16, low=-0.5, high=0.5),
    "wci": numbers(4, seed=3),
    "wcf": numbers(4, seed=4),
    "wco": numbers(4, seed=5),
    "b": numbers(16, low=-0.5, high=0.5),
}
# TensorFlow leaves what lies behind the last step that counts as the memory was.
for peephole in (False, True):
    case(
        "BlockLSTMV2",
        {"seq_len_max": np.asarray(6, np.int64), "x": numbers(6, 3, 5), **STATE, **WEIGHTS},
        {"use_peephole": peephole, "cell_clip": 0.0},
        tolerance=1e-5,
    )
    case(
        "BlockLSTM",
        {"seq_len_max": np.asarray(6, np.int64), "x": numbers(6, 3, 5), **STATE, **WEIGHTS},
        {"use_peephole": peephole, "cell_clip": 0.4, "forget_bias": 0.5},
        tolerance=1e-5,
    )
