"""Every public function that reads a module, called as a program calls it; and modules damaged for them."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import pathlib
import random
import shutil
from collections.abc import Callable
from typing import Any

from golden import cases

import tf1hub as hub
from tf1hub.cli.main import main as command
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.freezing.frozen_graph import Freezing

Door = Callable[[str, pathlib.Path], Any]
"""Uses the module at a path; may write below a directory."""


# --------------------------------------------------------------------------- without TensorFlow


def definition(path: str, _: pathlib.Path) -> None:
    spec = hub.load_module_spec(path)
    hub.resolve(path)
    for tags in spec.get_tags():
        variant = spec.variant(tags)
        for signature in spec.get_signature_names(tags):
            repr((spec.get_input_info_dict(signature, tags), spec.get_output_info_dict(signature, tags)))
        repr((variant.attachments, variant.variables, variant.asset_files, variant.trainable_nodes))
        spec.get_attached_message("image_module_info", hub.ImageModuleInfo, tags=tags)
    repr(spec)


def image_size(path: str, _: pathlib.Path) -> None:
    hub.get_expected_image_size(hub.load_module_spec(path))
    hub.get_num_image_channels(hub.load_module_spec(path))


def variables(path: str, _: pathlib.Path) -> None:
    found = hub.read_variables(path)
    for name in found:
        found[name].tobytes()
    found.verify()


def inspection(path: str, _: pathlib.Path) -> None:
    description = hub.inspect(path)
    repr((description, description.to_dict()))


def capabilities(path: str, _: pathlib.Path) -> None:
    repr(hub.capabilities(path).to_dict())


def predictor(path: str, _: pathlib.Path) -> None:
    import numpy as np
    import tensorflow as tf

    spec = hub.load_module_spec(path)
    for signature in spec.get_signature_names():
        made = hub.Predictor(path, signature, engine="numpy")
        infos = spec.get_input_info_dict(signature)
        if not any(info.is_sparse or info.is_composite for info in infos.values()):
            shapes = {
                name: [2 if size is None else size for size in info.shape or ()]
                for name, info in infos.items()
            }
            if all(np.prod(shape, dtype=np.float64) < 10**6 for shape in shapes.values()):
                made(
                    {
                        name: np.full(
                            shape,
                            b"1" if infos[name].dtype == tf.string else 1,
                            infos[name].dtype.as_numpy_dtype,
                        )
                        for name, shape in shapes.items()
                    }
                )


def show(path: str, _: pathlib.Path) -> None:
    run_command("show", path, "--all")


def tensors(path: str, _: pathlib.Path) -> None:
    spec = hub.load_module_spec(path)
    for tags in spec.get_tags():
        found = spec.find_tensors(tags=tags)
        repr(found)
        for signature in spec.get_signature_names(tags):
            names = [tensor.name for tensor in found if signature in tensor.signatures]
            if names:
                repr(spec.with_outputs(names[-3:], signature, tags).get_output_info_dict(signature, tags))


def freeze(path: str, _: pathlib.Path) -> None:
    spec = hub.load_module_spec(path)
    variant = spec.variant(spec.get_tags()[0])
    found = Freezing(spec, variant, variant.signature_names)
    if not list(found.refusals()):
        found.freeze()


def weights_alone(path: str, scratch: pathlib.Path) -> None:
    if importlib.util.find_spec("safetensors") is None:
        return
    hub.convert(path, scratch / "weights", to="safetensors")


def check_files(path: str, _: pathlib.Path) -> None:
    report = hub.check(path, run=False)
    repr((report, report.to_dict()))


def difference(path: str, _: pathlib.Path) -> None:
    whole = original_of(path)
    for pair in ((path, whole), (whole, path), (path, path)):
        repr(hub.diff(*pair).to_dict())


def copy(path: str, scratch: pathlib.Path) -> None:
    target = scratch / "copy"
    hub.load_module_spec(path).export(target)
    hub.load_module_spec(target)


def archive(path: str, scratch: pathlib.Path) -> None:
    """Packed, pinned, resolved, verified: what is damaged is unpacked as it is, or refused as a whole."""
    packed = shutil.make_archive(str(scratch / "module"), "gztar", path)
    options = ["--cache-dir", str(scratch / "cache"), "--lock-file", str(scratch / "tf1hub.lock")]
    run_command("lock", packed, *options)
    run_command("cache", "verify", "--cache-dir", str(scratch / "cache"))
    try:
        directory = pathlib.Path(hub.resolve(packed, cache_dir=scratch / "cache"))
    finally:
        shutil.rmtree(scratch / "cache", ignore_errors=True)
    assert directory.name


def run_command(*arguments: str) -> None:
    """Runs the command; it says what is wrong with an exit code instead of an error."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        command(list(arguments))


