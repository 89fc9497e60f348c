"""`tf1hub diff`: exit codes as diff(1) has them."""

from __future__ import annotations

import json

from golden import cases

from tf1hub.cli.main import main

IMAGE, REF = cases.load("image").path, cases.load("image_ref_variables").path


def test_the_same_module_is_zero_and_silent(capsys):
    assert main(["diff", IMAGE, IMAGE]) == 0
    assert capsys.readouterr().out == ""


def test_differences_are_one_and_a_table(capsys):
    assert main(["diff", IMAGE, REF]) == 1
    text = capsys.readouterr().out
    assert "logits/dense/kernel, 80 of 80 differ, most at [0, 4]" in text
    assert "1.72" in text
    assert max(map(len, text.splitlines())) < 220


def test_trouble_is_two(tmp_path, capsys):
    assert main(["diff", IMAGE, str(tmp_path / "nothing")]) == 2
    assert "There is nothing at" in capsys.readouterr().err


def test_values_can_be_left_out_or_be_close(capsys):
    main(["diff", IMAGE, REF, "--no-values"])
    assert "kernel" not in capsys.readouterr().out.split("op     ")[0]
    main(["diff", IMAGE, REF, "--atol", "2"])
    assert "differ, most" not in capsys.readouterr().out


def test_json_has_numbers(capsys):
    assert main(["diff", IMAGE, REF, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    value = next(d for d in document["differences"] if d["where"].startswith("logits/dense/kernel"))
    assert (document["same"], value["subject"]) == (False, "value")
    assert abs(value["max_abs_difference"] - 1.7219) < 1e-3


def test_quiet_only_answers_by_code(capsys):
    assert main(["diff", IMAGE, REF, "--quiet"]) == 1
    assert capsys.readouterr().out == ""
