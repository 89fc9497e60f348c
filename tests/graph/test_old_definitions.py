"""Messages as older TensorFlows wrote them: each field that came later, or that may be left out, is taken away."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export
from golden import cases, in_graphs, in_tensorflow2

import tf1hub as hub
from tf1hub.format.messages_pb2 import (
    CondContextDef,
    MetaGraphDef,
    SavedModel,
    VariableDef,
    WhileContextDef,
)

tf1 = tf.compat.v1
Change = Callable[[MetaGraphDef], None]


def changed(name: str, directory: pathlib.Path, *changes: Change) -> cases.Case:
    """A golden case whose module has been changed."""
    case = cases.load(name)
    path = directory / "changed"
    shutil.copytree(case.path, path)
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for meta_graph in saved.meta_graphs:
        for change in changes:
            change(meta_graph)
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return case._replace(path=str(path))


def check_every_way(case: cases.Case, directory: pathlib.Path) -> None:
    in_graphs.check_calls(case, case.path)
    in_graphs.check_finetuning_step(case, case.path)
    in_graphs.check_calls(case, in_graphs.exported_again(case.path, directory))
    module = hub.load(case.path)
    in_tensorflow2.check_calls(case, module, in_tensorflow2.restorer(module))
    assert hub.convert(case.path, str(directory / "converted")).all_compared
    of_saved_model(case, directory)


def of_saved_model(case: cases.Case, directory: pathlib.Path) -> None:
    """A SavedModel of the time becomes a module."""
    saved_model = directory / "saved_model"
    shutil.copytree(case.path, saved_model)
    (saved_model / "tfhub_module.pb").unlink()
    spec = hub.create_module_spec_from_saved_model(
        str(saved_model), drop_collections=["hub_module_attachments"]
    )
    spec.export(directory / "from_saved_model")
    made = case._replace(path=str(directory / "from_saved_model"))
    in_graphs.check_calls(made, made.path)
    in_graphs.check_finetuning_step(made, made.path)


def variables_without(*fields: str) -> Change:
    def change(meta_graph: MetaGraphDef) -> None:
        for collection in ("variables", "trainable_variables", "model_variables"):
            if collection in meta_graph.collection_def:
                values = meta_graph.collection_def[collection].bytes_list.value
                for i, data in enumerate(values):
                    definition = VariableDef.FromString(data)
                    for field in fields:
                        definition.ClearField(field)
                    values[i] = definition.SerializeToString()

    return change


def without_nodes(*endings: str) -> Change:
    def change(meta_graph: MetaGraphDef) -> None:
        kept = [node for node in meta_graph.graph_def.node if not node.name.endswith(endings)]
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del meta_graph.graph_def.node[:]
        meta_graph.graph_def.node.extend(copies)

    return change


EVER_LATER = [
    ["snapshot_name"],
    ["trainable", "synchronization", "aggregation"],
    ["initial_value_name"],
    ["initializer_name", "initial_value_name"],
    ["is_resource"],
    [
        "snapshot_name",
        "trainable",
        "synchronization",
        "aggregation",
        "initial_value_name",
        "initializer_name",
        "is_resource",
    ],
]


@pytest.mark.parametrize("fields", EVER_LATER, ids=" ".join)
@pytest.mark.parametrize("name", ["half_plus_two", "ref_variables_mlp"])
def test_variables_may_leave_out_what_older_tensorflows_did(
    name: str, fields: list[str], tmp_path: pathlib.Path
) -> None:
    case = changed(name, tmp_path, variables_without(*fields))
    check_every_way(case, tmp_path)


@pytest.mark.parametrize("name", ["text_embedding_partitioned", "launch_image"])
def test_parts_and_batch_norm_with_the_least_that_a_variable_says(name: str, tmp_path: pathlib.Path) -> None:
    case = changed(name, tmp_path, variables_without(*EVER_LATER[-1]))
    check_every_way(case, tmp_path)


def test_variables_whose_reads_and_initializers_are_not_in_the_graph(tmp_path: pathlib.Path) -> None:
    case = changed(
        "half_plus_two",
        tmp_path,
        variables_without("snapshot_name", "initializer_name", "initial_value_name"),
        without_nodes("/Read/ReadVariableOp", "/Assign"),
    )
    check_every_way(case, tmp_path)


def test_initializers_that_are_tensors(tmp_path: pathlib.Path) -> None:
    """`init_from_checkpoint` of TensorFlow 1.5 and 1.6, with which modules in modules start, named the read after it."""

    def read_after(meta_graph: MetaGraphDef) -> None:
        nodes = meta_graph.graph_def.node
        values = meta_graph.collection_def["variables"].bytes_list.value
        for i, data in enumerate(values):
            definition = VariableDef.FromString(data)
            handle = definition.variable_name.partition(":")[0]
            read = nodes.add(name=f"Read_{i}/ReadVariableOp", op="ReadVariableOp")
            read.input.extend([handle, f"^{definition.initializer_name}"])
            read.attr["dtype"].type = 1
            named = nodes.add(name=f"Identity_{i + 2}", op="Identity", input=[read.name])
            named.attr["T"].type = 1
            definition.initializer_name = f"{named.name}:0"
            for field in EVER_LATER[-1]:
                if field not in ("initializer_name", "is_resource"):
                    definition.ClearField(field)
            values[i] = definition.SerializeToString()

    check_every_way(changed("half_plus_two", tmp_path, read_after), tmp_path)


def test_a_variable_is_trainable_where_the_collection_says_so(tmp_path: pathlib.Path) -> None:
    case = changed("launch_image", tmp_path, variables_without("trainable"))
    for trainable in (False, True):
        with tf.Graph().as_default():
            module = hub.Module(case.path, trainable=trainable, tags={"train"})
            listed = {variable.name for variable in tf1.trainable_variables()}
            assert {v.name for v in module.variables if v.trainable} == listed
            assert len(listed) == (9 if trainable else 0)


def bare(meta_graph: MetaGraphDef) -> None:
    """Only what the module cannot be read without: no versions, no ops, no defaults, no methods, no Saver."""
    info = meta_graph.meta_info_def
    for field in (
        "meta_graph_version",
        "stripped_op_list",
        "tensorflow_version",
        "tensorflow_git_version",
        "stripped_default_attrs",
    ):
        info.ClearField(field)
    meta_graph.DiscardUnknownFields()
    meta_graph.graph_def.ClearField("debug_info")
    for signature in meta_graph.signature_def.values():
        signature.ClearField("method_name")
    for node in meta_graph.graph_def.node:
        node.attr.pop("_output_shapes", None)


def full(meta_graph: MetaGraphDef) -> None:
    """All attributes written out, as before 1.7, when the defaults were not left out yet."""
    graph = tf1.GraphDef.FromString(meta_graph.graph_def.SerializeToString())
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
    whole = type(meta_graph.graph_def).FromString(imported.as_graph_def(add_shapes=True).SerializeToString())
    whole.versions.CopyFrom(meta_graph.graph_def.versions)
    meta_graph.graph_def.CopyFrom(whole)
    meta_graph.meta_info_def.stripped_default_attrs = False


@pytest.mark.parametrize("change", [bare, full])
@pytest.mark.parametrize("name", ["launch_text", "sparse_io", "image"])
def test_what_a_meta_graph_may_say_or_not(name: str, change: Change, tmp_path: pathlib.Path) -> None:
    case = changed(name, tmp_path, change)
    check_every_way(case, tmp_path)


def test_assets_in_the_meta_graph_and_in_the_collection(tmp_path: pathlib.Path) -> None:
    """Newer SavedModels list them a second time."""

    def twice(meta_graph: MetaGraphDef) -> None:
        for packed in meta_graph.collection_def["saved_model_assets"].any_list.value:
            meta_graph.asset_file_def.add().MergeFromString(packed.value)

    check_every_way(changed("launch_text", tmp_path, twice), tmp_path)


# ------------------------------------------------- names of what was cut away


def colocated_module(directory: pathlib.Path, target: str, cut_class: str | None = None) -> str:
    """A module whose update and output are to be beside an op that nobody wants."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        w = tf1.get_variable("w", initializer=[1.0, 2.0])
        average = tf1.get_variable("average", initializer=[0.0, 0.0], trainable=False)
        read = tf.identity(average.read_value(), name="unused_read")
        tf.identity(read, name="unused")
        tf.constant(1.0, name="unused_constant")
        tf.split(tf.identity(x, name="unused_x"), 2, 1, name="unused_split")
        update = average.assign_add(w * 0.5)
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update)
        hub.add_signature(inputs=x, outputs=tf.multiply(x, w, name="product"))

    spec = hub.create_module_spec(module_fn)
    path = directory / "plain"
    hub.load(spec).export(path)
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for meta_graph in saved.meta_graphs:
        (update,) = meta_graph.collection_def["update_ops"].node_list.value
        for node in meta_graph.graph_def.node:
            if node.name in (update, "product"):
                node.attr["_class"].list.s[:] = [b"loc:@" + target.encode()]
            elif node.name == target and cut_class:
                node.attr["_class"].list.s[:] = [b"loc:@" + cut_class.encode()]
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return str(path)


