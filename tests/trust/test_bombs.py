"""Small files that claim large work are refused in words before anything is built from them, at every door."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tf1hub as hub
from tests.trust.corpus import BOOL, variant
from tests.trust.graphs import FLOAT, STRING, Func, Graph, Output, strings, write_module
from tests.trust.harm import Kit
from tf1hub.errors import FormatError
from tf1hub.format import graph_limits
from tf1hub.format.messages_pb2 import AttrValue, GraphDef, SavedModel, TensorProto
from tf1hub.graphdef.inlining import inline_calls
from tf1hub.graphdef.op_record import recorded_definition

KIT = Kit("/secret", "/out", 9)


def splat(g: Graph, *sides: int, name: str = "table") -> Output:
    """A constant whose one value stands for all."""
    tensor = TensorProto(dtype=FLOAT.number, float_val=[0.5])
    for side in sides:
        tensor.tensor_shape.dim.add(size=side)
    return g.constant(tensor, name)


def call(b: Graph, f: Func, *, name: str = "") -> Output:
    return b("PartitionedCall", "path", f=f, Tin=[STRING], Tout=[STRING], name=name)


def choose(b: Graph, then: Func, otherwise: Func, condition: Output | None = None) -> Output:
    condition = condition or b.flag(True)
    return b("If", condition, "path", then_branch=then, else_branch=otherwise, Tcond=BOOL, Tin=[STRING], Tout=[STRING])  # fmt: skip


def loop(b: Graph, condition: Func, body: Func) -> Output:
    return b("While", "path", cond=condition, body=body, T=[STRING])


def _function(g: Graph, name: str, build: Callable[[Graph], Any], result: Any = STRING) -> Func:
    return g.function(name, build, (("path", STRING),), result)


def _chain(g: Graph, length: int, step: Callable[[Graph, Func], Any]) -> Output:
    last = _function(g, "f0", lambda _: "path")
    for number in range(1, length):
        last = _function(g, f"f{number}", lambda b, last=last: step(b, last))
    return g("PartitionedCall", "text:0", f=last, Tin=[STRING], Tout=[STRING])


def _twice(b: Graph, f: Func) -> Output:
    call(b, f, name="one")
    return call(b, f, name="two")


def _run(g: Graph, f: Func) -> Output:
    return g("PartitionedCall", "text:0", f=f, Tin=[STRING], Tout=[STRING])


def _circle(g: Graph, *names: str) -> Output:
    for name, following in zip(names, (*names[1:], names[0]), strict=True):
        _function(g, name, lambda b, following=following: call(b, Func(following)))
    return _run(g, Func(names[0]))


def _many_splats(g: Graph) -> Output:
    for number in range(5):
        splat(g, 2**29, name=f"table_{number}")
    return splat(g, 1)


def _gradients(g: Graph) -> Output:
    for number in range(18):
        _function(g, f"f{number}", lambda _: "path")
        g.graph.library.gradient.add(function_name=f"f{number}", gradient_func=f"f{number + 1}")
    return _run(g, Func("f0"))


def _both_branches(g: Graph) -> Output:
    return _run(g, _function(g, "f", lambda b: choose(b, Func("f"), Func("f"))))


def _condition_of_a_loop(g: Graph) -> Output:
    _function(g, "more", lambda b: loop(b, Func("more"), Func("more")), BOOL)
    return g("While", "text:0", cond=Func("more"), body=Func("more"), T=[STRING])


def _behind_a_switch(b: Graph) -> Output:
    """A cond of single nodes, with which TensorFlow's process dies: it writes the call out, and that in it."""
    b("Switch", "path", b.flag(True), T=STRING, name="switch")
    b("PartitionedCall", "switch:output_true:0", f=Func("f"), Tin=[STRING], Tout=[STRING], name="again")
    return b("Merge", "again:output:0", "switch:output_false:0", T=STRING, N=2)


def _under_a_condition(g: Graph) -> Output:
    """TensorFlow's process dies of it too, whatever the condition says."""
    done = _function(g, "done", lambda _: "path")
    _function(g, "f", lambda b: choose(b, Func("g"), done))
    return _run(g, _function(g, "g", lambda b: call(b, Func("f"), name="again")))


def _like_an_op(g: Graph) -> Output:
    return _run(g, _function(g, "f", lambda b: b("f", "path")))


