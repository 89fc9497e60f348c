"""`hub.diff`: what differs between two modules."""

from __future__ import annotations

import hashlib
import json
import math
import pathlib

import numpy as np
import pytest
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.spec.difference import ModuleDifference
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.value_difference import _CHUNK_ELEMENTS, Difference, value_differences


@pytest.fixture
def module(tmp_path: pathlib.Path) -> str:
    return small_modules.export(hub.create_module_spec(small_modules.dense(3)), tmp_path / "left")


def found(result: ModuleDifference, subject: str) -> list[str]:
    return [str(difference) for difference in result.differences if difference.subject == subject]


def test_module_is_the_same_as_itself(module):
    result = hub.diff(module, module)
    assert result.same
    assert repr(result) == f"<{module} and {module} are the same>"


def test_values_differ_by_the_largest_distance(module, tmp_path):
    other = small_modules.export(hub.create_module_spec(small_modules.dense(3)), tmp_path / "right", seed=1)
    result = hub.diff(module, other)
    assert {difference.subject for difference in result.differences} == {"value"}
    left, right = (hub.read_variables(path)["kernel"] for path in (module, other))
    kernel = next(difference for difference in result.differences if difference.where.startswith("kernel"))
    assert kernel.max_abs_difference == pytest.approx(np.abs(left - right).max(), rel=1e-6)
    assert kernel.where.startswith("kernel, 12 of 12 differ, most at [")
    assert hub.diff(module, other, values=False).same
    assert hub.diff(module, other, atol=10.0).same


def test_shapes_signatures_and_ops_are_told(module, tmp_path):
    spec = hub.create_module_spec(small_modules.dense(5, extra_output=True))
    result = hub.diff(module, small_modules.export(spec, tmp_path / "right"))
    assert found(result, "signature") == [
        "signature {} default, output default: float32 [?, 3] -> float32 [?, 5]",
        "signature {} default, output sum: only right: float32 [?]",
    ]
    assert found(result, "variable") == [
        "variable bias: float32 [3] in {} -> float32 [5] in {}",
        "variable kernel: float32 [4, 3] trainable in {} -> float32 [4, 5] trainable in {}",
    ]
    assert "op {} Sum: only right: 1" in found(result, "op")
    assert json.loads(json.dumps(result.to_dict()))["same"] is False


def test_variants_and_attachments_are_told():
    both = hub.create_module_spec(small_modules.images, small_modules.BOTH)
    one = hub.create_module_spec(small_modules.images)
    assert found(hub.diff(both, one), "variant") == [
        "variant {'train'}: only left: signatures default, image_feature_vector"
    ]
    a = small_modules.with_attachments(one, {"license": b"free"})
    a = ModuleSpec(type(a.saved_model).FromString(a.saved_model.SerializeToString()), "a")
    b = small_modules.with_attachments(one, {"license": b"paid"})
    assert found(hub.diff(a, b), "attachment") == ["attachment {} license: b'free' -> b'paid'"]


def test_assets_of_one_size_are_told_by_their_digest(tmp_path):
    paths = []
    for name, words in (("left", "a\nb\nc\n"), ("right", "a\nb\nd\n")):
        vocabulary = tmp_path / name / "vocabulary.txt"
        vocabulary.parent.mkdir()
        vocabulary.write_text(words)
        spec = hub.create_module_spec(lambda path=str(vocabulary): small_modules.text(path))
        paths.append(small_modules.export(spec, tmp_path / f"module_{name}"))
    (line,) = found(hub.diff(*paths), "asset")
    digests = [hashlib.sha256(words).hexdigest()[:16] for words in (b"a\nb\nc\n", b"a\nb\nd\n")]
    assert line == f"asset vocabulary.txt: sha256 {digests[0]}... -> sha256 {digests[1]}..."


def test_nodes_that_changed_are_named():
    result = hub.diff(cases.load("image").path, cases.load("image_ref_variables").path)
    graph = found(result, "graph")
    assert graph[0].startswith("graph {} nodes: block0/batch_normalization/FusedBatchNormV3/ReadVariableOp, ")
    assert "op {} VariableV2: only right: 12" in found(result, "op")


def checkpoints(tmp_path: pathlib.Path, *values: np.ndarray) -> list[CheckpointReader]:
    readers = []
    for number, value in enumerate(values):
        prefix = str(tmp_path / f"checkpoint{number}")
        with CheckpointWriter(prefix) as writer:
            writer.add("v", value)
        readers.append(CheckpointReader(prefix))
    return readers


def compare(directory: pathlib.Path, *values: np.ndarray, atol: float = 0.0) -> list[Difference]:
    return list(value_differences(*checkpoints(directory, *values), atol, lambda *_: None))


def test_difference_in_a_later_piece_is_found(tmp_path):
    left = np.zeros(2 * _CHUNK_ELEMENTS + 5, np.float32)
    right = left.copy()
    right[7], right[-1] = 0.5, -2.0
    (difference,) = compare(tmp_path, left, right)
    assert difference.max_abs_difference == 2.0
    assert difference.where == f"v, 2 of {left.size:,} differ, most at [{left.size - 1}]"


def test_nan_is_apart_from_numbers_and_not_from_nan(tmp_path):
    left = np.array([np.nan, np.nan, np.inf, 1.0], np.float32)
    assert compare(tmp_path, left, left.copy()) == []
    other = tmp_path / "other"
    other.mkdir()
    (difference,) = compare(other, left, np.array([np.nan, 3.0, np.inf, 9.0], np.float32), atol=100.0)
    assert math.isnan(difference.max_abs_difference)
    assert difference.where == "v, 1 of 4 differ, most at [1]"


def test_large_integers_that_one_float_stands_for_differ(tmp_path):
    (difference,) = compare(tmp_path, np.array([2**60], np.int64), np.array([2**60 + 1], np.int64))
    assert (difference.left, difference.right) == ("1152921504606846976", "1152921504606846977")


def test_strings_differ_without_a_distance(tmp_path):
    (difference,) = compare(tmp_path, np.array([b"a", b"b"], object), np.array([b"a", b"c"], object))
    assert (difference.where, difference.max_abs_difference) == ("v, 1 of 2 differ, most at [1]", None)
