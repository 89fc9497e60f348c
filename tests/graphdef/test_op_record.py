"""The record of ops says what the installed TensorFlow says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import tensorflow as tf
from google.protobuf.json_format import MessageToDict

from tf1hub._tensorflow import op_def, registered_ops
from tf1hub.format.graph_limits import NO_TENSORS
from tf1hub.format.messages_pb2 import OpDef
from tf1hub.graphdef.graph_check import WITHOUT_SHAPES
from tf1hub.graphdef.op_record import FILE_NAME, decode, encode, recorded_definition, recorded_ops, tables_of

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "src" / "tf1hub" / "graphdef" / FILE_NAME
# TensorFlow Lite's converter registers these, where a test before this one has used it.
OF_THE_CONVERTER = {"TFLite_Detection_PostProcess", "UnidirectionalSequenceLstm", "UnidirectionalSequenceRnn"}
VERSION = ".".join(tf.version.VERSION.split(".")[:2])


def test_record_is_what_the_installed_tensorflow_says():
    specification = importlib.util.spec_from_file_location("op_record", ROOT / "scripts" / "op_record.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    version, graph_version, installed = script.installed_ops()
    installed = {op: entry for op, entry in installed.items() if op not in OF_THE_CONVERTER}
    recorded = json.loads(RECORD.read_text())
    assert recorded["graph_versions"][version] == graph_version
    assert tables_of(recorded)[version] == installed


def test_definition_read_from_the_record_is_the_installed_one():
    table = recorded_ops()[VERSION]
    for op in {*registered_ops()} - OF_THE_CONVERTER:
        # TensorFlow's message, read with ours: what ours does not know of it is dropped.
        installed = OpDef.FromString(op_def(op).SerializeToString())
        installed.deprecation.explanation = ""
        if not installed.deprecation.version:
            installed.ClearField("deprecation")
        assert without_words(decode(op, table[op])) == without_words(installed), op


def without_words(definition: OpDef) -> dict:
    definition.DiscardUnknownFields()
    for argument in (*definition.input_arg, *definition.output_arg, *definition.attr):
        argument.description = ""
    return MessageToDict(definition)


def test_entry_of_an_op_survives_a_round_trip():
    for op, entry in recorded_ops()[VERSION].items():
        assert encode(decode(op, entry)) == entry, op


def test_op_that_is_gone_keeps_its_last_definition():
    gone = recorded_ops()["2.15"].keys() - recorded_ops()[list(recorded_ops())[-1]].keys()
    assert gone
    for op in gone:
        assert recorded_definition(op).name == op


def test_op_that_no_version_has_is_unknown():
    assert recorded_definition("WordpieceTokenizeWithOffsets") is None


def test_attributes_that_nobody_looks_into_are_of_no_op_what_is_looked_for():
    types = {(attribute.name, attribute.type) for op in registered_ops() for attribute in op_def(op).attr}
    assert {name for name, kind in types if "tensor" in kind}.isdisjoint(NO_TENSORS)
    assert {name for name, kind in types if "tensor" in kind or "shape" in kind}.isdisjoint(WITHOUT_SHAPES)
    assert {*NO_TENSORS, *WITHOUT_SHAPES} <= {name for name, _ in types} | {"_class", "_output_shapes"}
