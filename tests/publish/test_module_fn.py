"""create_module_spec and add_signature: what becomes a module, and what is refused, word for word."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, run, tf1
from fresh_process import printed_on_tensorflow
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

import tf1hub as hub


def refusal(module_fn: Callable[..., None], **kwargs: object) -> str:
    with pytest.raises(hub.errors.CreationError) as caught:
        hub.create_module_spec(module_fn, **kwargs)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def test_variants_signatures_and_attachments_are_those_of_the_function() -> None:
    def module_fn(is_training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None, 3])
        hub.add_signature(inputs=x, outputs={"default": x, "flag": tf.constant(is_training)})
        hub.add_signature("named", {"x": x}, 2 * x)

    tags_and_args = [({"train"}, {"is_training": True}), (set(), {"is_training": False})]
    spec = hub.create_module_spec(module_fn, [({"z", "a"}, {"is_training": True}), *tags_and_args])
    # The order of the original library: that for inference first, the others as they were given.
    assert spec.get_tags() == [frozenset(), frozenset({"z", "a"}), frozenset({"train"})]
    assert spec.get_signature_names() == ["default", "named"]
    assert spec.get_input_info_dict("named", {"train"})["x"].get_shape().as_list() == [None, 3]
    for tags, expected in ((None, False), ({"train"}, True)):
        with tf.Graph().as_default():
            assert run(hub.Module(spec, tags=tags)([[1.0, 2.0, 3.0]], as_dict=True)["flag"]) == expected


def test_a_function_without_signature_is_refused() -> None:
    def nothing() -> None:
        tf1.placeholder(tf.float32)

    assert refusal(nothing) == (
        "variant {} of nothing() has no signature. The module_fn calls tf1hub.add_signature at least once."
    )


def test_unknown_collections_are_refused_by_name_and_can_be_dropped() -> None:
    def module_fn() -> None:
        affine()()
        tf1.add_to_collection("mine", tf.constant(1))
        tf1.add_to_collection("yours", tf.constant(1))

    assert refusal(module_fn) == (
        "variant {} of module_fn() has the collections 'mine', 'yours', which a module cannot carry. If users of "
        "the module do not need them: create_module_spec(..., drop_collections=['mine', 'yours'])."
    )
    spec = hub.create_module_spec(module_fn, drop_collections=["mine", "yours"])
    assert sorted(spec.variant().meta_graph.collection_def) == [
        "regularization_losses",
        "trainable_variables",
        "variables",
    ]


def test_tags_given_twice_are_refused() -> None:
    assert refusal(affine(), tags_and_args=[({"a"}, {}), (["a"], {})]) == (
        "tags_and_args has the tags {'a'} twice. Each set names one variant."
    )


def test_tags_as_a_string_are_refused() -> None:
    assert refusal(affine(), tags_and_args=[("train", {})]) == (
        "The tags of a variant are a set of strings: write {'train'} instead of 'train'."
    )


def test_a_signature_added_twice_is_refused() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32)
        hub.add_signature(inputs=x, outputs=x)
        hub.add_signature(inputs=x, outputs=x)

    assert refusal(module_fn) == "There is a signature 'default' already. Each name is added once."


def test_a_signature_without_outputs_is_refused() -> None:
    def module_fn() -> None:
        hub.add_signature("s", inputs=tf1.placeholder(tf.float32))

    assert refusal(module_fn) == "The signature 's' has no outputs. It needs a tensor, or a dict of tensors."


def test_an_output_that_is_no_tensor_is_refused() -> None:
    def module_fn() -> None:
        hub.add_signature(outputs={"default": 3.0})

    assert refusal(module_fn) == (
        "The output 'default' of the signature 'default' is 3.0; it must be a tensor, SparseTensor or RaggedTensor."
    )


def test_one_tensor_for_two_inputs_is_refused() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, name="x")
        hub.add_signature(inputs={"a": x, "b": x}, outputs=x)

    assert refusal(module_fn) == (
        "The inputs 'a' and 'b' of the signature 'default' are the same tensor 'x:0'. "
        "Each input needs its own placeholder."
    )


def test_state_colocated_with_a_stateless_op_is_refused() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [], name="x")
        y = tf.identity(x, name="y")
        with tf1.colocate_with(y):
            a = tf1.get_variable("a", initializer=1.0, use_resource=False)
        hub.add_signature(inputs=x, outputs=y * a)

    assert refusal(module_fn) == (
        "The state op 'a' in variant {} of module_fn() is colocated with 'y', which holds no state. "
        "State can only be colocated with state."
    )


def test_an_input_with_a_colocation_is_refused() -> None:
    def module_fn() -> None:
        a = tf1.get_variable("a", initializer=1.0, use_resource=False)
        with tf1.colocate_with(a):
            x = tf1.placeholder(tf.float32, [], name="x")
        hub.add_signature(inputs=x, outputs=x * a)

    assert refusal(module_fn) == (
        "The input 'default' of the signature 'default' in variant {} of module_fn() is colocated with 'a'. "
        "An input is replaced by what is fed, so it cannot be colocated."
    )


def test_add_signature_in_eager_mode_says_where_to_call_it() -> None:
    with pytest.raises(hub.errors.WrongModeError) as caught:
        hub.add_signature(outputs=tf.constant(1))
    assert str(caught.value) == (
        "tf1hub.add_signature speaks about the graph of a module_fn, and this is eager mode. "
        "Call it inside the function that you pass to tf1hub.create_module_spec."
    )


def asset_module(*files: pathlib.Path) -> Callable[[], None]:
    def module_fn() -> None:
        words = tf1.placeholder(tf.string, [None])
        ids = []
        for file in files:
            initializer = tf.lookup.TextFileInitializer(
                str(file),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            ids.append(tf.lookup.StaticHashTable(initializer, -1).lookup(words))
        hub.add_signature(inputs=words, outputs=tf.stack(ids))

    return module_fn


def test_each_asset_tensor_is_one_entry(tmp_path: pathlib.Path) -> None:
    """Two of one file, in the order of the collection, and one that the program listed twice."""
    files = {name: tmp_path / name for name in ("z.txt", "a.txt")}
    for name, file in files.items():
        file.write_text(name)

    def module_fn() -> None:
        tensors = [tf.constant(str(files[f"{name}.txt"]), name=f"path_{name}") for name in "zaz"]
        for tensor in [*tensors, tensors[0]]:
            tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, tensor)
        hub.add_signature(outputs={"paths": tf.stack(tensors)})

    path = export(module_fn, tmp_path / "m")
    meta_graph = saved_model_pb2.SavedModel.FromString(
        (tmp_path / "m" / "saved_model.pb").read_bytes()
    ).meta_graphs[0]
    entries = [
        meta_graph_pb2.AssetFileDef.FromString(entry.value)
        for entry in meta_graph.collection_def["saved_model_assets"].any_list.value
    ]
    expected = [("path_z:0", "z.txt"), ("path_a:0", "a.txt"), ("path_z_1:0", "z.txt")]
    assert [(entry.tensor_info.name, entry.filename) for entry in entries] == expected
    with tf.Graph().as_default():
        hub.Module(path)
        listed = tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS)
        assert [tensor.name for tensor in listed] == [f"module/{name}" for name, _ in expected]
        assert [pathlib.Path(value.decode()).name for value in run(*listed)] == [file for _, file in expected]


def test_assets_are_stored_once_and_numbered_where_names_clash(tmp_path: pathlib.Path) -> None:
    for name, words in (("one", "a\nb\n"), ("two", "b\na\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vocab.txt").write_text(words)
    files = [tmp_path / name / "vocab.txt" for name in ("one", "two", "one")]
    path = pathlib.Path(export(asset_module(*files), tmp_path / "m"))
    assert {file.name: file.read_text() for file in (path / "assets").iterdir()} == {
        "vocab.txt": "a\nb\n",
        "vocab.txt_1": "b\na\n",
    }
    with tf.Graph().as_default():
        assert run(hub.Module(str(path))(["a", "b"])).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_nothing_of_the_publishers_machine_is_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret-place").mkdir()
    (tmp_path / "secret-place" / "vocab.txt").write_text("a\n")
    inner = export(asset_module(tmp_path / "secret-place" / "vocab.txt"), tmp_path / "secret-place" / "inner")
    variables = export(affine(), tmp_path / "secret-place" / "variables")

    def nested() -> None:
        words = tf1.placeholder(tf.string, [None])
        scale = hub.Module(variables)([1.0])
        hub.add_signature(inputs=words, outputs=tf.cast(hub.Module(inner)(words), tf.float32) + scale)

    outer = pathlib.Path(export(nested, tmp_path / "outer"))
    for file in outer.rglob("*"):
        assert not file.is_file() or b"secret-place" not in file.read_bytes(), file
    with tf.Graph().as_default():
        assert run(hub.Module(str(outer))(["a", "?"])).tolist() == [[3.0, 2.0]]


def test_the_same_module_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    paths = [pathlib.Path(export(affine(), tmp_path / name)) for name in ("a", "b")]
    for file in paths[0].rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (paths[1] / file.relative_to(paths[0])).read_bytes(), file


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_sparse_lookups_are_written_as_tensorflow_1_15_reads_them(combiner: str) -> None:
    def looked_up(texts: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        ids = tf.SparseTensor([[0, 0], [0, 1], [2, 0]], texts, [3, 2])
        return tf1.nn.embedding_lookup_sparse(weights, ids, None, combiner=combiner)

    def module_fn() -> None:
        ids = tf1.placeholder(tf.int64, [3])
        weights = tf1.get_variable("weights", initializer=tf.reshape(tf.range(12.0), [4, 3]))
        old = tf1.get_variable("old", initializer=tf.reshape(tf.range(12.0), [4, 3]), use_resource=False)
        called = tf.function(lambda ids: looked_up(ids, tf.ones([4, 3])))(ids)
        outputs = {"default": looked_up(ids, weights), "old": looked_up(ids, old), "called": called}
        hub.add_signature(inputs=ids, outputs=outputs)

    spec = hub.create_module_spec(module_fn)
    graph = spec.variant().meta_graph.graph_def
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        assert not [node.name for node in nodes if {"Tsegmentids", "sparse_gradient"} & set(node.attr)]
    scale = {"sum": 1.0, "mean": 1 / 2, "sqrtn": 2**-0.5}[combiner]
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True)
        outputs = module([0, 1, 3], as_dict=True)
        variables = [module.variable_map["weights"], module.variable_map["old"]]
        gradients = tf.gradients(outputs["default"][0, 0] + outputs["old"][0, 0], variables)
        assert all(isinstance(gradient, tf.IndexedSlices) for gradient in gradients)
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        found = run(outputs["default"], outputs["called"], dense[0], outputs["old"], dense[1])
    expected = [[scale * (0 + 3), scale * (1 + 4), scale * (2 + 5)], [0] * 3, [9, 10, 11]]
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[1], [[scale * 2] * 3, [0] * 3, [1] * 3], rtol=1e-6)
    np.testing.assert_allclose(found[2][:, 0], [scale, scale, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found[3], expected, rtol=1e-6)
    np.testing.assert_allclose(found[4], found[2], rtol=1e-6)


def test_sparse_lookups_in_an_old_loop_stay_as_they_are() -> None:
    def module_fn() -> None:
        weights = tf1.get_variable("weights", initializer=[[1.0], [2.0]])
        ids = tf.SparseTensor([[0, 0]], tf.constant([1], tf.int64), [1, 1])

        def step(i: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, total + tf1.nn.embedding_lookup_sparse(weights, ids, None, combiner="sum")

        x = tf1.placeholder(tf.float32, [None, 1])
        hub.add_signature(inputs=x, outputs=tf1.while_loop(lambda i, _: i < 3, step, [0, x])[1])

    was_v2 = tf1.control_flow_v2_enabled()
    tf1.disable_control_flow_v2()
    try:
        spec = hub.create_module_spec(module_fn)
    finally:
        if was_v2:
            tf1.enable_control_flow_v2()
    with tf.Graph().as_default():
        assert run(hub.Module(spec)([[1.0]])).tolist() == [[7.0]]


V1_PUBLISHER = """
import tensorflow.compat.v1 as tf
import tf1hub as hub
tf.logging.set_verbosity(tf.logging.ERROR)
tf.disable_v2_behavior()

