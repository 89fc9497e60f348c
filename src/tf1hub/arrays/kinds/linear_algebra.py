"""Products and decompositions of matrices.

What each does is said by TensorFlow's op definitions (`core/ops/math_ops.cc`, `linalg_ops.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import constant

_NARROW = ("float16", "bfloat16")


def product(xp: Any, a: Any, b: Any) -> Any:
    """The product of matrices; in float32 where the dtype is narrower, as TensorFlow's kernels compute it."""
    if xp is np and str(a.dtype) in _NARROW:
        return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return xp.matmul(a, b)


def _transpose_last(xp: Any, x: Any, adjoint: bool) -> Any:
    turned = xp.swapaxes(x, -1, -2)
    return xp.conj(turned) if adjoint and np.dtype(x.dtype).kind == "c" else turned


@op("MatMul", "SparseMatMul")
def mat_mul(call: Call, a: Any, b: Any) -> Any:
    """The product of two matrices, each transposed or not."""
    a = a.T if call["transpose_a"] else a
    b = b.T if call["transpose_b"] else b
    if a.dtype != b.dtype:  # SparseMatMul takes bfloat16 and gives float32
        a, b = a.astype(np.float32), b.astype(np.float32)
    result = product(call.xp, a, b)
    return result.astype(np.float32) if call.kind == "SparseMatMul" else result


@op("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_mat_mul(call: Call, a: Any, b: Any) -> Any:
    """Products of matrices in batches, which broadcast from version 2 on; `adj` is for the conjugate transposed."""
    xp = call.xp
    a = _transpose_last(xp, a, True) if call["adj_x"] else a
    b = _transpose_last(xp, b, True) if call["adj_y"] else b
    if call.kind == "BatchMatMulV3":
        dtype = call.dtype("Tout")
        return product(xp, a.astype(dtype), b.astype(dtype))
    return product(xp, a, b)


@op("Einsum")
def einsum(call: Call, *tensors: Any) -> Any:
    """Einstein's summation; `...` broadcasts."""
    xp, equation = call.xp, call["equation"].replace(" ", "")
    given, _, wanted = equation.partition("->")
    # A repeated letter of the result makes a diagonal, which NumPy does not know.
    repeated = {letter for letter in wanted.replace(".", "") if wanted.count(letter) > 1}
    plain = "".join(dict.fromkeys(wanted.replace("...", "!"))).replace("!", "...")
    equation = f"{given}->{plain}"
    if xp is np:
        wide = [x.astype(np.float32) if str(x.dtype) in _NARROW else x for x in tensors]
        result = np.einsum(equation, *wide, optimize=True).astype(tensors[0].dtype)
    else:
        result = xp.einsum(equation, *tensors)
    return _with_diagonals(xp, result, plain, wanted) if repeated else result


def _with_diagonals(xp: Any, x: Any, plain: str, wanted: str) -> Any:
    """A tensor whose axes are called by letters, with some letters more than once."""
    hidden = x.ndim - len(plain.replace("...", ""))
    names = plain.replace("...", "".join(chr(0x100 + i) for i in range(hidden)))
    full = wanted.replace("...", "".join(chr(0x100 + i) for i in range(hidden)))
    sizes = dict(zip(names, x.shape, strict=True))
    seen: dict[str, int] = {}
    mask = np.ones((1,) * len(full), bool)
    for place, name in enumerate(full):
        if name in seen:
            here = np.arange(sizes[name])
            a = here.reshape([-1 if i == seen[name] else 1 for i in range(len(full))])
            b = here.reshape([-1 if i == place else 1 for i in range(len(full))])
            mask = mask & (a == b)
        else:
            seen[name] = place
    spread = x.reshape([sizes[name] if seen[name] == place else 1 for place, name in enumerate(full)])
    return xp.where(mask, spread, np.asarray(0, x.dtype))


@op("Cross")
def cross(call: Call, a: Any, b: Any) -> Any:
    """The cross product of vectors of three."""
    return call.xp.cross(a, b)


# ------------------------------------------------------------------ decompositions


@op("Cholesky")
def cholesky(call: Call, x: Any) -> Any:
    """The lower triangle whose square each matrix is; the upper triangle of the input is not read."""
    xp = call.xp
    lower = xp.tril(x)
    return xp.linalg.cholesky(lower + xp.conj(xp.swapaxes(xp.tril(x, -1), -1, -2)))


@op("MatrixInverse")
def matrix_inverse(call: Call, x: Any) -> Any:
    """The inverse of each matrix, or of its conjugate transposed."""
    found = call.xp.linalg.inv(x)
    return _transpose_last(call.xp, found, True) if call["adjoint"] else found


@op("MatrixDeterminant")
def matrix_determinant(call: Call, x: Any) -> Any:
    """The determinant of each matrix."""
    return call.xp.linalg.det(x)


@op("LogMatrixDeterminant")
def log_matrix_determinant(call: Call, x: Any) -> tuple[Any, Any]:
    """The sign of each determinant, and the logarithm of its absolute value."""
    found = call.xp.linalg.slogdet(x)
    return found[0], found[1]


@op("MatrixSolve")
def matrix_solve(call: Call, a: Any, b: Any) -> Any:
    """What each matrix, or its conjugate transposed, has to be multiplied by to give `b`."""
    return call.xp.linalg.solve(_transpose_last(call.xp, a, True) if call["adjoint"] else a, b)


@op("MatrixTriangularSolve")
def matrix_triangular_solve(call: Call, a: Any, b: Any) -> Any:
    """The same for triangular matrices, whose other triangle is not read."""
    xp = call.xp
    triangle = xp.tril(a) if call["lower"] else xp.triu(a)
    return xp.linalg.solve(_transpose_last(xp, triangle, True) if call["adjoint"] else triangle, b)


@op("Qr")
def qr(call: Call, x: Any) -> tuple[Any, Any]:
    """The orthogonal and the upper triangular factor; complete ones with `full_matrices`."""
    found = call.xp.linalg.qr(x, mode="complete" if call["full_matrices"] else "reduced")
    return found[0], found[1]


@op("SelfAdjointEigV2")
def self_adjoint_eig(call: Call, x: Any) -> tuple[Any, Any]:
    """Eigenvalues in ascending order, and vectors if asked for; the upper triangle is not read."""
    lower = call.xp.tril(x)
    whole = lower + call.xp.conj(call.xp.swapaxes(call.xp.tril(x, -1), -1, -2))
    values, vectors = call.xp.linalg.eigh(whole)
    return values.astype(x.dtype), vectors if call["compute_v"] else np.zeros((0,), x.dtype)


@op("Svd")
def svd(call: Call, x: Any) -> tuple[Any, Any, Any]:
    """Singular values in descending order, and left and right vectors if asked for."""
    if not call["compute_uv"]:
        s = call.xp.linalg.svd(x, compute_uv=False)
        return s, np.zeros((0,), x.dtype), np.zeros((0,), x.dtype)
    u, s, vh = call.xp.linalg.svd(x, full_matrices=bool(call["full_matrices"]))
    return s, u, _transpose_last(call.xp, vh, True)


# ------------------------------------------------------------------ norms and losses


@op("L2Loss")
def l2_loss(call: Call, x: Any) -> Any:
    """Half the sum of squares."""
    return call.xp.sum(x * x, dtype=x.dtype) / constant(2, x)


@op("Softmax", "LogSoftmax")
def softmax(call: Call, x: Any) -> Any:
    """Probabilities along the last axis, or their logarithms."""
    xp = call.xp
    shifted = x - xp.max(x, axis=-1, keepdims=True, initial=constant(-np.inf, x))
    if call.kind == "LogSoftmax":
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True, dtype=x.dtype))
    powers = xp.exp(shifted)
    return powers / xp.sum(powers, axis=-1, keepdims=True, dtype=x.dtype)


