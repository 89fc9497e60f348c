"""The tensors inside of a graph, found without TensorFlow, and what TensorFlow says of them."""

from __future__ import annotations

from typing import Any

import building
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import ArgumentError, UnknownNameError, UnsupportedGraphError
from tf1hub.graphdef.control_flow import depths
from tf1hub.graphdef.op_types import ENTERS, SWITCHES
from tf1hub.program.hints import hints_of
from tf1hub.program.nodes import execution_order
from tf1hub.program.regions import find_regions

tf1 = tf.compat.v1


@pytest.mark.parametrize("name", cases.NAMES)
def test_types_and_shapes_are_those_that_tensorflow_finds(name: str) -> None:
    spec = hub.load_module_spec(cases.load(name).path)
    for tags in spec.get_tags():
        variant = spec.variant(tags)
        found = {tensor.name: tensor for tensor in spec.find_tensors(tags=tags)}
        with tf.Graph().as_default() as graph:
            definition = tf1.GraphDef.FromString(variant.meta_graph.graph_def.SerializeToString())
            tf.graph_util.import_graph_def(definition, name="")
        outside = {node for node, depth in depths(variant.nodes).items() if not depth}
        expected = {
            tensor.name: tensor
            for operation in graph.get_operations()
            for tensor in operation.outputs
            if tensor.dtype not in (tf.resource, tf.variant)
            and operation.name in outside
            and not operation.type.startswith("Assign")
        }
        assert found.keys() == expected.keys()
        for each, tensor in expected.items():
            assert found[each].dtype == tensor.dtype.base_dtype.name
            assert found[each].op == tensor.op.type
            assert tensor.shape.is_compatible_with(found[each].shape), each


@pytest.mark.parametrize("name", cases.NAMES)
def test_what_lies_in_loops_and_branches_is_what_the_reader_of_control_flow_finds_there(name: str) -> None:
    variant = hub.load_module_spec(cases.load(name).path).variant()
    fetches = [
        (name.partition(":")[0], 0)
        for signature in variant.signature_names
        for info in variant.outputs(signature).values()
        for name in info.tensor_names
    ]
    ordered = execution_order(variant.nodes, fetches, (), ())
    regions = find_regions(ordered, hints_of(variant).predicates)
    found = depths(variant.nodes)
    for node, path in regions.paths.items():
        steps_in = node in regions.constructs and ordered[node].op in SWITCHES | ENTERS
        assert found[node] == len(path) + steps_in, node


