"""Graphs written node by node, also those that TensorFlow's Python would not write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import AttrValue, GraphDef, MetaGraphDef, SavedModel, TensorProto
from tf1hub.graphdef.op_record import recorded_definition


class Type(NamedTuple):
    """A dtype as the value of an attribute."""

    number: int


class Func(NamedTuple):
    """A function as the value of an attribute."""

    name: str


FLOAT, STRING, INT32, INT64 = (Type(number) for number in (1, 7, 3, 9))


class Output(NamedTuple):
    """An output of a node; `node:0` in a graph, `node:name:0` in a function's body."""

    node: str
    op: str
    index: int = 0


class Graph:
    """Writes nodes into a graph, or into the body of a function."""

    def __init__(self, graph: GraphDef, nodes: Any = None) -> None:
        self.graph = graph
        self.nodes = graph.node if nodes is None else nodes
        self.in_function = nodes is not None

    def __call__(self, op: str, *inputs: Any, name: str = "", **attrs: Any) -> Output:
        node = self.nodes.add(name=name or f"{op}_{len(self.nodes)}", op=op)
        node.input.extend(self.edge(each) for each in inputs)
        for key, value in attrs.items():
            set_attr(node.attr[key], value)
        return Output(node.name, op)

    def edge(self, given: Any) -> str:
        if isinstance(given, str):
            return given
        if not self.in_function:
            return f"{given.node}:{given.index}" if given.index else given.node
        definition = recorded_definition(given.op)
        named = definition.output_arg[0].name if definition is not None else "r"
        return f"{given.node}:{named}:{given.index}"

    def text(self, *values: str | bytes, name: str = "") -> Output:
        """A constant of one string, or a vector of several."""
        return self.constant(strings(*values), name)

    def numbers(self, *values: int, kind: Type = INT64, vector: bool = False) -> Output:
        tensor = TensorProto(dtype=kind.number)
        field = tensor.int64_val if kind == INT64 else tensor.int_val
        field.extend(values)
        if vector or len(values) != 1:
            tensor.tensor_shape.dim.add(size=len(values))
        return self.constant(tensor)

    def flag(self, value: bool) -> Output:
        return self.constant(TensorProto(dtype=dtypes.BOOL, bool_val=[value], tensor_shape={}))

    def constant(self, tensor: TensorProto, name: str = "") -> Output:
        made = self("Const", name=name, dtype=Type(tensor.dtype))
        self.nodes[-1].attr["value"].tensor.CopyFrom(tensor)
        return made

    def function(
        self, name: str, build: Any, inputs: tuple[tuple[str, Type], ...] = (), result: Type = STRING
    ) -> Func:
        """A function whose result is what `build` returns; it gets a graph to write into."""
        function = self.graph.library.function.add()
        function.signature.name = name
        for argument, kind in inputs:
            function.signature.input_arg.add(name=argument, type=kind.number)
        body = Graph(self.graph, function.node_def)
        returned = build(body)
        function.signature.output_arg.add(name="r", type=result.number)
        function.signature.is_stateful = True
        function.ret["r"] = body.edge(returned)
        return Func(name)


def strings(*values: str | bytes) -> TensorProto:
    tensor = TensorProto(dtype=dtypes.STRING, tensor_shape={})
    tensor.string_val.extend(value.encode() if isinstance(value, str) else value for value in values)
    if len(values) != 1:
        tensor.tensor_shape.dim.add(size=len(values))
    return tensor


def set_attr(attr: AttrValue, value: Any) -> None:
    if isinstance(value, bool):
        attr.b = value
    elif isinstance(value, int):
        attr.i = value
    elif isinstance(value, float):
        attr.f = value
    elif isinstance(value, str | bytes):
        attr.s = value.encode() if isinstance(value, str) else value
    elif isinstance(value, Type):
        attr.type = value.number
    elif isinstance(value, Func):
        attr.func.name = value.name
    elif isinstance(value, tuple):  # a shape
        attr.shape.SetInParent()
        for side in value:
            attr.shape.dim.add(size=side)
    else:
        attr.list.SetInParent()
        for item in value:
            one = AttrValue()
            set_attr(one, item)
            kind = one.WhichOneof("value")
            getattr(attr.list, kind).append(getattr(one, kind))


def write_module(directory: Path, *variants: MetaGraphDef, is_module: bool = True) -> str:
    """Writes a module without a checkpoint, or a SavedModel."""
    directory.mkdir(parents=True)
    if is_module:
        (directory / "tfhub_module.pb").write_bytes(b"\x08\x03")
    saved = SavedModel(saved_model_schema_version=1, meta_graphs=variants)
    (directory / "saved_model.pb").write_bytes(saved.SerializeToString())
    return str(directory)
