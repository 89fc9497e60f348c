"""Lowers a program: runs it once, in order, with tensors of an ONNX graph in place of values.

What is known stays known: ops on constants are computed by the table of `arrays/`, and leave nothing in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.onnx.branches_and_loops import choose, repeat
from tf1hub.onnx.complex_parts import pair_of, part_of
from tf1hub.onnx.host_functions import host_function_outputs
from tf1hub.onnx.host_ops import host_cond, host_loop, host_outputs
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_scope import LoweringScope
from tf1hub.onnx.lowering_table import FUNCTION_NAME, CannotLower, lowering_of
from tf1hub.onnx.traced_values import Entity, Poison, Value
from tf1hub.program.code import Cond, Loop, Op, Region
from tf1hub.program.nodes import Tensor

_MOST_FOLDED = 1 << 20
"""Bytes that a constant computed from smaller ones may have; a larger one is computed where the model runs."""

_NEVER_FOLDED = frozenset({"Const", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "Assert"})
_GO_ON = frozenset({"Assert", "NoOp"})
"""Op types that run for what they check alone, so that it does not matter what was refused before them."""

_COMPLEX64 = 8
_TAKE_COMPLEX = frozenset(
    {
        *("Add", "AddV2", "Sub", "Mul", "Neg", "Exp", "Cast", "Real", "Imag", "ComplexAbs", "Conj"),
        *("FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D", "IRFFT", "IRFFT2D", "IRFFT3D"),
        *("Angle", "ConjugateTranspose", "Rank", "IdentityN"),
    }
)
_BY_PARTS = frozenset(
    {
        *(
            "BroadcastTo",
            "Concat",
            "ConcatV2",
            "ExpandDims",
            "Gather",
            "GatherNd",
            "GatherV2",
            "Mean",
            "Pack",
            "Pad",
        ),
        *(
            "Reshape",
            "Reverse",
            "ReverseV2",
            "Roll",
            "Select",
            "SelectV2",
            "Shape",
            "Size",
            "Slice",
            "Split",
            "SplitV",
        ),
        *("Squeeze", "StridedSlice", "Sum", "Tile", "Transpose", "Unpack", "ZerosLike"),
    }
)
"""Op types that do the same to the real and to the imaginary parts of complex numbers."""
_TAKE_STRINGS = frozenset(
    {
        *(
            "Reshape",
            "Squeeze",
            "ExpandDims",
            "Transpose",
            "Pack",
            "ConcatV2",
            "Concat",
            "Shape",
            "Size",
            "Rank",
        ),
        *(
            "Equal",
            "NotEqual",
            "Select",
            "SelectV2",
            "Gather",
            "GatherV2",
            "StridedSlice",
            "Slice",
            "Unique",
            "Fill",
        ),
        *(
            "IdentityN",
            "StringLower",
            "StringUpper",
            "StringJoin",
            "StringSplit",
            "StringSplitV2",
            "AsString",
        ),
        *("RegexFullMatch", "StaticRegexFullMatch", "StringToNumber", "LookupTableFind", "LookupTableFindV2"),
    }
)
_POISON = Poison()
_MOST_OUTPUTS = 64
_UNEXPECTED = (AssertionError, ArithmeticError, LookupError, TypeError, ValueError)
"""What lowerings raise for inputs that are not as the op's definition says."""


def run_region(scope: LoweringScope, region: Region) -> None:
    """Lowers code from top to bottom."""
    for item in region.items:
        if isinstance(item, Op):
            _run_op(scope, item)
        elif isinstance(item, Cond):
            _run_cond(scope, item)
        else:
            _run_loop(scope, item)


def call_function(scope: LoweringScope, name: str, arguments: Sequence[Entity]) -> list[Entity]:
    """The results of a function of the graph, whose code goes where its call stands."""
    body = scope.lowering.functions.body(name)
    given = dict(zip(body.arguments, arguments, strict=True))
    inner = LoweringScope(scope.lowering, body.program, scope.graph, dict(given))
    run_region(inner, body.program.region)
    inner.values.update(given)
    return [inner.get(tensor) for tensor in body.program.fetches]