def branching(with_functions: bool) -> hub.ModuleSpec:
    """A cond, a loop, and a second placeholder that only another signature feeds."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [], name="x")
        other = tf1.placeholder(tf.float32, [], name="other")
        w = tf1.get_variable("w", initializer=2.0)
        scaled = tf.multiply(x, w, name="scaled")
        chosen = tf.cond(scaled > 0, lambda: tf.add(scaled, 1.0, name="more"), lambda: scaled, name="choice")
        _, total = tf.while_loop(
            lambda i, _: i < 3,
            lambda i, total: (i + 1, tf.add(total, 1.0, name="step")),
            [0, chosen],
            name="loop",
        )
        hub.add_signature(inputs=x, outputs=tf.identity(total, name="result"))
        hub.add_signature("sum", inputs={"x": x, "other": other}, outputs=tf.add(x, other, name="sum"))

    if with_functions:
        tf1.enable_control_flow_v2()
    else:
        tf1.disable_control_flow_v2()
    try:
        return hub.create_module_spec(module_fn)
    finally:
        tf1.enable_control_flow_v2()


def refusal(kind: type[Exception], spec: hub.ModuleSpec, outputs: Any, **keywords: Any) -> str:
    with pytest.raises(kind) as caught:
        spec.with_outputs(outputs, **keywords)
    assert type(caught.value) is kind
    return str(caught.value)


def test_names_are_found_by_a_part_or_by_a_pattern() -> None:
    spec = branching(with_functions=False)
    assert [tensor.name for tensor in spec.find_tensors("caled")] == ["scaled/ReadVariableOp:0", "scaled:0"]
    assert [tensor.name for tensor in spec.find_tensors("*ed")] == ["scaled:0"]
    assert [tensor.name for tensor in spec.find_tensors("s?*:0") if tensor.op == "Mul"] == ["scaled:0"]
    assert spec.find_tensors("nothing like it") == []
    (scaled,) = spec.find_tensors("scaled:0")
    assert scaled == ("scaled:0", "Mul", "float32", (), ("default", "sum"))
    (total,) = spec.find_tensors("sum:0")
    assert total.signatures == ("sum",)


def test_what_lies_in_a_cond_or_a_loop_is_refused_with_what_comes_out() -> None:
    spec = branching(with_functions=False)
    text = (
        "The tensor {name!r} of variant {{}} of module_fn() lies inside a loop or a branch of a cond, where it has a value for "
        "each iteration, or none. What comes out of there can be an output: {outside}."
    )
    assert refusal(UnsupportedGraphError, spec, ["choice/more:0"]) == text.format(
        name="choice/more:0", outside="'choice/Merge:0'"
    )
    assert refusal(UnsupportedGraphError, spec, "loop/step") == text.format(
        name="loop/step", outside="'loop/Exit_1:0'"
    )
    for name in ("choice/Merge:0", "loop/Exit:0", "loop/Exit_1:0"):
        assert hub.load(spec.with_outputs(name))(1.0).numpy() in (3.0, 6.0)


def test_what_lies_in_a_function_is_refused_with_what_calls_it() -> None:
    spec = branching(with_functions=True)
    nodes = spec.variant().nodes
    (body,) = [node.attr["body"].func.name for node in nodes.values() if "While" in node.op]
    (loop,) = [name for name, node in nodes.items() if "While" in node.op]
    assert refusal(UnknownNameError, spec, ["step_0"]) == (
        f"No tensor 'step_0' in the graph of variant {{}} of module_fn(): a node of that name lies in its function {body!r}, "
        f"and has a value for each call, or none. What the calls return can be an output: '{loop}:0'."
    )
    assert hub.load(spec.with_outputs(f"{loop}:3"))(1.0).numpy() == 6.0


def test_errors_list_near_names_and_the_way_to_find_more() -> None:
    spec = branching(with_functions=False)
    text = "No tensor {!r} in the graph of variant {{}} of module_fn(). Names like it: {}. To find names: tf1hub show module_fn() --tensors PATTERN"
    assert refusal(UnknownNameError, spec, ["scale"]) == text.format(
        "scale", "'scaled', 'scaled/ReadVariableOp'"
    )
    assert refusal(UnknownNameError, spec, ["scalde:0"]) == text.format("scalde:0", "'scaled'")
    assert refusal(UnknownNameError, spec, ["module_apply_default/scaled:0"]) == text.format(
        "module_apply_default/scaled:0", "'scaled'"
    )
    assert refusal(UnknownNameError, spec, ["scaled:1"]) == (
        "No tensor 'scaled:1' in the graph of variant {} of module_fn(): the node 'scaled' (Mul) has 1 output, :0."
    )


def test_what_is_no_value_or_cannot_be_computed_is_refused() -> None:
    spec = branching(with_functions=False)
    text = refusal(ArgumentError, spec, ["w:0"])
    assert text.startswith(
        "The tensor 'w:0' of variant {} of module_fn() is the handle of a variable or a table (VarHandleOp), not a value. Its "
        "values come from the ops that read it: 'w/Read/ReadVariableOp:0'"
    )
    mlp = hub.load_module_spec(cases.load("ref_variables_mlp").path)
    assert refusal(ArgumentError, mlp, ["dense/kernel/Assign"]) == (
        f"The tensor 'dense/kernel/Assign' of variant {{}} of {mlp.name} comes from an op that writes a variable (Assign), and "
        "would write it with each call."
    )
    assert refusal(UnsupportedGraphError, spec, ["sum:0"]) == (
        "The tensor 'sum:0' of variant {} of module_fn() needs 'other', placeholders that no input of the signature 'default' "
        "feeds."
    )
    for outputs in ([], {}, 3, {"a": 1}, [None]):
        assert refusal(ArgumentError, spec, outputs) == (
            "outputs= is the name of a tensor, a list of names, or a dict from what each is to be called to its name; it was "
            f"given {outputs!r}."
        )


def test_a_tensor_that_one_variant_has_is_had_of_that_one_alone() -> None:
    def module_fn(training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None])
        hidden = tf.multiply(x, 2.0, name="noise" if training else "calm")
        hub.add_signature(inputs=x, outputs=hidden + 1.0)

    spec = hub.create_module_spec(module_fn, [(set(), {"training": False}), ({"train"}, {"training": True})])
    text = refusal(UnknownNameError, spec, "calm")
    assert text.endswith("\nThe variant {} has it: give tags=[] for that one alone.")
    assert text.startswith("No tensor 'calm' in the graph of variant {'train'} of module_fn().")
    text = refusal(UnknownNameError, spec, "noise")
    assert text.endswith("\nThe variant {'train'} has it: give tags={'train'} for that one alone.")
    assert hub.load(spec.with_outputs("calm", tags=[]), tags=[])([1.0]).numpy().tolist() == [2.0]
    assert hub.load(spec.with_outputs("noise", tags={"train"}), tags={"train"})([1.0]).numpy() == [2.0]
    both = spec.with_outputs("noise", tags={"train"})
    assert both.get_output_info_dict() == spec.get_output_info_dict()


def test_a_spec_with_other_outputs_is_a_module_in_a_graph_and_on_disk(tmp_path: Any) -> None:
    spec = branching(with_functions=False).with_outputs({"inner": "scaled", "default": "default"})
    spec.export(tmp_path / "module", values={"w": 3.0})
    for module in (spec, str(tmp_path / "module")):
        with tf.Graph().as_default():
            outputs = hub.Module(module)(1.0, as_dict=True)
            w = 2.0 if module is spec else 3.0
            assert building.run(outputs) == {"inner": w, "default": w + 4.0}
