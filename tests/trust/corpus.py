"""Modules that do harm and modules that do none, each with what a scan has to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.trust.graphs import FLOAT, INT32, INT64, STRING, Func, Graph, Type, write_module
from tests.trust.harm import DEEDS, NATIVE, READS, WRITES, Deed, Kit
from tf1hub.format.messages_pb2 import (
    Any as AnyMessage,
)
from tf1hub.format.messages_pb2 import AssetFileDef, GraphDef, MetaGraphDef, TensorInfo, VariableDef

VARIANT = Type(21)
RESOURCE = Type(20)
BOOL = Type(10)

Build = Callable[[Graph, Kit], Any]


class Case(NamedTuple):
    """One module.

    Attributes:
        name: of its directory.
        variants: writes its variants.
        expected: what is refused: the part, what it does, where the target comes from, the target.
        effect: as of a `Deed`.
    """

    name: str
    variants: Callable[[Kit], list[MetaGraphDef]]
    expected: Callable[[Kit], set[tuple[str, str, str, str]]]
    effect: str = ""

    def write(self, directory: Path, kit: Kit) -> str:
        path = directory / self.name
        write_module(path, *self.variants(kit))
        (path / "assets").mkdir()
        (path / "assets" / "words.txt").write_text("a\nb\n")
        return str(path)


def variant(build: Build, kit: Kit, *tags: str) -> MetaGraphDef:
    """A variant whose default signature takes texts and gives their lengths, and runs what `build` writes before."""
    made = MetaGraphDef()
    made.meta_info_def.tags.extend(tags)
    g = Graph(made.graph_def)
    made.graph_def.versions.producer = 1645
    text = g("Placeholder", name="text", dtype=STRING, shape=(-1,))
    before = build(g, kit)
    lengths = g("StringLength", text, *([f"^{before.node}"] if before is not None else []))
    floats = g("Cast", lengths, SrcT=INT32, DstT=FLOAT)
    rows = g("ExpandDims", floats, g.numbers(1, kind=INT32), name="rows", T=FLOAT, Tdim=INT32)
    add_signature(made, "default", {"text": ("text:0", STRING, [-1])}, {"default": (rows, FLOAT, [-1, 1])})
    return made


def add_signature(made: MetaGraphDef, name: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    signature = made.signature_def[name]
    for field, given in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for key, (tensor, kind, shape) in given.items():
            info = field[key]
            info.name = tensor if isinstance(tensor, str) else f"{tensor.node}:{tensor.index}"
            info.dtype = kind.number
            info.tensor_shape.SetInParent()
            for side in shape:
                info.tensor_shape.dim.add(size=side)


def add_asset(made: MetaGraphDef, tensor: str, file: str) -> None:
    made.collection_def["asset_filepaths"].node_list.value.append(tensor)
    asset = AssetFileDef(tensor_info=TensorInfo(name=tensor), filename=file)
    packed = AnyMessage(
        type_url="type.googleapis.com/tensorflow.AssetFileDef", value=asset.SerializeToString()
    )
    made.collection_def["saved_model_assets"].any_list.value.append(packed)


# ------------------------------------------------------------------- hiding


def called(depth: int) -> Callable[[Build], Build]:
    """In a function in a function ..."""

    def hide(build: Build) -> Build:
        def hidden(g: Graph, kit: Kit, level: int = depth) -> Any:
            if not level:
                return build(g, kit)
            name = f"level_{level}"
            f = g.function(name, lambda b: _text_after(b, hidden(b, kit, level - 1)))
            return g("StatefulPartitionedCall", f=f, Tin=[], Tout=[STRING])

        return hidden

    return hide


def _text_after(g: Graph, node: Any) -> Any:
    return g("Identity", g.text("x"), f"^{node.node}", T=STRING)


def _function(g: Graph, build: Build, kit: Kit, name: str = "harm", inputs: Any = ()) -> Func:
    return g.function(name, lambda b: _text_after(b, build(b, kit)), inputs)


def in_a_dataset(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        f = _function(g, build, kit, inputs=(("x", INT64),))
        numbers = g(
            "RangeDataset", *(g.numbers(n) for n in (0, 1, 1)), output_types=[INT64], output_shapes=[()]
        )
        types = {"output_types": [STRING], "output_shapes": [()]}
        mapped = g("MapDataset", numbers, f=f, Targuments=[], **types)
        return g("DatasetToSingleElement", mapped, **types)

    return hidden


def in_a_dataset_that_flattens(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        def inner(b: Graph) -> Any:
            text = _text_after(b, build(b, kit))
            return b("TensorDataset", text, Toutput_types=[STRING], output_shapes=[()])

        f = g.function("harm", inner, (("x", INT64),), VARIANT)
        numbers = g(
            "RangeDataset", *(g.numbers(n) for n in (0, 1, 1)), output_types=[INT64], output_shapes=[()]
        )
        types = {"output_types": [STRING], "output_shapes": [()]}
        flat = g("FlatMapDataset", numbers, f=f, Targuments=[], **types)
        return g("DatasetToSingleElement", flat, **types)

    return hidden


def in_an_iterator(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        types = {"output_types": [STRING], "output_shapes": [()]}

        def dataset(b: Graph) -> Any:
            return b(
                "TensorDataset", _text_after(b, build(b, kit)), Toutput_types=[STRING], output_shapes=[()]
            )

        factory = g.function("factory", dataset, (), VARIANT)
        iterator = g("OneShotIterator", dataset_factory=factory, **types)
        return g("IteratorGetNext", iterator, **types)

    return hidden


def in_a_branch(build: Build) -> Build:
    """Of a cond that is never true by its look."""

    def hidden(g: Graph, kit: Kit) -> Any:
        harm = _function(g, build, kit)
        fine = g.function("fine", lambda b: b.text("x"))
        branches = {"then_branch": harm, "else_branch": fine}
        return g("If", g.flag(False), Tcond=BOOL, Tin=[], Tout=[STRING], **branches)

    return hidden


def in_a_case(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        branches = [g.function("fine", lambda b: b.text("x")), _function(g, build, kit)]
        return g("Case", g.numbers(0, kind=INT32), Tin=[], Tout=[STRING], branches=branches)

    return hidden


def behind_a_switch(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        switch = g("Switch", g.text("x"), g.flag(False), T=STRING)
        taken = g("Identity", f"{switch.node}:1", T=STRING)
        harm = build(g, kit)
        g.nodes[[n.name for n in g.nodes].index(harm.node)].input.append(f"^{taken.node}")
        then = g("Identity", taken, f"^{harm.node}", T=STRING)
        return g("Merge", then, switch, T=STRING, N=2)

    return hidden


def in_a_loop(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        body = _function(g, build, kit, inputs=(("x", STRING),))
        cond = g.function("cond", lambda b: b.flag(False), (("x", STRING),), BOOL)
        return g("While", g.text("x"), T=[STRING], cond=cond, body=body)

    return hidden


def in_a_gradient(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        fine = g.function("fine", lambda b: b.text("x"))
        harm = _function(g, build, kit)
        g.graph.library.gradient.add(function_name="fine", gradient_func=harm.name)
        return g("PartitionedCall", f=fine, Tin=[], Tout=[STRING])

    return hidden


def called_like_an_op(build: Build) -> Build:
    return lambda g, kit: g(_function(g, build, kit, name="Harm").name)


def named_by_an_attribute(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        return g("Identity", g.text("x"), T=STRING, _harm=_function(g, build, kit).name)

    return hidden


def in_an_argument_of_a_function(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        fine, harm = g.function("fine", lambda b: b.text("x")), _function(g, build, kit)
        call = g("PartitionedCall", f=fine, Tin=[], Tout=[STRING])
        g.nodes[-1].attr["f"].func.attr["g"].func.name = harm.name
        return call

    return hidden


def serialized(depth: int) -> Callable[[Build], Build]:
    """A dataset's graph in a constant, whose function has another one ..."""

    def hide(build: Build) -> Build:
        def hidden(g: Graph, kit: Kit, level: int = depth) -> Any:
            if not level:
                return build(g, kit)
            inner = GraphDef()
            b = Graph(inner)
            hidden(b, kit, level - 1)
            types = {"output_types": [STRING], "output_shapes": [()]}
            dataset = b("TensorDataset", b.text("x"), Toutput_types=[STRING], output_shapes=[()])
            b("_Retval", dataset, T=VARIANT, index=0)
            made = g("DatasetFromGraph", g.text(inner.SerializeToString()))
            return g("DatasetToSingleElement", made, **types)

        return hidden

    return hide


