"""SavedModels of TensorFlow 1 and 2 become modules."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish.worlds import applied, tf1

import tf1hub as hub
from tf1hub.errors import CreationError, NotAModuleError, UnknownNameError
from tf1hub.format.messages_pb2 import SavedModel

WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], np.float32)


def vocabulary(directory: pathlib.Path) -> str:
    path = directory / "words.txt"
    path.write_text("a\nb\nc\n")
    return str(path)


def table(directory: pathlib.Path) -> Any:
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(
        vocabulary(directory), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    return tf.lookup.StaticVocabularyTable(initializer, 1)


def tf1_saved_model(
    directory: pathlib.Path, train_tags: bool = False, collection: str | None = None, main_op: bool = True
) -> str:
    path = str(directory / "saved_model")
    with tf.Graph().as_default():
        words = tf1.placeholder(tf.string, [None], name="words")
        weights = tf1.get_variable("weights", initializer=WEIGHTS, use_resource=False)
        scale = tf1.get_variable("scale", initializer=3.0, trainable=False)
        tf1.train.get_or_create_global_step()
        vectors = tf.gather(weights, table(directory).lookup(words)) * scale
        if collection:
            tf1.add_to_collection(collection, vectors)
        signature = tf1.saved_model.predict_signature_def({"words": words}, {"vectors": vectors})
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            builder = tf1.saved_model.Builder(path)
            builder.add_meta_graph_and_variables(
                session,
                ["serve", "train"] if train_tags else ["serve"],
                {"serving_default": signature},
                assets_collection=tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS),
                main_op=tf1.tables_initializer() if main_op else None,
            )
            if train_tags:
                assets = tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS)
                builder.add_meta_graph(["serve"], {"serving_default": signature}, assets_collection=assets)
            builder.save()
    return path


class Embedder(tf.Module):
    """Nested calls, a loop, a table, a variable that is not trained and one that is not used."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.weights = tf.Variable(WEIGHTS, name="weights")
        self.scale = tf.Variable(3.0, name="scale", trainable=False)
        self.factor = tf.Variable(2.0, name="factor")
        self.unused = tf.Variable(1.0, name="unused")
        self.table = table(directory)

    @tf.function
    def scaled(self, x: Any) -> Any:
        return x * self.scale * self.factor

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, words: Any) -> Any:
        vectors = tf.gather(self.weights, self.table.lookup(words))
        return tf.while_loop(lambda i, _: i < 2, lambda i, x: (i + 1, self.scaled(x)), [0, vectors])[1]


@pytest.mark.parametrize("main_op", [True, False])
def test_a_tf1_saved_model_keeps_tags_signatures_values_and_what_is_trainable(
    tmp_path: pathlib.Path, main_op: bool
) -> None:
    spec = hub.create_module_spec_from_saved_model(tf1_saved_model(tmp_path, main_op=main_op))
    os.remove(tmp_path / "words.txt")
    assert spec.get_tags() == [frozenset({"serve"})]
    assert spec.get_signature_names({"serve"}) == ["serving_default"]
    result = applied(spec, ["b", "?"], "serving_default", {"serve"})
    np.testing.assert_allclose(result.outputs["vectors"], WEIGHTS[[1, 3]] * 3)
    assert result.trainable == result.gradients == ["weights"]


def test_a_spec_of_a_saved_model_exports_its_own_values_and_assets(tmp_path: pathlib.Path) -> None:
    spec = hub.create_module_spec_from_saved_model(tf1_saved_model(tmp_path))
    spec.export(tmp_path / "module")
    assert sorted(hub.read_variables(tmp_path / "module")) == ["scale", "weights"]
    assert (tmp_path / "module" / "assets" / "words.txt").read_text() == "a\nb\nc\n"
    result = applied(str(tmp_path / "module"), ["c"], "serving_default", {"serve"})
    np.testing.assert_allclose(result.outputs["vectors"], WEIGHTS[[2]] * 3)


def test_each_meta_graph_becomes_a_variant(tmp_path: pathlib.Path) -> None:
    spec = hub.create_module_spec_from_saved_model(tf1_saved_model(tmp_path, train_tags=True))
    assert spec.get_tags() == [frozenset({"serve", "train"}), frozenset({"serve"})]


