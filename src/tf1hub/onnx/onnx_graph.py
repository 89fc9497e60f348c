"""The ONNX graph while it is built: nodes, names, constants, and types that are inferred node by node."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import defs, helper, shape_inference

from tf1hub.onnx.lowering_table import CannotLower
from tf1hub.onnx.traced_values import Shape, Value

OPSET = 20
"""The oldest that has all that is used (`Gelu`, `StringSplit`, `DFT` with an axis that may be computed)."""

ML_OPSET = 4
_IMPORTS = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
_SMALL = 1024
"""Elements of a constant whose value type inference is told, and of which equal ones are kept once."""

_LEAVE_LOOPS = frozenset({"Transpose", "Cast", "Unsqueeze", "Squeeze", "Identity", "Shape", "Flatten"})
"""Ops that cannot fail and cost little, made outside of a loop where all that they take is from there."""


class ModelNames:
    """Gives each tensor and node of a model a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, itertools.count[int]] = {}

    def is_free(self, name: str) -> bool:
        """Whether nothing is called so yet."""
        return name not in self._taken

    def free(self, wanted: str) -> str:
        """The wanted name, or that with a number."""
        name = wanted
        while name in self._taken:
            name = f"{wanted}_{next(self._next.setdefault(wanted, itertools.count(1)))}"
        self._taken.add(name)
        return name


class Constants:
    """The constants of a model: initializers of its main graph, which inner graphs see too."""

    def __init__(self, names: ModelNames) -> None:
        self.used: dict[str, Value] = {}
        self._names = names
        self._small: dict[Any, str] = {}

    def name_of(self, value: Value) -> str:
        """The name of a constant, which joins the model."""
        if value._name:  # a constant's name is given here
            return value._name
        array = value.known
        assert array is not None
        key = None
        if array.size <= _SMALL and not value.label:
            content = tuple(array.ravel().tolist()) if array.dtype.kind == "O" else array.tobytes()
            key = array.dtype.str, array.shape, content
        if key is not None and key in self._small:
            value.set_name(self._small[key])
            return self._small[key]
        name = self._names.free(value.label or "const")
        value.set_name(name)
        self.used[name] = value
        if key is not None:
            self._small[key] = name
        return name


