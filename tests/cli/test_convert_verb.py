"""`tf1hub convert`: exit codes, text and JSON."""

from __future__ import annotations

import json
import os
import re

import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.cli.main import main


def test_the_table_says_what_is_served_and_what_was_compared(tmp_path, capsys):
    assert main(["convert", cases.load("text_embedding").path, str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "signature        inputs\ndefault          default\nserving_default  default\n" in text
    assert "variant  signature  output   runs  largest difference  of the largest value\n" in text
    assert "{}       default    default     2                   0                     0\n" in text
    assert sorted(os.listdir(tmp_path / "out")) == [
        "assets",
        "fingerprint.pb",
        "saved_model.pb",
        "variables",
    ]


def test_json_is_the_answer(tmp_path, capsys):
    path = cases.load("half_plus_two").path
    assert main(["convert", path, str(tmp_path / "out"), "--frozen", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["signatures"]["serving_default"] == ["default"]
    assert document["all_compared"] is True
    assert document["compared"][0]["max_abs"] < 1e-6


def test_quiet_still_says_that_not_all_was_compared(tmp_path, capsys):
    def module_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs={"default": x, "noisy": x + tf.random.uniform([])})

    hub.create_module_spec(module_fn).export(tmp_path / "module")
    assert main(["convert", str(tmp_path / "module"), str(tmp_path / "out"), "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(
        r"1 of 2 outputs were compared on all inputs; without --quiet the table says why\.\n", printed.err
    )


def test_a_path_that_is_taken_is_one_and_an_unknown_name_two(tmp_path, capsys):
    path = cases.load("half_plus_two").path
    (tmp_path / "out").write_text("something")
    assert main(["convert", path, str(tmp_path / "out")]) == 1
    assert "something is there already" in capsys.readouterr().err
    assert main(["convert", path, str(tmp_path / "new"), "--tags", "fruit", "--quiet"]) == 2
    assert "No graph variant with tags {'fruit'}" in capsys.readouterr().err
    assert main(["convert", path, str(tmp_path / "new"), "--to", "fruit"]) == 2
    assert os.listdir(tmp_path) == ["out"]


def test_the_table_says_what_an_input_is_called_whose_name_no_function_takes(tmp_path, capsys):
    def module_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        hub.add_signature(inputs={"a-b": x, "self": x * 1.0}, outputs=x * 2.0)

    hub.load(hub.create_module_spec(module_fn)).export(tmp_path / "module")
    assert main(["convert", str(tmp_path / "module"), str(tmp_path / "out")]) == 0
    assert "default          a_b, self_\n" in capsys.readouterr().out