def test_inference_tags_and_default_signature_make_the_short_calls_work(tmp_path: pathlib.Path) -> None:
    path = tf1_saved_model(tmp_path, train_tags=True)
    spec = hub.create_module_spec_from_saved_model(
        path, inference_tags={"serve"}, default_signature="serving_default"
    )
    assert spec.get_tags() == [frozenset(), frozenset({"serve", "train"})]
    np.testing.assert_allclose(applied(spec, ["a"]).outputs["default"], WEIGHTS[[0]] * 3)
    with pytest.raises(
        UnknownNameError, match=r"No meta graph with tags \{'eval'\} in the SavedModel .*It has: \{'"
    ):
        hub.create_module_spec_from_saved_model(path, inference_tags={"eval"})
    with pytest.raises(UnknownNameError, match=r"No signature 'x' in variant .*It has: serving_default\."):
        hub.create_module_spec_from_saved_model(path, default_signature="x")


def test_an_unknown_collection_is_named_and_can_be_dropped(tmp_path: pathlib.Path) -> None:
    path = tf1_saved_model(tmp_path, collection="mine")
    with pytest.raises(CreationError) as caught:
        hub.create_module_spec_from_saved_model(path)
    assert str(caught.value) == (
        f"variant {{'serve'}} of the SavedModel {path} has the collections 'mine', which a module cannot carry. "
        "If users of the module do not need them: "
        "create_module_spec_from_saved_model(..., drop_collections=['mine'])."
    )
    assert hub.create_module_spec_from_saved_model(path, drop_collections=["mine"]).get_tags() == [
        frozenset({"serve"})
    ]


def test_a_place_without_a_saved_model_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(NotAModuleError) as caught:
        hub.create_module_spec_from_saved_model(tmp_path)
    assert str(caught.value) == (
        f"There is no SavedModel at {tmp_path}: it has no saved_model.pb. It has: notes.txt. "
        "A SavedModel is a directory; give its path."
    )


def test_a_saved_model_without_signatures_is_told_how_to_get_them(tmp_path: pathlib.Path) -> None:
    class Scale(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return self.double(x) + 1.0

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, x: Any) -> Any:
            return 2.0 * x

    model, path = Scale(), str(tmp_path / "tf2")
    tf.saved_model.save(model, path)
    for default in (None, "serving_default"):
        with pytest.raises(CreationError) as caught:
            hub.create_module_spec_from_saved_model(path, default_signature=default)
        assert str(caught.value) == (
            f"variant {{'serve'}} of the SavedModel {path} has no signature, and a module offers nothing but "
            "signatures. Save it with what is to be called: tf.saved_model.save(model, path, "
            "signatures=model.a_tf_function), or signatures={'name': ...} for several; a function without an "
            "input_signature is given as model.a_tf_function.get_concrete_function(tf.TensorSpec(...)). A builder of "
            "TensorFlow 1 takes signature_def_map."
        )
    tf.saved_model.save(model, path, signatures=model.double)
    spec = hub.create_module_spec_from_saved_model(path, default_signature="serving_default")
    result = applied(spec, [3.0], tags={"serve"})
    assert result.outputs["default"].tolist() == [6.0]