class Graph:
    """A graph of the model: the main one, or that of a branch or of a loop's body.

    Args:
        names: of the model.
        constants: of the model.
        parent: the graph around; None for the main one.
        is_loop: whether it is a loop's body.
    """

    def __init__(
        self, names: ModelNames, constants: Constants, parent: Graph | None = None, is_loop: bool = False
    ) -> None:
        self.names = names
        self.constants = constants
        self.parent = parent
        self.is_loop = is_loop
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.nodes: list[onnx.NodeProto] = []
        self.made_by: dict[str, onnx.NodeProto] = {}
        self.label = ""

    def inner(self, is_loop: bool = False) -> Graph:
        """A graph inside of this one."""
        return Graph(self.names, self.constants, self, is_loop)

    def const(self, array: npt.ArrayLike, dtype: npt.DTypeLike | None = None, label: str = "") -> Value:
        """A constant."""
        found = np.asarray(array, dtype)
        value = Value(found.dtype, found.shape, known=found, label=label)
        if found.ndim <= 1 and found.dtype.kind in "iu" and found.size <= _SMALL:
            value.elements = tuple(int(n) for n in found.ravel())
        return value

    def int64s(self, *numbers: int) -> Value:
        """A vector of constants, as ONNX takes axes and sizes."""
        return self.const(np.array(numbers, np.int64))

    def name_of(self, value: Value) -> str:
        """What a value is called in the model."""
        return self.constants.name_of(value) if value.known is not None else value.name

    def op(
        self,
        kind: str,
        *inputs: Value | None,
        dtype: npt.DTypeLike | None = None,
        shape: Shape | str = "inferred",
        domain: str = "",
        **attributes: Any,
    ) -> Value:
        """Adds a node with one output. See `ops`."""
        kwargs: dict[str, Any] = {"dtypes": None if dtype is None else [dtype], "domain": domain}
        (value,) = self.ops(kind, 1, *inputs, **kwargs, **attributes)
        if not isinstance(shape, str):
            value.shape = _narrower(value.shape, shape)
        return value

    def ops(
        self,
        kind: str,
        outputs: int,
        *inputs: Value | None,
        dtypes: Sequence[Any] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> list[Value]:
        """Adds a node.

        Args:
            kind: ONNX's operator.
            outputs: how many it has.
            inputs: None for one that is left out.
            dtypes: of the outputs, where inference cannot tell.
            domain: of the operator.
            attributes: those that are None are left out.
        """
        if kind == "Gather" and (rows := inputs[0]) is not None and rows.dtype.kind == "O" and rows.rank != 1:
            raise CannotLower("gathers rows of strings, of which ONNX Runtime copies the first alone")
        home = self._home(kind, inputs)
        label = self.label or kind
        results = [self.names.free(label if outputs == 1 else f"{label}:{i}") for i in range(outputs)]
        takes = ["" if value is None else self.name_of(value) for value in inputs]
        while takes and not takes[-1]:
            takes.pop()
        given = {key: value for key, value in attributes.items() if value is not None}
        node = helper.make_node(kind, takes, results, name=results[0], domain=domain, **given)
        home.nodes.append(node)
        types = self._infer(node, [value for value in inputs if value is not None])
        values = []
        for index, name in enumerate(results):
            home.made_by[name] = node
            found, shape = _parse(types.get(name))
            if dtypes is not None:
                found = np.dtype(dtypes[index])
            if found is None:
                raise CannotLower(f"has inputs that ONNX's {kind} does not take")
            if found.kind == "c" and shape is not None:
                shape = shape[:-1]  # the last axis has the parts of each number
            values.append(Value(found, shape, name, home))
        return values

    def _home(self, kind: str, inputs: Sequence[Value | None]) -> Graph:
        if kind not in _LEAVE_LOOPS:
            return self
        home: Graph = self
        deepest = max((v.graph.depth for v in inputs if v is not None and v.graph is not None), default=0)
        while home.depth > deepest and home.is_loop and home.parent is not None:
            home = home.parent
        return home

    def _infer(self, node: onnx.NodeProto, inputs: Sequence[Value]) -> dict[str, onnx.TypeProto]:
        version = ML_OPSET if node.domain else OPSET
        schema = defs.get_schema(node.op_type, version, node.domain)
        types, data = {}, {}
        for value in inputs:
            name = self.name_of(value)
            types[name] = type_of(value)
            if value.known is not None and value.known.size <= 64 and value.known.dtype.kind in "if":
                data[name] = onnx.numpy_helper.from_array(value.known, name)
        try:
            found: dict[str, onnx.TypeProto] = shape_inference.infer_node_outputs(
                schema, node, types, data, opset_imports=_IMPORTS
            )
            return found
        except onnx.shape_inference.InferenceError:
            return {}  # what runs the model says the same

    # ------------------------------------------------------------- what lowerings share

    def cast(self, value: Value, dtype: npt.DTypeLike) -> Value:
        """A value of another dtype; the value itself where it has that."""
        wanted = np.dtype(dtype)
        if value.dtype == wanted:
            return value
        if value.known is not None:
            return self.const(value.known.astype(wanted))
        if value.first is not None and not value.is_made:
            return self.channels_last(self.op("Cast", value.first, to=tensor_type(wanted)))
        result = self.op("Cast", value, to=tensor_type(wanted))
        if wanted.kind in "iu":
            result.elements = value.elements
        return result

    def int64(self, value: Value) -> Value:
        """A value as ONNX takes indices, sizes and axes."""
        return self.cast(value, np.int64)

    def reshape(self, value: Value, dims: Value | Sequence[int], shape: Shape = None) -> Value:
        """A value with another shape.

        Args:
            value: what has as many elements.
            dims: the sizes, -1 for one that follows from the others.
            shape: what is known of the result.
        """
        sizes = dims if isinstance(dims, Value) else self.int64s(*dims)
        sizes = self.int64(sizes)
        if sizes.known is not None and value.known is not None:
            return self.const(value.known.reshape([int(n) for n in sizes.known]))
        elements = sizes.elements
        if elements is not None:
            if shape is None:
                shape = tuple(None if n is None or n < 0 else n for n in elements)
            if (
                sizes.known is None
                and sum(n is None for n in elements) == 1
                and all(n is None or n > 0 for n in elements)
            ):
                sizes = self.int64s(*(-1 if n is None else n for n in elements))
        # Without `allowzero` a size of 0 would stand for the size that was there.
        zero = elements is None or 0 in elements or None in elements
        wildcard = sizes.known is not None and -1 in sizes.known
        result = self.op("Reshape", value, sizes, allowzero=1 if zero and not wildcard else None)
        if zero and not wildcard and sizes.known is None and elements is None:
            result = self._reshape_with_wildcard(value, sizes)
        if shape is not None:
            result.shape = _narrower(result.shape, shape)
        elif sizes.shape is not None and sizes.shape[0] is not None:
            result.shape = _narrower(result.shape, (None,) * sizes.shape[0])
        if value.elements is not None and len(result.shape or (0, 0)) <= 1:
            result.elements = value.elements
        return result

    def _reshape_with_wildcard(self, value: Value, sizes: Value) -> Value:
        """Sizes of which nothing is known may hold a -1 beside a 0, which ONNX has no reshape for; -1 is worked out."""
        total = self.op("Size", value)
        negative = self.op("Less", sizes, self.int64s(0))
        one = self.int64s(1)
        others = self.op("ReduceProd", self.op("Where", negative, one, sizes), keepdims=0)
        missing = self.op("Div", total, self.op("Max", others, self.const(1, np.int64)))
        return self.op("Reshape", value, self.op("Where", negative, missing, sizes), allowzero=1)

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        """A value with its axes in another order."""
        if list(order) == list(range(len(order))):
            return value
        if value.known is not None:
            return self.const(np.transpose(value.known, order))
        return self.op("Transpose", value, perm=list(order))

    def unsqueeze(self, value: Value, *axes: int) -> Value:
        """A value with axes of size 1 put in."""
        if value.known is not None:
            return self.const(np.expand_dims(value.known, axes))
        result = self.op("Unsqueeze", value, self.int64s(*axes))
        if value.shape == () and len(axes) == 1:
            result.elements = value.elements
        return result

    def squeeze(self, value: Value, *axes: int) -> Value:
        """A value without axes of size 1."""
        if value.known is not None:
            return self.const(np.squeeze(value.known, axes))
        result = self.op("Squeeze", value, self.int64s(*axes))
        if value.elements is not None and result.shape == ():
            result.elements = value.elements
        return result

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Values one behind the other."""
        if len(values) == 1:
            return values[0]
        if all(value.known is not None for value in values):
            return self.const(np.concatenate([value.known for value in values], axis))
        result = self.op("Concat", *values, axis=axis)
        if values[0].rank == 1 and all(value.elements is not None for value in values):
            result.elements = tuple(n for value in values for n in value.elements or ())
        return result

    def shape_of(self, value: Value) -> Value:
        """The sizes of a value, a vector of int64."""
        if value.shape is not None and None not in value.shape:
            return self.int64s(*(n for n in value.shape if n is not None))
        if value.first is not None and not value.is_made:
            rank = len(value.shape or ())
            sizes = self.op("Shape", value.first)
            result = self.op("Gather", sizes, self.int64s(0, *range(2, rank), 1), axis=0)
        else:
            result = self.op("Shape", value)
        if value.shape is not None:
            result.elements = value.shape
        return result

    def size_of(self, value: Value, axis: int) -> Value:
        """One size of a value, a vector of one int64."""
        if value.shape is not None and value.shape[axis] is not None:
            return self.int64s(int(value.shape[axis] or 0))
        if value.first is not None and not value.is_made:
            rank = len(value.shape or ())
            value, axis = value.first, [0, *range(2, rank), 1][axis]
        end = axis + 1 if axis != -1 else None
        result = self.op("Shape", value, start=axis, end=end)
        result.shape = (1,)
        return result

    def slice(self, value: Value, start: int, end: int | None, axis: int) -> Value:
        """A run of a value along one axis."""
        stop = np.iinfo(np.int64).max if end is None else end
        if value.known is not None:
            cut: list[Any] = [slice(None)] * value.known.ndim
            cut[axis] = slice(start, end)
            return self.const(value.known[tuple(cut)])
        return self.op("Slice", value, self.int64s(start), self.int64s(stop), self.int64s(axis))

    def gather(self, value: Value, indices: Value, axis: int = 0) -> Value:
        """Slices of a value."""
        if value.known is not None and indices.known is not None and value.known.size <= _SMALL:
            return self.const(np.take(value.known, indices.known, axis))
        return self.op("Gather", value, indices, axis=axis)

    def like(self, number: float, value: Value) -> Value:
        """A scalar of a value's dtype."""
        return self.const(np.array(number).astype(value.dtype))

    def zeros(self, sizes: Value, dtype: npt.DTypeLike, fill: Any = 0) -> Value:
        """A tensor of one number."""
        wanted = np.dtype(dtype)
        kept = wanted if wanted.kind in "fiub" else np.dtype(np.float32)
        value = onnx.numpy_helper.from_array(np.array([fill], kept))
        result = self.op("ConstantOfShape", self.int64(sizes), value=value)
        if sizes.elements is not None:
            result.shape = sizes.elements
        elif sizes.shape is not None and sizes.shape[0] is not None:
            result.shape = _narrower(result.shape, (None,) * sizes.shape[0])
        return result

    def channels_first(self, value: Value) -> Value:
        """An image tensor with channels first; it is transposed once."""
        if value.first is None:
            rank = len(value.shape or ())
            order = [0, rank - 1, *range(1, rank - 1)]
            if value.known is not None:
                return self.const(np.transpose(value.known, order))
            transposed = self.op("Transpose", value, perm=order)
            home = transposed.graph
            if home is not None and value.graph is home:
                value.first = transposed
            return transposed
        return value.first

    def channels_last(self, first: Value) -> Value:
        """An image tensor of which channels come first in the graph, as TensorFlow sees it."""
        shape = first.shape
        if shape is not None:
            shape = (shape[0], *shape[2:], shape[1])
        value = Value(first.dtype, shape, graph=first.graph)
        value.first = first
        return value


def _narrower(found: Shape, given: Shape) -> Shape:
    """What two shapes of one tensor tell together."""
    if found is None or given is None or len(found) != len(given):
        return given if found is None or given is not None else found
    return tuple(a if a is not None else b for a, b in zip(found, given, strict=True))


def tensor_type(dtype: npt.DTypeLike) -> int:
    """ONNX's number of a dtype; strings are objects in NumPy."""
    wanted = np.dtype(dtype)
    if wanted.kind in "OSU":
        return int(onnx.TensorProto.STRING)
    if wanted.kind == "c":
        wanted = np.dtype(np.float32 if wanted.itemsize == 8 else np.float64)
    return int(helper.np_dtype_to_tensor_dtype(wanted))


def type_of(value: Value) -> onnx.TypeProto:
    """The type of a value as ONNX writes it."""
    if value._type is None:  # kept there, because each user asks
        shape = value.shape
        if shape is not None and value.dtype.kind == "c":
            shape = (*shape, 2)
        value._type = helper.make_tensor_type_proto(tensor_type(value.dtype), shape)
    return value._type


def _parse(found: onnx.TypeProto | None) -> tuple[np.dtype[Any] | None, Shape]:
    if found is None or not found.HasField("tensor_type"):
        return None, None
    tensor = found.tensor_type
    dtype = (
        np.dtype(object)
        if tensor.elem_type == onnx.TensorProto.STRING
        else np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if tensor.elem_type
        else None
    )
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