@pytest.mark.parametrize(
    ("target", "cut_class", "expected"),
    [
        ("unused_read", None, "module/average"),
        ("unused", None, "module/average"),
        ("unused_constant", None, None),
        ("unused_constant", "w", "module/w"),
        ("unused_constant", "unused_read", "module/average"),
        ("unused_constant", "unused_constant", None),
        ("unused_constant", "gone", None),
        ("gone", None, None),
        ("x", None, "fed"),
    ],
)
def test_what_lies_beside_an_op_that_nobody_wants_lies_where_that_would(
    target: str, cut_class: str | None, expected: str | None, tmp_path: pathlib.Path
) -> None:
    path = colocated_module(tmp_path, target, cut_class)
    with tf.Graph().as_default() as graph:
        fed = tf.constant([[3.0, 4.0]], name="fed")
        module = hub.Module(path, trainable=True)
        outputs = [module(fed), module(fed)]
        updates = graph.get_collection(tf1.GraphKeys.UPDATE_OPS)
        assert len(updates) == 2
        for operation in [*(output.op for output in outputs), *(getattr(u, "op", u) for u in updates)]:
            if operation.type in ("Mul", "AssignAddVariableOp"):
                groups = [name.decode() for name in operation.colocation_groups()]
                assert groups == [f"loc:@{expected or operation.name}"]
        with tf1.Session() as session:
            in_graphs.initialize(session)
            session.run(updates)
            for output in outputs:
                np.testing.assert_array_equal(session.run(output), [[3.0, 8.0]])
            np.testing.assert_array_equal(session.run(module.variable_map["average"]), [1.0, 2.0])
    loaded = hub.load(path)
    np.testing.assert_array_equal(loaded([[3.0, 4.0]], training=True), [[3.0, 8.0]])


