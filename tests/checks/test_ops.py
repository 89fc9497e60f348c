"""Which TensorFlow has a module's ops."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.checks.op_support import op_support, versions_text
from tf1hub.graphdef.op_record import graph_versions
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec

tf1 = tf.compat.v1


def module_with(op: str, **versions: int) -> ModuleSpec:
    """A module whose addition is called something else."""

    def module_fn():
        x = tf1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=tf.math.multiply(x, x, name="changed"))

    spec = hub.create_module_spec(module_fn)
    graph = spec.saved_model.meta_graphs[0].graph_def
    next(node for node in graph.node if node.name == "changed").op = op
    for name, number in versions.items():
        setattr(graph.versions, name, number)
    return spec


@pytest.mark.parametrize("name", cases.NAMES)
def test_modules_of_the_original_run_on_every_supported_version(name):
    verdicts, findings = op_support(load_module_spec(cases.load(name).path))
    assert verdicts == dict.fromkeys(graph_versions(), "yes")
    assert findings == []


def test_op_that_no_version_has_is_an_error():
    verdicts, (finding,) = op_support(module_with("WordpieceTokenizeWithOffsets"))
    assert set(verdicts.values()) == {"no"}
    assert (finding.id, finding.severity) == ("op-missing", "error")
    assert finding.message == "No supported TensorFlow has the op 'WordpieceTokenizeWithOffsets'."


def test_op_of_newer_versions_is_a_warning():
    verdicts, findings = op_support(module_with("DecodeWebP"))
    assert verdicts == {
        version: "yes" if version in ("2.20", "2.21") else "no" for version in graph_versions()
    }
    assert findings[0].message == "TensorFlow 2.15 to 2.19 does not have the op 'DecodeWebP'."
    assert findings[0].severity == "warning"


def test_attribute_of_newer_versions_is_told():
    spec = module_with("MatMul")
    node = next(node for node in spec.saved_model.meta_graphs[0].graph_def.node if node.op == "MatMul")
    node.attr["grad_a"].b = True
    _, (finding,) = op_support(spec)
    assert finding.id == "op-attribute-missing"
    assert finding.message.startswith(
        "TensorFlow 2.15 does not have the attribute 'grad_a' of the op 'MatMul'"
    )


def test_deprecated_op_is_refused_in_new_graphs_and_advice_in_old_ones():
    _, findings = op_support(module_with("BatchMatrixInverse", producer=12))
    deprecated = next(finding for finding in findings if finding.id == "op-deprecated")
    assert deprecated.severity == "advice"
    assert deprecated.message.endswith("only graphs as old as this one (version 12) may still use it.")
    _, findings = op_support(module_with("BatchMatrixInverse", producer=134))
    deprecated = next(finding for finding in findings if finding.id == "op-deprecated")
    assert deprecated.severity == "error"
    assert deprecated.message == (
        "The op 'BatchMatrixInverse' is deprecated since graph version 13, and this graph is of version 134: "
        "TensorFlow refuses it."
    )


def test_graph_for_newer_consumers_is_told():
    verdicts, (finding,) = op_support(module_with("Mul", min_consumer=2000))
    assert (verdicts["2.15"], verdicts["2.21"]) == ("no", "yes")
    assert finding.id == "graph-too-new"


def test_ops_in_functions_count_and_functions_do_not():
    spec = module_with("MyFunction")
    function = spec.saved_model.meta_graphs[0].graph_def.library.function.add()
    function.signature.name = "MyFunction"
    function.node_def.add(name="n", op="NoSuchOp")
    _, (finding,) = op_support(spec)
    assert finding.message == "No supported TensorFlow has the op 'NoSuchOp'."


def test_neighbouring_versions_are_told_as_a_range():
    assert versions_text(["2.15", "2.17"]) == "2.15, 2.17"
    assert versions_text(["2.15", "2.16", "2.17"]) == "2.15 to 2.17"
