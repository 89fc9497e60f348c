"""Diagonals and bands of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import namespace_for


@op("Diag", "MatrixDiag")
def diag(call: Call, diagonal: Any) -> Any:
    """A tensor with a given diagonal: of the whole (`Diag`), or of each matrix (`MatrixDiag`)."""
    xp = call.xp
    if call.kind == "Diag":
        flat = xp.diag(diagonal.reshape(-1))
        return flat.reshape((*diagonal.shape, *diagonal.shape))
    n = diagonal.shape[-1]
    return xp.where(np.eye(n, dtype=bool), diagonal[..., np.newaxis], np.asarray(0, diagonal.dtype))


@op("DiagPart", "MatrixDiagPart")
def diag_part(call: Call, x: Any) -> Any:
    """The diagonal of the whole, or of each matrix."""
    if call.kind == "DiagPart":
        half = x.shape[: x.ndim // 2]
        n = int(np.prod(half))
        return call.xp.diagonal(x.reshape((n, n))).reshape(half)
    return call.xp.diagonal(x, axis1=-2, axis2=-1)


def _diagonals(k: Any) -> tuple[int, int]:
    given = np.ravel(k).tolist()
    return int(given[0]), int(given[-1])


def _place_in_band(align: str, d: int, low: int, high: int, rows: int, columns: int) -> tuple[int, int]:
    """Where diagonal `d` lies in the packed form: its length, and how far from the left it starts."""
    length = min(rows + min(0, d), columns - max(0, d))
    longest = min(rows + min(0, high), columns + min(0, -low))
    above, below = align.split("_")
    side = above if d > 0 else below if d < 0 else "LEFT"
    if d == 0 and length != longest:
        side = above
    return length, (longest - length if side == "RIGHT" else 0)


def _align(call: Call) -> str:
    return str(call["align"]) if call.kind.endswith("V3") else "LEFT_LEFT"


@op("MatrixDiagPartV2", "MatrixDiagPartV3", known=(1,))
def matrix_diag_part(call: Call, x: Any, k: Any, padding: Any) -> Any:
    """Some diagonals of each matrix, as rows that are padded to one length."""
    xp = call.xp
    low, high = _diagonals(k)
    rows, columns = x.shape[-2:]
    longest = min(rows + min(0, high), columns + min(0, -low))
    packed = []
    for d in range(high, low - 1, -1):
        length, start = _place_in_band(_align(call), d, low, high, rows, columns)
        line = xp.diagonal(x, d, -2, -1)
        sides = [
            xp.broadcast_to(xp.reshape(padding, (1,) * x.ndim)[..., 0], (*x.shape[:-2], n))
            for n in (start, longest - length - start)
        ]
        packed.append(xp.concatenate([sides[0], line, sides[1]], -1))
    return packed[0] if low == high else xp.stack(packed, -2)


def _set_band(call: Call, x: Any, diagonals: Any, k: Any) -> Any:
    xp = call.xp
    low, high = _diagonals(k)
    rows, columns = x.shape[-2:]
    row, column = np.indices((rows, columns))
    for number, d in enumerate(range(high, low - 1, -1)):
        _, start = _place_in_band(_align(call), d, low, high, rows, columns)
        line = diagonals if low == high else diagonals[..., number, :]
        place = np.clip(np.minimum(row, column) + start, 0, line.shape[-1] - 1)
        x = xp.where(column - row == d, line[..., place], x)
    return x


@op("MatrixSetDiag")
def matrix_set_diag(call: Call, x: Any, diagonal: Any) -> Any:
    """Each matrix with another main diagonal."""
    return _set_band(call, x, diagonal, 0)


@op("MatrixSetDiagV2", "MatrixSetDiagV3", known=(2,))
def matrix_set_diagonals(call: Call, x: Any, diagonals: Any, k: Any) -> Any:
    """Each matrix with some other diagonals."""
    return _set_band(call, x, diagonals, k)


@op("MatrixDiagV2", "MatrixDiagV3", known=(1, 2, 3))
def matrix_diag(call: Call, diagonals: Any, k: Any, rows: Any, columns: Any, padding: Any) -> Any:
    """Matrices with given diagonals, and `padding` elsewhere."""
    xp = call.xp
    low, high = _diagonals(k)
    longest = diagonals.shape[-1]
    least = (longest - min(high, 0), longest + max(low, 0))
    height, width = int(rows), int(columns)
    if height == -1 and width == -1:
        height = width = max(least)
    elif height == -1:
        height = least[0]
    elif width == -1:
        width = least[1]
    batch = diagonals.shape[: -1 if low == high else -2]
    return _set_band(call, xp.broadcast_to(padding, (*batch, height, width)), diagonals, k)


@op("MatrixBandPart")
def matrix_band_part(call: Call, x: Any, lower: Any, upper: Any) -> Any:
    """Each matrix without what lies far from its diagonal; a negative number keeps all of a side."""
    rows, columns = x.shape[-2:]
    space = namespace_for(np, (rows, columns))
    row, column = space.arange(rows)[:, None], space.arange(columns)
    below, above = row - column, column - row
    kept = ((lower < 0) | (below <= lower)) & ((upper < 0) | (above <= upper))
    return call.xp.where(kept, x, np.asarray(0, x.dtype))