def test_a_tf2_saved_model_trains_through_its_calls_and_loops(tmp_path: pathlib.Path) -> None:
    embedder = Embedder(tmp_path)
    tf.saved_model.save(embedder, str(tmp_path / "tf2"))
    want = embedder(tf.constant(["b", "?"])).numpy()
    spec = hub.create_module_spec_from_saved_model(
        tmp_path / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    spec.export(tmp_path / "module")
    os.remove(tmp_path / "words.txt")
    for source in (spec, str(tmp_path / "module")):
        result = applied(source, ["b", "?"])
        np.testing.assert_allclose(result.outputs["default"], want)
        assert result.trainable == result.gradients == ["factor", "weights"]
    assert sorted(hub.read_variables(tmp_path / "module")) == ["factor", "scale", "weights"]


def test_a_mutable_table_of_a_tf2_saved_model_keeps_its_contents(tmp_path: pathlib.Path) -> None:
    class Counter(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(3, dtype=tf.int64, name="factor", trainable=False)
            self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
            self.table.insert(tf.constant(["x", "y"]), tf.constant([10, 20], tf.int64))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, words: Any) -> Any:
            return self.table.lookup(words) * self.factor

    tf.saved_model.save(Counter(), str(tmp_path / "tf2"))
    spec = hub.create_module_spec_from_saved_model(
        tmp_path / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    assert applied(spec, ["y", "z", "x"]).outputs["default"].tolist() == [60, -3, 30]


class Words(tf.Module):
    """Reads a file in two ways: for its table, and as a whole."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.rows = tf.Variable(WEIGHTS, name="rows")
        self.table = table(directory)
        self.file = tf.saved_model.Asset(str(directory / "words.txt"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, words: Any) -> Any:
        return {
            "vectors": tf.gather(self.rows, self.table.lookup(words)),
            "size": tf.strings.length(tf.io.read_file(self.file.asset_path)),
        }


def test_variables_of_one_name_keep_their_own_flags_and_values(tmp_path: pathlib.Path) -> None:
    class Named(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before = tf.Variable(7.0, name="x")
            self.trained = tf.Variable(2.0, name="x")
            self.fixed = tf.Variable(3.0, name="x", trainable=False)
            self.unused = tf.Variable(9.0, name="y")
            self.used = tf.Variable(5.0, name="y", trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return x * self.trained + self.fixed + 10.0 * self.used

    tf.saved_model.save(Named(), str(tmp_path / "tf2"))
    spec = hub.create_module_spec_from_saved_model(
        tmp_path / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    spec.export(tmp_path / "module")
    values = hub.read_variables(tmp_path / "module")
    # Of those called `y`, one is used and keeps the name. Those called `x` have the graph's numbers.
    assert len(values) == 3
    assert values["y"] == 5.0
    result = applied(spec, 4.0)
    assert result.outputs["default"] == 61.0
    assert result.trainable == result.gradients == [name for name in values if values[name] == 2.0]


def test_variables_behind_no_known_object_are_restored_by_the_graph(tmp_path: pathlib.Path) -> None:
    class Normalized(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(2.0, name="weight")
            self.mean = tf.Variable(3.0, name="moving_mean", trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return (x - self.mean) * self.weight

    tf.saved_model.save(Normalized(), str(tmp_path / "tf2"))
    file = tmp_path / "tf2" / "saved_model.pb"
    message = SavedModel.FromString(file.read_bytes())
    message.meta_graphs[0].object_graph_def = b"\x0a\x00"  # one object, of which nothing is said
    file.write_bytes(message.SerializeToString())
    spec = hub.create_module_spec_from_saved_model(
        tmp_path / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    result = applied(spec, 4.0)
    assert result.outputs["default"] == 2.0
    assert result.trainable == result.gradients == ["weight"]


def test_files_of_a_tf2_saved_model_move_with_the_module(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    tf.saved_model.save(Words(source), str(source / "tf2"))
    spec = hub.create_module_spec_from_saved_model(
        source / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    assert [variable.name for variable in spec.variant().variables] == ["rows"]
    _check_words(spec)
    spec.export(source / "module")
    shutil.move(source / "module", tmp_path / "moved")
    hub.convert(spec, source / "converted")
    shutil.move(source / "converted", tmp_path / "converted")
    shutil.rmtree(source)
    assert (tmp_path / "moved" / "assets" / "words.txt").read_text() == "a\nb\nc\n"
    assert str(source).encode() not in (tmp_path / "moved" / "saved_model.pb").read_bytes()
    assert list(hub.read_variables(tmp_path / "moved")) == ["rows"]
    _check_words(str(tmp_path / "moved"))
    signature = tf.saved_model.load(str(tmp_path / "converted")).signatures["serving_default"]
    assert signature(words=tf.constant(["c"]))["vectors"].numpy().tolist() == WEIGHTS[[2]].tolist()


def _check_words(source: Any) -> None:
    in_graph = applied(source, ["b", "?"])
    assert in_graph.trainable == in_graph.gradients == ["rows"]
    loaded = hub.load(source)
    with tf.GradientTape() as tape:
        outputs = loaded(["b", "?"], as_dict=True)
    for values in (in_graph.outputs, {name: value.numpy() for name, value in outputs.items()}):
        assert values["vectors"].tolist() == WEIGHTS[[1, 3]].tolist()
        assert values["size"] == 6
    (rows,) = loaded.trainable_variables
    gradient = tf.convert_to_tensor(tape.gradient(outputs["vectors"], rows))
    assert gradient.numpy().tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]


def trained_saved_model(directory: pathlib.Path, size: int) -> tuple[str, Any]:
    """What an Estimator exports: a partitioned embedding behind a shared table, its optimizer's slots, averages, a step."""
    path = str(directory / "trained")
    with tf.Graph().as_default():
        step = tf1.train.get_or_create_global_step()
        words = tf1.placeholder(tf.string, [None], name="words")
        with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
            rows = tf1.get_variable("rows", [size, 4], initializer=tf1.random_uniform_initializer(seed=1))
        scale = tf1.get_variable("scale", initializer=3.0)
        mean = tf1.get_variable("moving_mean", initializer=0.5, trainable=False)
        tf1.get_variable("unused", [size, 4])
        tf1.get_variable("head/kernel", [size, 4], regularizer=lambda w: 0.1 * tf.nn.l2_loss(w))
        # The second handle is the table of the first, which alone is filled.
        table(directory)
        kind = tf.raw_ops.HashTableV2
        named = {"key_dtype": tf.string, "value_dtype": tf.int64, "shared_name": "shared"}
        fill, read = kind(**named), kind(**named)
        other = kind(**{**named, "shared_name": "other"})
        for handle in (fill, other):
            tf1.add_to_collection(
                tf1.GraphKeys.TABLE_INITIALIZERS,
                tf.raw_ops.LookupTableImportV2(
                    table_handle=handle, keys=["a", "b"], values=tf.constant([0, size - 1], tf.int64)
                ),
            )
        ids = tf.raw_ops.LookupTableFindV2(
            table_handle=read, keys=words, default_value=tf.constant(1, tf.int64)
        )
        vectors = tf1.nn.embedding_lookup(rows, ids, partition_strategy="div") * scale
        tf1.add_to_collection(
            tf1.GraphKeys.UPDATE_OPS, mean.assign(0.9 * mean + 0.1 * tf.reduce_mean(vectors))
        )
        tf1.add_to_collection(tf1.GraphKeys.MODEL_VARIABLES, scale)
        average = tf.train.ExponentialMovingAverage(0.9).apply([scale])
        loss = tf.reduce_sum(tf.square(vectors)) + sum(tf1.losses.get_regularization_losses())
        train = tf1.train.AdamOptimizer(0.1).minimize(loss, step)
        signature = tf1.saved_model.predict_signature_def({"words": words}, {"vectors": vectors})
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            session.run([train, average], {words: ["a", "b", "c"]})
            builder = tf1.saved_model.Builder(path)
            assets = tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS)
            builder.add_meta_graph_and_variables(
                session,
                ["serve"],
                {"serving_default": signature},
                assets_collection=assets,
                main_op=tf1.tables_initializer(),
            )
            builder.save()
            return path, session.run(vectors, {words: ["a", "b"]})


def test_only_what_signatures_updates_and_losses_need_comes_along(tmp_path: pathlib.Path) -> None:
    path, vectors = trained_saved_model(tmp_path, size=300)
    stored = hub.read_variables(os.path.join(path, "variables", "variables"))
    assert {"global_step", "unused", "rows/Adam", "beta1_power", "scale/ExponentialMovingAverage"} <= set(
        stored
    )
    spec = hub.create_module_spec_from_saved_model(
        path, drop_collections=["moving_average_variables", "train_op"]
    )
    spec.export(tmp_path / "module")
    module = hub.read_variables(tmp_path / "module")
    assert sorted(module) == ["head/kernel", "moving_mean", "rows", "scale"]
    np.testing.assert_array_equal(module["rows"], stored["rows"])
    description = hub.inspect(tmp_path / "module")
    assert [variable.name for variable in description.variables if variable.trainable] == [
        "head/kernel",
        "rows",
        "scale",
    ]
    assert description.assets == ()
    (variant,) = hub.load_module_spec(tmp_path / "module").variants()
    assert variant.nodes_in("model_variables") == {"scale"}
    assert len(variant.collection("table_initializer")) == 1
    size = sum(file.stat().st_size for file in (tmp_path / "module" / "variables").iterdir())
    whole = sum(file.stat().st_size for file in pathlib.Path(path, "variables").iterdir())
    assert size < 1.2 * 4 * (2 * 300 * 4 + 2) < whole / 2.5
    for source in (spec, str(tmp_path / "module")):
        result = applied(source, ["a", "b"], "serving_default", {"serve"})
        np.testing.assert_allclose(result.outputs["vectors"], vectors, rtol=1e-6)
        assert result.trainable == ["head/kernel", "rows/part_0", "rows/part_1", "scale"]
        assert result.gradients == ["rows/part_0", "rows/part_1", "scale"]
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True, tags={"serve"})
        module(["a"], signature="serving_default", as_dict=True)
        assert len(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)) == 1
        assert len(tf1.losses.get_regularization_losses()) == 1