def _in_serialized_form(g: Graph) -> Output:
    inner = GraphDef()
    splat(Graph(inner), 2**30)
    return g.constant(strings(inner.SerializeToString()), "inside")


_A_CONSTANT = (
    "has the constant 'table' of float32[1073741824], which takes 4,294,967,296 bytes in memory; the file has 18 bytes of it. "
    "The limit is 2,147,483,648 bytes, which is all that a file can hold."
)
_NEVER_ENDS = ": it can never end. A function that calls itself needs a condition under which it does not."
BOMBS: dict[str, tuple[Callable[[Graph], Output], str]] = {
    "a_constant": (lambda g: splat(g, 2**30), _A_CONSTANT),
    "constants": (
        _many_splats,
        "has constants that take 10,737,418,248 bytes in memory together; the file has 109 bytes of them, and the largest "
        "is 'table_0'. The limit is 8,589,934,592 bytes.",
    ),
    "calls": (lambda g: _chain(g, 40, _twice), "The limit is 1,073,741,824 bytes."),
    "branches": (
        lambda g: _chain(g, 40, lambda b, f: choose(b, f, f)),
        "when the calls of functions are written out; 'f39' has most of them.",
    ),
    "itself": (lambda g: _circle(g, "f"), "has the function 'f', which always calls itself" + _NEVER_ENDS),
    "others": (
        lambda g: _circle(g, "a", "b", "c"),
        "has the function 'a', which always calls itself through 'b', 'c'" + _NEVER_ENDS,
    ),
    "both_branches": (_both_branches, "has the function 'f', which always calls itself" + _NEVER_ENDS),
    "loop": (_condition_of_a_loop, "has the function 'more', which always calls itself" + _NEVER_ENDS),
    "like_an_op": (_like_an_op, "has the function 'f', which always calls itself" + _NEVER_ENDS),
    "switch": (
        lambda g: _run(g, _function(g, "f", _behind_a_switch)),
        "has the function 'f', which always calls itself" + _NEVER_ENDS,
    ),
    "condition": (
        _under_a_condition,
        "has the function 'g', which calls itself through the PartitionedCall 'again': TensorFlow writes such calls out before "
        "anything runs, which never ends here. A function that calls itself has its name as the op of the call.",
    ),
    "depth": (
        lambda g: _chain(g, 300, call),
        "has functions that call each other more than 256 deep, from 'f256' on. The limit is 256.",
    ),
    "gradients": (
        _gradients,
        "gives the function 'f0' more than 16 gradients of gradients. The limit is 16.",
    ),
}


def _write(path: Path, build: Callable[[Graph], Output]) -> str:
    return write_module(path / "module", variant(lambda g, _: build(g), KIT))


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_claims_much_is_refused(name: str, tmp_path: Path):
    build, said = BOMBS[name]
    path = _write(tmp_path, build)
    size = os.path.getsize(f"{path}/saved_model.pb")
    hub.capabilities(_write(tmp_path / "first", lambda g: g.text("a")))  # So that what is read once is read.
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as refused:
            hub.capabilities(path)
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(refused.value).startswith(f"{path}/saved_model.pb ")
    assert said in str(refused.value)
    assert memory < 2**20 + 64 * size


@pytest.mark.parametrize("door", ["load_module_spec", "inspect", "check", "Predictor", "convert", "load", "compare"])  # fmt: skip
@pytest.mark.parametrize("name", ["a_constant", "calls", "itself"])
def test_every_door_refuses_it(name: str, door: str, tmp_path: Path):
    if door in ("convert", "load", "compare"):
        pytest.importorskip("tensorflow")
    build, said = BOMBS[name]
    path = _write(tmp_path, build)
    doors: dict[str, Callable[[], Any]] = {
        "convert": lambda: hub.convert(path, tmp_path / "to"),
        "compare": lambda: hub.compare([path], (["a", "b", "c", "d"], [0, 1, 0, 1])),
    }
    with pytest.raises(FormatError) as refused:
        doors.get(door, lambda: getattr(hub, door)(path))()
    assert said in str(refused.value)


