"""`tf1hub check`: exit codes, text and JSON."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.graphdef.op_record import graph_versions

tf1 = tf.compat.v1


@pytest.fixture
def slow_averages(tmp_path) -> str:
    spec = hub.create_module_spec(
        lambda is_training: small_modules.images(is_training, momentum=0.9997, size=8), small_modules.BOTH
    )
    return small_modules.export(spec, tmp_path / "slow", {"train"})


def test_nothing_above_advice_is_zero(capsys):
    assert main(["check", cases.load("text_embedding").path, "--no-run"]) == 0
    text = capsys.readouterr().out
    assert "{}       default    text_feature_vector  met" in text
    assert ", ".join(f"{version} yes" for version in graph_versions()) in text
    assert "advice no-regularization in {}\n  No regularization loss" in text
    assert text.endswith("0 errors, 0 warnings, 1 advice\n")


def test_warnings_are_one_and_say_what_would_be_right(slow_averages, capsys):
    assert main(["check", slow_averages]) == 1
    text = capsys.readouterr().out
    assert "warning batch-norm-momentum in {'train'}\n" in text
    assert "  -> Fine-tuning with small datasets or large batches needs a momentum of at most 0.99." in text
    assert "images float32 [3, 8, 8, 3]" in text


def test_what_cannot_be_read_is_two(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "is not a TF1 Hub module" in capsys.readouterr().err


def test_json_is_the_report(slow_averages, capsys):
    assert main(["check", slow_averages, "--no-run", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [finding["id"] for finding in document["findings"]] == ["batch-norm-momentum"]
    assert document["tensorflow"]["2.18"] == "yes"
    assert document["runs"] == []


def test_quiet_only_answers_by_code(slow_averages, capsys):
    assert main(["check", slow_averages, "--no-run", "--quiet"]) == 1
    assert capsys.readouterr().out == ""