# ------------------------------------------------- everything of one age

RECORD: dict[str, dict[str, list[Any]]] = json.loads(
    (pathlib.Path(__file__).parent.parent / "format" / "tensorflow_fields.json").read_text()
)
PACKED = {
    "variables": VariableDef,
    "trainable_variables": VariableDef,
    "model_variables": VariableDef,
    "cond_context": CondContextDef,
    "while_context": WhileContextDef,
}


def as_of_1_3(message: Any) -> None:
    """Takes away each field that TensorFlow 1.3 did not have, in place."""
    known = RECORD.get(message.DESCRIPTOR.full_name.removeprefix("tf1hub.format."), {})
    for field, value in message.ListFields():
        if known.get(field.name, [0, "1.3"])[1] != "1.3":
            message.ClearField(field.name)
        elif field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                values = value.values() if field.message_type.fields_by_name["value"].message_type else ()
            else:
                values = [value] if hasattr(value, "ListFields") else value
            for each in values:
                as_of_1_3(each)


def of_1_3(meta_graph: MetaGraphDef) -> None:
    """The meta graph as 1.3 could write it: contexts side by side instead of nested, which came with 1.7."""
    contexts: dict[str, list[bytes]] = {"cond_context": [], "while_context": []}
    waiting: list[Any] = []
    for collection in contexts.keys() & set(meta_graph.collection_def):
        waiting += map(PACKED[collection].FromString, meta_graph.collection_def[collection].bytes_list.value)
    while waiting:
        context = waiting.pop(0)
        waiting += [getattr(nested, nested.WhichOneof("ctxt")) for nested in context.nested_contexts]
        as_of_1_3(context)
        # Nor did it say of outer values that they are.
        for name, value in list(context.values_def.external_values.items()):
            if name == value:
                del context.values_def.external_values[name]
        collection = "cond_context" if isinstance(context, CondContextDef) else "while_context"
        contexts[collection].append(context.SerializeToString())
    for collection, messages in contexts.items():
        if messages:
            meta_graph.collection_def[collection].bytes_list.value[:] = messages
    for collection in (PACKED.keys() - contexts.keys()) & set(meta_graph.collection_def):
        values = meta_graph.collection_def[collection].bytes_list.value
        for i, data in enumerate(values):
            variable = VariableDef.FromString(data)
            as_of_1_3(variable)
            values[i] = variable.SerializeToString()
    as_of_1_3(meta_graph)
    meta_graph.DiscardUnknownFields()


