"""What programs are used to do with a `tf1hub.Module`, done with what `tf1hub.load` gives."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub import ImageModuleInfo
from tf1hub.errors import ExportError, InputError, UnknownAttachmentError, UnknownSignatureError

tf1 = tf.compat.v1


def module_fn(is_training: bool) -> None:
    a = tf1.placeholder(tf.float32, [None])
    parts = tf1.get_variable(
        "scope/parts", [12, 2], partitioner=tf1.fixed_size_partitioner(12), use_resource=True
    )
    w = tf1.get_variable("w", initializer=2.0)
    if is_training:
        tf1.add_to_collection(
            tf1.GraphKeys.UPDATE_OPS, tf1.get_variable("steps", initializer=0.0).assign_add(1.0)
        )
    hub.add_signature(inputs=a, outputs=a * w)
    total = tf.reduce_sum(tf.convert_to_tensor(parts))
    hub.add_signature("pair", inputs={"a": a, "b": tf1.placeholder(tf.string, [None])}, outputs=a * total)
    info = ImageModuleInfo()
    info.default_image_size.height, info.default_image_size.width = 3, 4
    hub.attach_image_module_info(info)


@pytest.fixture(name="spec")
def _spec() -> hub.ModuleSpec:
    return hub.create_module_spec(
        module_fn, tags_and_args=[(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    )


def test_a_loaded_module_tells_of_itself_what_a_module_in_a_graph_tells(spec: hub.ModuleSpec) -> None:
    loaded = hub.load(spec)
    with tf.Graph().as_default():
        module, trained = hub.Module(spec), hub.Module(spec, tags={"train"})
    assert loaded.get_signature_names() == module.get_signature_names() == ["default", "pair"]
    for signature in (None, "default", "pair"):
        for ask in ("get_input_info_dict", "get_output_info_dict"):
            told, expected = (getattr(m, ask)(signature) for m in (loaded, module))
            assert {k: (v.dtype, v.get_shape().as_list()) for k, v in told.items()} == {
                k: (v.dtype, v.get_shape().as_list()) for k, v in expected.items()
            }
    asked: tuple[Any, ...] = ("image_module_info", ImageModuleInfo)
    assert loaded.get_attached_message(*asked) == module.get_attached_message(*asked)
    assert loaded.get_attached_message("other", ImageModuleInfo) is None
    with pytest.raises(UnknownAttachmentError, match="No attachment 'other' in variant"):
        loaded.get_attached_message("other", ImageModuleInfo, required=True)
    with pytest.raises(UnknownSignatureError, match="It has: default, pair"):
        loaded.get_input_info_dict("fruit")
    assert hub.get_expected_image_size(loaded, input_name="default") == [3, 4]
    assert loaded.variable_map.keys() == trained.variable_map.keys() == {"scope/parts", "w", "steps"}
    assert loaded.variable_map["w"].numpy() == 2.0
    parts = loaded.variable_map["scope/parts"]
    assert [v.name for v in parts] == [f"scope/parts/part_{i}:0" for i in range(12)]
    assert [v.op.name.partition("/")[2] for v in trained.variable_map["scope/parts"]] == [
        v.name.removesuffix(":0") for v in parts
    ]


def test_exporting_needs_no_session(spec: hub.ModuleSpec, tmp_path: pathlib.Path) -> None:
    module = hub.load(spec)
    path = str(tmp_path / "module")
    text = (
        "What tf1hub.load gives is exported with the values that its variables have now; no session is needed, and one "
        f"was given. Write: m.export({path!r})"
    )
    with tf.Graph().as_default(), tf1.Session() as session:
        for given in ({"session": session}, {}):
            with pytest.raises(ExportError, match=f"^{re.escape(text)}$"):
                module.export(path, *([] if given else [session]), **given)
    assert not (tmp_path / "module").exists()
    module.export(path)
    np.testing.assert_array_equal(hub.load(path)([1.0]), [2.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"default": 1.0},
            "A loaded module takes its inputs as one value or as a dict, and was given 'default' by keyword. Write: "
            "m({'default': default})",
        ),
        (
            {"a": 1.0, "b": "c", "signature": "pair"},
            "A loaded module takes its inputs as one value or as a dict, and was given 'a', 'b' by keyword. Write: "
            "m({'a': a, 'b': b}, signature='pair')",
        ),
        (
            {"mask": None},
            "A loaded module takes the arguments inputs, training, signature and as_dict, and was given 'mask'. The "
            "signature 'default' of variant {} of module_fn() has the inputs 'default': float32 [?].",
        ),
        (
            {"a": 1.0, "signature": "fruit"},
            "No signature 'fruit' in variant {} of module_fn(). It has: default, pair.",
        ),
    ],
)
def test_inputs_by_keyword_say_what_to_write(
    spec: hub.ModuleSpec, given: dict[str, Any], message: str
) -> None:
    kind = UnknownSignatureError if "fruit" in message else InputError
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        hub.load(spec)(**given)
