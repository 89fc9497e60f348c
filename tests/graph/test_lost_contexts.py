"""Gradients through old conds and loops whose contexts are lost, damaged, or never were: those of the whole module."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases, in_graphs
from graph.test_old_definitions import changed
from tf2.old_graphs import OldGraph
from tf2.test_control_flow import FEEDS, GRAPHS

import tf1hub as hub
from tf1hub._tensorflow import op_def
from tf1hub.format.messages_pb2 import CondContextDef, MetaGraphDef, VariableDef, WhileContextDef
from tf1hub.graphdef.contexts import contexts_of
from tf1hub.graphdef.cut import keep_nodes
from tf1hub.graphdef.walk import ancestors
from tf1hub.program.whole_contexts import whole_contexts

tf1 = tf.compat.v1
COLLECTIONS = ("cond_context", "while_context")
Damage = Callable[[MetaGraphDef], None]
Results = list[dict[str, Any]]


def results(spec: Any) -> Results:
    """For each feed, the outputs of a module, and the gradients of their squares."""
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True)
        x = tf1.placeholder(tf.float32, [None, 3])
        outputs = module({"x": x}, as_dict=True)
        floats = [tf.reduce_sum(y**2) for y in outputs.values() if y.dtype.is_floating]
        wanted = {"x": x, **module.variable_map}
        gradients = tf1.gradients(tf.add_n(floats), list(wanted.values()))
        given = {name: grad for name, grad in zip(wanted, gradients, strict=True) if grad is not None}
        fetches = {**outputs, **{f"gradient of {name}": tf.convert_to_tensor(y) for name, y in given.items()}}
        with tf1.Session() as session:
            session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
            return [session.run(fetches, {x: feed}) for feed in FEEDS.values()]


def assert_same(found: Results, expected: Results) -> None:
    for one, other in zip(found, expected, strict=True):
        assert set(one) == set(other)
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6, err_msg=name)


def old_graph(name: str, *drop: str) -> OldGraph:
    return OldGraph(lambda: GRAPHS[name](True), drop=drop)


@pytest.mark.parametrize(
    "name",
    ["cond_in_cond_on_the_same_predicate", "loop_in_cond_in_loop", "map_and_scan"],
)
def test_graphs_without_their_contexts_and_without_what_nobody_asks_for(name: str) -> None:
    """As programs write them that freeze graphs: of what a loop carries, the results are left that somebody uses."""
    lost = old_graph(name, *COLLECTIONS)
    definition = lost.definition
    nodes = {node.name: node for node in definition.graph_def.node}
    signature = definition.signature_def["default"]
    targets = [info.name for infos in (signature.inputs, signature.outputs) for info in infos.values()]
    for data in definition.collection_def["variables"].bytes_list.value:
        variable = VariableDef.FromString(data)
        targets += [variable.initializer_name, variable.snapshot_name, variable.initial_value_name]
    keep_nodes(definition.graph_def, ancestors(nodes, targets))
    assert len(definition.graph_def.node) < len(nodes)
    assert_same(results(lost.spec), results(old_graph(name).spec))


def loop(change: Callable[[WhileContextDef], None]) -> Damage:
    return in_collection("while_context", WhileContextDef, change)


def cond(change: Callable[[CondContextDef], None]) -> Damage:
    return in_collection("cond_context", CondContextDef, change)


def in_collection(name: str, kind: Any, change: Callable[[Any], None]) -> Damage:
    def damage(meta_graph: MetaGraphDef) -> None:
        values = meta_graph.collection_def[name].bytes_list.value
        for number, data in enumerate(values):
            context = kind.FromString(data)
            change(context)
            values[number] = context.SerializeToString()

    return damage


def name_another_value(context: Any) -> None:
    inside = [name for name in context.values_def.values if "MatMul" in name]
    assert inside
    for name in inside:
        context.values_def.values.remove(name)
        context.values_def.values.append(f"{name.partition(':')[0]}_9:0")


def swap_a_way_in(context: Any) -> None:
    external = context.values_def.external_values
    name = next(name for name, inside in external.items() if name != inside)
    external[name] = context.pivot_name


def drop_an_exit(context: WhileContextDef) -> None:
    del context.loop_exit_names[-1]


DAMAGE: dict[str, tuple[str, Damage]] = {
    "a loop that is called otherwise than its frame": (
        "counted_loop",
        loop(lambda context: setattr(context, "context_name", "another")),
    ),
    "a loop's pivot that is not there": (
        "counted_loop",
        loop(lambda context: setattr(context, "pivot_name", "nowhere:0")),
    ),
    "an output that an op of the loop does not have": (
        "counted_loop",
        loop(lambda context: setattr(context, "pivot_for_body_name", f"{context.pivot_name[:-1]}7")),
    ),
    "one result of a loop less": ("counted_loop", loop(drop_an_exit)),
    "values of a loop that are not there": ("counted_loop", loop(name_another_value)),
    "a way into a loop that is none": ("counted_loop", loop(swap_a_way_in)),
    "a branch's pivot that is not there": (
        "cond_in_cond_on_the_same_predicate",
        cond(lambda context: setattr(context, "pivot_name", "nowhere:0")),
    ),
    "another predicate": (
        "cond_with_captures_and_constants",
        cond(lambda context: setattr(context, "pred_name", "x:0")),
    ),
    "a way into a branch that is none": ("cond_with_captures_and_constants", cond(swap_a_way_in)),
    "conds that lie in none": (
        "cond_in_cond_on_the_same_predicate",
        cond(lambda c: c.ClearField("nested_contexts")),
    ),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_contexts_that_do_not_fit_the_graph(name: str, damage: Damage) -> None:
    damaged = old_graph(name)
    damage(damaged.definition)
    variant = damaged.spec.variant()
    assert whole_contexts(variant, op_def).contexts != contexts_of(variant)
    assert_same(results(damaged.spec), results(old_graph(name).spec))


@pytest.mark.parametrize("name", ["launch_rnn", "lstm"])
def test_a_module_that_lost_its_contexts_is_fine_tuned(name: str, tmp_path: pathlib.Path) -> None:
    def lose(meta_graph: MetaGraphDef) -> None:
        for collection in COLLECTIONS:
            meta_graph.collection_def.pop(collection, None)

    case = changed(name, tmp_path, lose)
    in_graphs.check_finetuning_step(case, case.path)


def test_what_only_a_context_knows_is_kept_where_it_is_known() -> None:
    damaged = old_graph("loop_with_maximum_iterations")
    bound = [None]

    def lose_the_pivot(context: WhileContextDef) -> None:
        bound[0] = context.maximum_iterations_name
        context.pivot_name, context.back_prop, context.swap_memory = "nowhere:0", False, True

    loop(lose_the_pivot)(damaged.definition)
    ((_, context),) = whole_contexts(damaged.spec.variant(), op_def).contexts
    assert isinstance(context, WhileContextDef)
    assert bound[0]
    assert (context.maximum_iterations_name, context.back_prop, context.swap_memory) == (
        bound[0],
        False,
        True,
    )


def test_sound_contexts_are_taken_as_they_are() -> None:
    names = [
        "case_of_three",
        "cond_in_loop_in_cond",
        "loop_with_maximum_iterations",
        "tensor_array_through_a_cond",
    ]
    specs = [old_graph(name).spec for name in names]
    specs += [hub.load_module_spec(cases.load(name).path) for name in cases.NAMES]
    for variant in (spec.variant(tags) for spec in specs for tags in spec.get_tags()):
        assert whole_contexts(variant, op_def).contexts == contexts_of(variant), variant.where


def test_a_loop_that_nothing_describes_runs_and_says_so_when_it_is_differentiated() -> None:
    def build() -> Any:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        w = tf1.get_variable("w", initializer=2.0)
        _, y = tf1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * w), (0, x))
        three = [tf.raw_ops.Switch(data=x, pred=tf.reduce_sum(x) > 0)[number] for number in (0, 1, 1)]
        return {"x": x}, {"default": y, "other": tf.raw_ops.Merge(inputs=three, name="of_three").output}

    spec = OldGraph(build, drop=COLLECTIONS).spec
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True)
        y = module(FEEDS["first"])
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            np.testing.assert_allclose(session.run(y), FEEDS["first"] * 8)
        with pytest.raises(hub.errors.UnsupportedGraphError) as caught:
            tf1.gradients(y, module.variables)
    assert str(caught.value) == (
        "The node 'while/Exit_1' leaves a loop that cannot be differentiated. variant {} of the old graph has no "
        "description of it in the collection 'while_context', and its nodes do not give one: The node 'of_three' "
        "(Merge) has 3 inputs; only two-way merges can be read. The module can be used without gradients, and in a "
        "graph (tf1hub.Module) those of its variables trained that come after the loop."
    )
