"""Adds the fields that the installed TensorFlow's messages have to a file: `record_fields.py FILE`.

The file says of each field of a message that a module holds its number, and the first of the TensorFlows asked,
in the order of their releases, that has it. It runs on Python 3.6.
"""

import json
import os
import sys

import tensorflow as tf

# What modules hold has no public names.
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import (
    control_flow_pb2,
    meta_graph_pb2,
    saved_model_pb2,
    tensor_bundle_pb2,
)

ROOTS = [
    saved_model_pb2.SavedModel,
    variable_pb2.VariableDef,
    control_flow_pb2.CondContextDef,
    control_flow_pb2.WhileContextDef,
    meta_graph_pb2.AssetFileDef,
    tensor_bundle_pb2.BundleHeaderProto,
    tensor_bundle_pb2.BundleEntryProto,
]
PREFIX = "tensorflow."


def main():
    path = sys.argv[1]
    recorded = {}
    if os.path.exists(path):
        with open(path) as file:
            recorded = json.load(file)
    version = ".".join(tf.__version__.split(".")[:2])
    waiting = [root.DESCRIPTOR for root in ROOTS]
    seen = set()
    while waiting:
        message = waiting.pop()
        if message.full_name in seen or not message.full_name.startswith(PREFIX):
            continue
        seen.add(message.full_name)
        fields = recorded.setdefault(message.full_name[len(PREFIX) :], {})
        for field in message.fields:
            fields.setdefault(field.name, [field.number, version])
            if field.message_type is not None:
                waiting.append(field.message_type)
    with open(path, "w") as file:
        lines = [
            json.dumps(name) + ": " + json.dumps(recorded[name], sort_keys=True) for name in sorted(recorded)
        ]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print("TensorFlow", tf.__version__, len(seen), "messages")


if __name__ == "__main__":
    main()
