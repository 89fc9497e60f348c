"""`tf1hub apply`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from golden import cases

import tf1hub as hub
from tf1hub.cli.main import main

parquet = pytest.importorskip("pyarrow.parquet")
TEXT = cases.load("text_embedding").path
ON_NUMPY = ["--engine", "numpy"]


def test_lines_become_an_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text("a b\nthe\n")
    source, target = str(tmp_path / "texts.txt"), str(tmp_path / "out.npy")
    assert main(["apply", TEXT, source, target, *ON_NUMPY]) == 0
    assert capsys.readouterr().out == f"{target}: 2 rows\n"
    wanted = hub.Predictor(TEXT, engine="numpy")(["a b", "the"])["default"]
    np.testing.assert_array_equal(np.load(target), wanted)


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("id,x,y,text\n" + "".join(f"{n},{n},1,word\n" for n in range(10)))
    source, target = str(tmp_path / "rows.csv"), str(tmp_path / "out")
    words = ["--column", "text", "--keep", "id,x", "--output", "embedding=default", "--batch-size", "4"]
    assert main(["apply", TEXT, source, target, *words, "--part-rows", "5", "--json", *ON_NUMPY]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("seconds") > 0
    assert document == {
        "target": target, "rows": 10, "errors": 0, "resumed": 0, "parts": 2, "batch_size": 4, "engine": "numpy",
    }  # fmt: skip
    assert parquet.read_table(target).column_names == ["id", "x", "embedding", "error"]
    assert main(["apply", TEXT, source, target, *words, "--part-rows", "5", *ON_NUMPY]) == 0
    assert capsys.readouterr().out == f"{target}: 10 rows in 2 parts, 10 of them by an earlier run\n"


def test_several_columns_are_the_numbers_of_an_input(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n5,6,7,8\n")
    path, target = cases.load("tiny_tf16").path, str(tmp_path / "out.npy")
    assert main(["apply", path, str(tmp_path / "rows.csv"), target, "--column", "a,b,c,d", *ON_NUMPY]) == 0
    wanted = hub.Predictor(path, engine="numpy")([[1, 2, 3, 4], [5, 6, 7, 8]])["default"]
    np.testing.assert_allclose(np.load(target), wanted, rtol=1e-5)


def test_rows_that_cannot_be_computed_are_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\nno JSON\n')
    source, target = str(tmp_path / "rows.jsonl"), str(tmp_path / "out.parquet")
    assert main(["apply", TEXT, source, target, *ON_NUMPY]) == 1
    assert capsys.readouterr().out == f"{target}: 2 rows; 1 could not be computed\n"


def test_faults_of_the_setup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", TEXT, str(tmp_path / "nothing.csv"), str(tmp_path / "out"), *ON_NUMPY]) == 2
    assert (
        capsys.readouterr().err == f"tf1hub apply: There is nothing at the source '{tmp_path}/nothing.csv'.\n"
    )
    (tmp_path / "a.txt").write_text("a\n")
    assert main(["apply", TEXT, str(tmp_path / "a.txt"), str(tmp_path / "o"), "--batch-size", "many"]) == 1
    assert capsys.readouterr().err == "tf1hub apply: --batch-size is a number or auto; it was given 'many'.\n"
    assert not (tmp_path / "out").exists()
