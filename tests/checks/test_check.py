"""`hub.check`: the whole report, with signatures that run on generated inputs."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.errors import FormatError, NotAModuleError
from tf1hub.format.messages_pb2 import ImageModuleInfo

tf1 = tf.compat.v1


def ids(report) -> list[str]:
    return [finding.id for finding in report.findings]


def module(make_outputs, shape=(None, 3), dtype=tf.float32, name=None, variants=None):
    def module_fn(**_):
        x = tf1.placeholder(dtype, shape)
        hub.add_signature(name, inputs={"images": x} if name else x, outputs=make_outputs(x))

    return hub.create_module_spec(module_fn, variants)


def test_well_made_module_has_no_findings_and_is_run(tmp_path):
    info = ImageModuleInfo()
    info.default_image_size.height, info.default_image_size.width = 40, 24
    spec = hub.create_module_spec(small_modules.images, small_modules.BOTH)
    spec = small_modules.with_attachments(spec, {"image_module_info": info.SerializeToString()})
    report = hub.check(small_modules.export(spec, tmp_path / "images", {"train"}))
    assert (report.ok, ids(report)) == (True, [])
    assert set(report.tensorflow.values()) == {"yes"}
    assert [(r.variant, r.signature, r.misses) for r in report.common_signatures] == [
        ("{}", "image_feature_vector", ()),
        ("{'train'}", "image_feature_vector", ()),
    ]
    vector = next(run for run in report.runs if run.signature == "image_feature_vector")
    assert vector.inputs == tuple(
        f"images float32 [{batch}, {height}, {width}, 3]"
        for height, width in ((40, 24), (64, 64), (97, 131))
        for batch in (3, 1)
    )
    assert len(report.runs) == 4
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


@pytest.mark.parametrize("name", cases.NAMES)
def test_golden_modules_have_no_errors(name):
    report = hub.check(cases.load(name).path)
    assert report.count("error") == 0
    assert {run.not_run for run in report.runs} == {""}


def test_text_modules_are_run_on_sentences(tmp_path):
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("a\nb\nc\n")
    spec = hub.create_module_spec(lambda: small_modules.text(str(vocabulary)))
    report = hub.check(small_modules.export(spec, tmp_path / "text"))
    assert ids(report) == ["no-regularization"]
    assert report.runs[0].inputs == ("default string [3]", "default string [1]")


def test_output_of_another_shape_than_declared_is_an_error():
    spec = module(lambda x: tf.reshape(x, [-1]))
    outputs = spec.saved_model.meta_graphs[0].signature_def["default"].outputs["default"]
    outputs.tensor_shape.dim.add(size=7)
    (finding,) = hub.check(spec).findings
    assert (finding.id, finding.severity, finding.variant) == ("output-not-as-declared", "error", "{}")
    assert finding.message == (
        "The signature 'default' gives an output 'default' that has the shape [9], not [?, 7], "
        "on default float32 [3, 3]."
    )


def test_nan_is_an_error_and_infinity_a_warning():
    report = hub.check(module(lambda x: {"default": x, "log": tf.math.log(x - 2), "big": 1 / (x * 0)}))
    assert [(f.severity, f.id) for f in report.findings] == [
        ("error", "not-finite-output"),
        ("warning", "not-finite-output"),
    ]
    assert "output 'log' with NaN" in report.findings[0].message
    assert "output 'big' with infinity" in report.findings[1].message


def test_result_that_depends_on_the_rest_of_the_batch_is_found():
    (finding,) = hub.check(module(lambda x: x - tf.reduce_mean(x, 0))).findings
    assert (finding.id, finding.severity) == ("depends-on-batch", "warning")
    assert "'default' that differs alone and in a batch of 3, by" in finding.message


def test_result_of_chance_is_told_from_that():
    (finding,) = hub.check(module(lambda x: tf.nn.dropout(x, rate=0.5), (None, 64))).findings
    assert finding.id == "random-output"
    assert "differs from run to run" in finding.message


def test_training_may_depend_on_batch_and_chance():
    both = [(set(), {}), ({"train"}, {})]
    report = hub.check(module(lambda x: tf.nn.dropout(x, rate=0.5), (None, 64), variants=both))
    assert [finding.variant for finding in report.findings] == ["{}"]


def test_failure_of_a_common_signature_is_an_error_and_of_another_a_warning():
    def only_even(x):
        with tf.control_dependencies([tf1.assert_equal(tf.shape(x)[1] % 2, 0, message="odd height")]):
            return tf.ensure_shape(tf.reduce_mean(x, [1, 2]), [None, 3])

    shape = (None, None, None, 3)
    report = hub.check(module(only_even, shape, name="image_feature_vector"))
    error = next(finding for finding in report.findings if finding.id == "does-not-run")
    assert error.severity == "error"
    assert error.message.startswith(
        "The signature 'image_feature_vector' fails on images float32 [3, 97, 131, 3]: "
    )
    assert "odd height" in error.message
    report = hub.check(module(only_even, shape))
    assert [(f.id, f.severity) for f in report.findings] == [("does-not-run", "warning")]


def test_sparse_ragged_and_control_inputs_are_generated():
    def module_fn():
        sparse = tf1.sparse_placeholder(tf.int64, [None, 7])
        ragged = tf1.ragged.placeholder(tf.float32, 1, [2])
        lengths = tf1.placeholder(tf.int32, [None])
        words = tf1.placeholder(tf.string, [None, None])
        mask = tf.sequence_mask(lengths, tf.shape(words)[1])
        outputs = {
            "default": tf.reduce_sum(ragged, axis=[1, 2]),
            "ids": tf.sparse.reduce_sum(sparse, 1),
            "words": tf1.where(mask, words, tf.zeros_like(words)),
        }
        hub.add_signature(
            inputs={"sparse": sparse, "ragged": ragged, "sequence_len": lengths, "words": words},
            outputs=outputs,
        )

    report = hub.check(hub.create_module_spec(module_fn))
    assert ids(report) == []
    assert report.runs[0].inputs[0] == (
        "ragged composite float32 [3, 5, 2], sequence_len int32 [3], sparse sparse int64 [3, 7], words string [3, 5]"
    )


def test_missing_files_and_bad_numbers_are_errors(tmp_path):
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("a\nb\nc\n")
    spec = hub.create_module_spec(lambda: small_modules.text(str(vocabulary)))
    path = pathlib.Path(small_modules.export(spec, tmp_path / "text"))

    cut = tmp_path / "cut"
    shutil.copytree(path, cut)
    (cut / "assets" / "vocabulary.txt").unlink()
    report = hub.check(cut, run=False)
    assert ids(report)[0] == "missing-asset"
    assert f"lacks assets: {cut / 'assets' / 'vocabulary.txt'}" in report.findings[0].message

    flipped = tmp_path / "flipped"
    shutil.copytree(path, flipped)
    data = flipped / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(bytes([data.read_bytes()[0] ^ 1]) + data.read_bytes()[1:])
    assert ids(hub.check(flipped, run=False))[0] == "damaged-checkpoint"

    gone = tmp_path / "gone"
    shutil.copytree(path, gone, ignore=shutil.ignore_patterns("variables"))
    assert hub.check(gone, run=False).findings[0].message == (
        "There is no checkpoint in variables/, but the module has 1 variables."
    )


def test_variables_that_are_not_finite_are_named(tmp_path):
    path = tmp_path / "dense"
    with tf.Graph().as_default(), tf1.Session() as session:
        instance = hub.Module(hub.create_module_spec(small_modules.dense(2)))
        session.run(tf1.global_variables_initializer())
        instance.variable_map["bias"].load(np.array([1, np.nan], np.float32), session)
        instance.export(str(path), session)
    report = hub.check(path, run=False)
    assert report.findings[0].message == "1 variables hold NaN or infinity: bias."


def test_checkpoint_of_another_module_is_told(tmp_path):
    small, large = (
        pathlib.Path(small_modules.export(hub.create_module_spec(small_modules.dense(n)), tmp_path / str(n)))
        for n in (2, 3)
    )
    shutil.rmtree(small / "variables")
    shutil.copytree(large / "variables", small / "variables")
    finding = hub.check(small, run=False).findings[0]
    assert finding.id == "checkpoint-mismatch"
    assert "kernel: shape [4, 3] in the checkpoint, [4, 2] in the module" in finding.message


def test_conventions_around_image_signatures():
    spec = module(lambda x: tf.reduce_mean(x, [1, 2]), (None, None, None, 3), name="image_feature_vector")
    report = hub.check(spec, run=False)
    assert ids(report) == ["no-default-signature", "no-image-size"]

    def module_fn():
        x = tf1.placeholder(tf.float32, [None, 8, 8, 3])
        hub.add_signature(inputs=x, outputs=x)
        hub.add_signature("image_feature_vector", inputs={"images": x}, outputs=tf.reduce_mean(x, [1, 2]))

    assert ids(hub.check(hub.create_module_spec(module_fn), run=False)) == ["default-differs"]


def test_repr_lists_the_findings():
    spec = module(lambda x: x, (2, 3), name="image_feature_vector")
    lines = repr(hub.check(spec, run=False)).splitlines()
    assert lines[0] == "<module_fn(): 0 errors, 2 warnings, 0 advice>"
    assert lines[1].startswith(
        "  warning common-signature {}: The signature 'image_feature_vector' does not keep "
    )


def test_static_checks_import_no_tensorflow():
    program = (
        "import sys, tf1hub as hub; hub.check(sys.argv[1], run=False); print('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", program, cases.load("image").path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_what_cannot_be_read_is_an_error_and_no_report(tmp_path):
    with pytest.raises(NotAModuleError):
        hub.check(tmp_path)
    shutil.copytree(cases.load("half_plus_two").path, tmp_path / "damaged")
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"\x0a\x05ab")
    with pytest.raises(FormatError):
        hub.check(tmp_path / "damaged")
