"""hub.Predictor on modules that are made here: what TensorFlow's sessions give, call after call."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from interop.running import initialize
from predict.golden_calls import check_calls

import tf1hub as hub
from tf1hub.errors import CheckFailedError, InputError, MissingDependencyError, UnsupportedGraphError
from tf1hub.predict import engines, on_tensorflow
from tf1hub.predict.engine_request import Request
from tf1hub.predict.on_tensorflow import TensorflowEngine

tf1 = tf.compat.v1
ENGINES = engines.installed_engines()


def exported(module_fn: Callable[[], None], path: Path) -> str:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn, drop_collections=["saveable_objects"]))
        initialize(session)
        module.export(str(path / "module"), session)
    return str(path / "module")


@pytest.mark.parametrize("name", sorted(path.name for path in cases.ROOT.iterdir()))
def test_golden_modules_on_tensorflow(name: str) -> None:
    assert check_calls(name, "tensorflow") > 0


def session_of(path: str, signature: str = "default") -> Any:
    """The session behind a predictor."""
    spec = hub.load_module_spec(path)
    compute = TensorflowEngine().build(Request(spec, spec.variant(None), signature))
    return compute.session  # type: ignore[attr-defined]


def test_tensorflow_gets_constants_where_the_signature_writes_none(tmp_path: Path) -> None:
    read, written = cases.load("image").path, exported(counting, tmp_path)
    for path, variables in ((read, False), (written, True)):
        ops = {operation.type for operation in session_of(path).graph.get_operations()}
        assert bool(ops & {"VarHandleOp", "VariableV2", "RestoreV2"}) == variables


def test_too_many_weights_stay_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_tensorflow, "_MOST_CONSTANTS", 8)
    path = cases.load("image").path
    ops = {operation.type for operation in session_of(path).graph.get_operations()}
    assert ops & {"VarHandleOp", "VariableV2"}
    assert check_calls("image", "tensorflow") > 0


@pytest.mark.parametrize("name", ["launch_text", "tf112_rnn", "text_embedding_partitioned"])
def test_tables_of_which_rows_are_looked_up_stay_variables(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases.load(name)
    monkeypatch.setattr(on_tensorflow, "_TABLE", 0)
    monkeypatch.setattr(on_tensorflow, "_MOST_CONSTANTS", 3300)  # which tables do not count in
    graph = session_of(case.path, case.calls[0]["signature"]).graph
    ops = {operation.type for operation in graph.get_operations()}
    assert "VarHandleOp" in ops
    assert not ops & {"RestoreV2", "VariableV2"}
    assert check_calls(name, "tensorflow") > 0


def test_a_table_that_is_used_otherwise_becomes_a_constant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tied() -> None:
        ids = tf1.placeholder(tf.int32, [None])
        words = tf1.get_variable("words", initializer=np.eye(4, dtype=np.float32), use_resource=True)
        alone = tf1.get_variable("alone", initializer=np.eye(4, dtype=np.float32), use_resource=True)
        found = tf.nn.embedding_lookup(words, ids) + tf.nn.embedding_lookup(alone, ids)
        hub.add_signature(inputs=ids, outputs=tf.matmul(found, words))
        hub.add_signature("table", ids, {"found": tf.nn.embedding_lookup(alone, ids), "all": alone.value()})

    monkeypatch.setattr(on_tensorflow, "_TABLE", 0)
    path = exported(tied, tmp_path)
    for signature, kept in (("default", 1), ("table", 0)):
        kinds = [operation.type for operation in session_of(path, signature).graph.get_operations()]
        assert kinds.count("VarHandleOp") == kept
    assert hub.Predictor(path, engine="tensorflow")([1, 3])["default"].tolist() == [
        [0, 2, 0, 0],
        [0, 0, 0, 2],
    ]


def counting() -> None:
    x = tf1.placeholder(tf.float32, [None])
    count = tf1.get_variable("count", initializer=0.0, use_resource=True)
    mean = tf1.get_variable("mean", initializer=[0.0, 0.0], use_resource=False)
    with tf.control_dependencies([tf1.assign_add(count, 1.0)]):
        now = tf.identity(count.read_value())
    moved = tf1.assign(mean, mean * 0.5 + tf.reduce_sum(x))
    hub.add_signature(inputs=x, outputs={"count": now, "mean": moved * 1.0, "default": x * now})


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_call_writes_the_next_one_reads(engine: str, tmp_path: Path) -> None:
    path = exported(counting, tmp_path)
    predictor = hub.Predictor(path, engine=engine)
    mean = np.zeros(2)
    for number in (1, 2, 3):
        outputs = predictor([1.0, number])
        mean = mean * 0.5 + 1 + number
        assert outputs["count"] == number
        np.testing.assert_allclose(outputs["mean"], mean)
        np.testing.assert_allclose(outputs["default"], [number, number * number])
    # Another one starts from the module's values.
    assert hub.Predictor(path, engine=engine)([1.0])["count"] == 1
    # What travels too, and each for itself.
    for _ in range(2):
        assert pickle.loads(pickle.dumps(predictor))([1.0])["count"] == 1


def filling() -> None:
    keys = tf1.placeholder(tf.string, [None])
    values = tf1.placeholder(tf.int64, [None])
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    hub.add_signature("insert", {"keys": keys, "values": values}, _after(table.insert(keys, values), table))
    hub.add_signature("find", keys, table.lookup(keys))


def _after(done: Any, table: Any) -> Any:
    with tf.control_dependencies([done]):
        return table.size()


def test_a_table_that_a_signature_fills_is_kept(tmp_path: Path) -> None:
    predictor = hub.Predictor(exported(filling, tmp_path), "insert", engine="numpy")
    assert predictor({"keys": ["a", "b"], "values": [1, 2]})["default"] == 2
    assert predictor({"keys": ["b", "c"], "values": [1, 2]})["default"] == 3


def asserting() -> None:
    x = tf1.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf1.Assert(tf.reduce_all(x > 0), ["not above zero:", x])]):
        hub.add_signature(inputs=x, outputs=tf1.log(x))
    hub.add_signature("pairs", x, tf.reshape(x, [-1, 2]))


def test_assertions_of_the_graph(tmp_path: Path) -> None:
    path = exported(asserting, tmp_path)
    predictor = hub.Predictor(path, engine="numpy")
    assert predictor([1.0])["default"].tolist() == [0.0]
    with pytest.raises(CheckFailedError, match=r"does not hold: not above zero:, \[-1.0 2.0\]"):
        predictor([-1.0, 2.0])


def test_an_op_that_cannot_compute_with_what_it_is_given(tmp_path: Path) -> None:
    predictor = hub.Predictor(exported(asserting, tmp_path), "pairs", engine="numpy")
    with pytest.raises(
        InputError,
        match=r"The node '\w*Reshape\w*' \(Reshape\) cannot compute with float32 \[3\], int32 \[2\]: ",
    ):
        predictor([1.0, 2.0, 3.0])


def with_strange_ops() -> None:
    x = tf1.placeholder(tf.string, [None])
    parsed = [tf.io.decode_csv(x, [0, 0]), tf.io.decode_csv(x, [0, 0])]
    hub.add_signature(inputs=x, outputs=tf.add_n([part for pair in parsed for part in pair]))


def test_a_refusal_lists_all_that_is_missing_and_who_has_it(tmp_path: Path) -> None:
    path = exported(with_strange_ops, tmp_path)
    for engine in ("numpy", "auto"):
        with pytest.raises(UnsupportedGraphError) as caught:
            hub.Predictor(path, engine=engine)
        assert str(caught.value) == (
            f"The signature 'default' of variant {{}} of {path} cannot run on the engine 'numpy', which lacks:\n"
            "  - the op type DecodeCSV (2 nodes, such as 'DecodeCSV')\n"
            "It can run on: engine='tensorflow'."
        )
    assert hub.Predictor(path, engine="tensorflow")([b"1,2", b"3,4"])["default"].tolist() == [6, 14]


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TensorflowEngine, "not_installed", lambda _: "pip install tensorflow")
    with pytest.raises(MissingDependencyError) as caught:
        hub.Predictor(cases.load("half_plus_two").path, engine="tensorflow")
    assert str(caught.value) == (
        "The engine 'tensorflow' needs what is not installed here. Install it with: pip install tensorflow."
    )


@pytest.mark.parametrize(
    "engine", ["auto", *(name for name in engines.installed_engines() if name != "tensorflow")]
)
def test_tensorflow_is_imported_where_it_is_asked_for_alone(engine: str) -> None:
    program = (
        "import sys, tf1hub as hub\n"
        f"hub.Predictor({cases.load('text_hashed').path!r}, engine={engine!r})(['a b', 'c'])\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "False False\n"


def ragged_and_images() -> None:
    ragged = tf1.ragged.placeholder(tf.float32, 1, [])
    hub.add_signature("ragged", {"rows": ragged}, {"doubled": ragged * 2.0})


def test_ragged_inputs_and_outputs(tmp_path: Path) -> None:
    path = exported(ragged_and_images, tmp_path)
    given = tf.ragged.constant([[1.0, 2.0], [], [3.0]])
    for engine in ENGINES:
        predictor = hub.Predictor(path, "ragged", engine=engine)
        for rows in (given, hub.RaggedArray(given.flat_values.numpy(), (given.row_splits.numpy(),))):
            doubled = predictor({"rows": rows})["doubled"]
            assert doubled.flat_values.tolist() == [2.0, 4.0, 6.0]
            assert [splits.tolist() for splits in doubled.nested_row_splits] == [[0, 2, 2, 3]]


def test_sparse_inputs_of_all_forms() -> None:
    case = cases.load("sparse_io")
    (call,) = case.calls
    parts = case.values(call["inputs"])["default"]
    predictor = hub.Predictor(case.path, engine="numpy")
    expected = case.values(call["outputs"])["doubled"]
    for given in (
        tf.SparseTensor(**parts),
        tf1.SparseTensorValue(**parts),
        (parts["indices"], parts["values"], parts["dense_shape"]),
    ):
        for part, values in expected.items():
            np.testing.assert_allclose(getattr(predictor(given)["doubled"], part), values)


def drawing() -> None:
    x = tf1.placeholder(tf.int32, [])
    hub.add_signature(inputs=x, outputs=tf.random.normal([x]))


@pytest.mark.parametrize("engine", ENGINES)
def test_chance(engine: str, tmp_path: Path) -> None:
    path = exported(drawing, tmp_path)
    predictor = hub.Predictor(path, engine=engine, seed=3)
    first, second = predictor(1000)["default"], predictor(1000)["default"]
    assert (first != second).any()
    np.testing.assert_array_equal(hub.Predictor(path, engine=engine, seed=3)(1000)["default"], first)
    assert abs(first.mean()) < 0.2
    assert abs(first.std() - 1) < 0.2


def test_boxes_are_chosen_outside_of_what_is_traced() -> None:
    jax = pytest.importorskip("jax")

    def module_fn() -> None:
        boxes, scores = tf1.placeholder(tf.float32, [None, 4]), tf1.placeholder(tf.float32, [None])
        chosen = tf.raw_ops.NonMaxSuppressionV3(
            boxes=boxes, scores=scores, max_output_size=3, iou_threshold=0.5, score_threshold=0.1
        )
        hub.add_signature(inputs={"boxes": boxes, "scores": scores}, outputs=chosen)

    function, params = hub.to_jax(hub.create_module_spec(module_fn))[:2]
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 1.1], [2, 2, 3, 3], [5, 5, 6, 6]], np.float32)
    inputs = {"boxes": boxes, "scores": np.array([0.9, 0.8, 0.7, 0.05], np.float32)}
    assert function(params, inputs)["default"].tolist() == [0, 2]
    with pytest.raises(InputError) as caught:
        jax.jit(function)(params, inputs)
    assert str(caught.value) == (
        "What decides shapes or is text is computed in NumPy, and JAX traces it: Placeholder:0, Placeholder_1:0. Call "
        "function.prepare(inputs) outside of jax.jit, grad or vmap, and trace function.run(params, prepared) in place of "
        "the whole call."
    )
    assert jax.jit(function.run)(params, function.prepare(inputs))[0]["default"].tolist() == [0, 2]
