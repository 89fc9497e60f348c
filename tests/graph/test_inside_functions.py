"""A module made where the default graph is a function's: its state is the program's, as that of any variable."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from building import affine, export, initialize, tf1

import tf1hub as hub
from tf1hub.errors import WrongModeError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A module with what a state can be: `a * x + line of "b"`, regularized, with a counter of its applications."""
    directory = tmp_path_factory.mktemp("functions")
    (directory / "words.txt").write_text("a\nb\n")

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        a = tf1.get_variable("a", initializer=2.0, regularizer=lambda w: 0.5 * w * w)
        words = tf.lookup.TextFileInitializer(
            str(directory / "words.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        line = tf.lookup.StaticHashTable(words, -1).lookup(tf.constant("b"))
        count = tf1.get_variable("count", initializer=0.0, trainable=False)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_add(count, 1.0))
        hub.add_signature(inputs=x, outputs=a * x + tf.cast(line, tf.float32))

    return export(module_fn, directory / "m")


def of_dataset(apply: Callable[[Any], Any]) -> Any:
    return _next(tf.data.Dataset.from_tensors([3.0]).map(apply))


def of_old_dataset(apply: Callable[[Any], Any]) -> Any:
    return _next(tf1.data.Dataset.from_tensors([3.0]).map_with_legacy_function(apply))


def _next(dataset: Any) -> Any:
    iterator = tf1.data.make_initializable_iterator(dataset)
    tf1.add_to_collection("initializers of iterators", iterator.initializer)
    return iterator.get_next()


def in_branch(apply: Callable[[Any], Any]) -> Any:
    return tf.cond(tf.constant(True), lambda: apply([3.0]), lambda: tf.constant([0.0]))


PLACES: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "branch": in_branch,
    "branch in a branch": lambda apply: tf.cond(
        tf.constant(True), lambda: in_branch(apply), lambda: tf.constant([0.0])
    ),
    "loop": lambda apply: tf.while_loop(
        lambda i, _: i < 1, lambda i, y: (i + 1, apply(y)), (0, tf.constant([3.0]))
    )[1],
    "map_fn": lambda apply: tf.map_fn(apply, tf.constant([[3.0]]))[0],
    "tf.function": lambda apply: tf.function(apply)(tf.constant([3.0])),
    "Dataset.map": of_dataset,
    "Dataset.map_with_legacy_function": of_old_dataset,
}


@pytest.mark.parametrize("place", PLACES)
def test_state_is_lifted_to_the_graph_of_the_program(place: str, path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        modules = []

        def apply(x: Any) -> Any:
            modules.append(hub.Module(path, trainable=True))
            return modules[-1](x)

        with tf1.variable_scope("outer"), tf.name_scope("names"), tf.device("/device:CPU:0"):
            y = PLACES[place](apply)
        assert [module.graph for module in modules] == [session.graph]
        assert [variable.name for variable in tf1.global_variables()] == [
            "outer/module/a:0",
            "outer/module/count:0",
        ]
        assert tf1.trainable_variables() == [modules[0].variable_map["a"]]
        assert tf1.trainable_variables()[0].op.device == "/device:CPU:0"
        loss = tf1.losses.get_regularization_loss()
        assert len(tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS)) == 1
        initialize(session)
        session.run(tf1.get_collection("initializers of iterators"))
        assert session.run([y, loss]) == [[7.0], 2.0]


@pytest.mark.parametrize("place", ["branch", "branch in a branch", "loop", "map_fn", "tf.function"])
def test_a_module_that_was_made_in_a_function_is_trained(
    place: str, path: str, tmp_path: pathlib.Path
) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        modules = []

        def apply(x: Any) -> Any:
            modules.append(hub.Module(path, trainable=True))
            return modules[-1](x)

        loss = tf.reduce_sum(PLACES[place](apply))
        step = tf1.train.GradientDescentOptimizer(0.5).minimize(loss)
        again = modules[0]([1.0])
        initialize(session)
        session.run(step)
        assert session.run(again) == [1.5]
        modules[0].export(tmp_path / "tuned", session)
    assert hub.read_variables(tmp_path / "tuned")["a"] == 0.5