def _run_op(scope: LoweringScope, op: Op) -> None:
    try:
        outputs = _outputs(scope, op)
    except CannotLower as refused:
        if str(refused):
            scope.lowering.refuse(op, str(refused))
        outputs = None
    except _UNEXPECTED as error:
        scope.lowering.refuse(op, f"is used in a way that ONNX cannot take ({type(error).__name__}: {error})")
        outputs = None
    if outputs is None:
        # Nobody can tell how many there are; a reader finds any of them.
        scope.values.update({(op.node.name, index): _POISON for index in range(_MOST_OUTPUTS)})
        return
    for index, output in enumerate(outputs):
        scope.values[op.node.name, index] = output


def _outputs(scope: LoweringScope, op: Op) -> Sequence[Entity] | None:
    """The outputs of an op; None where an op before it was refused."""
    if (op.node.name, 0) in scope.fed:
        return []
    inputs = [scope.values[tensor] for tensor in op.inputs]
    if any(isinstance(value, Poison) for value in inputs) and op.node.op not in _GO_ON:
        return None
    if not scope.lowering.strings_in_graph:
        outside = host_outputs(scope, op)
        if outside is None:
            outside = host_function_outputs(scope, op)
        if outside is not None:
            return outside
    is_call = op.node.op in scope.lowering.functions
    lowering = lowering_of(FUNCTION_NAME if is_call else op.node.op)
    definition = scope.lowering.functions.effects.definition_of(op.node.op)
    attributes = attributes_of(op.node.definition, definition)
    plain = [scope.get(tensor) for tensor in op.inputs]
    folded = _fold(scope, op, attributes, plain)
    if folded is not None:
        return folded
    if lowering is None:
        raise CannotLower("has no counterpart in ONNX")
    call = LoweringCall(scope, op, attributes)
    scope.graph.label = op.node.name
    if op.node.op in _BY_PARTS and any(map(_is_complex, plain)):
        return _lower_by_parts(call, lowering, plain)
    takes = inputs if getattr(lowering, "by_reference", False) else plain
    if takes is plain:
        _check_values(op.node.op, plain)
    result = lowering(call, *takes)
    scope.graph.label = ""
    if result is None:
        return []
    return result if isinstance(result, list | tuple) else [result]


def _is_complex(value: Entity) -> bool:
    return isinstance(value, Value) and value.dtype == np.complex64


def _lower_by_parts(
    call: LoweringCall, lowering: Callable[..., Any], values: Sequence[Entity]
) -> list[Value]:
    """The outputs of an op that is lowered for the real and for the imaginary parts of its inputs."""
    graph, found = call.graph, []
    for index in (0, 1):
        parts = [
            part_of(graph, value, index) if isinstance(value, Value) and _is_complex(value) else value
            for value in values
        ]
        _check_values(call.kind, parts)
        result = lowering(call, *parts)
        found.append(result if isinstance(result, list | tuple) else [result])
    graph.label = ""
    return [
        pair_of(graph, *pair) if pair[0].dtype == np.float32 else pair[0] for pair in zip(*found, strict=True)
    ]


def _check_values(kind: str, values: Sequence[Entity]) -> None:
    """Refuses handles, and dtypes that ONNX Runtime has no kernels for."""
    for value in values:
        if not isinstance(value, Value):
            raise CannotLower("takes a handle")
        if value.dtype.kind == "c" and (kind not in _TAKE_COMPLEX or value.dtype.itemsize != _COMPLEX64):
            raise CannotLower(f"computes with complex numbers ({value.dtype.name})")
        if value.dtype.kind == "O" and kind not in _TAKE_STRINGS:
            raise CannotLower("takes strings, which ONNX Runtime has no kernel for")


