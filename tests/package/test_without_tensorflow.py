"""The package as users install it: `make test-package` runs this on the built wheel, without TensorFlow."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from importlib.metadata import entry_points, requires, version
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden" / "modules"
MODULES = sorted(path.name for path in GOLDEN.iterdir())


def run_alone(code: str) -> str:
    """Runs a program in a fresh process where importing TensorFlow fails, as where it is not installed."""
    program = "import sys; sys.modules['tensorflow'] = None\n" + code
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_brings_neither_tensorflow_nor_numpy() -> None:
    printed = run_alone("import tf1hub; print(sorted({'numpy', 'google.protobuf'} & set(sys.modules)))")
    assert printed == "[]\n"


def test_signatures_and_weights_of_all_golden_modules_are_read_without_tensorflow() -> None:
    printed = run_alone(
        "import pathlib\n"
        "import tf1hub as hub\n"
        f"for path in sorted(pathlib.Path({str(GOLDEN)!r}).glob('*/module')):\n"
        "    spec = hub.load_module_spec(str(path))\n"
        "    weights = hub.read_variables(path)\n"
        "    assert all(spec.get_signature_names(tags) for tags in spec.get_tags()), path\n"
        "    assert weights and all(weights[name].size > 0 for name in weights), path\n"
        "    print(path.parent.name)\n"
    )
    assert printed.split() == MODULES


def test_the_weights_are_the_ones_that_the_module_holds() -> None:
    printed = run_alone(
        "import tf1hub as hub\n"
        f"weights = hub.read_variables({str(GOLDEN / 'half_plus_two' / 'module')!r})\n"
        "print({name: float(weights[name]) for name in sorted(weights)})\n"
    )
    assert printed == "{'a': 0.5, 'b': 2.0}\n"


def engines() -> list[str]:
    """Those that need no TensorFlow and are installed here."""
    found = run_alone("from tf1hub.predict.engines import installed_engines; print(*installed_engines())")
    return [name for name in found.split() if name != "tensorflow"]


@functools.cache
def calls_on(engine: str) -> dict[str, int | str]:
    """How many calls of each golden module an engine gets right, or what went wrong; all in one process."""
    printed = run_alone(
        f"sys.path.insert(0, {str(TESTS)!r})\n"
        "import json, traceback\n"
        "from predict.golden_calls import check_calls\n"
        "found = {}\n"
        f"for name in {MODULES!r}:\n"
        "    try:\n"
        f"        found[name] = check_calls(name, {engine!r})\n"
        "    except Exception:\n"
        "        found[name] = traceback.format_exc()\n"
        "assert sys.modules['tensorflow'] is None\n"
        "print(json.dumps(found))\n"
    )
    found: dict[str, int | str] = json.loads(printed)
    return found


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("name", MODULES)
def test_every_call_of_a_golden_module_gives_the_original_s_numbers(name: str, engine: str) -> None:
    calls = json.loads((GOLDEN / name / "case.json").read_text())["calls"]
    assert calls
    assert calls_on(engine)[name] == len(calls)


def test_what_needs_tensorflow_says_what_to_install() -> None:
    printed = run_alone(
        "import tf1hub as hub\n"
        "try:\n"
        f"    hub.Module({str(GOLDEN / 'half_plus_two' / 'module')!r})\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    assert printed == (
        "MissingDependencyError tf1hub.Module needs TensorFlow 2.15 or newer, which is not installed. "
        "Install it with: pip install tensorflow (or tensorflow-cpu, a smaller build). Where there is no build of it, tf1hub.Predictor calls modules "
        "without it.\n"
    )


def test_a_check_that_is_to_run_says_that_tensorflow_is_missing() -> None:
    printed = run_alone(
        "import tf1hub as hub\n"
        "try:\n"
        f"    hub.check({str(GOLDEN / 'half_plus_two' / 'module')!r}, run=True)\n"
        "except hub.errors.Error as error:\n"
        "    print(type(error).__name__)\n"
    )
    assert printed == "MissingDependencyError\n"


def test_the_metadata_and_the_package_agree() -> None:
    printed = run_alone("import tf1hub; print(tf1hub.__version__)")
    assert printed.strip() == version("tf1hub")
    assert not [need for need in requires("tf1hub") or [] if "tensorflow" in need and "extra" not in need]


def test_the_command_is_installed_with_the_package() -> None:
    (command,) = [found for found in entry_points(group="console_scripts") if found.name == "tf1hub"]
    assert command.value == "tf1hub.cli.main:main"
    done = subprocess.run(
        [sys.executable, "-m", "tf1hub", "--version"], capture_output=True, text=True, check=True, timeout=120
    )
    assert version("tf1hub") in done.stdout