def in_an_attribute(build: Build) -> Build:
    def hidden(g: Graph, kit: Kit) -> Any:
        inner = GraphDef()
        build(Graph(inner), kit)
        return g("Identity", g.text("x"), T=STRING, _engine=inner.SerializeToString())

    return hidden


HIDING: dict[str, Callable[[Build], Build]] = {
    "one_function": called(1),
    "two_functions": called(2),
    "three_functions": called(3),
    "dataset": in_a_dataset,
    "dataset_in_function": lambda build: called(1)(in_a_dataset(build)),
    "flattened_dataset": in_a_dataset_that_flattens,
    "iterator": in_an_iterator,
    "branch": in_a_branch,
    "branch_in_dataset_in_function": lambda build: called(1)(in_a_dataset(in_a_branch(build))),
    "case": in_a_case,
    "switch": behind_a_switch,
    "loop": in_a_loop,
    "gradient": in_a_gradient,
    "gradient_in_function": lambda build: called(1)(in_a_gradient(build)),
    "function_as_op": called_like_an_op,
    "name_in_attribute": named_by_an_attribute,
    "argument_of_function": in_an_argument_of_a_function,
    "serialized": serialized(1),
    "serialized_twice": serialized(2),
    "serialized_in_function": lambda build: called(1)(serialized(1)(build)),
    "serialized_in_attribute": in_an_attribute,
}