def module_fn():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.variable_scope("inner"):
        inner = tf.get_variable("w", [2])
    with tf.variable_scope("old", use_resource=False):
        old = tf.get_variable("w", [2])
    hub.add_signature(inputs=x, outputs=x * inner * old * tf.Variable([1.0, 2.0], name="plain"))
    print(x.name, tf.get_default_graph().get_name_scope())

with tf.variable_scope("around", use_resource=False):
    spec = hub.create_module_spec(module_fn)
print(sorted((v.name, v.is_resource) for v in hub.inspect(spec).variables))
"""


def test_variables_are_resources_also_under_v1_behaviour() -> None:
    assert printed_on_tensorflow(V1_PUBLISHER).splitlines() == [
        "x:0 ",
        "[('inner/w', True), ('old/w', False), ('plain', True)]",
    ]


@pytest.mark.parametrize("has_table", [True, False])
def test_a_saved_model_loaded_in_a_module_fn_is_answered_by_the_way_to_keep_its_values(
    tmp_path: pathlib.Path, has_table: bool
) -> None:
    path = str(tmp_path / "saved")
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None])
        scale = tf1.get_variable("scale", initializer=2.0)
        session.run(tf1.global_variables_initializer())
        session.run(scale.assign(5.0))
        init = tf1.tables_initializer() if has_table else None
        tf1.saved_model.simple_save(session, path, {"x": x}, {"y": x * scale}, legacy_init_op=init)

    def module_fn() -> None:
        with tf1.Session() as session:
            loaded = tf1.saved_model.loader.load(session, ["serve"], path)
        signature = loaded.signature_def["serving_default"]
        graph = tf1.get_default_graph()
        x, y = (
            graph.get_tensor_by_name(info.name) for info in (signature.inputs["x"], signature.outputs["y"])
        )
        hub.add_signature(inputs=x, outputs=y)

    advice = (
        "The module_fn loads a SavedModel. What a session restores in there does not become part of the module, whose "
        "variables start from their own initializers. Make the module of the SavedModel itself, with its values: "
        "tf1hub.create_module_spec_from_saved_model(path)."
    )
    if has_table:
        assert refusal(module_fn) == (
            "variant {} of module_fn() has the collections 'saved_model_main_op', which a module cannot carry. "
            + advice
        )
    else:
        with pytest.warns(UserWarning, match="module_fn loads") as caught:
            hub.create_module_spec(module_fn)
        (warning,) = [one for one in caught if "module_fn" in str(one.message)]
        assert str(warning.message) == "variant {} of module_fn(): " + advice
        assert warning.filename == __file__
    spec = hub.create_module_spec_from_saved_model(path)
    with tf.Graph().as_default():
        outputs = hub.Module(spec, tags={"serve"})([1.0], signature="serving_default", as_dict=True)
        assert run(outputs["y"]).tolist() == [5.0]


@pytest.mark.skipif(
    "sparse_gradient" not in inspect.signature(tf.raw_ops.SparseSegmentSum).parameters,
    reason="this TensorFlow has no sparse gradients of sparse segment ops",
)
def test_sparse_gradients_in_a_function_are_written_as_tensorflow_1_15_reads_them() -> None:
    @tf.function
    def summed(rows: tf.Tensor) -> tf.Tensor:
        where = {"indices": tf.constant([3, 1, 0], tf.int64), "segment_ids": tf.constant([0, 0, 2])}
        return tf.raw_ops.SparseSegmentSum(data=rows, **where, sparse_gradient=True)

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [4, 2])
        hub.add_signature(inputs=x, outputs=summed(x))

    spec = hub.create_module_spec(module_fn)
    library = spec.variant().meta_graph.graph_def.library
    assert not [n.name for f in library.function for n in f.node_def if "sparse_gradient" in n.attr]
    with tf.Graph().as_default():
        y = hub.Module(spec)([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
        assert run(y).tolist() == [[10, 12], [0, 0], [1, 2]]
