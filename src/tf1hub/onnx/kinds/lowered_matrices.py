"""Products of matrices, and what is done to matrices."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.broadcasting import arithmetic, by_channel, wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


@lowers("MatMul", "SparseMatMul")
def multiply(call: LoweringCall, x: Value, y: Value) -> Value:
    """The product of two matrices, each of which may be turned."""
    graph = call.graph
    x = graph.transpose(x, [1, 0]) if call["transpose_a"] else x
    y = graph.transpose(y, [1, 0]) if call["transpose_b"] else y
    dtype = np.float32 if call.kind == "SparseMatMul" else x.dtype
    return graph.cast(graph.op("MatMul", wide(graph, x), wide(graph, y)), dtype)


@lowers("MatrixDeterminant")
def determinant(call: LoweringCall, x: Value) -> Value:
    """The determinants of square matrices."""
    if x.dtype.kind == "c":
        raise CannotLower("computes with complex numbers")
    graph = call.graph
    found = graph.op("Det", graph.cast(x, np.float32))
    found.shape = None if x.shape is None else x.shape[:-2]
    return graph.cast(found, x.dtype)


@lowers("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def multiply_each(call: LoweringCall, x: Value, y: Value) -> Value:
    """The products of pairs of matrices."""
    graph = call.graph
    dtype = call.get("Tout") or x.dtype
    x = _transpose_last(call, x) if call["adj_x"] else x
    y = _transpose_last(call, y) if call["adj_y"] else y
    return graph.cast(graph.op("MatMul", wide(graph, x), wide(graph, y)), dtype)


def _transpose_last(call: LoweringCall, x: Value) -> Value:
    count = call.rank(x)
    return call.graph.transpose(x, [*range(count - 2), count - 1, count - 2])


@lowers("BiasAdd", "BiasAddV1")
def add_bias(call: LoweringCall, x: Value, bias: Value) -> Value:
    """A number added to each channel."""
    if call.get("data_format", "NHWC").startswith("NC") and call.rank(x) > 2:
        bias = by_channel(call.graph, bias, call.rank(x))
    return arithmetic(call, "Add", x, bias)


@lowers("Einsum")
def einsum(call: LoweringCall, *values: Value) -> Value:
    """A sum of products, as an equation says it."""
    graph = call.graph
    result = call["equation"].replace(" ", "").split("->")[-1]
    if any(result.count(letter) > 1 for letter in result if letter.isalpha()):
        raise CannotLower("writes to a diagonal")
    return graph.op("Einsum", *values, equation=call["equation"])


@lowers("L2Loss")
def l2_loss(call: LoweringCall, x: Value) -> Value:
    """Half the sum of squares."""
    graph = call.graph
    total = graph.op("ReduceSumSquare", x, keepdims=0)
    return graph.op("Mul", total, graph.like(0.5, x))


@lowers("MatrixBandPart")
def band(call: LoweringCall, x: Value, lower: Value, upper: Value) -> Value:
    """What is near the diagonal, zeros elsewhere; a negative width keeps all."""
    graph = call.graph
    rows, columns = (_numbers(call, x, axis) for axis in (-2, -1))
    distance = graph.op("Sub", graph.unsqueeze(rows, 1), graph.unsqueeze(columns, 0))
    zero = graph.const(0, np.int64)
    kept = []
    for width, gap in ((lower, distance), (upper, graph.op("Neg", distance))):
        number = graph.int64(width)
        near = graph.op("LessOrEqual", gap, number)
        kept.append(graph.op("Or", near, graph.op("Less", number, zero)))
    inside = graph.op("And", kept[0], kept[1])
    return graph.op("Where", inside, x, graph.like(0, x))


def _numbers(call: LoweringCall, x: Value, axis: int) -> Value:
    graph = call.graph
    count = graph.squeeze(graph.size_of(x, axis % call.rank(x)), 0)
    return graph.op("Range", graph.const(0, np.int64), count, graph.const(1, np.int64))


def _require_main(call: LoweringCall, which: Value) -> None:
    if np.any(call.require(which, "which diagonals")):
        raise CannotLower("takes other diagonals than the main one")


@lowers("MatrixDiagV2", "MatrixDiagV3")
def diagonal_matrix_of_size(
    call: LoweringCall, x: Value, which: Value, rows: Value, columns: Value, padding: Value
) -> Value:
    """Matrices with numbers on their main diagonals."""
    _require_main(call, which)
    sides = [int(call.require(side, "its size")) for side in (rows, columns)]
    # Where both are told and equal, they can only be the diagonal's size.
    if sides[0] != sides[1] and set(sides) != {-1, x.shape[-1] if x.shape else None}:
        raise CannotLower("makes matrices of another size than their diagonals")
    return _spread_diagonal(call, x, padding)


@lowers("MatrixDiag", "Diag")
def diagonal_matrix(call: LoweringCall, x: Value) -> Value:
    """Matrices with numbers on their diagonals."""
    graph = call.graph
    beside = graph.like(0, x)
    if call.kind == "MatrixDiag" or x.rank == 1:
        return _spread_diagonal(call, x, beside)
    sizes = graph.shape_of(x)
    told = None if x.shape is None else x.shape * 2
    matrix = _spread_diagonal(call, graph.reshape(x, [-1]), beside)
    return graph.reshape(matrix, graph.concat([sizes, sizes], 0), told)


def _spread_diagonal(call: LoweringCall, x: Value, beside: Value) -> Value:
    graph = call.graph
    numbers = _numbers(call, x, -1)
    same = graph.op("Equal", graph.unsqueeze(numbers, 1), graph.unsqueeze(numbers, 0))
    return graph.op("Where", same, graph.unsqueeze(x, call.rank(x)), beside)


@lowers("MatrixDiagPartV2", "MatrixDiagPartV3")
def main_diagonal(call: LoweringCall, x: Value, which: Value, _: Value) -> Value:
    """The main diagonals of matrices."""
    _require_main(call, which)
    return _take_diagonal(call, x)


@lowers("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3")
def set_diagonal(call: LoweringCall, x: Value, line: Value, *which: Value) -> Value:
    """Matrices with other main diagonals."""
    graph = call.graph
    if which:
        _require_main(call, which[0])
    rows, columns = (_numbers(call, x, axis) for axis in (-2, -1))
    same = graph.op("Equal", graph.unsqueeze(rows, 1), graph.unsqueeze(columns, 0))
    rank = call.rank(x)
    last = graph.op("Sub", graph.squeeze(graph.size_of(line, rank - 2), 0), graph.const(1, np.int64))
    places = graph.op("Min", rows, last)
    spread = graph.op("Gather", line, places, axis=rank - 2)
    return graph.op("Where", same, graph.unsqueeze(spread, rank - 1), x)


@lowers("MatrixDiagPart", "DiagPart")
def diagonal(call: LoweringCall, x: Value) -> Value:
    """The diagonals of matrices."""
    if call.kind == "MatrixDiagPart" or x.rank == 2:
        return _take_diagonal(call, x)
    graph = call.graph
    half = call.rank(x) // 2
    sizes = graph.slice(graph.shape_of(x), 0, half, 0)
    side = graph.op("ReduceProd", sizes, keepdims=1)
    matrix = graph.reshape(x, graph.concat([side, side], 0), (None, None))
    return graph.reshape(_take_diagonal(call, matrix), sizes, None if x.shape is None else x.shape[:half])


def _take_diagonal(call: LoweringCall, x: Value) -> Value:
    graph = call.graph
    rows, columns = (_numbers(call, x, axis) for axis in (-2, -1))
    same = graph.op("Equal", graph.unsqueeze(rows, 1), graph.unsqueeze(columns, 0))
    total = graph.op("ReduceSum", graph.op("Where", same, x, graph.like(0, x)), graph.int64s(-1), keepdims=0)
    count = graph.op("Min", graph.size_of(x, call.rank(x) - 2), graph.size_of(x, call.rank(x) - 1))
    return graph.op("Slice", total, graph.int64s(0), count, graph.int64s(call.rank(x) - 2))


@lowers("SparseTensorDenseMatMul")
def multiply_sparse(call: LoweringCall, indices: Value, values: Value, sizes: Value, y: Value) -> Value:
    """The product of a sparse matrix and a dense one: rows gathered, weighted, and added up."""
    graph = call.graph
    if call["adjoint_b"]:
        y = graph.transpose(y, [1, 0])
    row, column = (1, 0) if call["adjoint_a"] else (0, 1)
    rows = graph.op("Gather", indices, graph.const(row, np.int64), axis=1)
    columns = graph.op("Gather", indices, graph.const(column, np.int64), axis=1)
    parts = graph.op("Mul", graph.op("Gather", y, columns, axis=0), graph.unsqueeze(values, 1))
    height = graph.slice(graph.int64(sizes), row, row + 1, 0)
    zeros = graph.zeros(graph.concat([height, graph.slice(graph.shape_of(y), 1, 2, 0)], 0), y.dtype)
    found = graph.op("ScatterND", zeros, graph.unsqueeze(rows, 1), parts, reduction="add")
    found.shape = (sizes.elements[row] if sizes.elements else None, y.shape[1] if y.shape else None)
    return found


@lowers("Cross")
def cross(call: LoweringCall, x: Value, y: Value) -> Value:
    """The cross product of vectors of three."""
    graph = call.graph

    def roll(value: Value, by: int) -> Value:
        return graph.gather(value, graph.int64s(*((i + by) % 3 for i in range(3))), -1)

    first = graph.op("Mul", roll(x, 1), roll(y, 2))
    return graph.op("Sub", first, graph.op("Mul", roll(x, 2), roll(y, 1)))


@lowers("SoftmaxCrossEntropyWithLogits")
def cross_entropy(call: LoweringCall, logits: Value, labels: Value) -> list[Value]:
    """The cross entropy of each row, and its gradient with respect to the logits."""
    graph = call.graph
    given, wanted = (wide(graph, value) for value in (logits, labels))
    # Both broadcast.
    given = graph.op("Add", given, graph.op("Mul", wanted, graph.like(0, wanted)))
    terms = graph.op("Mul", wanted, graph.op("LogSoftmax", given, axis=-1))
    loss = graph.op("Neg", graph.op("ReduceSum", terms, graph.int64s(-1), keepdims=0))
    slope = graph.op("Sub", graph.op("Softmax", given, axis=-1), wanted)
    return [graph.cast(value, logits.dtype) for value in (loss, slope)]


@lowers("SparseSoftmaxCrossEntropyWithLogits")
def cross_entropy_of_classes(call: LoweringCall, logits: Value, labels: Value) -> list[Value]:
    """The same for one class in each row; none is a number where the class is out of range."""
    graph = call.graph
    given = wide(graph, logits)
    classes = _numbers(call, logits, -1)
    wanted = graph.unsqueeze(graph.int64(labels), 1)
    chosen = graph.op("Equal", wanted, classes)
    none = graph.like(np.nan, given)
    inside = graph.op("ReduceMax", graph.cast(chosen, np.int32), graph.int64s(1), keepdims=1)
    outside = graph.op("Equal", inside, graph.const(0, np.int32))
    terms = graph.op("Where", chosen, graph.op("LogSoftmax", given, axis=-1), graph.like(0, given))
    loss = graph.op("Neg", graph.op("ReduceSum", terms, graph.int64s(1), keepdims=1))
    slope = graph.op("Sub", graph.op("Softmax", given, axis=-1), graph.cast(chosen, given.dtype))
    results = (graph.op("Where", outside, none, loss), graph.op("Where", outside, none, slope))
    return [graph.cast(graph.squeeze(results[0], 1), logits.dtype), graph.cast(results[1], logits.dtype)]