PLAIN: dict[str, Door] = {
    door.__name__: door
    for door in (
        definition,
        image_size,
        variables,
        inspection,
        capabilities,
        predictor,
        show,
        tensors,
        check_files,
        freeze,
        weights_alone,
        difference,
        copy,
        archive,
    )
}
"""The doors that need no TensorFlow."""


# --------------------------------------------------------------------------- with TensorFlow


def fed(info: Any) -> Any:
    """A small value for an input; None for one that is out of all proportion."""
    import numpy as np
    import tensorflow as tf

    if info.is_composite or info.dtype in (tf.resource, tf.variant):
        return None
    if info.is_sparse:
        values = tf.fill([1], "1") if info.dtype == tf.string else tf.cast(tf.ones([1]), info.dtype)
        return tf.SparseTensor([[0, 1]], values, [2, 10])
    shape = [2 if size is None else size for size in info.shape or ()]
    if int(np.prod(shape, dtype=np.float64)) > 10**6:
        return None
    if info.dtype == tf.string:
        return tf.fill(shape, "quick fox")
    return tf.cast(tf.ones(shape), info.dtype)


def inputs_of(spec: Any, signature: str, tags: Any) -> dict[str, Any] | None:
    found = {name: fed(info) for name, info in spec.get_input_info_dict(signature, tags).items()}
    return None if None in found.values() else found


def module(path: str, scratch: pathlib.Path) -> None:
    """`hub.Module` as old programs use it: applied twice, differentiated, run, exported."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    spec = hub.load_module_spec(path)
    for number, tags in enumerate(spec.get_tags()):
        with tf.Graph().as_default():
            made = hub.Module(spec, trainable=True, tags=tags)
            outputs = []
            for signature in spec.get_signature_names(tags):
                inputs = inputs_of(spec, signature, tags)
                if inputs is not None:
                    outputs += [made(inputs, signature=signature, as_dict=True) for _ in range(2)]
            if made.variables and outputs:
                with user_errors(LookupError, ValueError, TypeError):
                    floats = [y for out in outputs for y in out.values() if y.dtype.is_floating]
                    if floats and not isinstance(floats[0], tf.SparseTensor):
                        tf1.gradients(floats[0], made.variables)
            with tf1.Session() as session, user_errors():
                session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
                session.run([y for out in outputs for y in out.values()])
                made.export(scratch / f"exported{number}", session)


@contextlib.contextmanager
def user_errors(*kinds: type[Exception]) -> Any:
    """What TensorFlow says when a program runs, or differentiates, what is there for that."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, *kinds) as error:
        if isinstance(error, hub.errors.Error):
            raise


def load(path: str, scratch: pathlib.Path) -> None:
    """`hub.load`: every signature called in both modes, exported."""
    spec = hub.load_module_spec(path)
    loaded = hub.load(path)
    for signature in spec.get_signature_names():
        inputs = inputs_of(spec, signature, None)
        if inputs is None:
            continue
        for training in (False, True):
            with user_errors():
                loaded(inputs, signature=signature, training=training, as_dict=True)
    loaded.export(scratch / "loaded")