@pytest.mark.parametrize("use_resource", [True, False])
def test_an_average_comes_along_without_the_weight_that_it_started_from(
    tmp_path: pathlib.Path, use_resource: bool
) -> None:
    path = str(tmp_path / "averaged")
    with tf.Graph().as_default(), tf1.variable_scope("", use_resource=use_resource):
        x = tf1.placeholder(tf.float32, [None])
        weight = tf1.get_variable("weight", initializer=3.0)
        averages = tf.train.ExponentialMovingAverage(0.5)
        update = averages.apply([weight])
        with tf1.Session() as session:
            session.run(weight.initializer)
            session.run([variable.initializer for variable in tf1.global_variables()])
            session.run(weight.assign(7.0))
            session.run(update)
            outputs = {"y": x * averages.average(weight)}
            tf1.saved_model.simple_save(session, path, {"x": x}, outputs)
    spec = hub.create_module_spec_from_saved_model(path, ["moving_average_variables"])
    spec.export(tmp_path / "module")
    variables = hub.read_variables(tmp_path / "module")
    assert {name: value.tolist() for name, value in variables.items()} == {
        "weight/ExponentialMovingAverage": 5.0
    }
    result = applied(str(tmp_path / "module"), [1.0], "serving_default", {"serve"})
    assert result.outputs["y"].tolist() == [5.0]


