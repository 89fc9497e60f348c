"""What cannot be traced again is listed, all of it, before anything is built."""

from __future__ import annotations

import pathlib
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph, Tensors
from tf2.test_control_flow import FEEDS, inputs, weight

import tf1hub as hub
from tf1hub.errors import (
    InputError,
    UnknownNameError,
    UnknownSignatureError,
    UnsupportedGraphError,
)
from tf1hub.format.messages_pb2 import SavedModel, VariableDef
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.tf2.load import load_spec

tf1 = tf.compat.v1
X = FEEDS["first"]
PYTHON = (
    "A module holds no Python code: what runs it works only in the process that made the module, in a tf.Graph with "
    "tf1hub.Module."
)
RUNS_PYTHON = "it runs Python code of the program that made the module"


def test_all_unsupported_constructs_are_listed_with_what_still_works() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        queue = tf1.FIFOQueue(3, [tf.float32], shapes=[[]])
        dequeued = queue.dequeue()
        (called,) = tf1.py_func(lambda a: a, [x], [tf.float32])
        called.set_shape([None, 3])
        return {"x": x}, {"default": tf.matmul(x, w) + dequeued + called}

    with pytest.raises(UnsupportedGraphError) as caught:
        OldGraph(build).load()
    assert str(caught.value) == (
        "The variant {} of the old graph cannot be loaded into TensorFlow 2. Its graph has:\n"
        "  - the op type FIFOQueueV2 (1 node, 'fifo_queue'): it keeps data in a queue or reader, which has no "
        "counterpart inside tf.function\n"
        f"  - the op type PyFunc (1 node, 'PyFunc'): {RUNS_PYTHON}\n"
        "  - the op type QueueDequeueV2 (1 node, 'fifo_queue_Dequeue'): it keeps data in a queue or reader, which "
        "has no counterpart inside tf.function\n"
        f"{PYTHON}"
    )


def test_the_constructs_of_all_variants_are_listed_before_anything_is_read() -> None:
    def build(is_training: bool) -> tuple[Tensors, Tensors]:
        x = inputs()
        y = tf.matmul(x, weight())
        if is_training:
            y += tf1.data.make_one_shot_iterator(tf.data.Dataset.from_tensors(tf.zeros([3]))).get_next()
        return {"x": x}, {"default": tf1.py_func(lambda a: a, [y], tf.float32)}

    variants = [OldGraph(lambda i=i: build(i), drop=("iterators",)).definition for i in (False, True)]
    variants[1].meta_info_def.tags.append("train")
    # Were it read, another error would tell of the checkpoint.
    nowhere = ModuleSpec(SavedModel(meta_graphs=variants), "the module", checkpoint="/nowhere/variables")
    with pytest.raises(UnsupportedGraphError) as caught:
        load_spec(nowhere)
    python = f"  - the op type PyFunc (1 node, 'PyFunc'): {RUNS_PYTHON}"
    first, one, second, *iterators, again, advice = str(caught.value).splitlines()
    assert first == "The variant {} of the module cannot be loaded into TensorFlow 2. Its graph has:"
    assert one == again == python
    assert second == "The graph of its variant {'train'} has:"
    assert [line.split()[4] for line in iterators] == ["IteratorGetNext", "OneShotIterator"]
    assert all(line.endswith("it reads from an input pipeline") for line in iterators)
    assert advice == PYTHON