def _parts(part: str, deed: Deed) -> Callable[[Kit], set[tuple[str, str, str, str]]]:
    return lambda kit: {(part, *each) for each in deed.expected(kit)}


_DEFAULT = "signature 'default'"
_WRITE = next(deed for deed in DEEDS if deed.name == "write")
_READ = next(deed for deed in DEEDS if deed.name == "read")


def harmful() -> Iterator[Case]:
    """All harmful modules."""
    for deed in DEEDS:
        yield Case(
            deed.name, lambda kit, deed=deed: [variant(deed.build, kit)], _parts(_DEFAULT, deed), deed.effect
        )
    for name, hide in HIDING.items():
        for deed in (_WRITE, _READ):
            build = hide(deed.build)
            yield Case(
                f"{deed.name}_in_{name}",
                lambda kit, build=build: [variant(build, kit)],
                _parts(_DEFAULT, deed),
            )
    yield from _elsewhere()
    yield from _paths()


def _elsewhere() -> Iterator[Case]:
    """Harm in parts other than a signature."""

    def with_collection(collection: str) -> Callable[[Kit], list[MetaGraphDef]]:
        def variants(kit: Kit) -> list[MetaGraphDef]:
            made = variant(lambda g, kit: None, kit)
            harm = _WRITE.build(Graph(made.graph_def), kit)
            made.collection_def[collection].node_list.value.append(harm.node)
            return [made]

        return variants

    for collection, part in (
        ("table_initializer", "initializers of tables"),
        ("update_ops", "update ops"),
        ("saved_model_main_op", "main op"),
        ("legacy_init_op", "main op"),
    ):
        yield Case(f"write_in_{collection}", with_collection(collection), _parts(part, _WRITE))

    def loss(kit: Kit) -> list[MetaGraphDef]:
        made = variant(lambda g, kit: None, kit)
        g = Graph(made.graph_def)
        size = g("StringLength", g("ReadFile", g.text(kit.secret)))
        made.collection_def["regularization_losses"].node_list.value.append(
            f"{g('Cast', size, SrcT=INT32, DstT=FLOAT).node}:0"
        )
        return [made]  # fmt: skip

    yield Case("read_in_loss", loss, _parts("regularization losses", _READ))

    def initializer(kit: Kit) -> list[MetaGraphDef]:
        made = variant(lambda g, kit: None, kit)
        g = Graph(made.graph_def)
        handle = g("VarHandleOp", dtype=STRING, shape=(), shared_name="v", name="v")
        value = g("ReadFile", g.text(kit.secret))
        assign = g("AssignVariableOp", handle, value, dtype=STRING)
        read = g("ReadVariableOp", handle, dtype=STRING)
        definition = VariableDef(
            variable_name="v:0",
            initializer_name=assign.node,
            initial_value_name=f"{value.node}:0",
            snapshot_name=f"{read.node}:0",
            is_resource=True,
        )
        made.collection_def["variables"].bytes_list.value.append(definition.SerializeToString())
        return [made]

    yield Case("read_in_initial_value", initializer, _parts("initializers of variables", _READ))
    yield Case(
        "write_in_train",
        lambda kit: [variant(lambda g, kit: None, kit), variant(_WRITE.build, kit, "train")],
        _parts(_DEFAULT, _WRITE),
    )