def test_a_bare_graph_and_one_inside_of_a_constant_are_held_to_the_limits(tmp_path: Path):
    path = tmp_path / "graph.pb"
    graph = GraphDef()
    splat(Graph(graph), 2**30)
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(FormatError) as refused:
        hub.capabilities(path)
    assert str(refused.value) == f"{path} {_A_CONSTANT}"
    with pytest.raises(FormatError) as refused:
        hub.capabilities(_write(tmp_path, _in_serialized_form))
    assert str(refused.value) == f"The graph inside of 'inside' {_A_CONSTANT}"


def _nested(depth: int) -> bytes:
    """An attribute in an attribute in an attribute, which protobuf writes and does not read."""

    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    attr = b""
    for _ in range(depth):
        entry = field(1, b"k") + field(2, attr)
        attr = field(AttrValue.FUNC_FIELD_NUMBER, field(2, entry))
    node = field(1, b"n") + field(5, field(1, b"k") + field(2, attr))
    return field(2, field(2, field(1, node)))


def test_messages_inside_of_messages(tmp_path: Path):
    path = write_module(tmp_path / "module")
    file = Path(path, "saved_model.pb")
    file.write_bytes(_nested(20))
    assert SavedModel.FromString(file.read_bytes()).meta_graphs
    for depth in (40, 5000):
        file.write_bytes(_nested(depth))
        said = (
            f"{{}} is damaged: its {file.stat().st_size} bytes have messages inside of messages more than 100 deep. "
            "The limit is 100, which is protobuf's own."
        )
        bare = tmp_path / "bare.pb"
        bare.write_bytes(file.read_bytes())
        for given, named in ((path, file), (bare, bare)):
            with pytest.raises(FormatError) as refused:
                hub.capabilities(given)
            assert str(refused.value) == said.format(named)


def test_a_function_that_calls_itself_under_a_condition_is_said_to_have_no_bound(tmp_path: Path):
    def build(g: Graph) -> Output:
        done = _function(g, "done", lambda _: "path")
        _function(g, "f", lambda b: choose(b, Func("g"), done))
        _function(g, "g", lambda b: b("f", "path"))
        return g("f", "text:0")

    report = hub.capabilities(_write(tmp_path, build))
    assert report.needs() == ()
    found = {(deed.op, deed.where) for part in report.parts for deed in part.deeds if deed.can == "has no bound"}  # fmt: skip
    assert found == {
        ("f", ""),
        ("If", "the function 'f'"),
        ("f", "the function 'g'"),
    }


def test_what_honest_modules_have_passes(tmp_path: Path):
    def build(g: Graph) -> Output:
        splat(g, 10**6, 300)  # The embeddings of a vocabulary before they are trained.
        splat(g, 2**40, 0, name="nothing")
        return _chain(g, 12, _twice)

    assert hub.inspect(_write(tmp_path, build)) is not None


def test_a_function_that_calls_itself_is_not_inlined():
    """In graphs that were made in this process, which nobody has checked."""
    graph = GraphDef()
    g = Graph(graph)
    g.text("a", name="text")
    _run(g, _function(g, "f", _behind_a_switch))
    _run(g, _function(g, "plain", lambda b: b("Identity", "path", T=STRING)))
    assert graph_limits.calls_itself({each.signature.name: each for each in graph.library.function}) == {"f"}
    inline_calls(graph, recorded_definition)
    assert [node.op for node in graph.node] == ["Const", "PartitionedCall", "Identity", "IdentityN"]
    assert [each.signature.name for each in graph.library.function] == ["f"]


def test_a_function_between_two_that_call_themselves_does_not_call_itself(tmp_path: Path):
    """So a call of it may be written out."""

    def build(g: Graph) -> Output:
        done = _function(g, "done", lambda _: "path")
        _function(g, "last", lambda b: choose(b, Func("again"), done))
        _function(g, "again", lambda b: b("last", "path"))
        _function(g, "between", lambda b: b("last", "path"))
        _function(g, "first", lambda b: choose(b, Func("next"), done))

        def call_both(b: Graph) -> Output:
            call(b, Func("between"), name="called")
            return b("first", "called:output:0")

        _function(g, "next", call_both)
        return g("first", "text:0")

    path = _write(tmp_path, build)
    assert hub.inspect(path) is not None
    (graph,) = SavedModel.FromString((Path(path) / "saved_model.pb").read_bytes()).meta_graphs
    functions = {each.signature.name: each for each in graph.graph_def.library.function}
    assert graph_limits.calls_itself(functions) == {"last", "again", "first", "next"}
