"""Applying signatures: any number of times, anywhere in a graph, over one state."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, run, tf1

import tf1hub as hub


@pytest.fixture(params=["v1", "v2"])
def control_flow(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "v1":
        tf1.disable_control_flow_v2()
    yield request.param
    tf1.enable_control_flow_v2()


def loop_module() -> None:
    """`x * a ** steps` by a v1 loop, and 0 for steps < 0 by a v1 cond."""
    x = tf1.placeholder(tf.float32, [None], name="x")
    steps = tf1.placeholder(tf.int32, [], name="steps")
    a = tf1.get_variable("a", initializer=2.0)

    def looped() -> tf.Tensor:
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, clear_after_read=False, element_shape=[None])
        _, last, array = tf1.while_loop(
            lambda i, _, __: i < steps,
            lambda i, y, array: (i + 1, y * a, array.write(i, y * a)),
            (0, x, array),
        )
        return last + 0.0 * tf.reduce_sum(array.stack())

    y = tf1.cond(steps < 0, lambda: tf.zeros_like(x), looped)
    hub.add_signature(inputs={"x": x, "steps": steps}, outputs=y)


def exported_with_v1_control_flow(module_fn: object, path: pathlib.Path) -> str:
    tf1.disable_control_flow_v2()
    try:
        return export(module_fn, path)
    finally:
        tf1.enable_control_flow_v2()


@pytest.mark.parametrize("use_resource", [True, False])
def test_applications_share_one_state(use_resource: bool) -> None:
    spec = hub.create_module_spec(affine(use_resource=use_resource))
    with tf.Graph().as_default():
        module = hub.Module(spec)
        first, second = module([1.0]), module([2.0])
        changed = tf1.assign(module.variable_map["a"], 10.0)
        with tf1.Session() as session:
            initialize(session)
            session.run(changed)
            assert session.run([first, second]) == [[11.0], [21.0]]


def test_every_application_adds_the_same_number_of_ops() -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default() as graph:
        module = hub.Module(spec)
        x = tf.constant([1.0])
        counts = [len(graph.get_operations())]
        for _ in range(5):
            module(x)
            counts.append(len(graph.get_operations()))
    # A product and a sum; the first application lends the reads of the variables to the others.
    assert np.diff(counts).tolist() == [4, 2, 2, 2, 2]


def test_further_applications_are_built_like_the_first() -> None:
    """Lists of inputs, empty ones too, control edges, devices and each kind of attribute."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        checked = tf1.Assert(tf.reduce_all(x < 100.0), [tf.constant("too large"), x], name="checked")
        with tf.control_dependencies([checked]), tf.device("/cpu:0"):
            joined = tf.concat([x, 2.0 * x, tf.zeros_like(x)], axis=1, name="joined")
        empty = tf.debugging.assert_all_finite(joined, "not finite")
        cut = tf.split(empty, [1, 5], axis=1)[1]
        hub.add_signature(inputs=x, outputs=tf.cast(cut, tf.float64))

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default() as graph:
        module = hub.Module(spec)
        first = module([[1.0, 2.0]])
        again = module([[1.0, 2.0]])
        operations = graph.get_operations()
        named = {op.name.removeprefix("module_apply_default/"): op for op in operations}
        repeated = [op for op in operations if op.name.startswith("module_apply_default_1/")]
        assert len(repeated) > 8
        for op in repeated:
            model = named[op.name.removeprefix("module_apply_default_1/")]
            # What depends on the inputs is colocated within its own application.
            colocated = [place.replace(b"_default/", b"_default_1/") for place in model.colocation_groups()]
            assert op.colocation_groups() == colocated
            attributes = [
                {key: value for key, value in each.node_def.attr.items() if key != "_class"}
                for each in (op, model)
            ]
            assert attributes[0] == attributes[1]
            assert (op.type, op.device) == (model.type, model.device)
            assert len(op.inputs) == len(model.inputs)
            assert len(op.control_inputs) == len(model.control_inputs)
            # An error at run time tells where the program applied the module.
            assert any(frame.filename == __file__ for frame in op.traceback)
        assert run(first).tolist() == run(again).tolist() == [[2.0, 2.0, 4.0, 0.0, 0.0]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="too large"):
            run(module([[1000.0, 2.0]]))
        x = tf.constant([[1.0, 2.0]])
        graph.finalize()
        with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
            module(x)