def layer(path: str, _: pathlib.Path) -> None:
    made = hub.KerasLayer(path, trainable=True)
    spec = hub.load_module_spec(path)
    inputs = inputs_of(spec, "default", None)
    if inputs is not None:
        with user_errors():
            made(inputs if len(inputs) != 1 else next(iter(inputs.values())), training=True)


def convert(path: str, scratch: pathlib.Path) -> None:
    hub.convert(path, scratch / "converted")


def check(path: str, _: pathlib.Path) -> None:
    repr(hub.check(path, run=True).to_dict())


def initial_values(path: str, _: pathlib.Path) -> None:
    repr(len(hub.initial_values(hub.load_module_spec(path))))


def evaluate(path: str, _: pathlib.Path) -> None:
    spec = hub.load_module_spec(path)
    infos = spec.get_input_info_dict()
    inputs = inputs_of(spec, "default", None)
    with hub.eval_function_for_module(spec) as function:
        if inputs is not None and not any(info.is_sparse for info in infos.values()):
            with user_errors():
                function({name: value.numpy() for name, value in inputs.items()}, as_dict=True)


def text_column(path: str, _: pathlib.Path) -> None:
    hub.text_embedding_column("text", path, trainable=True)


def text_column_v2(path: str, _: pathlib.Path) -> None:
    hub.text_embedding_column_v2("text", path, trainable=True)


def image_column(path: str, _: pathlib.Path) -> None:
    hub.image_embedding_column("image", path)


