"""Ops on strings and tables, which run outside of the model: the types and shapes of their outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.format import dtypes
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_definitions import output_types
from tf1hub.onnx.lowering_scope import LoweringScope
from tf1hub.onnx.lowering_table import CannotLower
from tf1hub.onnx.traced_values import Entity, Shape, TableReference, Value
from tf1hub.program.code import Cond, Loop, Op, Region
from tf1hub.program.nodes import Tensor
from tf1hub.program.references import Reference

_ShapeRule: TypeAlias = Callable[[Sequence[Shape]], Sequence[Shape]]

_FOUND = frozenset({"LookupTableFind", "LookupTableFindV2"})
_SIZES = frozenset({"LookupTableSize", "LookupTableSizeV2"})


def host_outputs(scope: LoweringScope, op: Op) -> Sequence[Entity] | None:
    """The outputs of an op that works on strings or tables, as inputs of the model; None for all other ops.

    Raises:
        CannotLower: it stands in a loop or in a branch of a choice that the model makes.
    """
    kind = op.node.op
    if kind in op_types.TABLES:
        return [TableReference(op.node.name)]
    inputs = [scope.get(tensor) for tensor in op.inputs]
    if kind in op_types.TENSOR_ARRAYS:
        return _of_array(scope, op, inputs)
    tables = [value for value in inputs if isinstance(value, TableReference)]
    strings = [v for v in inputs if isinstance(v, Value) and v.dtype.kind == "O" and v.known is None]
    goes_along = kind in _GO_ALONG and all(_is_light(scope, tensor) for tensor in op.inputs)
    if not tables and not strings and kind not in _MAKE_STRINGS and not goes_along:
        return None
    if kind in op_types.IDENTITIES or kind in ("Assert", "Const", "StopGradient"):
        return None
    if kind in op_types.FUNCTIONAL or kind.startswith(_LISTS) or kind in scope.lowering.functions:
        return None
    if kind in _SIZES:
        table = scope.lowering.table(tables[0].node)
        return [scope.graph.const(len(table), np.int64)]
    if scope.graph.depth or (op.node.name not in scope.lowering.nodes):
        raise CannotLower("works on strings in a loop, in a branch, or in a function")
    definition = scope.lowering.functions.effects.definition_of(kind)
    if definition is None:
        raise CannotLower("has no counterpart")
    numbers = output_types(op.node.definition, definition)
    shapes = _shapes(kind, inputs, op, definition, len(numbers))
    return [
        scope.lowering.from_outside((op.node.name, index), dtypes.numpy_dtype(number), shape)
        for index, (number, shape) in enumerate(zip(numbers, shapes, strict=True))
    ]


class HostFlow(Reference):
    """The flow of a TensorArray that is filled on the host: it keeps strings, or a loop over strings writes it."""


def _of_array(scope: LoweringScope, op: Op, inputs: Sequence[Entity]) -> Sequence[Entity] | None:
    """The outputs of an op on a TensorArray of the host."""
    does = op_types.TENSOR_ARRAYS[op.node.op]
    attributes = op.node.definition.attr
    if does == "New":
        keeps_strings = attributes["dtype"].type == dtypes.STRING
        return [HostFlow(), HostFlow()] if keeps_strings and not scope.graph.depth else None
    if not any(isinstance(value, HostFlow) for value in inputs[1:]) and not isinstance(inputs[0], HostFlow):
        return None
    if does == "Close":
        return []
    if does in ("Scatter", "Write", "Split"):
        return [HostFlow()]
    definition = scope.lowering.functions.effects.definition_of(op.node.op)
    numbers = output_types(op.node.definition, definition)
    shape = attributes["element_shape"].shape if "element_shape" in attributes else None
    element = (
        None
        if shape is None or shape.unknown_rank
        else tuple(None if size.size < 0 else size.size for size in shape.dim)
    )
    shapes: dict[str, Sequence[Shape]] = {
        "Gather": [None if element is None else (None, *element)],
        "Read": [element],
        "Size": [()],
    }
    told = shapes.get(does, [None] * len(numbers))
    return [
        scope.lowering.from_outside((op.node.name, index), dtypes.numpy_dtype(number), each)
        for index, (number, each) in enumerate(zip(numbers, told, strict=True))
    ]


def host_loop(scope: LoweringScope, loop: Loop, initial: Sequence[Entity]) -> list[Entity] | None:
    """What a loop over strings gives, as inputs of the model; None for all other loops, and inside of others."""
    if scope.graph.depth or scope.lowering.strings_in_graph:
        return None
    regions = [loop.condition_region, loop.body]
    if not any(has_strings(scope, region) for region in regions):
        return None
    found: list[Entity] = []
    for variable, start in zip(loop.variables, initial, strict=True):
        if not isinstance(start, Value):
            found.append(HostFlow())
        elif not variable.exits:
            found.append(start)
        else:
            shape = None if start.shape is None else (None,) * len(start.shape)
            found.append(scope.lowering.from_outside(variable.exits[0], start.dtype, shape))
    return found


def host_cond(scope: LoweringScope, cond: Cond) -> list[Entity] | None:
    """What a choice with strings in it gives, as inputs of the model; None for all other choices, and inside of others."""
    if scope.graph.depth or scope.lowering.strings_in_graph:
        return None
    if not any(has_strings(scope, region, handed_on=False) for region in cond.branches):
        return None
    found: list[Entity] = []
    for result in cond.results:
        dtype = None if result.by_reference else _dtype_of(scope, result.values[0])
        if dtype is None:
            return None
        found.append(scope.lowering.from_outside((result.name, 0), dtype, None))
    return [*found, *(scope.lowering.from_outside((each.name, 1), np.int32, ()) for each in cond.results)]


def _dtype_of(scope: LoweringScope, tensor: Tensor) -> Any:
    """The dtype of a tensor that may be in a region; None for what is no tensor of numbers or strings."""
    value = scope.values.get(tensor)
    if value is not None:
        return value.dtype if isinstance(value, Value) else None
    op = scope.program.by_name.get(tensor[0])
    definition = None if op is None else scope.lowering.functions.effects.definition_of(op.node.op)
    if op is None or definition is None:
        return None
    number = output_types(op.node.definition, definition)[tensor[1]]
    return None if dtypes.base(number) in (dtypes.VARIANT, dtypes.RESOURCE) else dtypes.numpy_dtype(number)


def has_strings(scope: LoweringScope, region: Region, handed_on: bool = True) -> bool:
    """Whether an op of a region takes or gives strings.

    Args:
        scope: where the region stands.
        region: of a loop, a choice or a function.
        handed_on: whether an op counts that only hands a string on.
    """
    passed = frozenset({"Assert", "Const"}) if handed_on else _HAND_ON
    for item in region.items:
        if not isinstance(item, Op):
            inner = item.branches if isinstance(item, Cond) else (item.condition_region, item.body)
            if any(has_strings(scope, each, handed_on) for each in inner):
                return True
            continue
        definition = scope.lowering.functions.effects.definition_of(item.node.op)
        arguments = [] if definition is None else [*definition.input_arg, *definition.output_arg]
        attributes = item.node.definition.attr
        for argument in arguments:
            given = attributes.get(argument.type_attr) if argument.type_attr else None
            number = argument.type if given is None else given.type
            # A constant counts where something but an assertion takes it.
            if number == dtypes.STRING and item.node.op not in passed:
                return True
    return False


_HAND_ON = frozenset({"Assert", "Const", "Merge", "StopGradient", "Switch", *op_types.IDENTITIES})

_LISTS = ("TensorList", "EmptyTensorList")
"""How the op types on lists of tensors begin; `host_functions.py` has those of the host."""

_GO_ALONG = frozenset({"SparseFillEmptyRows", "SparseReshape"})
"""Op types that are one op in NumPy and dozens in ONNX: they run on the host where all that they take comes from there."""

_LIGHT = frozenset(
    {
        "Add",
        "AddV2",
        "Cast",
        "ConcatV2",
        "Equal",
        "ExpandDims",
        "Gather",
        "GatherV2",
        "Greater",
        "GreaterEqual",
        "Identity",
        "Less",
        "LessEqual",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "NotEqual",
        "Pack",
        "Prod",
        "Reshape",
        "Select",
        "SelectV2",
        "Slice",
        "Squeeze",
        "StridedSlice",
        "Sub",
        "Where",
    }
)
"""Op types with which `tf.nn.safe_embedding_lookup_sparse` and its like choose among the words of texts."""
_DEEPEST = 12


def _is_light(scope: LoweringScope, tensor: Tensor, depth: int = 0) -> bool:
    """Whether a tensor comes from constants and ops on strings through a few small ops."""
    value = scope.values.get(tensor)
    if not isinstance(value, Value):
        return False
    if value.known is not None or value.source is not None:
        return True
    op = scope.program.by_name.get(tensor[0])
    if op is None or op.node.op not in _LIGHT or depth > _DEEPEST:
        return False
    return all(_is_light(scope, each, depth + 1) for each in op.inputs)


_MAKE_STRINGS = frozenset(
    {
        "AsString",
        "ReadFile",
        "EncodeJpeg",
        "EncodePng",
        "EncodeBase64",
        "UnicodeEncode",
        "ReduceJoin",
        "StringFormat",
        "SerializeTensor",
    }
)


def _shapes(kind: str, inputs: Sequence[Entity], op: Op, definition: Any, count: int) -> Sequence[Shape]:
    known = [value.shape if isinstance(value, Value) else () for value in inputs]
    told = attributes_of(op.node.definition, definition)
    stored = op.node.definition.attr.get("_output_shapes")
    if kind in _FOUND:
        return [known[1]]
    if kind in _AS_FIRST:
        return [known[0]]
    if kind in _RULES:
        found = _RULES[kind](known)
        return [*found, *[None] * (count - len(found))][:count]
    if kind in (
        "Reshape",
        "Fill",
        "ExpandDims",
        "Squeeze",
        "Pack",
        "ConcatV2",
        "GatherV2",
        "StridedSlice",
        "Select",
    ):
        return _of_ordinary(kind, inputs, told)
    if kind in _CROSSED:
        return [(None, 2), (None,), (2,)]
    if kind in _EXAMPLES:
        return _of_examples(known[0], told, count)
    if stored is not None and len(stored.list.shape) == count:
        return [
            None if s.unknown_rank else tuple(None if d.size < 0 else d.size for d in s.dim)
            for s in stored.list.shape
        ]
    return [None] * count


_CROSSED = frozenset({"SparseCross", "SparseCrossHashed", "SparseCrossV2"})
_EXAMPLES = frozenset({"ParseExample", "ParseExampleV2", "ParseSingleExample"})


def _of_examples(serialized: Shape, told: Any, count: int) -> Sequence[Shape]:
    """Indices, values and sizes of sparse features, dense ones, and values and ends of ragged ones."""
    few, shapes = len(told["sparse_types"]), told["dense_shapes"]
    batch: tuple[int | None, ...] = () if serialized == () else (None,)
    rank = 1 + len(batch)
    parts: list[Shape] = [(None, rank), (None,), (rank,)]
    found = [part for part in parts for _ in range(few)]
    found += [None if shape is None else (*batch, *shape) for shape in shapes]
    return [*found, *parts[1:2] * (count - len(found))]


def _of_ordinary(kind: str, inputs: Sequence[Entity], told: Any) -> Sequence[Shape]:
    """The ranks of strings that ordinary ops move about."""
    values = [value for value in inputs if isinstance(value, Value)]
    rank = values[0].rank
    if kind in ("Reshape", "Fill"):
        dims = values[1] if kind == "Reshape" else values[0]
        if dims.elements is not None:
            return [tuple(None if n is None or n < 0 else n for n in dims.elements)]
        return [None if dims.shape is None or dims.shape[0] is None else (None,) * dims.shape[0]]
    if rank is None:
        return [None]
    if kind == "ExpandDims" or kind == "Pack":
        return [(None,) * (rank + 1)]
    if kind == "Squeeze" and told.get("squeeze_dims"):
        return [(None,) * (rank - len(told["squeeze_dims"]))]
    if kind in ("ConcatV2", "Select"):
        return [(None,) * max(v.rank or 0 for v in values[:-1])]
    if kind == "StridedSlice" and not told["ellipsis_mask"]:
        return [(None,) * (rank + told["new_axis_mask"].bit_count() - told["shrink_axis_mask"].bit_count())]
    if kind == "GatherV2" and values[1].rank is not None:
        return [(None,) * (rank + values[1].rank - 1)]
    return [None]


_AS_FIRST = frozenset(
    {
        "StringToHashBucketFast",
        "StringToHashBucketStrong",
        "StringToHashBucket",
        "StringLower",
        "StringUpper",
        "StringStrip",
        "StringLength",
        "StaticRegexReplace",
        "RegexReplace",
        "RegexFullMatch",
        "StaticRegexFullMatch",
        "StringToNumber",
        "AsString",
        "Substr",
        "DecodeBase64",
        "EncodeBase64",
    }
)


def _split(_: Sequence[Shape]) -> Sequence[Shape]:
    return [(None, 2), (None,), (2,)]


def _fill(shapes: Sequence[Shape]) -> Sequence[Shape]:
    indices, dense = shapes[0], shapes[2]
    rank = dense[0] if dense else (indices[1] if indices is not None and len(indices) > 1 else None)
    return [(None, rank), (None,), (None,), (None,)]


def _equal(shapes: Sequence[Shape]) -> Sequence[Shape]:
    first, second = shapes
    if first is None or second is None:
        return [None]
    return [first if len(first) >= len(second) else second]


_RULES: dict[str, _ShapeRule] = {
    "StringSplit": _split,
    "StringSplitV2": _split,
    "SparseFillEmptyRows": _fill,
    "Equal": _equal,
    "NotEqual": _equal,
    "StringJoin": lambda shapes: [max((s for s in shapes if s is not None), key=len, default=None)],
    "Unique": lambda shapes: [(None,), shapes[0]],
    "DecodeRaw": lambda shapes: [None if shapes[0] is None else (*shapes[0], None)],
    "Shape": lambda shapes: [None if shapes[0] is None else (len(shapes[0]),)],
    "Size": lambda _: [()],
    "Rank": lambda _: [()],
    "DecodeJpeg": lambda _: [(None, None, None)],
    "DecodePng": lambda _: [(None, None, None)],
    "DecodeImage": lambda _: [(None, None, None)],
    "DecodeWav": lambda _: [(None, None), ()],
    "SparseToDense": lambda shapes: [
        None if not shapes[1] or shapes[1][0] is None else (None,) * shapes[1][0]
    ],
    "RaggedTensorToSparse": lambda _: [(None, None), (None,), (None,)],
}