def test_what_is_refused_still_works_as_the_error_says(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        queue = tf1.FIFOQueue(3, [tf.float32], shapes=[[]], name="unused")
        w = tf1.get_variable("w", initializer=2.0)
        hub.add_signature(inputs=x, outputs=x * w)
        hub.add_signature("queued", inputs=x, outputs=x * w + queue.dequeue())

    spec = hub.create_module_spec(module_fn)
    spec.export(tmp_path / "module", values={"w": 3.0})
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.load(tmp_path / "module")
    path = str(tmp_path / "module")
    assert f"tf.saved_model.load({path!r}, tags=[]).signatures[...]; so does tf1hub.Module" in str(
        caught.value
    )
    signatures = tf.saved_model.load(path, tags=[]).signatures
    assert signatures["default"](default=tf.constant([2.0]))["default"].numpy().tolist() == [6.0]
    with hub.eval_function_for_module(path) as module:
        assert module([2.0]).tolist() == [6.0]


def stored(path: pathlib.Path, module_fn: Callable[..., None], *tags: str) -> str:
    """The path of a module, with variants for inference and for `tags`."""
    variants: list[Any] = [(set(), {"is_training": False}), *(({tag}, {"is_training": True}) for tag in tags)]
    spec = hub.create_module_spec(module_fn, tags_and_args=variants)
    spec.export(path, values=hub.initial_values(spec))
    return str(path)


def with_python(y: Any) -> Any:
    return tf1.py_func(lambda a: a, [y], tf.float32)


def test_python_in_one_signature_leaves_the_others_to_tensorflows_loader(tmp_path: pathlib.Path) -> None:
    def module_fn(is_training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None])
        y = x * tf1.get_variable("w", initializer=3.0)
        hub.add_signature(inputs=x, outputs=y)
        hub.add_signature("debug", inputs=x, outputs=with_python(y))
        hub.add_signature("raw", inputs={"x": x}, outputs=with_python(y) if is_training else y)

    path = stored(tmp_path / "module", module_fn, "train")
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.load(path)
    assert str(caught.value) == (
        f"The variant {{}} of {path} cannot be loaded into TensorFlow 2. Its graph has:\n"
        f"  - the op type PyFunc (1 node, 'PyFunc'): {RUNS_PYTHON}\n"
        "The graph of its variant {'train'} has:\n"
        f"  - the op type PyFunc (2 nodes, such as 'PyFunc'): {RUNS_PYTHON}\n"
        f"{PYTHON}\n"
        "The signatures without Python code still work with TensorFlow's own loader: "
        f"tf.saved_model.load({path!r}, tags=[]).signatures['default'], "
        f"tf.saved_model.load({path!r}, tags=[]).signatures['raw'], "
        f"tf.saved_model.load({path!r}, tags=['train']).signatures['default']."
    )
    for tags, name, key in ([], "default", "default"), ([], "raw", "x"), (["train"], "default", "default"):
        function = tf.saved_model.load(path, tags=tags).signatures[name]
        assert function(**{key: tf.constant([2.0])})["default"].numpy().tolist() == [6.0]


def test_python_in_a_function_is_found_too(tmp_path: pathlib.Path) -> None:
    def module_fn(is_training: bool) -> None:
        del is_training
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=tf.function(with_python, autograph=False)(x))

    path = stored(tmp_path / "module", module_fn)
    with pytest.raises(UnsupportedGraphError, match=f"{RUNS_PYTHON}\n{re.escape(PYTHON)}$"):
        hub.load(path)