def _cross_entropy(call: Call, logits: Any, labels: Any) -> tuple[Any, Any]:
    xp = call.xp
    shifted = logits - xp.max(logits, axis=-1, keepdims=True, initial=constant(-np.inf, logits))
    powers = xp.exp(shifted)
    total = xp.sum(powers, axis=-1, keepdims=True, dtype=logits.dtype)
    terms = labels * (xp.log(total) - shifted)
    loss = xp.sum(terms, axis=-1, dtype=logits.dtype)
    return loss, powers / total - labels


@op("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(call: Call, logits: Any, labels: Any) -> tuple[Any, Any]:
    """The cross entropy of each row, and its gradient with respect to the logits."""
    sizes = np.broadcast_shapes(logits.shape, labels.shape)
    return _cross_entropy(call, call.xp.broadcast_to(logits, sizes), call.xp.broadcast_to(labels, sizes))


@op("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(call: Call, logits: Any, labels: Any) -> tuple[Any, Any]:
    """The same for one class in each row; a class out of range gives NaN where it is traced."""
    xp = call.xp
    inside = (labels >= 0) & (labels < logits.shape[-1])
    if xp is np and not np.all(inside):
        raise ValueError(
            f"Received a label value of {int(labels[~inside][0])} which is outside the valid range of "
            f"[0, {logits.shape[-1]})."
        )
    chosen = (np.arange(logits.shape[-1]) == labels[..., np.newaxis]).astype(logits.dtype)
    loss, gradient = _cross_entropy(call, logits, chosen)
    missing = xp.where(inside, constant(0, logits), constant(np.nan, logits))
    return loss + missing, gradient + missing[..., np.newaxis]