def test_only_the_called_signature_is_built() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=tf.exp(x))
        hub.add_signature("heavy", inputs=x, outputs={"default": tf.sin(x), "other": tf.cos(x)})

    with tf.Graph().as_default() as graph:
        outputs = hub.Module(hub.create_module_spec(module_fn))([0.0], signature="heavy", as_dict=True)
        types = {op.type for op in graph.get_operations()}
        values = run(outputs)
    assert types == {"Const", "Sin", "Cos"}
    assert values == {"default": [0.0], "other": [1.0]}


def test_inputs_are_a_value_a_dict_or_nothing() -> None:
    def module_fn() -> None:
        x, y = tf1.placeholder(tf.float32, [None]), tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x + 1)
        hub.add_signature("two", {"x": x, "y": y}, x - y)
        hub.add_signature("none", outputs={"default": tf.constant(7), "name": tf.constant("seven")})

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        values = run(
            module([1.0]),
            module({"default": np.array([2.0], np.float32)}),
            module({"x": [5.0], "y": tf.constant([3.0])}, signature="two"),
            module(signature="none"),
            module(signature="none", as_dict=True),
        )
    assert values == [[2.0], [3.0], [2.0], 7, {"default": 7, "name": b"seven"}]


def test_sparse_and_ragged_inputs_and_outputs() -> None:
    def module_fn() -> None:
        sparse = tf1.sparse_placeholder(tf.float32, [None, 4])
        hub.add_signature(
            "sparse", {"x": sparse}, {"default": sparse * 2.0, "dense": tf.sparse.to_dense(sparse)}
        )
        ragged = tf1.ragged.placeholder(tf.int64, 1, value_shape=[])
        hub.add_signature("ragged", {"x": ragged}, {"default": ragged * 3, "lengths": ragged.row_lengths()})

    spec = hub.create_module_spec(module_fn)
    assert repr(spec.get_input_info_dict("sparse")["x"]) == "<SparseTensor float32 [?, 4]>"
    assert repr(spec.get_input_info_dict("ragged")["x"]) == "<RaggedTensor int64 [?, ?]>"
    with tf.Graph().as_default():
        module = hub.Module(spec)
        sparse = module({"x": tf.SparseTensor([[0, 1]], [5.0], [1, 4])}, signature="sparse", as_dict=True)
        ragged = module({"x": tf.ragged.constant([[1, 2], [3]], tf.int64)}, signature="ragged", as_dict=True)
        sparse_value, ragged_value = run(sparse, ragged)
    assert sparse_value["default"].values.tolist() == [10.0]
    assert sparse_value["dense"].tolist() == [[0, 5, 0, 0]]
    assert ragged_value["default"].to_list() == [[3, 6], [9]]
    assert ragged_value["lengths"].tolist() == [2, 1]