def _paths() -> Iterator[Case]:
    """Paths that look like the module's own, or like the caller's, and are not."""

    def table(
        asset: bool, put: Callable[[Graph, Any], Any] = lambda g, path: path
    ) -> Callable[[Kit], list[MetaGraphDef]]:
        def variants(kit: Kit) -> list[MetaGraphDef]:
            made = variant(lambda g, kit: None, kit)
            g = Graph(made.graph_def)
            path = g.text("SAVEDMODEL-ASSET" if asset else kit.secret, name="path")
            if asset:
                add_asset(made, "path:0", "words.txt")
            else:
                made.collection_def["asset_filepaths"].node_list.value.append("path:0")
            words = g("HashTableV2", key_dtype=STRING, value_dtype=INT64, shared_name="t")
            fill = g("InitializeTableFromTextFileV2", words, put(g, path), key_index=-2, value_index=-1)
            made.collection_def["table_initializer"].node_list.value.append(fill.node)
            return [made]

        return variants

    tables = "initializers of tables"
    yield Case(
        "asset_without_a_file", table(asset=False), lambda kit: {(tables, READS, "constant", kit.secret)}
    )
    yield Case(
        "asset_and_a_tail",
        table(asset=True, put=lambda g, path: g("StringJoin", path, g.text("/../../../secret"), N=2)),
        lambda _: {(tables, READS, "elsewhere", "<words.txt>/../../../secret")},
    )

    def written_asset(kit: Kit) -> list[MetaGraphDef]:
        made = variant(
            lambda g, kit: g("WriteFile", g.text("SAVEDMODEL-ASSET", name="path"), g.text("x")), kit
        )
        add_asset(made, "path:0", "words.txt")
        return [made]

    yield Case("writes_its_asset", written_asset, lambda _: {(_DEFAULT, WRITES, "asset", "words.txt")})

    def of_input(*parts: Any) -> Callable[[Kit], list[MetaGraphDef]]:
        def build(g: Graph, kit: Kit) -> Any:
            edges = [g.text(part) if part else "text:0" for part in parts]
            return g("ReadFile", g("StringJoin", *edges, N=len(edges)))

        return lambda kit: [variant(build, kit)]

    yield Case(
        "input_below_etc", of_input("/etc/", ""), lambda _: {(_DEFAULT, READS, "elsewhere", "/etc/<text>")}
    )
    yield Case(
        "input_and_up", of_input("", "/../x"), lambda _: {(_DEFAULT, READS, "elsewhere", "<text>/../x")}
    )

    def halves(g: Graph, kit: Kit) -> Any:
        inner = GraphDef()
        _WRITE.build(Graph(inner), kit)
        data = inner.SerializeToString()
        whole = g("StringJoin", g.text(data[:9]), g.text(data[9:]), N=2)
        return g("DatasetFromGraph", whole)

    def joined(kit: Kit) -> set[tuple[str, str, str, str]]:
        inner = GraphDef()
        _WRITE.build(Graph(inner), kit)
        text = inner.SerializeToString().decode("utf-8", "backslashreplace")
        return {(_DEFAULT, NATIVE, "constant", text)}

    yield Case("graph_in_halves", lambda kit: [variant(halves, kit)], joined)

    def swapped(g: Graph, kit: Kit) -> Any:
        """A function that reads what it is given, which once is an input and once is not."""
        f = g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),))
        one = g("PartitionedCall", "text:0", f=f, Tin=[STRING], Tout=[STRING])
        return g("PartitionedCall", g.text(kit.secret), f"^{one.node}", f=f, Tin=[STRING], Tout=[STRING])

    yield Case(
        "function_for_input_and_secret",
        lambda kit: [variant(swapped, kit)],
        lambda kit: {(_DEFAULT, READS, "constant", kit.secret)},
    )

    def in_array(g: Graph, kit: Kit) -> Any:
        """A TensorArray that is written on one flow, and read on another."""
        array = g("TensorArrayV3", g.numbers(1, kind=INT32), dtype=STRING)
        flow = f"{array.node}:1"
        zero = g.numbers(0, kind=INT32)
        write = g("TensorArrayWriteV3", array, zero, g.text(kit.secret), flow, T=STRING)
        read = g("TensorArrayReadV3", array, zero, flow, f"^{write.node}", dtype=STRING)
        return g("ReadFile", read)

    yield Case(
        "array", lambda kit: [variant(in_array, kit)], lambda kit: {(_DEFAULT, READS, "constant", kit.secret)}
    )

    def in_loop_state(g: Graph, kit: Kit) -> Any:
        """A loop that begins with an input, and goes on with a secret."""

        def body(b: Graph) -> Any:
            return b("Identity", b.text(kit.secret), f"^{b('ReadFile', 'path').node}", T=STRING)

        loop = g.function("body", body, (("path", STRING),))
        cond = g.function("cond", lambda b: b.flag(True), (("path", STRING),), BOOL)
        return g("While", "text:0", T=[STRING], cond=cond, body=loop)

    yield Case(
        "loop_state",
        lambda kit: [variant(in_loop_state, kit)],
        lambda kit: {(_DEFAULT, READS, "constant", kit.secret)},
    )

    def iterated(g: Graph, kit: Kit) -> Any:
        """Paths that a dataset gives to a function."""
        read = g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),))
        types = {"output_types": [STRING], "output_shapes": [()]}
        dataset = g(
            "TensorSliceDataset", g.text("harmless", kit.secret), Toutput_types=[STRING], output_shapes=[()]
        )
        mapped = g("MapDataset", dataset, f=read, Targuments=[], **types)
        return g("ReduceDataset", mapped, g.text(""), f=g.function("last", lambda b: "new", (("old", STRING), ("new", STRING))), Tstate=[STRING], Targuments=[], **types)  # fmt: skip

    yield Case(
        "paths_of_a_dataset",
        lambda kit: [variant(iterated, kit)],
        lambda kit: {(_DEFAULT, READS, "constant", each) for each in ("harmless", kit.secret)},
    )