def trained_with(training: Callable[[Any], Any]) -> Callable[..., None]:
    def module_fn(is_training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        y = x @ tf1.get_variable("w", [2, 2], regularizer=tf.nn.l2_loss)
        hub.add_signature(inputs=x, outputs=training(y) if is_training else y)

    return module_fn


REFUSED = (
    "The variant {{'train'}} of {place} cannot be loaded into TensorFlow 2. Its graph has:\n"
    "  - the op type PyFunc (1 node, 'PyFunc'): " + RUNS_PYTHON + "\n"
)


def test_where_only_training_cannot_be_traced_the_error_loads_inference_alone(tmp_path: pathlib.Path) -> None:
    path = stored(tmp_path / "module", trained_with(with_python), "train")
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.load(path)
    assert str(caught.value) == (
        f"{REFUSED.format(place=path)}"
        f"For inference, its variant {{}} can be loaded alone: tf1hub.load({path!r}, tags=[]).\n"
        f"{PYTHON}"
    )
    x = np.ones([1, 2], np.float32)
    module = hub.load(path, tags=[])
    expected = tf.saved_model.load(path, tags=[]).signatures["default"](default=tf.constant(x))["default"]
    tf.saved_model.save(module, str(tmp_path / "saved"))
    hub.convert(path, tmp_path / "converted", tags=[])
    module.export(tmp_path / "again")
    loaded = {
        "loaded": module,
        "pickled": pickle.loads(pickle.dumps(module)),
        "saved": hub.load(tmp_path / "saved"),
        "converted": hub.load(tmp_path / "converted"),
        "exported": hub.load(tmp_path / "again", tags=set()),
    }
    for how, same in loaded.items():
        np.testing.assert_allclose(same(x), expected, rtol=1e-6, err_msg=how)
        assert len(same.trainable_variables) == len(same.variables) == 1
        np.testing.assert_allclose(same(x, training=True), expected, rtol=1e-6, err_msg=how)
    assert len(module.regularization_losses) == 1
    assert "variants: {}\n" in repr(module)
    layer = hub.KerasLayer(path, tags=[], trainable=True)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-6)


def test_of_a_definition_inference_is_loaded_alone_as_well() -> None:
    def module_fn(is_training: bool) -> None:
        trained_with(lambda y: y + tf1.FIFOQueue(3, [tf.float32], shapes=[[]]).dequeue())(is_training)

    variants: list[Any] = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    spec = hub.create_module_spec(module_fn, tags_and_args=variants)
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.load(spec)
    assert str(caught.value).splitlines()[-2:] == [
        "For inference, its variant {} can be loaded alone: tf1hub.load(spec, tags=[]).",
        "It still works in a tf.Graph, with tf1hub.Module.",
    ]
    assert hub.load(spec, tags=[])(np.ones([1, 2])).shape == [1, 2]
    with pytest.raises(
        UnsupportedGraphError, match=r"^The variant \{'train'\} of module_fn\(\) cannot be loaded"
    ):
        hub.load(spec, tags={"train"})


def test_regularization_losses_that_need_inputs_are_left_out_and_named() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        collection = tf1.GraphKeys.REGULARIZATION_LOSSES
        tf1.add_to_collection(collection, tf.identity(2.0 * tf.nn.l2_loss(w), name="of_weights"))
        tf1.add_to_collection(collection, tf.identity(tf.nn.l2_loss(tf.matmul(x, w)), name="of_activity"))
        return {"x": x}, {"default": tf.matmul(x, w)}

    module = OldGraph(build).load()
    with pytest.warns(
        UserWarning,
        match=r"The regularization loss 'of_activity:0' of variant \{\} of the old graph is left out: it depends on "
        r"the input 'x', and regularization losses are called without inputs\.",
    ):
        losses = module.regularization_losses
    assert len(losses) == 1
    expected = float(tf.reduce_sum(tf.square(module.variables[0])))
    assert float(losses[0]()) == pytest.approx(expected, rel=1e-6)


def test_update_ops_that_a_signature_does_not_feed_are_left_out_and_named() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        seen = tf1.get_variable("seen", [], initializer=tf1.zeros_initializer(), trainable=False)
        other = tf1.placeholder(tf.float32, [], name="other")
        for update in (seen.assign_add(1.0), seen.assign_add(other, name="of_other")):
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
        return {"x": x}, {"default": tf.matmul(x, w)}

    module = OldGraph(build).load()
    with pytest.warns(
        UserWarning,
        match=r"^The update op 'of_other.*' of variant \{\} of the old graph is left out: it needs 'other', which the "
        r"signature 'default' does not feed\.$",
    ):
        module(X, training=True)
    assert module.variable_map["seen"].numpy() == 1.0