def test_with_no_field_that_tensorflow_1_3_did_not_have(tmp_path: pathlib.Path) -> None:
    case = changed("launch_switch", tmp_path, of_1_3)
    check_every_way(case, tmp_path)


def nested_control_flow(path: pathlib.Path) -> None:
    """A module with conds in a cond and in a loop, and a loop in a cond, all of which read a variable."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        w = tf1.get_variable("w", initializer=[[1.0, 2.0], [3.0, 4.0]])
        big = tf.reduce_sum(x) > 0.0
        y = tf1.cond(
            tf.shape(x)[0] > 1, lambda: tf1.cond(big, lambda: x * w[0], lambda: x - w), lambda: tf.tanh(x)
        )
        y += tf.map_fn(lambda row: tf1.cond(row[0] > 0, lambda: row * w[1], lambda: tf.tanh(row)), x)
        y += tf1.cond(
            big,
            lambda: tf1.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, tf.tanh(z @ w)), (0, x))[1],
            lambda: x,
        )
        hub.add_signature(inputs=x, outputs=y)

    tf1.disable_control_flow_v2()
    try:
        export(module_fn, path)
    finally:
        tf1.enable_control_flow_v2()


@pytest.mark.parametrize("change", [None, of_1_3], ids=["nested", "side by side"])
@pytest.mark.parametrize("from_saved_model", [False, True])
def test_gradients_where_contexts_lie_in_each_other(
    change: Change | None, from_saved_model: bool, tmp_path: pathlib.Path
) -> None:
    """TensorFlow 1.5 and 1.6 did not say which context lies in which; nor could they differentiate such graphs."""
    path = tmp_path / "module"
    nested_control_flow(path)
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    if change:
        change(saved.meta_graphs[0])
        (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    if from_saved_model:
        (path / "tfhub_module.pb").unlink()
        hub.create_module_spec_from_saved_model(str(path)).export(tmp_path / "made")
        path = tmp_path / "made"
    x = [[1.0, -2.0], [-0.5, 4.0]]
    loaded = hub.load(path)
    with tf.GradientTape() as tape:
        y = loaded(x)
    expected = tape.gradient(y, loaded.trainable_variables[0])
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(str(path), trainable=True)
        outputs = [module(tf.constant(x)) for _ in range(2)]
        gradients = [tf1.gradients(output, module.variables)[0] for output in outputs]
        in_graphs.initialize(session)
        for output, gradient in zip(outputs, gradients, strict=True):
            np.testing.assert_allclose(session.run(output), y, rtol=1e-5)
            np.testing.assert_allclose(session.run(tf.convert_to_tensor(gradient)), expected, rtol=1e-5)
