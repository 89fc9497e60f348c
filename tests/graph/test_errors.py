"""What bad input gets: one sentence, of the project's hierarchy, before anything is built."""

from __future__ import annotations

import pathlib
import shutil
import tarfile
import textwrap
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, run, tf1

import tf1hub as hub
from tf1hub import errors
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.messages_pb2 import SavedModel


@pytest.fixture
def module_path(tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(export(affine(), tmp_path / "m"))


def refusal(path: object, kind: type[errors.Error]) -> str:
    """The message with which a module is refused, with nothing added to the graph."""
    with tf.Graph().as_default() as graph, pytest.raises(kind) as caught:
        hub.Module(str(path))
    assert graph.get_operations() == []
    return str(caught.value)


def test_a_path_without_anything(tmp_path: pathlib.Path) -> None:
    message = refusal(tmp_path / "nowhere", errors.NotAModuleError)
    assert str(tmp_path / "nowhere") in message


def test_a_directory_that_is_no_module(tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert refusal(tmp_path, errors.NotAModuleError) == (
        f"{tmp_path} is not a TF1 Hub module: it has no tfhub_module.pb. It has: notes.txt."
    )


def test_a_saved_model_is_recognized(module_path: pathlib.Path) -> None:
    (module_path / "tfhub_module.pb").unlink()
    assert refusal(module_path, errors.NotAModuleError) == (
        f"{module_path} has no tfhub_module.pb but a saved_model.pb: it looks like a SavedModel, not a TF1 Hub "
        "module. Load it with tf1hub.load, or with tf.saved_model.load. For tf1hub.Module, make a module of it: "
        f"spec = tf1hub.create_module_spec_from_saved_model({str(module_path)!r}, inference_tags={{'serve'}}, "
        "default_signature='serving_default'); module = tf1hub.Module(spec)"
    )


def test_half_a_module(module_path: pathlib.Path) -> None:
    (module_path / "saved_model.pb").unlink()
    assert refusal(module_path, errors.NotAModuleError) == (
        f"{module_path} is half of a TF1 Hub module: it has tfhub_module.pb but no saved_model.pb. "
        "Fetch or export it again."
    )


def test_an_unknown_format(module_path: pathlib.Path) -> None:
    (module_path / "tfhub_module.pb").write_bytes(b"\x08\x04")
    assert refusal(module_path, errors.UnsupportedFormatError) == (
        f"{module_path}/tfhub_module.pb says format 4. This library reads format 3 (V3), the only one ever "
        "published; the file is damaged, or the module needs a newer library."
    )


def test_an_unknown_required_feature(module_path: pathlib.Path) -> None:
    (module_path / "tfhub_module.pb").write_bytes(b"\x08\x03\x12\x05magic\x12\x04more")
    assert refusal(module_path, errors.UnsupportedFormatError) == (
        f"{module_path}/tfhub_module.pb requires the features 'magic', 'more', which this library does not know. "
        "The file is damaged, or the module needs a newer library."
    )


def test_a_truncated_graph(module_path: pathlib.Path) -> None:
    file = module_path / "saved_model.pb"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) - 7])
    assert refusal(module_path, errors.FormatError) == (
        f"{file} is damaged: its {len(data) - 7} bytes are not a SavedModel message "
        "(a cut download, or not this kind of file)."
    )


def test_a_missing_shard(module_path: pathlib.Path) -> None:
    shard = module_path / "variables" / "variables.data-00000-of-00001"
    shard.unlink()
    assert str(shard) in refusal(module_path, errors.CheckpointError)


def test_a_truncated_index(module_path: pathlib.Path) -> None:
    index = module_path / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[:-3])
    assert str(index) in refusal(module_path, errors.CheckpointError)


