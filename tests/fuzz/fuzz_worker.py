"""Uses damaged modules in a process of its own, so that a crash or a hang is seen from outside.

Reads lines of JSON with a module's path from standard input, and answers each with what became of it:

    {"error": "FormatError"}                         an error of the project's hierarchy
    {"values": ..., "reference": ...}                outputs, and what TensorFlow computes from the same bytes
                                                     when it imports the whole graph by itself
    {"no_reference": "..."}                          it ran, but TensorFlow does not import the whole graph
    {"run_error": "..."}                             TensorFlow refused to run it
    {"bug": "traceback"}                             anything else
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

import numpy as np
import tensorflow as tf

import tf1hub as hub
from tf1hub.format.tensor_names import node_of

tf1 = tf.compat.v1


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(outcome(json.loads(line))), flush=True)


def outcome(path: str) -> dict[str, Any]:
    try:
        spec = hub.load_module_spec(path)
        with tf.Graph().as_default():
            module = hub.Module(spec)
            inputs = {name: constant(info) for name, info in module.get_input_info_dict().items()}
            outputs = module(inputs, as_dict=True)
            with tf1.Session() as session:
                session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
                values = {name: session.run(value) for name, value in outputs.items()}
        try:
            expected = reference(path, spec, inputs)
        except (ValueError, tf.errors.OpError) as error:
            # TensorFlow refuses the graph for damage in a part that was not needed.
            return {"no_reference": str(error)[:200]}
        return {"values": rounded(values), "reference": rounded(expected)}
    except hub.errors.Error as error:
        return {"error": type(error).__name__}
    except tf.errors.OpError as error:
        return {"run_error": error.message[:200]}
    except Exception:  # noqa: BLE001  whatever else comes is what this looks for
        return {"bug": traceback.format_exc()[-1500:]}


def reference(path: str, spec: hub.ModuleSpec, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs by TensorFlow's importer alone, over the whole graph, every variable assigned by hand."""
    variant = spec.variant()
    variables = hub.read_variables(path)
    with tf.Graph().as_default() as graph:
        definition = tf1.GraphDef.FromString(variant.meta_graph.graph_def.SerializeToString())
        for node in definition.node:
            if f"{node.name}:0" in variant.asset_files:
                name = variant.asset_files[f"{node.name}:0"]
                node.attr["value"].tensor.string_val[:] = [spec.asset_paths[name].encode()]
        tf.graph_util.import_graph_def(definition, name="")
        feeds = {}
        for name, info in variant.inputs().items():
            value = inputs[name]
            parts = [value.indices, value.values, value.dense_shape] if info.is_sparse else [value]
            feeds |= dict(zip(info.tensor_names, (tf.get_static_value(part) for part in parts), strict=True))
        with tf1.Session() as session:
            for variable in variant.variables:
                array = variables[variable.name]
                if variable.slice is not None:
                    start, length = variable.slice.offset, variable.slice.shape
                    array = array[tuple(slice(a, a + n) for a, n in zip(start, length, strict=True))]
                initializer = graph.get_operation_by_name(node_of(variable.definition.initializer_name))
                session.run(initializer, {initializer.inputs[1]: array})
            for name in variant.collection("table_initializer"):
                session.run(graph.get_operation_by_name(node_of(name)))
            fetched = {}
            for name, info in variant.outputs().items():
                tensors = [graph.get_tensor_by_name(tensor) for tensor in info.tensor_names]
                parts = session.run(tensors, feeds)
                fetched[name] = tf1.SparseTensorValue(*parts) if info.is_sparse else parts[0]
            return fetched


def constant(info: Any) -> Any:
    """A small value for an input."""
    if info.is_sparse:
        # As wide as the only golden module with such an input wants it.
        return tf.SparseTensor([[0, 1]], tf.constant([1], info.dtype), [2, 10])
    shape = [2 if size is None else size for size in info.shape or ()]
    if int(np.prod(shape, dtype=np.int64)) > 10**6:
        raise hub.errors.FormatError(f"inputs of shape {shape} are out of all proportion")
    if info.dtype == tf.string:
        return tf.fill(shape, "quick fox")
    return tf.cast(tf.ones(shape), info.dtype)


def rounded(values: dict[str, Any]) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, tf1.SparseTensorValue):
            return [plain(part) for part in value]
        array = np.asarray(value)
        if array.dtype.kind == "f":
            return np.char.mod("%.4g", array.astype(np.float64) + 0.0).tolist()
        return array.astype(str).tolist()

    return {name: plain(value) for name, value in sorted(values.items())}


if __name__ == "__main__":
    main()