# ----------------------------------------------------------------- harmless


def harmless() -> Iterator[Case]:
    """Modules that do what they may."""
    for name, build in _HARMLESS.items():
        yield Case(name, lambda kit, build=build: [variant(build, kit)], lambda _: set())
    for name, use in _OF_ASSETS.items():
        yield Case(f"asset_{name}", lambda kit, use=use: _with_asset(use, kit), lambda _: set())
    for name, initialize in _VOCABULARIES.items():
        yield Case(f"vocabulary_{name}", lambda kit, init=initialize: _vocabulary(init, kit), lambda _: set())
    yield Case("unreached_harm", _unreached, lambda _: set())
    yield Case("saver", _saver, lambda _: set())


def _with_asset(use: Callable[[Graph, Any], Any], kit: Kit) -> list[MetaGraphDef]:
    """A signature that reads a file which comes with the module."""

    def build(g: Graph, kit: Kit) -> Any:
        return use(g, g.text("SAVEDMODEL-ASSET", name="path"))

    made = variant(build, kit)
    add_asset(made, "path:0", "words.txt")
    return [made]


_ONE_TEXT = {"output_types": [STRING], "output_shapes": [()]}


def _asset_in_function(g: Graph, path: Any) -> Any:
    read = g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),))
    return g("PartitionedCall", path, f=read, Tin=[STRING], Tout=[STRING])