def test_what_a_tf2_saved_model_does_not_call_stays_behind(tmp_path: pathlib.Path) -> None:
    module = Embedder(tmp_path)
    module.slots = [tf.Variable(tf.zeros_like(module.weights), name="Adam/m")]
    module.step = tf.Variable(0, dtype=tf.int64, name="global_step")
    tf.saved_model.save(module, str(tmp_path / "saved"))
    spec = hub.create_module_spec_from_saved_model(tmp_path / "saved")
    spec.export(tmp_path / "module")
    assert sorted(hub.read_variables(tmp_path / "module")) == ["factor", "scale", "weights"]


def test_a_collection_that_tensorflow_cannot_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "saved_model"
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None])
        w = tf1.get_variable("w", initializer=2.0)
        session.run(tf1.global_variables_initializer())
        tf1.saved_model.simple_save(session, str(path), {"x": x}, {"y": x * w})
    file = path / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].collection_def["update_ops"].bytes_list.value.append(b"what?")
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(CreationError) as caught:
        hub.create_module_spec_from_saved_model(str(path))
    assert str(caught.value).startswith(
        f"TensorFlow {tf.__version__} cannot read the collection 'update_ops' of variant {{'serve'}} of the SavedModel "
        f"{path}: "
    )


def test_a_colocation_that_is_no_list_of_names(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "saved_model"
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None])
        tf1.saved_model.simple_save(session, str(path), {"x": x}, {"y": x * 2})
    file = path / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].graph_def.node[-1].attr["_class"].type = 1
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(CreationError, match="cannot import the graph of variant"):
        hub.create_module_spec_from_saved_model(str(path))
