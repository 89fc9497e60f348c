"""Programs of 2018 to 2020 run unchanged, and print the numbers that they printed then.

`expected/` holds what TensorFlow 1.15.5 with tensorflow-hub 0.12.0 printed; `make_expected.py` wrote it.
Which programs are here depends on the environment: `tf.layers` needs Keras 2, slim needs tf-slim, and
the Estimator ended with TensorFlow 2.15. `make test-tf215` and `make test-legacy` run what `make test` cannot.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

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
HERE_TODAY = [
    name for name, needs in table.PROGRAMS.items() if all(AVAILABLE[need] for need in needs)
]


def run(name: str, modules: pathlib.Path, work: pathlib.Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")])}
    environment.pop("TF_USE_LEGACY_KERAS", None)  # the command chooses by itself
    command = [sys.executable, "-m", "tf1hub", "run", "--tf1", str(HERE / "corpus" / f"{name}.py")]
    command += table.arguments(name, str(modules), str(work))
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=work, check=False)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The modules that the programs use, published by the first of them."""
    directory = tmp_path_factory.mktemp("published")
    result = run(table.PUBLISHER, directory / "modules", directory)
    assert result.returncode == 0, result.stderr
    return directory / "modules"


def assert_prints(printed: str, expected: str) -> None:
    """The same text, and numbers with a decimal point within the tolerance."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", expected)
    numbers = [float(number) for number in NUMBER.findall(printed)]
    assert numbers == pytest.approx([float(number) for number in NUMBER.findall(expected)], abs=TOLERANCE)


@pytest.mark.parametrize("name", HERE_TODAY)
def test_an_old_program_prints_its_old_numbers(
    name: str, modules: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    # The publisher once more, or each worker would have to wait for one.
    published = tmp_path / "modules" if name == table.PUBLISHER else modules
    result = run(name, published, tmp_path)
    assert result.returncode == 0, result.stderr
    assert_prints(result.stdout, (HERE / "expected" / f"{name}.txt").read_text())


def test_every_program_has_its_numbers() -> None:
    on_disk = {path.stem for path in (HERE / "corpus").glob("*.py")}
    assert on_disk == set(table.PROGRAMS)
    assert {path.stem for path in (HERE / "expected").glob("*.txt")} == on_disk