def _asset_in_branch(g: Graph, path: Any) -> Any:
    branches = [
        g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),)),
        g.function("same", lambda b: "path", (("path", STRING),)),
    ]
    return g("Case", g.numbers(1, kind=INT32), path, Tin=[STRING], Tout=[STRING], branches=branches)


def _asset_in_dataset(g: Graph, path: Any) -> Any:
    read = g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),))
    paths = g("TensorDataset", path, Toutput_types=[STRING], output_shapes=[()])
    return g(
        "DatasetToSingleElement", g("MapDataset", paths, f=read, Targuments=[], **_ONE_TEXT), **_ONE_TEXT
    )


def _asset_behind_a_switch(g: Graph, path: Any) -> Any:
    return g("ReadFile", g("Switch", path, g.flag(False), T=STRING))


_OF_ASSETS: dict[str, Callable[[Graph, Any], Any]] = {
    "read": lambda g, path: g("ReadFile", path),
    "read_by_another_name": lambda g, path: g("ReadFile", g("Identity", path, T=STRING)),
    "lines": lambda g, path: g("TextLineDataset", path, g.text(""), g.numbers(0)),
    "records": lambda g, path: g("TFRecordDataset", path, g.text(""), g.numbers(0)),
    "fixed_records": lambda g, path: g(
        "FixedLengthRecordDataset", path, g.numbers(0), g.numbers(2), g.numbers(0), g.numbers(0)
    ),
    "in_function": _asset_in_function,
    "in_branch": _asset_in_branch,
    "in_dataset": _asset_in_dataset,
    "behind_a_switch": _asset_behind_a_switch,
}


def _vocabulary(initialize: Callable[[Graph, Any], Any], kit: Kit) -> list[MetaGraphDef]:
    """A table that a file fills which comes with the module."""
    made = variant(lambda g, kit: None, kit)
    g = Graph(made.graph_def)
    path = g.text("SAVEDMODEL-ASSET", name="path")
    add_asset(made, "path:0", "words.txt")
    fill = initialize(g, g("Identity", path, T=STRING))
    made.collection_def["table_initializer"].node_list.value.append(fill.node)
    return [made]


def _from_file(
    op: str = "", keys: Type = STRING, values: Type = INT64, **attrs: Any
) -> Callable[[Graph, Any], Any]:
    def initialize(g: Graph, path: Any) -> Any:
        table = g(f"HashTable{op}", key_dtype=keys, value_dtype=values, shared_name="t")
        return g(f"InitializeTableFromTextFile{op}", table, path, **attrs)

    return initialize


def _two_tables(g: Graph, path: Any) -> Any:
    first = _from_file("V2", key_index=-2, value_index=-1)(g, path)
    second = g("HashTableV2", key_dtype=INT64, value_dtype=STRING, shared_name="back")
    attrs = {"key_index": -1, "value_index": -2, "vocab_size": 2}
    fill = g("InitializeTableFromTextFileV2", second, path, f"^{first.node}", **attrs)
    return g("NoOp", f"^{fill.node}", f"^{first.node}")


_VOCABULARIES: dict[str, Callable[[Graph, Any], Any]] = {
    "words": _from_file("V2", key_index=-2, value_index=-1),
    "of_the_first_era": _from_file(key_index=-2, value_index=-1),
    "numbers_to_words": _from_file("V2", INT64, STRING, key_index=-1, value_index=-2),
    "columns": _from_file("V2", STRING, FLOAT, key_index=0, value_index=1, delimiter=","),
    "of_a_size": _from_file("V2", key_index=-2, value_index=-1, vocab_size=2, offset=1),
    "two_tables": _two_tables,
}


def _unreached(kit: Kit) -> list[MetaGraphDef]:
    made = variant(lambda g, kit: None, kit)
    _WRITE.build(Graph(made.graph_def), kit)
    return [made]