def test_an_output_may_be_an_input_or_an_asset(tmp_path: pathlib.Path) -> None:
    (tmp_path / "vocab.txt").write_text("a\nb\n")

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs={"default": x, "same": x})
        file = tf.constant(str(tmp_path / "vocab.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        hub.add_signature(
            "tokenization_info", outputs={"vocab_file": file, "do_lower_case": tf.constant(True)}
        )

    path = export(module_fn, tmp_path / "m")
    with tf.Graph().as_default():
        module = hub.Module(path)
        same, info = run(module([4.0], as_dict=True), module(signature="tokenization_info", as_dict=True))
    assert same == {"default": [4.0], "same": [4.0]}
    assert info == {
        "vocab_file": str(tmp_path / "m" / "assets" / "vocab.txt").encode(),
        "do_lower_case": True,
    }


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.usefixtures("control_flow")
def test_inside_cond_while_loop_and_map_fn(use_resource: bool) -> None:
    spec = hub.create_module_spec(affine(2.0, 1.0, use_resource=use_resource))
    with tf.Graph().as_default():
        module = hub.Module(spec)
        in_cond = tf.cond(tf.constant(True), lambda: module([1.0]), lambda: module([2.0]))
        _, in_loop = tf.while_loop(
            lambda i, _: i < 3, lambda i, y: (i + 1, module(y)), (0, tf.constant([1.0]))
        )
        in_map = tf.map_fn(module, tf.constant([[1.0], [2.0], [3.0]]))
        values = run(in_cond, in_loop, in_map)
    assert values[0] == [3.0]
    assert values[1] == [15.0]  # 1 -> 3 -> 7 -> 15
    assert values[2].tolist() == [[3.0], [5.0], [7.0]]


def test_an_application_that_must_wait_or_run_elsewhere_shares_no_reads() -> None:
    spec = hub.create_module_spec(affine(2.0, 0.0))
    with tf.Graph().as_default():
        module = hub.Module(spec)
        first = module([1.0])
        with tf.control_dependencies([first]):
            changed = tf1.assign(module.variable_map["a"], 5.0)
        with tf.control_dependencies([changed]):
            after = module([1.0])
        with tf.device("/device:CPU:0"):
            elsewhere = module([1.0])
        assert run(first, after) == [[2.0], [5.0]]
        assert elsewhere.op.inputs[0].op.inputs[0].op.device == "/device:CPU:0"


def test_random_ops_are_not_shared_by_applications() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x + tf1.random_uniform([]))

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        first, second = run(module([0.0]), module([0.0]))
    assert first != second


@pytest.mark.usefixtures("control_flow")
def test_gradients_through_an_application_in_a_loop() -> None:
    spec = hub.create_module_spec(affine(2.0, 1.0))
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True)
        _, y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, module(y)), (0, tf.constant([1.0])))
        (gradient,) = tf1.gradients(y, [module.variable_map["a"]])
        assert run(gradient) == 7.0 + 2.0 * (3.0 + 2.0 * 1.0)


def test_modules_with_loops_of_functions_are_differentiated_in_every_application() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        a = tf1.get_variable("a", initializer=2.0)
        y = tf.while_loop(
            lambda i, _: i < 3, lambda i, y: (i + 1, tf.cond(i > 0, lambda: y * a, lambda: y)), (0, x)
        )
        hub.add_signature(inputs=x, outputs=y[1])

    spec = hub.create_module_spec(module_fn)
    for _ in range(2):
        with tf.Graph().as_default():
            modules = [hub.Module(spec, trainable=True, name=name) for name in ("one", "two")]
            outputs = [module([float(size)]) for module in modules for size in (1, 2)]
            gradients = tf1.gradients(tf.add_n(outputs), [module.variable_map["a"] for module in modules])
            # x a^2, of both applications of each.
            assert run(*outputs, *gradients) == [[4.0], [8.0], [4.0], [8.0], 12.0, 12.0]


@pytest.mark.usefixtures("control_flow")
def test_a_module_with_loops_and_conds_inside_applied_twice(tmp_path: pathlib.Path) -> None:
    path = exported_with_v1_control_flow(loop_module, tmp_path / "m")
    with tf.Graph().as_default():
        module = hub.Module(path, trainable=True)
        outputs = [module({"x": [1.0, 2.0], "steps": steps}) for steps in (3, 5, -1)]
        gradients = [tf1.gradients(output, module.variables)[0] for output in outputs[:2]]
        values = run(*outputs, *gradients)
    assert values[0].tolist() == [8.0, 16.0]
    assert values[1].tolist() == [32.0, 64.0]
    assert values[2].tolist() == [0.0, 0.0]
    assert values[3] == 3 * 4.0 * 3.0  # d/da of 3 a^3 at 2
    assert values[4] == 5 * 16.0 * 3.0