@pytest.mark.parametrize("use", [hub.load, hub.Module, hub.KerasLayer, hub.inspect])
def test_a_missing_index_is_not_taken_for_a_module_without_a_checkpoint(
    use: Any, module_path: pathlib.Path
) -> None:
    index = module_path / "variables" / "variables.index"
    index.unlink()
    message = f"{index}: there is no such file, so {index.with_suffix('')} is no checkpoint."
    with tf.Graph().as_default(), pytest.raises(errors.CheckpointError) as caught:
        use(str(module_path))
    assert str(caught.value) == message
    (finding,) = [found for found in hub.check(module_path, run=False).findings if found.severity == "error"]
    assert (finding.id, finding.message) == ("damaged-checkpoint", message)


def test_a_checkpoint_of_the_v1_format_and_the_lines_that_write_it_anew(tmp_path: pathlib.Path) -> None:
    old = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.get_variable("a", initializer=3.0)
        tf1.get_variable("b", initializer=1.0)
        tf1.get_variable("global_step", initializer=5)
        tf1.global_variables_initializer().run()
        tf1.train.Saver(write_version=tf1.train.SaverDef.V1).save(session, old)
    spec = hub.create_module_spec(affine(0.0, 0.0))
    with pytest.raises(errors.UnsupportedFormatError) as caught:
        spec.export(tmp_path / "m", checkpoint_path=old)
    sentence, lines = str(caught.value).split("\n", 1)
    assert sentence == (
        f"{old} is a checkpoint of the V1 format, which TensorFlow wrote before 0.12 and no module has. TensorFlow "
        "still reads it, and writes it anew:"
    )
    assert not (tmp_path / "m").exists()
    exec(textwrap.dedent(lines), {"tf": tf})
    spec.export(tmp_path / "m", checkpoint_path=f"{old}_v2")
    assert hub.load(tmp_path / "m")([2.0]).numpy().tolist() == [7.0]
    # In place of a module's own, it is met at the doors that read one.
    for file in (tmp_path / "m" / "variables").iterdir():
        file.unlink()
    shutil.copy(old, tmp_path / "m" / "variables" / "variables")
    assert refusal(tmp_path / "m", errors.UnsupportedFormatError).startswith(
        f"{tmp_path}/m/variables/variables is a checkpoint of the V1 format, "
    )


def test_a_checkpoint_with_other_variables_names_all_faults(module_path: pathlib.Path) -> None:
    for file in (module_path / "variables").iterdir():
        file.unlink()
    with CheckpointWriter(module_path / "variables" / "variables") as writer:
        writer.add("b", np.float64(1))
    assert refusal(module_path, errors.CheckpointError) == (
        f"The checkpoint {module_path}/variables/variables does not fit variant {{}} of {module_path}:\n"
        "  a: not in the checkpoint\n"
        "  b: float64 in the checkpoint, float32 in the module"
    )


@pytest.mark.parametrize("dtype", [None, 0, 999])
def test_a_variable_of_no_dtype(dtype: int | None, module_path: pathlib.Path) -> None:
    definition = rewritten(module_path)
    node = next(node for node in definition.meta_graphs[0].graph_def.node if node.name == "a")
    if dtype is None:
        del node.attr["dtype"]
    else:
        node.attr["dtype"].type = dtype
    (module_path / "saved_model.pb").write_bytes(definition.SerializeToString())
    message = (
        f"variant {{}} of {module_path} has the variable 'a' of the dtype {dtype or 0}, which TensorFlow does not "
        "have. The file is damaged."
    )
    assert refusal(module_path, errors.FormatError) == message
    for use in (hub.load, hub.KerasLayer, hub.initial_values):
        with pytest.raises(errors.FormatError) as caught:
            use(str(module_path))
        assert str(caught.value) == message