def _saver(kit: Kit) -> list[MetaGraphDef]:
    made = variant(lambda g, kit: None, kit)
    g = Graph(made.graph_def)
    name = g("PlaceholderWithDefault", g.text("model"), dtype=STRING, shape=())
    prefix = g("StringJoin", name, g.text("_temp/part"), N=2)
    save = g(
        "SaveV2", prefix, g.text("v", "w"), g.text("", ""), g.text("x"), g.text("y"), dtypes=[STRING, STRING]
    )
    g("MergeV2Checkpoints", prefix, name, f"^{save.node}")
    g("RestoreV2", name, g.text("v", "w"), g.text("", ""), dtypes=[STRING, STRING])
    return [made]


def _map_fn(g: Graph, kit: Kit) -> Any:
    """As `tf.map_fn` of TensorFlow 1 reads the files that it is given."""
    one = g.numbers(0, kind=INT32)
    paths = g("TensorArrayV3", g.numbers(1, kind=INT32), dtype=STRING)
    contents = g("TensorArrayV3", g.numbers(1, kind=INT32), dtype=STRING)
    scattered = g(
        "TensorArrayScatterV3",
        paths,
        g.numbers(0, kind=INT32, vector=True),
        "text:0",
        f"{paths.node}:1",
        T=STRING,
    )
    frame = {"frame_name": "loop", "parallel_iterations": 1}
    handle = g("Enter", paths, T=RESOURCE, is_constant=True, **frame)
    flow = g("Enter", scattered, T=FLOAT, is_constant=True, **frame)
    result = g("Enter", contents, T=RESOURCE, is_constant=True, **frame)
    i = g("Merge", g("Enter", one, T=INT32, **frame), "next_i", T=INT32, N=2)
    out = g("Merge", g("Enter", f"{contents.node}:1", T=FLOAT, **frame), "next_out", T=FLOAT, N=2)
    going = g(
        "LoopCond",
        g("Less", i, g("Enter", g.numbers(1, kind=INT32), T=INT32, is_constant=True, **frame), T=INT32),
    )
    i_switch, out_switch = g("Switch", i, going, T=INT32), g("Switch", out, going, T=FLOAT)
    now = g("Identity", f"{i_switch.node}:1", T=INT32)
    path = g("TensorArrayReadV3", handle, now, flow, dtype=STRING)
    content = g("ReadFile", path)
    written = g("TensorArrayWriteV3", result, now, content, f"{out_switch.node}:1", T=STRING)
    g("NextIteration", g("AddV2", now, g.numbers(1, kind=INT32), T=INT32), name="next_i", T=INT32)
    g("NextIteration", written, name="next_out", T=FLOAT)
    return g("Exit", out_switch, T=FLOAT)  # fmt: skip


def _of_one(op: str, **attrs: Any) -> Build:
    return lambda g, kit: g(op, "text:0", **attrs)


def _file_of_the_caller(g: Graph, kit: Kit) -> Any:
    two = [g.numbers(n, kind=INT32, vector=True) for n in (0, 1, 1)]
    return g("ReadFile", g("StridedSlice", "text:0", *two, T=STRING, Index=INT32, shrink_axis_mask=1))


def _dataset_of_the_caller(g: Graph, kit: Kit) -> Any:
    types = {"output_types": [STRING], "output_shapes": [()]}
    read = g.function("read", lambda b: b("ReadFile", "path"), (("path", STRING),))
    files = g("TensorSliceDataset", "text:0", Toutput_types=[STRING], output_shapes=[()])
    return g("DatasetToSingleElement", g("MapDataset", files, f=read, Targuments=[], **types), **types)


def _lines_of_the_caller(g: Graph, kit: Kit) -> Any:
    return g("TextLineDataset", "text:0", g.text(""), g.numbers(0))


def _in_functions(g: Graph, kit: Kit) -> Any:
    inner = g.function("inner", lambda b: b("ReadFile", "path"), (("path", STRING),))
    outer = g.function(
        "outer",
        lambda b: b("PartitionedCall", "path", f=inner, Tin=[STRING], Tout=[STRING]),
        (("path", STRING),),
    )
    return g("StatefulPartitionedCall", "text:0", f=outer, Tin=[STRING], Tout=[STRING])  # fmt: skip


