"""The demo's story, in short."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import tf1hub as hub
from examples.digits_demo import consume
from examples.digits_demo.__main__ import main


def test_the_demo_tells_its_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["demo", "--out", str(tmp_path / "out"), "--seeds", "1", "--labels", "20"]
    )
    results = main()
    finals = {name: results.final(name, 20)[0] for name in results.approaches()}
    assert list(finals) == [approach.name for approach in consume.APPROACHES]
    # With 20 labels per class, frozen features get 88 to 94 % right, and training from scratch 80 to 87 %.
    assert finals["frozen features"] > 0.82
    assert finals["fine-tuned"] > 0.82
    assert finals["frozen features"] > finals["from scratch"]
    assert (tmp_path / "out" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(hub.read_variables(tmp_path / "out" / "fine_tuned_module")) == sorted(
        hub.read_variables(tmp_path / "out" / "digits_module")
    )
    printed = capsys.readouterr().out
    if importlib.util.find_spec("pyarrow") is not None:
        told = " ".join(printed.split())
        assert "1,797 of 1,797 images became" in told
        assert float(re.findall(r"they differ by at most ([\d.e-]+)", told)[0]) < 0.02
    assert "differ by at most 0.0e+00" in printed
    assert "what it says differs by at most 0.0e+00" in " ".join(printed.split())
    in_graph, in_keras = map(float, re.findall(r"labels per class: ([\d.]+) % right", printed))
    assert in_graph == pytest.approx(100 * finals["fine-tuned"], abs=0.06)
    # A single run of either gets 88 to 96 % right; the demo itself averages three.
    assert abs(in_keras - in_graph) < 10
