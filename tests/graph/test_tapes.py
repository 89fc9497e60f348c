"""Gradient tapes around a module in a graph: what they give for the same model without a module."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export, run, tf1

import tf1hub as hub

W = np.random.RandomState(1).uniform(-1, 1, (3, 3)).astype(np.float32)
TABLE = np.random.RandomState(2).uniform(-1, 1, (5, 3)).astype(np.float32)
X = np.random.RandomState(3).uniform(-1, 1, (2, 3)).astype(np.float32)


def straight(x: Any, ids: Any) -> dict[str, Any]:
    w = tf1.get_variable("w", initializer=W)
    table = tf1.get_variable("table", initializer=TABLE)
    shift = tf1.get_variable("shift", initializer=0.5)
    hidden = tf.tanh(tf.matmul(x, w))
    looked_up = tf.nn.embedding_lookup(table, ids)
    return {"default": hidden * hidden * looked_up + shift, "other": hidden**3, "same": x, "ids": ids + 1}


def looped(x: Any, ids: Any) -> dict[str, Any]:
    w = tf1.get_variable("w", initializer=W)
    table = tf1.get_variable("table", initializer=TABLE)
    tf1.get_variable("shift", initializer=0.5)

    def body(i: Any, y: Any, array: Any) -> Any:
        y = tf.tanh(tf.matmul(y, w))
        return i + 1, tf1.cond(i > 0, lambda: y * 2.0, lambda: y * y), array.write(i, y)

    array = tf.TensorArray(tf.float32, 3, element_shape=[None, 3])
    _, y, array = tf1.while_loop(lambda i, *_: i < 3, body, (0, x, array))
    looked_up = tf.nn.embedding_lookup(table, ids)
    return {"default": y * looked_up, "other": tf.reduce_sum(array.stack(), 0), "same": x, "ids": ids}


@tf.RegisterGradient("TapesTestDoubledSine")
def doubled_sine(operation: Any, gradient: Any) -> Any:
    return 2.0 * gradient * tf.cos(operation.inputs[0])


def with_a_gradient_of_its_own(x: Any, ids: Any) -> dict[str, Any]:
    outputs = straight(x, ids)
    with tf1.get_default_graph().gradient_override_map({"Sin": "TapesTestDoubledSine"}):
        return {**outputs, "default": tf.sin(outputs["default"])}


def module_of(network: Callable[[Any, Any], dict[str, Any]]) -> hub.ModuleSpec:
    def module_fn() -> None:
        with tf1.variable_scope("", use_resource=True):
            x = tf1.placeholder(tf.float32, [None, 3])
            ids = tf1.placeholder(tf.int32, [None])
            hub.add_signature(inputs={"x": x, "ids": ids}, outputs=network(x, ids))

    return hub.create_module_spec(module_fn)


class Model:
    """A network in the default graph, as a module or plain."""

    def __init__(self, network: Callable[[Any, Any], dict[str, Any]], as_module: bool) -> None:
        self.network = network
        self.module = hub.Module(module_of(network), trainable=True) if as_module else None
        if self.module is None:
            with tf1.variable_scope("module", use_resource=True):
                network(tf.constant(X), tf.constant([0, 1]))

    def __call__(self, x: Any, ids: Any = (0, 1)) -> dict[str, Any]:
        if self.module is not None:
            found: dict[str, Any] = self.module({"x": x, "ids": ids}, as_dict=True)
            return found
        with tf1.variable_scope("module", reuse=True):
            return self.network(tf.convert_to_tensor(x), tf.convert_to_tensor(ids))

    @property
    def variables(self) -> list[Any]:
        return sorted(tf1.trainable_variables(), key=lambda variable: str(variable.name))


def first_application(model: Model) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(X)["default"] ** 2)
    assert sorted(v.name for v in tape.watched_variables()) == sorted(
        v.name for v in model.variables if v.name != "module/shift:0" or model.network is not looped
    )
    return tape.gradient(loss, model.variables)


def further_applications(model: Model) -> Any:
    """Of three, the first outside of the tape: the others share with it."""
    model(X)
    with tf.GradientTape() as tape:
        once = model(X)["default"]
        twice = model(once, [1, 2])
        loss = tf.reduce_sum(twice["default"] * twice["same"] + twice["other"])
    return tape.gradient(loss, model.variables)


def of_the_input(model: Model) -> Any:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = model(2.0 * x)
        loss = tf.reduce_sum(outputs["default"] + outputs["same"] ** 2)
    return tape.gradient(loss, [x, *model.variables])


def of_one_output(model: Model) -> Any:
    with tf.GradientTape() as tape:
        outputs = model(X)
    return [g for g in tape.gradient(outputs["other"], model.variables, tf.constant(X)) if g is not None]


def persistent(model: Model) -> Any:
    x = tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        outputs = model(x)
        loss = tf.reduce_sum(outputs["default"]) * tf.reduce_sum(outputs["other"])
    return [tape.gradient(loss, x), tape.gradient(outputs["other"], x), tape.gradient(loss, model.variables)]


def only_what_is_watched(model: Model) -> Any:
    watched = model.variables[-1]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(watched)
        loss = tf.reduce_sum(model(X)["default"])
    assert tape.watched_variables() == (watched,)
    assert tape.gradient(loss, model.variables[:-1]) == [None] * (len(model.variables) - 1)
    with tf.GradientTape() as tape, tape.stop_recording():
        loss = tf.reduce_sum(model(X)["default"])
    assert tape.gradient(loss, watched) is None
    return [tf.constant(0.0)]


def nested(model: Model) -> Any:
    """Second derivatives, mixed ones too."""
    x = tf.constant(X)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = tf.reduce_sum(model(x)["default"] ** 2)
        gradient = inner.gradient(loss, x)
        penalty = tf.reduce_sum(gradient**2)
    return [
        outer.gradient(penalty, x),
        [g for g in outer.gradient(penalty, model.variables) if g is not None],
    ]


def third_derivative(model: Model) -> Any:
    x = tf.constant(X)
    with tf.GradientTape() as outermost:
        outermost.watch(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(model(x)["default"] ** 2)
            gradient = inner.gradient(loss, x)
        gradient = outer.gradient(gradient, x)
    return outermost.gradient(gradient, x)


def in_a_function(model: Model) -> Any:
    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model(x)["default"] ** 2)
        return tape.gradient(loss, [x, *model.variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return step(tf.constant(X))


def around_a_function(model: Model) -> Any:
    @tf.function
    def apply(x: Any) -> Any:
        return model(x)["default"]

    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(apply(x) ** 2) + tf.reduce_sum(apply(2.0 * x))
    names = {variable.name for variable in tape.watched_variables()}
    assert names >= {"module/table:0", "module/w:0"}
    return tape.gradient(loss, [x, *model.variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)


def in_a_branch(model: Model) -> Any:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cond(x[0, 0] > 5.0, lambda: x, lambda: model(x)["default"])
        _, y = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, model(y)["default"]), (0, y))
    return tape.gradient(y, [x, *model.variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)


def jacobian(model: Model) -> Any:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)["default"]
    return tape.batch_jacobian(y, x)


def forward(model: Model) -> Any:
    x = tf.constant(X)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = model(x)["default"] ** 2
    return accumulator.jvp(y)


def forward_of_a_variable(model: Model) -> Any:
    variable = model.variables[-1]
    with tf.autodiff.ForwardAccumulator(variable, tf.ones(variable.shape)) as accumulator:
        y = model(X)["default"]
    return accumulator.jvp(y)


def forward_over_backward(model: Model) -> Any:
    """A product with the Hessian."""
    x = tf.constant(X)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model(x)["default"] ** 2)
        gradient = tape.gradient(loss, x)
    return accumulator.jvp(gradient)


def minimized(model: Model) -> Any:
    """`minimize` with a function for the loss, which the optimizer calls under a tape."""
    step = tf1.train.AdamOptimizer(0.1).minimize(lambda: tf.reduce_sum(model(X)["default"] ** 2))
    with tf.control_dependencies([step]):
        return [variable.read_value() for variable in model.variables]


def inside_a_custom_gradient(model: Model) -> Any:
    @tf.custom_gradient
    def reversed_gradient(x: Any) -> Any:
        y = model(x)["default"]

        def gradient(given: Any, variables: Any = ()) -> Any:
            inner = tf1.gradients(y, [x, *variables], given)
            return -inner[0], inner[1:]

        return y, gradient

    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = reversed_gradient(x)
    return tape.gradient(y, [x, *model.variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)


PROGRAMS = [
    first_application,
    further_applications,
    of_the_input,
    of_one_output,
    persistent,
    only_what_is_watched,
    nested,
    third_derivative,
    in_a_function,
    around_a_function,
    in_a_branch,
    jacobian,
    forward,
    forward_of_a_variable,
    forward_over_backward,
    minimized,
    inside_a_custom_gradient,
]


def result(program: Callable[[Model], Any], network: Any, as_module: bool) -> list[Any]:
    with tf.Graph().as_default():
        found = tf.nest.flatten(program(Model(network, as_module)))
        dense = [None if tensor is None else tf.convert_to_tensor(tensor) for tensor in found]
        values = iter(run([tensor for tensor in dense if tensor is not None]))
    return [None if tensor is None else next(values) for tensor in dense]


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices")
@pytest.mark.parametrize(
    ("network", "program"),
    [
        pytest.param(network, program, id=f"{network.__name__}-{program.__name__}")
        for network in (straight, looped)
        for program in PROGRAMS
        # TensorFlow has no tangents of TensorArrays.
        if network is straight or "forward" not in program.__name__
    ],
)
def test_tapes_give_what_they_give_for_a_plain_model(program: Callable[[Model], Any], network: Any) -> None:
    of_module, of_plain = (result(program, network, as_module) for as_module in (True, False))
    assert [value is None for value in of_module] == [value is None for value in of_plain]
    for found, expected in zip(of_module, of_plain, strict=True):
        if expected is not None:
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert program is only_what_is_watched or any(np.any(value) for value in of_plain if value is not None)


def assert_the_same_as_without_a_tape(make: Callable[[], hub.Module]) -> list[Any]:
    """The gradients of `tf.gradients` are those of a tape, for two applications, and of a third's for the input."""
    with tf.Graph().as_default():
        module = make()
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = [module({"x": value, "ids": [0, 1]}) for value in (x, x * 2.0)]
            loss = tf.reduce_sum(y[0] ** 2 * y[1])
        variables = [variable for variable in module.variables if "shift" not in variable.name]
        of_tape = tape.gradient(loss, [x, *variables])
        of_graph = tf1.gradients(loss, [x, *variables])
        values = run(*map(tf.convert_to_tensor, [*of_tape, *of_graph]))
    for found, expected in zip(values[: len(of_tape)], values[len(of_tape) :], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert np.any(found)
    return values


@pytest.fixture
def control_flow_of_the_time() -> Iterator[None]:
    tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices")
@pytest.mark.usefixtures("control_flow_of_the_time")
def test_tapes_see_through_loops_and_conds_of_the_first_generation(tmp_path: pathlib.Path) -> None:
    """Plain ones are refused by tapes, with "tf.GradientTape.gradients() does not support graph control flow"."""
    path = export(module_of(looped), tmp_path / "m")
    with tf.Graph().as_default() as graph:
        hub.Module(path)({"x": X, "ids": [0, 1]})
        assert {"Enter", "Switch"} <= {operation.type for operation in graph.get_operations()}
    assert_the_same_as_without_a_tape(lambda: hub.Module(path, trainable=True))


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices")
def test_tapes_see_gradients_that_publishers_gave() -> None:
    spec = module_of(with_a_gradient_of_its_own)
    assert_the_same_as_without_a_tape(lambda: hub.Module(spec, trainable=True))


def test_what_has_no_gradient_is_in_nobodys_way() -> None:
    """An output that nobody differentiates, behind an op that has no gradient."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [])
        w = tf1.get_variable("w", initializer=3.0, use_resource=True)
        spectrum = tf.raw_ops.Mfcc(spectrogram=tf.reshape(x * w, [1, 1, 1]), sample_rate=8000)
        hub.add_signature(inputs=x, outputs={"default": x * w, "features": spectrum})

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn), trainable=True)
        with tf.GradientTape(persistent=True) as tape:
            outputs = module(2.0, as_dict=True)
        assert run(tape.gradient(outputs["default"], module.variables)) == [2.0]
        with pytest.raises(LookupError, match="No gradient defined for operation"):
            tape.gradient(outputs["features"], module.variables)


def test_regularization_losses_are_differentiated_where_they_are_made() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [])
        w = tf1.get_variable("w", initializer=3.0, use_resource=True, regularizer=lambda w: w**2)
        tf1.add_to_collection(tf1.GraphKeys.REGULARIZATION_LOSSES, w * x)
        hub.add_signature(inputs=x, outputs=x)

    with tf.Graph().as_default(), tf.GradientTape() as tape:
        module = hub.Module(hub.create_module_spec(module_fn), trainable=True)
        module(5.0)
        loss = tf1.losses.get_regularization_loss()
        assert run(tape.gradient(loss, module.variables)) == [2 * 3.0 + 5.0]


def test_a_module_that_is_not_trainable_is_differentiated_by_its_input_alone() -> None:
    with tf.Graph().as_default():
        module = hub.Module(module_of(straight))
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = module({"x": x, "ids": [0, 1]})
        assert tape.watched_variables() == ()
        of_input, of_variable = tape.gradient(y, [x, module.variable_map["w"]])
        assert of_variable is None
        assert np.any(run(of_input))


def test_ref_variables_are_none_of_a_tapes() -> None:
    """TensorFlow's tapes know no ref variables; what lies before the module is differentiated all the same."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=3.0, use_resource=False))

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn), trainable=True)
        own = tf1.get_variable("own", initializer=2.0, use_resource=True)
        with tf.GradientTape() as tape:
            y = module(own * 2.0)
        assert run(tape.gradient(y, own)) == 6.0


def test_without_a_tape_nothing_is_added() -> None:
    def count(taped: bool) -> int:
        with tf.Graph().as_default() as graph:
            module = hub.Module(module_of(straight), trainable=True)
            if taped:
                with tf.GradientTape():
                    module({"x": X, "ids": [0, 1]})
            else:
                module({"x": X, "ids": [0, 1]})
            return len(graph.get_operations())

    assert count(taped=True) == count(taped=False)