def _fold(
    scope: LoweringScope, op: Op, attributes: dict[str, Any], inputs: Sequence[Entity]
) -> list[Value] | None:
    """The outputs of an op all of whose inputs are known; None where it is to run in the model."""
    if not inputs or op.node.op in _NEVER_FOLDED:
        return None
    known = [value.known for value in inputs if isinstance(value, Value) and value.known is not None]
    kernel = kernel_of(op.node.op) if len(known) == len(inputs) else None
    if kernel is None or kernel.form != "computes":
        return None
    taken = sum(array.nbytes for array in known)
    try:
        with np.errstate(all="ignore"):
            found = [np.asarray(output) for output in kernel.function(np, attributes, *known)]
    except Exception:  # noqa: BLE001  # it is left to the model, or refused with its reason
        return None
    if sum(array.nbytes for array in found) > max(_MOST_FOLDED, taken):
        return None
    if any(array.dtype.kind == "c" for array in found):
        return None
    return [scope.graph.const(array) for array in found]


def _run_cond(scope: LoweringScope, cond: Cond) -> None:
    predicate = scope.get(cond.predicate)
    if not isinstance(predicate, Value):
        _poison(scope, [(result.name, index) for result in cond.results for index in (0, 1)])
        return

    def branch(number: int) -> Callable[[LoweringScope], list[Entity]]:
        def run(inner: LoweringScope) -> list[Entity]:
            run_region(inner, cond.branches[number])
            found = []
            for result in cond.results:
                tensor = result.values[number]
                found.append(inner.values[tensor] if result.by_reference else inner.get(tensor))
            indices = [inner.graph.const(result.indices[number], np.int32) for result in cond.results]
            return [*found, *indices]

        return run

    results = host_cond(scope, cond) or choose(scope, predicate, [branch(0), branch(1)])
    for index, result in enumerate(cond.results):
        scope.values[result.name, 0] = results[index]
        scope.values[result.name, 1] = results[index + len(cond.results)]


def _poison(scope: LoweringScope, tensors: Sequence[Tensor]) -> None:
    scope.values.update(dict.fromkeys(tensors, _POISON))


def _run_loop(scope: LoweringScope, loop: Loop) -> None:
    initial = [scope.get(variable.initial) for variable in loop.variables]
    exits = [tensor for variable in loop.variables for tensor in variable.exits]
    if any(isinstance(value, Poison) for value in initial):
        _poison(scope, exits)
        return

    outside = host_loop(scope, loop, initial)
    if outside is not None:
        for variable, value in zip(loop.variables, outside, strict=True):
            scope.values.update(dict.fromkeys(variable.exits, value))
        return

    def enter(inner: LoweringScope, values: Sequence[Entity]) -> None:
        for variable, value in zip(loop.variables, values, strict=True):
            inner.values[variable.name, 0] = value

    def condition(inner: LoweringScope, values: Sequence[Entity]) -> Entity:
        enter(inner, values)
        run_region(inner, loop.condition_region)
        return inner.get(loop.condition)

    def body(inner: LoweringScope, values: Sequence[Entity]) -> list[Entity]:
        enter(inner, values)
        run_region(inner, loop.body)
        return [inner.get(variable.next) for variable in loop.variables]

    bounds: list[Value] = []
    for bound in loop.bounds:
        found = scope.graph.const(bound, np.int64) if isinstance(bound, int) else scope.get(bound)
        if isinstance(found, Value):
            bounds.append(found)
    try:
        results = repeat(scope, initial, condition, body, bounds, loop.counted)
    except CannotLower as refused:
        if str(refused):
            scope.lowering.refuse_named("While", loop.name, str(refused))
        _poison(scope, exits)
        return
    for variable, value in zip(loop.variables, results, strict=True):
        for tensor in variable.exits:
            scope.values[tensor] = value