def test_a_cond_in_a_cond_of_which_the_signature_returns_a_part(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        """As `static_rnn` with sequence lengths makes them: the last state is computed and not returned."""
        x = tf1.placeholder(tf.float32, [None], "x")
        step = tf1.placeholder(tf.int32, [], "step")
        weight = tf1.get_variable("weight", initializer=2.0)
        state = tf.ones_like(x) * weight

        def cell() -> list[tf.Tensor]:
            return [x * weight, state * 2.0]

        def some() -> list[tf.Tensor]:
            output, new_state = cell()
            return [tf1.where(x > 1.5, tf.zeros_like(x), output), tf1.where(x > 1.5, state, new_state)]

        output, _ = tf1.cond(
            step >= 5, lambda: [tf.zeros_like(x), state], lambda: tf1.cond(step < 1, cell, some)
        )
        hub.add_signature(inputs={"x": x, "step": step}, outputs=output)

    path = exported_with_v1_control_flow(module_fn, tmp_path / "m")
    with tf.Graph().as_default():
        module = hub.Module(path, trainable=True)
        outputs = [module({"x": [1.0, 2.0], "step": step}) for step in (0, 3, 5)]
        gradients = [tf1.gradients(output, module.variables)[0] for output in outputs]
        assert [value.tolist() for value in run(*outputs)] == [[2.0, 4.0], [2.0, 0.0], [0.0, 0.0]]
        assert run(*gradients) == [3.0, 1.0, 0.0]


def test_a_module_with_loops_and_conds_inside_a_v1_loop(tmp_path: pathlib.Path) -> None:
    path = exported_with_v1_control_flow(loop_module, tmp_path / "m")
    tf1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default():
            module = hub.Module(path, trainable=True)
            _, y = tf1.while_loop(
                lambda i, _: i < 2,
                lambda i, y: (i + 1, module({"x": y, "steps": 2})),
                (0, tf.constant([1.0])),
                shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
            )
            (gradient,) = tf1.gradients(y, module.variables)
            assert run(y, gradient) == [[16.0], 32.0]
    finally:
        tf1.enable_control_flow_v2()


def test_inside_wrap_function_each_function_has_its_own_state() -> None:
    def wrapped(spec: hub.ModuleSpec) -> Any:
        def function(x: tf.Tensor) -> tf.Tensor:
            y = hub.Module(spec)(x)
            tf1.global_variables_initializer()
            return y

        return tf1.wrap_function(function, [tf.TensorSpec([None], tf.float32)])

    # Both call their variables module/a and module/b, and live in one process.
    functions = [wrapped(hub.create_module_spec(affine(*values))) for values in ((2.0, 1.0), (10.0, 0.0))]
    for function in functions:
        function.prune([], [function.graph.get_operation_by_name("init")])()
    assert [function(tf.constant([3.0])).numpy().tolist() for function in functions] == [[7.0], [30.0]]


def test_colocation_names_what_took_the_place_of_state_and_inputs() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None], name="x")
        a = tf1.get_variable("a", initializer=2.0, use_resource=False)
        with tf1.colocate_with(a):
            y = x * a
        with tf1.colocate_with(x):
            z = y + 1.0
        hub.add_signature(inputs=x, outputs=z)

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default():
        with tf.device("/device:CPU:0"):
            module = hub.Module(spec)
        for name in ("mine", "another"):
            fed = tf.constant([3.0], name=name)
            output = module(fed)
            product = next(tensor.op for tensor in output.op.inputs if tensor.op.type == "Mul")
            assert output.op.colocation_groups() == [b"loc:@" + name.encode()]
            assert product.colocation_groups() == [b"loc:@module/a"]
            assert product.device == "/device:CPU:0"
            assert run(output) == [7.0]


