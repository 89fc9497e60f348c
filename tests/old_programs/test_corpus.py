"""Programs of 2018 to 2020 run unchanged, and print the numbers that they printed then.

`expected/` holds what TensorFlow 1.15.5 with tensorflow-hub 0.12.0 printed; `make_expected.py` wrote it.
Which programs are here depends on the environment: `tf.layers` needs Keras 2, slim needs tf-slim, and
the Estimator ended with TensorFlow 2.15. `make test-oldest` and `make test-legacy` run what `make test`
cannot.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest
from old_programs import table

HERE = pathlib.Path(__file__).parent
SRC = HERE.parents[1] / "src"
TOLERANCE = 5e-4
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


KERAS_2 = int(importlib.metadata.version("keras").partition(".")[0]) < 3 or has("tf_keras")
AVAILABLE = {
    "layers": KERAS_2,
    "slim": has("tf_slim"),
    "estimator": has("tensorflow_estimator"),
}
HERE_TODAY = [name for name, needs in table.PROGRAMS.items() if all(AVAILABLE[need] for need in needs)]


def environment() -> dict[str, str]:
    result = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")])}
    result.pop("TF_USE_LEGACY_KERAS", None)  # the command chooses by itself
    return result


def job(name: str, directory: pathlib.Path) -> dict[str, Any]:
    work = directory / name
    work.mkdir()
    program = str(HERE / "corpus" / f"{name}.py")
    arguments = table.arguments(name, str(directory / "modules"), str(work))
    return {
        "argv": ["run", "--tf1", program, *arguments],
        "cwd": str(work),
        "out": str(directory / f"{name}.out"),
        "err": str(directory / f"{name}.err"),
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every program, run after the publisher, which comes first in the table."""
    directory = tmp_path_factory.mktemp("old_programs")
    jobs = directory / "jobs.json"
    jobs.write_text(json.dumps([job(name, directory) for name in HERE_TODAY]))
    subprocess.run([sys.executable, str(HERE / "forks.py"), str(jobs)], env=environment(), check=True)
    return dict(zip(HERE_TODAY, json.loads(jobs.read_text()), strict=True))


def assert_prints(printed: str, expected: str) -> None:
    """The same text, and numbers with a decimal point within the tolerance."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", expected)
    numbers = [float(number) for number in NUMBER.findall(printed)]
    assert numbers == pytest.approx([float(number) for number in NUMBER.findall(expected)], abs=TOLERANCE)


@pytest.mark.parametrize("name", HERE_TODAY)
def test_an_old_program_prints_its_old_numbers(name: str, ran: dict[str, dict[str, Any]]) -> None:
    assert ran[name]["code"] == 0, pathlib.Path(ran[name]["err"]).read_text()
    assert_prints(pathlib.Path(ran[name]["out"]).read_text(), (HERE / "expected" / f"{name}.txt").read_text())


def test_every_program_has_its_numbers() -> None:
    on_disk = {path.stem for path in (HERE / "corpus").glob("*.py")}
    assert on_disk == set(table.PROGRAMS)
    assert {path.stem for path in (HERE / "expected").glob("*.txt")} == on_disk
