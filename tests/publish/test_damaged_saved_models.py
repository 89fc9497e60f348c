"""SavedModels whose bytes are damaged, as modules are made of them."""

from __future__ import annotations

import pathlib
import shutil

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import CreationError
from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1


def test_a_signature_whose_output_is_not_in_the_graph(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "saved_model"
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None], name="x")
        tf1.saved_model.simple_save(session, str(path), {"x": x}, {"y": tf.identity(x, name="y")})
    file = path / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].outputs["y"].name = "y:99"
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(CreationError) as caught:
        hub.create_module_spec_from_saved_model(str(path))
    assert str(caught.value) == (
        f"The signature 'serving_default' of variant {{'serve'}} of the SavedModel {path} has an output 'y' that its "
        "graph does not have: \"The name 'y:99' refers to a Tensor which does not exist. The operation, 'y', exists but "
        'only has 1 outputs."'
    )


def test_a_context_that_points_at_what_is_not_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "saved_model"
    shutil.copytree(cases.ROOT / "dropout_cond" / "module", path)
    (path / "tfhub_module.pb").unlink()
    file = path / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    for graph in saved.meta_graphs:
        contexts = graph.collection_def["cond_context"].bytes_list.value
        contexts[:] = [data.replace(b"cond/switch_f", b"cond/switch_g") for data in contexts]
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(CreationError) as caught:
        hub.create_module_spec_from_saved_model(str(path))
    assert str(caught.value).startswith(
        f"The graph of variant {{}} of the SavedModel {path} has no 'cond/switch_g'."
    )