def test_both_branches_may_make_a_module(path: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        y = tf.cond(tf.constant(False), lambda: hub.Module(path)([3.0]), lambda: hub.Module(path)([4.0]))
        initialize(session)
        assert session.run(y) == [9.0]
        assert [variable.op.name for variable in tf1.global_variables()] == [
            *("module/a", "module/count"),
            *("module_1/a", "module_1/count"),
        ]


def test_ref_variables_are_lifted_too() -> None:
    spec = hub.create_module_spec(affine(2.0, 1.0, use_resource=False))
    with tf.Graph().as_default(), tf1.Session() as session:
        y = in_branch(lambda x: hub.Module(spec)(x))
        initialize(session)
        assert session.run(y) == [7.0]


def in_eager_function(apply: Callable[[Any], Any]) -> Any:
    return tf.function(apply)(tf.constant([3.0]))


@pytest.mark.parametrize(
    "run",
    [
        in_eager_function,
        lambda apply: tf.function(lambda: in_branch(apply))(),
        lambda apply: list(tf.data.Dataset.from_tensors([3.0]).map(apply)),
    ],
    ids=["tf.function", "branch", "Dataset.map"],
)
def test_a_function_of_eager_mode_is_no_place_for_a_module(run: Any, path: str) -> None:
    with pytest.raises(WrongModeError) as caught:
        run(lambda x: hub.Module(path)(x))
    assert (
        "tf1hub.Module puts its variables into a graph that a session runs, and here it was made inside of a function "
        "(tf.function, Dataset.map, a branch or a loop) of eager mode, which no session runs. In TensorFlow 2 write\n"
        f"    m = tf1hub.load({path!r})    # once, outside of the function\n"
        "    y = m(x)                  # inside of it"
    ) in str(caught.value)
    m = hub.load(path)
    written = run(lambda x: m(x))
    assert tf.squeeze(written).numpy() == 7.0


def test_a_branch_inside_of_a_wrapped_function_has_the_functions_state(path: str) -> None:
    def program(x: Any) -> Any:
        y = tf.cond(x[0] > 0, lambda: hub.Module(path)(x), lambda: tf.constant([0.0]))
        tf1.global_variables_initializer()
        tf1.tables_initializer()
        return y

    function = tf1.wrap_function(program, [tf.TensorSpec([None])])
    initializers = [function.graph.get_operation_by_name(name) for name in ("init", "init_all_tables")]
    function.prune([], initializers)()
    assert function(tf.constant([3.0])).numpy() == [7.0]


def test_a_wrapped_function_whose_initializers_never_ran_says_how_to_run_them(path: str) -> None:
    def bare(x: Any) -> Any:
        return hub.Module(path)(x)

    function = tf1.wrap_function(bare, [tf.TensorSpec([None])])
    (lookup,) = (op for op in function.graph.get_operations() if op.type == "LookupTableFindV2")
    # Else TensorFlow says now and then first, in its own words, that the table is empty.
    assert "module_is_initialized" in lookup.inputs[0].op.control_inputs[0].name
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        function(tf.constant([3.0]))
    in_program = "initializers.extend([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])"
    before_calls = "function.prune([], initializers)()"
    assert (
        "The variables of tf1hub.Module module have no values: in eager mode, tf.compat.v1.wrap_function does not run "
        f"the initializers of a program. Write in the program, before it returns: {in_program} and once, before the "
        f"first call: {before_calls}"
    ) in str(caught.value)
    initializers: list[Any] = []

    def program(x: Any) -> Any:
        y = bare(x)
        exec(in_program, {"tf": tf, "initializers": initializers})
        return y

    function = tf1.wrap_function(program, [tf.TensorSpec([None])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="have no values"):
        function(tf.constant([3.0]))
    exec(before_calls, {"function": function, "initializers": initializers})
    assert function(tf.constant([3.0])).numpy() == [7.0]


def test_a_wrapped_function_has_tables_and_ref_variables() -> None:
    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        numbers = tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([1.0, 2.0]))
        weight = tf1.get_variable("weight", initializer=3.0, use_resource=False)
        hub.add_signature(
            inputs=words, outputs=tf.lookup.StaticHashTable(numbers, -1.0).lookup(words) * weight
        )

    initializers: list[Any] = []

    def program(words: Any) -> Any:
        y = hub.Module(hub.create_module_spec(module_fn))(words)
        initializers.extend([tf1.global_variables_initializer(), tf1.tables_initializer()])
        return y

    function = tf1.wrap_function(program, [tf.TensorSpec([None], tf.string)])
    with pytest.raises(tf.errors.FailedPreconditionError):
        function(tf.constant(["a"]))
    function.prune([], initializers)()
    assert function(tf.constant(["a", "c"])).numpy().tolist() == [3.0, -3.0]
