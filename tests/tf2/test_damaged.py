"""Damage that only TensorFlow notices: an error of the module wherever it is built, called or initialized."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable

import pytest
import tensorflow as tf
from building import affine, export
from golden import cases

import tf1hub as hub
from tf1hub import errors
from tf1hub.format.messages_pb2 import SavedModel

Use = Callable[[str], object]


@pytest.fixture
def module_path(tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(export(affine(), tmp_path / "m"))


def edited(path: pathlib.Path, edit: Callable[[SavedModel], None]) -> None:
    file = path / "saved_model.pb"
    message = SavedModel.FromString(file.read_bytes())
    edit(message)
    file.write_bytes(message.SerializeToString())


def called(path: str) -> None:
    with tf.Graph().as_default():
        hub.Module(path)([1.0])


def evaluated(path: str) -> None:
    with hub.eval_function_for_module(path):
        pass


DOORS: dict[str, Use] = {
    "Module": called,
    "load": lambda path: hub.load(path)([1.0]),
    "KerasLayer": lambda path: hub.KerasLayer(path)(tf.constant([1.0])),
    "convert": lambda path: hub.convert(path, f"{path}_converted"),
}


@pytest.mark.parametrize("use", DOORS.values(), ids=DOORS)
def test_a_graph_that_tensorflow_refuses(module_path: pathlib.Path, use: Use) -> None:
    def take_an_input_away(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.op == "AddV2")
        del node.input[-1]

    edited(module_path, take_an_input_away)
    with pytest.raises(errors.UnsupportedGraphError) as error:
        use(str(module_path))
    assert f"TensorFlow {tf.__version__} cannot " in str(error.value)
    assert "NodeDef expected inputs 'float, float' do not match 1 inputs specified" in str(error.value)
    assert not pathlib.Path(f"{module_path}_converted").exists()


def test_a_node_without_inputs_where_signatures_share_a_program(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        hidden = tf.nn.relu(x * tf.compat.v1.get_variable("w", initializer=2.0), name="hidden")
        y = hidden + 1.0
        hub.add_signature(inputs=x, outputs=y)
        hub.add_signature("wide", inputs=x, outputs={"default": y, "hidden": hidden})

    def take_inputs_away(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.name == "hidden")
        del node.input[:]

    path = pathlib.Path(export(module_fn, tmp_path / "m"))
    edited(path, take_inputs_away)
    with pytest.raises(errors.UnsupportedGraphError) as error:
        hub.convert(str(path), tmp_path / "converted")
    assert "NodeDef expected inputs 'float' do not match 0 inputs specified" in str(error.value)


@pytest.mark.parametrize(("op", "least"), [("ReadVariableOp", 1), ("AssignVariableOp", 2)])
def test_a_node_without_inputs_by_which_state_is_found(
    module_path: pathlib.Path, op: str, least: int
) -> None:
    names = []

    def take_inputs_away(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.op == op)
        del node.input[least - 1 :]
        names.append(node.name)

    edited(module_path, take_inputs_away)
    with pytest.raises(errors.FormatError) as error:
        hub.load(str(module_path))
    assert str(error.value) == (
        f"variant {{}} of {module_path} has the node {names[0]!r} of the op {op} with {least - 1} inputs. It has at least "
        f"{least} in every sound graph: the file is damaged."
    )


@pytest.mark.parametrize("use", [called, DOORS["load"], DOORS["convert"]], ids=["Module", "load", "convert"])
def test_a_damaged_field_that_only_tensorflow_has(module_path: pathlib.Path, use: Use) -> None:
    def add_a_field(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.op == "AddV2")
        # experimental_debug_info, whose text is longer than it has bytes.
        node.MergeFromString(b"\x32\x02\x0a\x7f")

    edited(module_path, add_a_field)
    with pytest.raises(errors.UnsupportedGraphError) as error:
        use(str(module_path))
    assert f"TensorFlow {tf.__version__} cannot " in str(error.value)
    assert ": a field of its message is damaged: Error parsing message" in str(error.value)


def test_a_loss_on_a_variable_that_nothing_declares(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(shutil.copytree(cases.ROOT / "dropout_cond" / "module", tmp_path / "m"))

    def declare_nothing(message: SavedModel) -> None:
        node = next(
            node
            for node in message.meta_graphs[0].graph_def.node
            if node.name == "w/Regularizer/L2Loss/ReadVariableOp"
        )
        node.op = "VarHandleOp"

    edited(path, declare_nothing)
    with pytest.raises(errors.UnsupportedGraphError) as error:
        hub.convert(str(path), tmp_path / "converted")
    said = f"TensorFlow {tf.__version__} cannot build the graph of variant {{}} of {path}: NodeDef missing attr 'shape'"
    assert str(error.value).startswith(said)


def test_an_output_whose_number_is_a_superscript(module_path: pathlib.Path) -> None:
    named = []

    def raise_the_number(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.op == "AddV2")
        node.input[0] = f"{node.input[0]}:²"
        named.extend([node.name, node.input[0]])

    edited(module_path, raise_the_number)
    with pytest.raises(errors.FormatError) as error:
        hub.capabilities(str(module_path))
    assert str(error.value) == (
        f"variant {{}} of {module_path} has the node {named[0]!r} with the input {named[1]!r}, which is not in the graph."
    )


def test_a_variable_whose_shape_is_something_else(module_path: pathlib.Path) -> None:
    def give_a_type(message: SavedModel) -> None:
        node = next(node for node in message.meta_graphs[0].graph_def.node if node.op == "VarHandleOp")
        node.attr["shape"].type = 1

    edited(module_path, give_a_type)
    with pytest.raises(errors.FormatError) as error:
        hub.load(str(module_path))
    assert str(error.value) == (
        f"variant {{}} of {module_path} has the variable 'a' whose shape is none, but an attribute of the kind 'type'. The "
        "file is damaged."
    )


@pytest.mark.parametrize("use", DOORS.values(), ids=DOORS)
def test_an_input_of_a_type_that_there_is_not(module_path: pathlib.Path, use: Use) -> None:
    def change_type(message: SavedModel) -> None:
        message.meta_graphs[0].signature_def["default"].inputs["default"].dtype = 0

    edited(module_path, change_type)
    with pytest.raises(errors.FormatError) as error:
        use(str(module_path))
    assert str(error.value) == (
        "A signature declares 'x:0' with the dtype 0, which TensorFlow does not have. The file is damaged."
    )


@pytest.mark.parametrize("use", [called, DOORS["load"]], ids=["Module", "load"])
def test_an_output_whose_tensors_make_no_sparse_one(module_path: pathlib.Path, use: Use) -> None:
    def declare_sparse(message: SavedModel) -> None:
        output = message.meta_graphs[0].signature_def["default"].outputs["default"]
        output.coo_sparse.values_tensor_name = output.coo_sparse.indices_tensor_name = "x:0"
        output.coo_sparse.dense_shape_tensor_name = "x:0"

    edited(module_path, declare_sparse)
    with pytest.raises(errors.FormatError) as error:
        use(str(module_path))
    said = "names tensors that make none, x:0, x:0, x:0: "
    assert said in str(error.value)
    assert str(error.value).startswith("A signature declares an output of the kind ")


def test_a_graph_that_cannot_be_read_says_what_tensorflow_says_of_it(module_path: pathlib.Path) -> None:
    def read_the_input(message: SavedModel) -> None:
        for node in message.meta_graphs[0].graph_def.node:
            if node.op == "ReadVariableOp":
                node.input[0] = "x"

    edited(module_path, read_the_input)
    with pytest.raises(errors.UnsupportedGraphError) as error:
        hub.load(str(module_path))([1.0])
    place = f"variant {{}} of {module_path}"
    assert str(error.value).startswith(
        f"TensorFlow {tf.__version__} cannot build the graph of {place}: Input 0 of node "
    )
    assert "was passed float from x:0 incompatible with expected resource." in str(error.value)


def test_a_finalized_graph_is_no_fault_of_the_module(module_path: pathlib.Path) -> None:
    with tf.Graph().as_default() as graph:
        module = hub.Module(str(module_path))
        graph.finalize()
        with pytest.raises(RuntimeError, match="Graph is finalized"):
            module([1.0])


def test_values_that_are_damaged(module_path: pathlib.Path) -> None:
    file = module_path / "variables" / "variables.data-00000-of-00001"
    data = file.read_bytes()
    file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(errors.CheckpointError) as error:
        evaluated(str(module_path))
    assert str(error.value).startswith(
        f"The variables and tables of variant {{}} of {module_path} cannot be initialized: "
    )
    assert "Checksum does not match" in str(error.value)


@pytest.mark.parametrize("use", [evaluated, lambda path: hub.load(path)(["a"])], ids=["graph", "load"])
def test_a_vocabulary_that_is_damaged(tmp_path: pathlib.Path, use: Use) -> None:
    module = pathlib.Path(shutil.copytree(cases.ROOT / "text_embedding" / "module", tmp_path / "m"))
    (vocabulary,) = (module / "assets").iterdir()
    vocabulary.write_bytes(b"one\none\n")
    with pytest.raises(errors.FormatError) as error:
        use(str(module))
    assert str(error.value) == (
        f"The variables and tables of variant {{}} of {module} cannot be initialized: "
        "HashTable has different value for same key. Key one has 0 and trying to add value 1"
    )


def test_an_input_that_is_out_of_all_proportion_is_not_generated(module_path: pathlib.Path) -> None:
    def declare_too_much(message: SavedModel) -> None:
        message.meta_graphs[0].signature_def["default"].inputs["default"].tensor_shape.dim.add(size=1 << 40)

    edited(module_path, declare_too_much)
    (run,) = hub.check(str(module_path), run=True).runs
    assert run.inputs == ()
    assert run.not_run == (
        "nothing is generated for the input 'default', float32 [?, 1099511627776]: it has more than 67108864"
        " elements"
    )