def _branch_of_the_caller(g: Graph, kit: Kit) -> Any:
    branches = {
        "then_branch": g.function("then", lambda b: b("ReadFile", "path"), (("path", STRING),)),
        "else_branch": g.function("else", lambda b: "path", (("path", STRING),)),
    }
    return g("If", g.flag(True), "text:0", Tcond=BOOL, Tin=[STRING], Tout=[STRING], **branches)


def _list_of_the_caller(g: Graph, kit: Kit) -> Any:
    shape = g.numbers(kind=INT32)
    paths = g("TensorListFromTensor", "text:0", shape, element_dtype=STRING, shape_type=INT32)
    return g("ReadFile", g("TensorListGetItem", paths, g.numbers(0, kind=INT32), shape, element_dtype=STRING))


def _memory_cache(g: Graph, kit: Kit) -> Any:
    types = {"output_types": [STRING], "output_shapes": [()]}
    one = g("TensorDataset", g.text("x"), Toutput_types=[STRING], output_shapes=[()])
    return g("DatasetToSingleElement", g("CacheDataset", one, g.text(""), **types), **types)


def _table(g: Graph, kit: Kit) -> Any:
    words = g("HashTableV2", key_dtype=STRING, value_dtype=STRING, shared_name="t")
    return g("InitializeTableV2", words, g.text("a", "b"), g.text("c", "d"), Tkey=STRING, Tval=STRING)


def _counted_loop(g: Graph, kit: Kit) -> Any:
    body = g.function("body", lambda b: b("AddV2", "i", b.numbers(1), T=INT64), (("i", INT64),), INT64)
    cond = g.function("cond", lambda b: b("Less", "i", b.numbers(3), T=INT64), (("i", INT64),), BOOL)
    return g("While", g.numbers(0), T=[INT64], cond=cond, body=body)


_HARMLESS: dict[str, Build] = {
    "nothing": lambda g, kit: None,
    "file_of_the_caller": _file_of_the_caller,
    "files_by_map_fn": _map_fn,
    "files_by_dataset": _dataset_of_the_caller,
    "file_with_an_ending": lambda g, kit: g("ReadFile", g("StringJoin", "text:0", g.text(".txt"), N=2)),
    "lines_of_the_caller": _lines_of_the_caller,
    "file_through_functions": _in_functions,
    "file_in_branch": _branch_of_the_caller,
    "file_in_list": _list_of_the_caller,
    "pattern_of_the_caller": _of_one("MatchingFiles"),
    "writes_for_the_caller": lambda g, kit: g("WriteFile", "text:0", g.text("x")),
    "cache_in_memory": _memory_cache,
    "table": _table,
    "counted_loop": _counted_loop,
    "prints": lambda g, kit: g("PrintV2", g.text("x")),
    "prints_to_log": lambda g, kit: g("PrintV2", g.text("x"), output_stream="log(info)"),
    "protos": lambda g, kit: g("DecodeProtoV2", g.text(""), message_type="M", field_names=[], output_types=[]),
    "protos_of_bytes": lambda g, kit: g(
        "DecodeProtoV2", g.text(""), message_type="M", field_names=[], output_types=[], descriptor_source="bytes://x"
    ),
    "unigrams": lambda g, kit: g(
        "FixedUnigramCandidateSampler", g("Reshape", g.numbers(0), g.numbers(1, 1), T=INT64, Tshape=INT64),
        num_true=1, num_sampled=1, unique=False, range_max=1, unigrams=[1.0],
    ),
    "text_that_looks_like_a_path": lambda g, kit: g("StringLength", g.text("/etc/passwd", "gs://x")),
    "text_that_begins_like_a_graph": lambda g, kit: g("StringLength", g.text("\nhello", b"\n\x04abcd")),
    "random": lambda g, kit: g("RandomUniform", g.numbers(1, vector=True), dtype=FLOAT, T=INT64),
    "compiled": lambda g, kit: g("XlaCallModule", version=9, module=b"ML\xefR add_v1", Tin=[], Tout=[], Sout=[], platforms=["CPU"]),
    "pattern": lambda g, kit: g("StaticRegexFullMatch", g.text("x"), pattern="/etc/.*"),
}  # fmt: skip