def sparse_text_column(path: str, _: pathlib.Path) -> None:
    """Made, and used in an input layer."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    with tf.Graph().as_default(), user_errors():
        column = hub.sparse_text_embedding_column("text", path, "mean", None, trainable=True)
        words = tf.SparseTensor([[0, 0], [1, 0]], ["quick", "fox"], [2, 1])
        y = tf1.feature_column.input_layer({"text": words}, [column])
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            session.run(y)


def in_graph(path: str, _: pathlib.Path) -> None:
    """`hub.load` in a graph."""
    import tensorflow as tf

    spec = hub.load_module_spec(path)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        loaded = hub.load(path)
        inputs = inputs_of(spec, "default", None)
        if inputs is not None:
            y = loaded(inputs, as_dict=True)
            with user_errors():
                session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
                session.run(list(y.values()))


def compare(path: str, scratch: pathlib.Path) -> None:
    texts = [f"{word} {number}" for number in range(4) for word in ("quick", "fox")]
    with user_errors():
        hub.compare([path], (texts, ["quick", "fox"] * 4), cache_dir=scratch / "cache")


def from_saved_model(path: str, scratch: pathlib.Path) -> None:
    """Refused as a module; as the SavedModel that it also is, it becomes another module."""
    saved_model = pathlib.Path(shutil.copytree(path, scratch / "saved_model"))
    (saved_model / "tfhub_module.pb").unlink(missing_ok=True)
    spec = hub.create_module_spec_from_saved_model(
        str(saved_model), drop_collections=["hub_module_attachments"]
    )
    spec.export(scratch / "module")
    hub.load_module_spec(scratch / "module")


TENSORFLOW: dict[str, Door] = {
    door.__name__: door
    for door in (
        module,
        load,
        layer,
        convert,
        check,
        initial_values,
        evaluate,
        text_column,
        text_column_v2,
        image_column,
        sparse_text_column,
        in_graph,
        compare,
        from_saved_model,
    )
}
"""The doors behind which TensorFlow works."""


# --------------------------------------------------------------------------- damage


def original_of(path: str) -> str:
    """The undamaged module; `damage` leaves a note of it."""
    return (pathlib.Path(path).parent / "original").read_text()


def damage(name: str, number: int, directory: pathlib.Path) -> str:
    """A copy of a golden module, damaged in one to three places, the same way for the same number."""
    rng = random.Random(f"{name} {number}")
    source = cases.ROOT / name / "module"
    module = pathlib.Path(shutil.copytree(source, directory / "m"))
    (directory / "original").write_text(str(source))
    if rng.random() < 0.5:
        file = module / "saved_model.pb"
        message = SavedModel.FromString(file.read_bytes())
        for _ in range(rng.choice([1, 1, 2, 3])):
            rng.choice(EDITS)(rng.choice(message.meta_graphs), rng)
        file.write_bytes(message.SerializeToString())
    else:
        files = sorted(path for path in module.rglob("*") if path.is_file())
        weights = [12 if path.name == "saved_model.pb" else 1 for path in files]
        file = rng.choices(files, weights)[0]
        file.write_bytes(flipped(file.read_bytes(), rng))
    return str(module)


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Damages one to three places of a file: bits, runs, inserts, cuts."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if not changed:
            break
        start = rng.randrange(len(changed))
        end = min(len(changed), start + rng.choice([1, 1, 2, 4, 32]))
        kind = rng.randrange(6)
        if kind == 0:
            changed[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[start:end] = rng.randbytes(end - start)
        elif kind == 2:
            del changed[start:end]
        elif kind == 3:
            changed[start:start] = changed[start:end]
        elif kind == 4:
            changed[start:end] = rng.choice([b"\x00", b"\x7f", b"\xff"]) * (end - start)
        else:
            del changed[start:]
    return bytes(changed)


def _node(graph: Any, rng: random.Random) -> Any:
    return rng.choice(graph.graph_def.node)


def drop_node(graph: Any, rng: random.Random) -> None:
    del graph.graph_def.node[rng.randrange(len(graph.graph_def.node))]


def rename_node(graph: Any, rng: random.Random) -> None:
    _node(graph, rng).name += rng.choice(["_", "/", "é", " ", "^x", ":0"])


def other_op(graph: Any, rng: random.Random) -> None:
    _node(graph, rng).op = rng.choice(
        [_node(graph, rng).op, "Placeholder", "NoOp", "Nonsense", "VarHandleOp"]
    )


def other_input(graph: Any, rng: random.Random) -> None:
    node = _node(graph, rng)
    if node.input:
        at = rng.randrange(len(node.input))
        name = _node(graph, rng).name
        node.input[at] = rng.choice([name, f"^{name}", f"{name}:7", f"{name}:x", "", "^", ":", "nowhere"])


def more_inputs(graph: Any, rng: random.Random) -> None:
    _node(graph, rng).input.append(rng.choice(["", "^"]) + _node(graph, rng).name)


def fewer_inputs(graph: Any, rng: random.Random) -> None:
    node = _node(graph, rng)
    if node.input:
        del node.input[rng.randrange(len(node.input))]


def drop_attribute(graph: Any, rng: random.Random) -> None:
    node = _node(graph, rng)
    if node.attr:
        del node.attr[rng.choice(sorted(node.attr))]


def other_attribute(graph: Any, rng: random.Random) -> None:
    node, other = _node(graph, rng), _node(graph, rng)
    if node.attr and other.attr:
        node.attr[rng.choice(sorted(node.attr))].CopyFrom(other.attr[rng.choice(sorted(other.attr))])


def other_value(graph: Any, rng: random.Random) -> None:
    """Changes the type, shape or bytes of an attribute that is there."""
    node = _node(graph, rng)
    if not node.attr:
        return
    attribute = node.attr[rng.choice(sorted(node.attr))]
    kind = attribute.WhichOneof("value")
    number = rng.choice([-1, 0, 1, 2, 7, 20, 22, 101, 1 << 31, (1 << 62) + 1])
    if kind == "type":
        attribute.type = rng.choice([0, 1, 3, 7, 9, 20, 21, 101, 999])
    elif kind in ("i", "f"):
        setattr(attribute, kind, number)
    elif kind == "b":
        attribute.b = not attribute.b
    elif kind == "s":
        attribute.s = rng.choice([b"", b"\xff", b"VALID", b"loc:@nowhere", attribute.s[:-1]])
    elif kind == "shape" or (kind == "tensor" and rng.random() < 0.5):
        shape = attribute.shape if kind == "shape" else attribute.tensor.tensor_shape
        shape.dim.add(size=rng.choice([-1, 0, 1, 3, 1 << 40]))
    elif kind == "tensor":
        attribute.tensor.tensor_content = attribute.tensor.tensor_content[:-1] or b"\x01"
        attribute.tensor.dtype = rng.choice([attribute.tensor.dtype, 1, 3, 7, 999])


def swap_names(graph: Any, rng: random.Random) -> None:
    one, other = _node(graph, rng), _node(graph, rng)
    one.name, other.name = other.name, one.name


def drop_collection(graph: Any, rng: random.Random) -> None:
    if graph.collection_def:
        del graph.collection_def[rng.choice(sorted(graph.collection_def))]


def damage_collection(graph: Any, rng: random.Random) -> None:
    if not graph.collection_def:
        return
    collection = graph.collection_def[rng.choice(sorted(graph.collection_def))]
    if collection.bytes_list.value:
        at = rng.randrange(len(collection.bytes_list.value))
        collection.bytes_list.value[at] = flipped(collection.bytes_list.value[at], rng)
    elif collection.node_list.value:
        collection.node_list.value[0] = rng.choice(["", "nowhere", _node(graph, rng).name])
    else:
        collection.bytes_list.value.append(b"\x0a\x01x")


def move_collection(graph: Any, rng: random.Random) -> None:
    names = sorted(graph.collection_def)
    if len(names) > 1:
        graph.collection_def[rng.choice(names)].CopyFrom(graph.collection_def[rng.choice(names)])


def damage_signature(graph: Any, rng: random.Random) -> None:
    if not graph.signature_def:
        return
    signature = graph.signature_def[rng.choice(sorted(graph.signature_def))]
    infos = rng.choice([signature.inputs, signature.outputs])
    if not infos:
        return
    info = infos[rng.choice(sorted(infos))]
    kind = rng.randrange(5)
    if kind == 0:
        info.name = rng.choice(["", "nowhere:0", f"{_node(graph, rng).name}:{rng.choice([0, 1, 99])}", "^x"])
    elif kind == 1:
        info.dtype = rng.choice([0, 1, 7, 20, 21, 101, 999])
    elif kind == 2:
        info.tensor_shape.dim.add(size=rng.choice([-1, 3, 1 << 40]))
    elif kind == 3:
        del infos[rng.choice(sorted(infos))]
    else:
        info.coo_sparse.values_tensor_name = _node(graph, rng).name


def damage_function(graph: Any, rng: random.Random) -> None:
    functions = graph.graph_def.library.function
    if not functions:
        return
    function = rng.choice(functions)
    kind = rng.randrange(4)
    if kind == 0 and function.node_def:
        del function.node_def[rng.randrange(len(function.node_def))]
    elif kind == 1:
        function.signature.name += "_"
    elif kind == 2 and function.ret:
        function.ret[rng.choice(sorted(function.ret))] = "nowhere:z:0"
    elif function.signature.input_arg:
        function.signature.input_arg[0].type = 7


def other_versions(graph: Any, rng: random.Random) -> None:
    graph.graph_def.versions.producer = rng.choice([0, 1, 10, 5000])
    graph.graph_def.versions.min_consumer = rng.choice([0, 0, 5000])


def other_tags(graph: Any, rng: random.Random) -> None:
    graph.meta_info_def.tags.append(rng.choice(["train", "", "é", "serve"]))


EDITS = (
    drop_node,
    rename_node,
    other_op,
    other_input,
    other_input,
    more_inputs,
    fewer_inputs,
    drop_attribute,
    other_attribute,
    other_value,
    other_value,
    swap_names,
    drop_collection,
    damage_collection,
    damage_collection,
    move_collection,
    damage_signature,
    damage_signature,
    damage_function,
    other_versions,
    other_tags,
)