def test_a_variable_without_initializer_and_checkpoint_says_how_to_give_its_value(
    tmp_path: pathlib.Path,
) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        return {"x": x}, {"default": tf.matmul(x, w)}

    old = OldGraph(build)
    (variable,) = old.definition.collection_def["variables"].bytes_list.value
    definition = VariableDef.FromString(variable)
    nodes = old.definition.graph_def.node
    nodes.remove(next(node for node in nodes if node.name == definition.initializer_name))
    definition.ClearField("initial_value_name")
    definition.ClearField("initializer_name")
    old.definition.collection_def["variables"].bytes_list.value[:] = [definition.SerializeToString()]
    with pytest.raises(UnsupportedGraphError) as caught:
        old.load()
    name, shape = definition.variable_name.removesuffix(":0"), old.trainable[0].shape
    assert str(caught.value) == (
        f"The variable {name!r} of variant {{}} of the old graph has no initializer, and there is no checkpoint. "
        "Give its value: spec.export(path, values={...}) or spec.export(path, checkpoint_path=...)."
    )
    # What it says to write.
    old.spec.export(tmp_path / "m", values={name: np.ones(shape, np.float32)})
    assert hub.load(str(tmp_path / "m"))(X).numpy().tolist() == (X @ np.ones(shape, np.float32)).tolist()


def test_what_a_saver_restores_is_no_statistic() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        seen = tf1.get_variable("seen", [], initializer=tf1.zeros_initializer(), trainable=False)
        tf1.get_variable("constant", [], initializer=tf1.ones_initializer(), trainable=False)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, seen.assign_add(1.0))
        tf1.train.Saver()
        return {"x": x}, {"default": tf.matmul(x, w)}

    old = OldGraph(build)
    assert any(node.op == "RestoreV2" for node in old.definition.graph_def.node)
    kinds = {name: v.synchronization for name, v in old.load().variable_map.items()}
    assert [name for name, kind in kinds.items() if kind == tf.VariableSynchronization.ON_READ] == ["seen"]


def test_an_op_that_tensorflow_does_not_know_is_named() -> None:
    old = OldGraph(_plain)
    for node in old.definition.graph_def.node:
        if node.op == "MatMul":
            node.op = "MyMatMul"
    with pytest.raises(
        UnsupportedGraphError,
        match=r"the op type MyMatMul \(1 node, 'MatMul'\): it is not known to TensorFlow [\d.]+; the package that "
        r"defines it may have to be imported$",
    ):
        old.load()


def test_a_merge_of_unrelated_branches_is_named() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        _, on = tf.raw_ops.Switch(data=tf.matmul(x, w), pred=x[0, 0] > 0.0)
        _, other = tf.raw_ops.Switch(data=x, pred=x[0, 1] > 0.0)
        y, _ = tf.raw_ops.Merge(inputs=[on, other], name="odd")
        return {"x": x}, {"default": y}

    old = OldGraph(build)
    with pytest.raises(
        UnsupportedGraphError, match=r"The node 'odd' \(Merge\) joins 'Switch' and 'Switch_1'"
    ):
        old.load()


def chosen_variables() -> tuple[Tensors, Tensors]:
    x, v, w = inputs(), weight("v"), weight("w")
    handle = tf.cond(x[0, 0] > 0.0, lambda: tf.identity(v.handle), lambda: tf.identity(w.handle))
    return {"x": x}, {"default": tf.matmul(x, tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32))}


def unreadable_function() -> tuple[Tensors, Tensors]:
    @tf.function(autograph=False)
    def odd(x: Any) -> Any:
        _, on = tf.raw_ops.Switch(data=x, pred=x[0, 0] > 0.0)
        _, other = tf.raw_ops.Switch(data=x, pred=x[0, 1] > 0.0)
        return tf.raw_ops.Merge(inputs=[on, other], name="odd")[0]

    x = inputs()
    return {"x": x}, {"default": odd(x)}