def test_a_variable_of_an_open_shape_that_its_value_does_not_have(module_path: pathlib.Path) -> None:
    definition = rewritten(module_path)
    node = next(node for node in definition.meta_graphs[0].graph_def.node if node.name == "a")
    node.attr["shape"].shape.dim.add(size=-1)
    (module_path / "saved_model.pb").write_bytes(definition.SerializeToString())
    assert refusal(module_path, errors.CheckpointError) == (
        f"The checkpoint {module_path}/variables/variables does not fit variant {{}} of {module_path}:\n"
        "  a: shape [] in the checkpoint, [None] in the module"
    )
    for use in (hub.load, hub.KerasLayer):
        with pytest.raises(errors.CheckpointError) as caught:
            use(str(module_path))
        assert str(caught.value) == (
            f"The variable 'a' of {module_path} takes values of the shape [None], and the one that is stored has the shape "
            "[]."
        )


def rewritten(path: pathlib.Path) -> SavedModel:
    return SavedModel.FromString((path / "saved_model.pb").read_bytes())


def test_ops_that_this_tensorflow_lacks_are_all_named(module_path: pathlib.Path) -> None:
    definition = rewritten(module_path)
    definition.meta_graphs[0].graph_def.node.add(name="p", op="SentencepieceOp")
    definition.meta_graphs[0].graph_def.node.add(name="q", op="AnotherOp")
    (module_path / "saved_model.pb").write_bytes(definition.SerializeToString())
    assert refusal(module_path, errors.UnsupportedGraphError) == (
        f"TensorFlow {tf.__version__} does not have 2 of the ops in variant {{}} of {module_path}: AnotherOp, "
        "SentencepieceOp. SentencepieceOp comes from the package tensorflow-text. Install it (pip install "
        "tensorflow-text), and write before the module is used: import tensorflow_text; for the command: --import "
        "tensorflow_text, or TF1HUB_IMPORTS=tensorflow_text in the environment. The others (AnotherOp) come from a "
        "package with custom ops, to be imported first, or from another version of TensorFlow."
    )
    del definition.meta_graphs[0].graph_def.node[-2]
    (module_path / "saved_model.pb").write_bytes(definition.SerializeToString())
    assert refusal(module_path, errors.UnsupportedGraphError) == (
        f"TensorFlow {tf.__version__} does not have 1 of the ops in variant {{}} of {module_path}: AnotherOp. They come "
        "from a package with custom ops, to be imported first, or from another version of TensorFlow."
    )


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", "", "c:x", "a\\b"])
def test_assets_that_leave_their_folder(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "vocab.txt").write_text("a\n")

    def module_fn() -> None:
        file = tf.constant(str(tmp_path / "vocab.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        hub.add_signature(outputs=file)

    path = pathlib.Path(export(module_fn, tmp_path / "m"))
    data = (path / "saved_model.pb").read_bytes()
    definition = SavedModel.FromString(data)
    packed = definition.meta_graphs[0].collection_def["saved_model_assets"].any_list.value[0]
    packed.value = (
        packed.value[: packed.value.index(b"\x12\x09vocab.txt")]
        + b"\x12"
        + bytes([len(name)])
        + name.encode()
    )
    (path / "saved_model.pb").write_bytes(definition.SerializeToString())
    assert refusal(path, errors.FormatError) == (
        f"{path} names the asset file {name!r}, which would lie outside the module's folder 'assets'. "
        "An asset's name is a plain file name."
    ).replace(str(path), f"variant {{}} of {path}")


def test_a_missing_asset(tmp_path: pathlib.Path) -> None:
    (tmp_path / "vocab.txt").write_text("a\n")

    def module_fn() -> None:
        file = tf.constant(str(tmp_path / "vocab.txt"))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        hub.add_signature(outputs=file)

    path = pathlib.Path(export(module_fn, tmp_path / "m"))
    (path / "assets" / "vocab.txt").unlink()
    assert refusal(path, errors.FormatError) == (
        f"{path} lacks assets: {path}/assets/vocab.txt. Fetch or export the module again."
    )


def test_unknown_tags_and_signatures_list_the_known(module_path: pathlib.Path) -> None:
    spec = hub.load_module_spec(module_path)
    with pytest.raises(errors.UnknownTagsError) as tags:
        spec.get_signature_names({"train"})
    assert str(tags.value) == (
        f"No graph variant with tags {{'train'}} in {module_path}. It has: {{}}. Leave tags out."
    )
    with tf.Graph().as_default(), pytest.raises(errors.UnknownSignatureError) as signature:
        hub.Module(spec)([1.0], signature="fruit")
    assert str(signature.value) == f"No signature 'fruit' in variant {{}} of {module_path}. It has: default."
    assert isinstance(signature.value, ValueError)


def test_tags_as_a_string_are_explained(module_path: pathlib.Path) -> None:
    with pytest.raises(TypeError) as caught:
        hub.load_module_spec(module_path).get_signature_names("train")
    assert str(caught.value) == "Tags are a set of strings: write {'train'} instead of 'train'."


def two_inputs() -> None:
    x, y = tf1.placeholder(tf.float32, [None, 3]), tf1.placeholder(tf.int32, [])
    hub.add_signature(inputs={"x": x, "y": y}, outputs=x)
    hub.add_signature("none", outputs=tf.constant(1))
    hub.add_signature("several", outputs={"a": tf.constant(1), "b": tf.constant(2)})


WANTS = (
    "The signature 'default' of variant {} of two_inputs() has the inputs 'x': float32 [?, 3], 'y': int32 []."
)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, f"{WANTS} What was given lacks 'x', 'y'."),
        ([[1.0, 2.0, 3.0]], f"{WANTS} It was given a single value; pass a dict with these keys."),
        ({"x": [[1.0, 2.0, 3.0]]}, f"{WANTS} What was given lacks 'y'."),
        (
            {"x": [[1.0, 2.0, 3.0]], "y": 1, "z": 2},
            f"{WANTS} What was given has the unknown 'z'.",
        ),
        (
            {"x": np.ones([2, 4], np.float32), "y": 1},
            "The input 'x' of the signature 'default' of variant {} of two_inputs() is float32 [?, 3]; "
            "it was given float32 [2, 4].",
        ),
        (
            {"x": tf.SparseTensor([[0, 0]], [1.0], [2, 3]), "y": 1},
            "The input 'x' of the signature 'default' of variant {} of two_inputs() is float32 [?, 3]; "
            "it was given SparseTensor float32 [2, 3].",
        ),
    ],
)
def test_wrong_inputs_say_what_is_expected(inputs: object, message: str) -> None:
    with tf.Graph().as_default(), pytest.raises(TypeError) as caught:
        hub.Module(hub.create_module_spec(two_inputs))(inputs)
    assert isinstance(caught.value, errors.InputError)
    assert str(caught.value) == message