@pytest.mark.parametrize("use_resource", [False, True])
def test_update_ops_are_those_of_each_application_and_only_when_trainable(use_resource: bool) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None], name="x")
        other = tf1.placeholder(tf.float32, [None], name="other")
        count = tf1.get_variable("count", initializer=0.0, trainable=False, use_resource=use_resource)
        tf1.add_to_collection("update_ops", tf1.assign_add(count, tf.reduce_sum(x)).op)
        tf1.add_to_collection("update_ops", tf1.assign_add(count, tf.reduce_sum(other) * 100.0))
        tf1.add_to_collection("update_ops", tf1.assign_add(count, 1e6))
        tf1.add_to_collection("regularization_losses", tf.reduce_sum(x) * 0.5)
        hub.add_signature(inputs=x, outputs=x + count)
        hub.add_signature("other", {"other": other}, other)

    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default() as graph:
        hub.Module(spec)([1.0])
        assert graph.get_collection("update_ops") == []
        module = hub.Module(spec, trainable=True)
        module([2.0])
        module({"other": [3.0]}, signature="other")
        module([4.0])
        updates = graph.get_collection("update_ops")
        losses = tf1.losses.get_regularization_losses()
        with tf1.Session() as session:
            initialize(session)
            assert session.run(losses) == [1.0, 2.0]
            for update in updates:
                session.run(update)
            # That of a constant runs for each application, as do the others.
            assert session.run(module.variable_map["count"]) == 3e6 + 306.0
        assert len(updates) == 6


def test_two_modules_with_functions_of_the_same_name() -> None:
    def with_function(factor: float) -> hub.ModuleSpec:
        def module_fn() -> None:
            x = tf1.placeholder(tf.float32, [None])
            y = tf.cond(tf.reduce_sum(x) > 0, lambda: x * factor, lambda: x)
            hub.add_signature(inputs=x, outputs=y)

        return hub.create_module_spec(module_fn)

    specs = [with_function(2.0), with_function(3.0)]
    libraries = [spec.variant().meta_graph.graph_def.library for spec in specs]
    assert all(len(library.function) == 2 for library in libraries)
    # Written by two publishers, the functions could well have the same names.
    for first, second in zip(libraries[0].function, libraries[1].function, strict=True):
        for node in specs[1].variant().meta_graph.graph_def.node:
            for attr in node.attr.values():
                if attr.func.name == second.signature.name:
                    attr.func.name = first.signature.name
        second.signature.name = first.signature.name
    with tf.Graph().as_default():
        assert run(*[hub.Module(spec)([1.0]) for spec in specs]) == [[2.0], [3.0]]


def test_eval_function_builds_each_call_once() -> None:
    with hub.eval_function_for_module(hub.create_module_spec(affine(2.0, 1.0))) as f:
        assert f([1.0, 2.0]).tolist() == [3.0, 5.0]
        assert f({"default": [3.0]}, as_dict=True)["default"].tolist() == [7.0]
        graph = tf1.get_default_graph()
        count = len(graph.get_operations())
        for i in range(3):
            f([float(i)])
        assert len(graph.get_operations()) == count
    assert tf1.get_default_graph() is not graph


def marked(graph: Any, key: str = "_tpu_replicate") -> set[str]:
    """The ops that a TPU computation has taken in."""
    return {operation.name for operation in graph.get_operations() if key in operation.node_def.attr}


@pytest.mark.parametrize("made_inside", [True, False])
@pytest.mark.parametrize("in_function", [True, False])
def test_in_a_tpu_computation_applications_run_there_and_state_stays_outside(
    made_inside: bool, in_function: bool
) -> None:
    spec = hub.create_module_spec(affine())
    with tf.Graph().as_default() as graph:
        made = [] if made_inside else [hub.Module(spec)]

        def computation(x: tf.Tensor) -> tf.Tensor:
            def apply(value: tf.Tensor) -> tf.Tensor:
                module = made[0] if made else hub.Module(spec)
                return module(value)

            return tf.function(apply, autograph=False)(x) if in_function else apply(x)

        tf1.tpu.rewrite(computation, [tf.constant([1.0])])
        operations = {operation.name: operation for operation in graph.get_operations()}
        inside = marked(graph)
        assert not {name for name in operations if name.startswith("module/")} & inside
        assert "Placeholder" not in {operations[name].type for name in inside}
        applied = [name for name in operations if "_apply_" in name]
        assert set(applied) <= inside
        assert bool(applied) != in_function
        # What initializes the state is the program's to run, on the host.
        initializers = [variable.initializer.name for variable in tf1.global_variables()]
        needed = tf1.graph_util.extract_sub_graph(graph.as_graph_def(), initializers)
        assert len(initializers) == 2
        assert not {node.name for node in needed.node} & inside