def state_of_a_function() -> tuple[Tensors, Tensors]:
    @tf.function(autograph=False)
    def count(x: Any) -> Any:
        handle = tf.raw_ops.VarHandleOp(shape=[], dtype=tf.float32, shared_name="mine", name="mine")
        return x * tf.cast(tf.raw_ops.VarIsInitializedOp(resource=handle), tf.float32)

    x = inputs()
    return {"x": x}, {"default": count(x)}


def counted_in_the_condition() -> tuple[Tensors, Tensors]:
    x, counter = inputs(), tf1.get_variable("counter", initializer=0.0, use_resource=True, trainable=False)
    counts: list[Any] = []

    def condition(_: Any, __: Any) -> Any:
        with tf.control_dependencies([counter.assign_add(1.0)]):
            counts.append(counter.read_value())
        return counts[0] < 4.0

    i, y = tf.while_loop(condition, lambda i, y: (i + 1, y + counts[0]), (0, x), parallel_iterations=1)
    return {"x": x}, {"default": y, "i": i}


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (
            chosen_variables,
            "The node 'cond/Merge' (Merge) chooses between different variables, tables or TensorArrays: 'v', 'w'.",
        ),
        (
            unreadable_function,
            r"the function '\w+': The node 'odd' (Merge) joins 'Switch' and 'Switch_1', which are not the two branches "
            "of one cond.",
        ),
        (
            state_of_a_function,
            "the op type VarHandleOp (1 node, 'mine'): it lies in a function, where it makes state of its own",
        ),
        (
            counted_in_the_condition,
            "The node 'while/AssignAddVariableOp' (AssignAddVariableOp) is needed by the condition and by the body of "
            "the loop 'while/while_context'; it would run twice in each iteration.",
        ),
    ],
)
def test_what_would_fail_or_compute_something_else_is_found_when_it_is_loaded(
    build: Callable[[], tuple[Tensors, Tensors]], problem: str
) -> None:
    text = re.escape(problem).replace(re.escape(r"\w+"), r"\w+")
    with pytest.raises(UnsupportedGraphError, match=rf"(?m)^  - {text}$") as caught:
        OldGraph(build).load()
    assert str(caught.value).endswith("\nIt still works in a tf.Graph, with tf1hub.Module.")


def test_a_signature_whose_placeholder_nobody_feeds_says_which() -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        return {"x": x}, {"default": tf.matmul(x, w) * tf1.placeholder(tf.float32, [], name="rate")}

    with pytest.raises(
        UnsupportedGraphError, match=r"The signature 'default' of variant \{\} of the old graph needs 'rate'"
    ):
        OldGraph(build).load()(X)


def _plain() -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight()
    return {"x": x}, {"out": tf.matmul(x, w)}


@pytest.fixture(name="module")
def _module() -> Any:
    return OldGraph(_plain).load()


def test_unknown_signatures_list_the_known_ones(module: Any) -> None:
    with pytest.raises(
        UnknownSignatureError,
        match=r"No signature 'fruit' in variant \{\} of the old graph. It has: default.",
    ):
        module(X, signature="fruit")
    with pytest.raises(UnknownSignatureError, match="It has: default"):
        module.signatures["fruit"]


def test_wrong_inputs_say_what_the_signature_wants(module: Any) -> None:
    with pytest.raises(InputError, match=r"has the inputs 'x': float32 \[\?, 3\]. What was given lacks 'x'"):
        module({"y": X}, as_dict=True)
    with pytest.raises(InputError, match=r"is float32 \[\?, 3\]; it was given float32 \[2, 2\]"):
        module(tf.zeros([2, 2]), as_dict=True)


def test_without_an_output_default_a_dict_has_to_be_asked_for(module: Any) -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"No output 'default' in .*\. It has: out. Ask for all of them with as_dict=True",
    ):
        module(X)


def test_trainable_names_that_are_not_there_are_named() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"trainable= names 'v', which the old graph does not have. Its variables are: w",
    ):
        OldGraph(_plain).load(trainable=["v"])