def test_inputs_for_a_signature_without_any() -> None:
    with tf.Graph().as_default(), pytest.raises(errors.InputError) as caught:
        hub.Module(hub.create_module_spec(two_inputs))([1.0], signature="none")
    assert str(caught.value) == (
        "The signature 'none' of variant {} of two_inputs() has no inputs; it was given some. Call it without."
    )


def test_no_default_output_says_as_dict() -> None:
    with tf.Graph().as_default(), pytest.raises(errors.UnknownOutputError) as caught:
        hub.Module(hub.create_module_spec(two_inputs))(signature="several")
    assert str(caught.value) == (
        "No output 'default' in the signature 'several' of variant {} of two_inputs(). It has: a, b. "
        "Ask for all of them with as_dict=True."
    )


def test_eager_mode_says_the_line_to_write_instead(module_path: pathlib.Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        hub.Module(str(module_path))
    assert str(caught.value) == (
        "tf1hub.Module builds a graph, and this is eager mode. In TensorFlow 2 write\n"
        f"    m = tf1hub.load({str(module_path)!r})\n"
        "    y = m(x)                  # m(x, training=True) and m.trainable_variables to fine-tune\n"
        "and in Keras\n"
        f"    layer = tf1hub.KerasLayer({str(module_path)!r}, trainable=True)\n"
        "To keep the graph: with tf.Graph().as_default(): ..."
    )


def test_an_eager_call_says_the_line_to_write_instead(module_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        module = hub.Module(str(module_path))
    with pytest.raises(errors.WrongModeError) as caught:
        module([1.0])
    assert str(caught.value) == (
        "The module 'module' lives in a graph, and it is called in eager mode. Call it inside the same "
        "`with graph.as_default():` in which it was created; or, in TensorFlow 2, write\n"
        "    m = tf1hub.load(handle)\n"
        "    y = m(x)"
    )


def test_a_definition_that_is_called_says_the_line_to_write_instead(module_path: pathlib.Path) -> None:
    with pytest.raises(TypeError) as caught:
        hub.load_module_spec(module_path)([1.0])
    assert isinstance(caught.value, errors.InputError)
    assert str(caught.value) == (
        f"A ModuleSpec is a definition, and cannot be called: {module_path}. In TensorFlow 2 write\n"
        "    m = tf1hub.load(spec)\n"
        "    y = m(x)\n"
        "and in a graph\n"
        "    m = tf1hub.Module(spec)\n"
        "    y = m(x)"
    )


def test_tags_that_are_not_there_say_which_to_write() -> None:
    def module_fn(is_training: bool) -> None:
        hub.add_signature(outputs=tf.constant(is_training))

    both = hub.create_module_spec(
        module_fn, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )
    train = hub.create_module_spec(module_fn, [({"train"}, {"is_training": True})])
    place = both.name
    for spec, tags, expected in (
        (
            both,
            {"tpu"},
            f"{{'tpu'}} in {place}. It has: {{}}, {{'train'}}. Leave tags out, or write tags={{'train'}}.",
        ),
        (train, None, f"{{}} in {place}. It has: {{'train'}}. Write tags={{'train'}}."),
    ):
        for use in (spec.variant, lambda tags, spec=spec: hub.load(spec, tags=tags)):
            with pytest.raises(errors.UnknownTagsError) as caught:
                use(tags)
            assert str(caught.value) == f"No graph variant with tags {expected}"


def test_a_call_in_another_graph_is_explained(module_path: pathlib.Path) -> None:
    with tf.Graph().as_default():
        module = hub.Module(str(module_path))
    with tf.Graph().as_default(), pytest.raises(errors.WrongModeError) as caught:
        module([1.0])
    assert str(caught.value) == (
        "The module 'module' lives in another graph than the one in which it is called. "
        "Create it inside the same `with graph.as_default():` as its calls."
    )


def test_something_that_names_no_module() -> None:
    with tf.Graph().as_default(), pytest.raises(TypeError) as caught:
        hub.Module(3)  # type: ignore[arg-type]  # the mistake that is tested
    assert str(caught.value) == "A module is named by a handle (a string) or a ModuleSpec, not by 3."


def test_a_local_archive_is_a_handle(
    module_path: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as archive:
        archive.add(module_path, ".")
    with tf.Graph().as_default():
        assert run(hub.Module(str(tmp_path / "m.tar.gz"))([1.0])) == [3.0]
    assert hub.read_variables(tmp_path / "m.tar.gz")["a"] == 2.0


def test_a_further_application_that_tensorflow_refuses_is_told_as_the_first() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, name="x")
        kernel = tf1.get_variable("kernel", [2, 3])
        hub.add_signature(inputs=x, outputs=tf.matmul(tf.concat([x, x], axis=0), kernel))

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        module(tf.ones([1, 2]))
        with pytest.raises(errors.UnsupportedGraphError) as raised:
            module(tf.ones([1, 4]))
    assert str(raised.value).startswith(
        f"TensorFlow {tf.__version__} cannot import the graph of the module as 'module_apply_default_1': "
        "Dimensions must be equal, but are 4 and 2 for "
    )
