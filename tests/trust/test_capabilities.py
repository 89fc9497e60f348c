"""What scans say: of each op, of modules that do harm, and of those that do none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tf1hub as hub
from tests.trust.corpus import Case, harmful, harmless
from tests.trust.harm import Kit
from tf1hub.format.module_reader import is_module
from tf1hub.graphdef.op_packages import package_of
from tf1hub.graphdef.op_record import recorded_ops
from tf1hub.trust.abilities import ABILITIES, classified_ops, rules_of
from tf1hub.trust.scan import is_harmless

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests/golden/modules").glob("*/module"))
REAL = sorted((ROOT / "../shared/real/modules").glob("*/module"))
OF_OTHER_BUILDS = {
    "CreateTRTResourceHandle",
    "GetCalibrationDataOp",
    "InitializeTRTResource",
    "RemoteFusedGraphExecute",
    "SerializeTRTResource",
    "TRTEngineOp",
}
"""Ops of builds for GPUs and phones, which the record of ops does not have."""

HARMFUL, HARMLESS = list(harmful()), list(harmless())
KIT = Kit("/secret/file", "/out", 9)


def test_every_op_of_every_supported_tensorflow_is_classified():
    recorded = {op for table in recorded_ops().values() for op in table}
    assert recorded - classified_ops().keys() == set()
    assert classified_ops().keys() - recorded == OF_OTHER_BUILDS


def test_every_op_is_in_one_group_and_does_what_there_is_a_word_for():
    record = json.loads((ROOT / "src/tf1hub/trust/op_capabilities.json").read_text())
    groups = [op for group in record["computing"] for line in group["ops"] for op in line.split()]
    reaching = {op for entry in record["reaching"] for op in entry["ops"].split()}
    assert len(groups) == len(set(groups))
    assert not reaching & set(groups)
    said = {entry["can"] for entry in record["reaching"]}
    said |= {can for group in record["computing"] for can in group.get("can", ())}
    assert said <= set(ABILITIES)
    assert all(entry["why"] for entry in (*record["reaching"], *record["computing"], *record["packages"]))


def test_every_argument_that_the_record_names_is_one():
    newest: dict[str, dict] = {}
    for table in recorded_ops().values():
        newest.update(table)
    for op in classified_ops().keys() - OF_OTHER_BUILDS:
        entry = newest[op]
        inputs = {word.split(":")[0] for word in entry.get("in", "").split()}
        for rule in rules_of(op):
            assert not rule.by or rule.by in inputs | set(entry.get("attr", {})), (op, rule)


def test_every_string_input_that_may_name_a_file_was_looked_at():
    """Whoever adds ops to the record: a new one that takes a path has to be among those that reach something."""
    named = {
        "filename",
        "filenames",
        "path",
        "prefix",
        "pattern",
        "patterns",
        "address",
        "logdir",
        "directory",
        "file_pattern",
    }
    newest: dict[str, dict] = {}
    for table in recorded_ops().values():
        newest.update(table)
    taking = {
        op
        for op, entry in newest.items()
        if any(word.split(":")[0] in named and word.endswith(":string") for word in entry.get("in", "").split())
    }  # fmt: skip
    assert {op for op in taking if not any(rule.by for rule in rules_of(op))} == TEXTS_ONLY


TEXTS_ONLY = {"RegexFullMatch", "RegexReplace"}
"""Ops with such an input that open nothing."""


def test_op_of_a_package_is_what_the_record_says_of_the_package():
    assert package_of("TokenizerFromLogits") is not None
    assert rules_of("TokenizerFromLogits") == ()
    assert [rule.can for rule in rules_of("IO>KafkaDataset")] == ["reads files", "uses the network"]
    assert [rule.can for rule in rules_of("Y4MDataset")] == ["reads files"]


@pytest.mark.parametrize("case", HARMFUL, ids=lambda case: case.name)
def test_harm_is_found(case: Case, tmp_path: Path):
    path = case.write(tmp_path, KIT)
    report = hub.capabilities(path)
    assert not (is_module(path) and is_harmless(hub.load_module_spec(path)))  # `tf1hub show` asks that first
    found = {
        (part.title, deed.can, deed.origin, deed.target) for part in report.refused for deed in part.refused
    }
    assert found == case.expected(KIT)
    assert not report.ok
    assert set(report.needs()) == {can for _, can, _, _ in found}


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: case.name)
def test_no_false_alarm(case: Case, tmp_path: Path):
    report = hub.capabilities(case.write(tmp_path, KIT))
    assert report.ok, report


@pytest.mark.parametrize("path", [*GOLDEN, *REAL], ids=lambda path: path.parent.name)
def test_no_false_alarm_on_what_publishers_made(path: Path):
    report = hub.capabilities(path)
    assert report.ok, report


def test_corpus_is_as_large_as_promised():
    assert len({case.name for case in HARMFUL}) == len(HARMFUL) >= 60
    assert len({case.name for case in HARMLESS}) == len(HARMLESS) >= 40
