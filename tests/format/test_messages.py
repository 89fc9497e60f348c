"""The messages that a module holds, against those that TensorFlow 1.3 to 2.21 have.

`tensorflow_fields.json` says each field's number and the first TensorFlow that had it; `interop/record_fields.py`
wrote it, run in one after the other of 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, 1.11, 1.12, 1.13, 1.14, 1.15, 2.0,
2.3, 2.7, 2.15 and 2.21.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tf1hub.format import messages_pb2

RECORD: dict[str, dict[str, list[Any]]] = json.loads(
    pathlib.Path(__file__).with_name("tensorflow_fields.json").read_text()
)
# Ours by other names or places: TensorFlow nests it, protobuf has it, the format of modules adds it.
ROWS = {"BytesList", "FloatList", "Int64List", "Feature", "Features", "Features.FeatureEntry", "Example"}
"""Of files with rows, which no module holds."""
OTHERS = ROWS | {"ArgDef", "Any", "Attachment", "ImageModuleInfo", "ImageSize", "ModuleDef"}


def ours() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    waiting = list(messages_pb2.DESCRIPTOR.message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        found[message.full_name.removeprefix("tf1hub.format.")] = {f.name: f.number for f in message.fields}
        waiting += message.nested_types
    return found


def test_each_field_is_one_of_tensorflows_by_the_same_number() -> None:
    found = ours()
    assert found["ArgDef"] == {name: RECORD["OpDef.ArgDef"][name][0] for name in found["ArgDef"]}, (
        "the arguments of an op"
    )
    for message in found.keys() - OTHERS:
        assert found[message] == {name: RECORD[message].get(name, [0])[0] for name in found[message]}, message


def test_messages_of_rows_are_tensorflows() -> None:
    tf = pytest.importorskip("tensorflow")
    found = ours()
    for message in ROWS - {"Features.FeatureEntry"}:
        fields = getattr(tf.train, message).DESCRIPTOR.fields
        assert found[message] == {field.name: field.number for field in fields}


def test_when_variables_and_contexts_got_their_fields() -> None:
    """What is said in comments, and what the modules of `graph/test_old_definitions.py` are without."""
    later = {
        message: {name: since for name, (_, since) in RECORD[message].items() if since != "1.3"}
        for message in (
            "VariableDef",
            "SaveSliceInfoDef",
            "CondContextDef",
            "WhileContextDef",
            "AssetFileDef",
        )
    }
    assert later == {
        "VariableDef": {
            "initial_value_name": "1.4",
            "trainable": "1.9",
            "synchronization": "1.14",
            "aggregation": "1.14",
        },
        "SaveSliceInfoDef": {},
        "CondContextDef": {"nested_contexts": "1.7"},
        "WhileContextDef": {"maximum_iterations_name": "1.5", "nested_contexts": "1.7"},
        "AssetFileDef": {},
    }
