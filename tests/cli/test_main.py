"""The `tf1hub` command itself: how verbs join it, exit codes, completion."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys

import pytest

from tf1hub import cli, errors
from tf1hub.cli import _exit, _output
from tf1hub.cli.main import VERBS, build_parser, main

_ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}


def test_every_public_module_of_the_command_is_a_verb():
    modules = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    public = sorted(name for name in modules if not name.startswith("_") and name != "main")
    assert [verb.replace("-", "_") for verb in VERBS] == public


def test_every_verb_has_help_that_ends_well(capsys):
    assert main(["--help"]) == _exit.OK
    overview = capsys.readouterr().out
    for verb in VERBS:
        assert verb in overview
        assert main([verb, "--help"]) == _exit.OK
        assert f"tf1hub {verb}" in capsys.readouterr().out


def test_unknown_verb_is_a_usage_error_that_lists_verbs(capsys):
    assert main(["fetch"]) == _exit.USAGE
    assert "completion" in capsys.readouterr().err


def test_no_verb_is_a_usage_error(capsys):
    assert main([]) == _exit.USAGE
    assert "VERB" in capsys.readouterr().err


def test_one_verb_imports_only_itself():
    program = (
        "import sys; from tf1hub.cli.main import main; main(['completion', '--help']);"
        "print(sorted(m for m in sys.modules if m.startswith('tf1hub.cli.')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_ENV
    )
    assert answer.stdout.splitlines()[-1] == (
        "['tf1hub.cli._exit', 'tf1hub.cli.completion', 'tf1hub.cli.main']"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.OfflineError("x"), 4),
        (errors.PinError("x"), 5),
        (errors.ArchiveError("x"), 5),
        (errors.DownloadError("x"), 3),
        (errors.CacheError("x"), 3),
        (errors.NotAModuleError("x"), 6),
        (errors.MissingDependencyError("x"), 7),
        (errors.HandleError("x"), 2),
        (errors.CheckFailedError("x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error, code):
    assert _exit.code_of(error) == code


def _failing(error, monkeypatch):
    def fake_parser(_only=None):
        parser = build_parser("completion")
        parser.set_defaults(json=False)
        return parser

    def fail(_args):
        raise error

    monkeypatch.setattr("tf1hub.cli.completion.run", fail)
    monkeypatch.setattr("tf1hub.cli.main.build_parser", fake_parser)


def test_an_error_is_one_line_on_standard_error(monkeypatch, capsys):
    _failing(errors.OfflineError("not in the cache"), monkeypatch)
    assert main(["completion", "bash"]) == _exit.OFFLINE
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "tf1hub completion: not in the cache\n")


def test_ctrl_c_ends_with_130_and_no_traceback(monkeypatch, capsys):
    _failing(KeyboardInterrupt(), monkeypatch)
    assert main(["completion", "bash"]) == _exit.INTERRUPTED
    assert capsys.readouterr().err == "tf1hub: interrupted\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_script_names_every_verb(shell, capsys):
    assert main(["completion", shell]) == _exit.OK
    script = capsys.readouterr().out
    assert [verb for verb in VERBS if verb not in script] == []


def test_module_is_runnable():
    answer = subprocess.run(
        [sys.executable, "-m", "tf1hub", "--help"], capture_output=True, text=True, check=True, env=_ENV
    )
    assert answer.stdout.startswith("usage: tf1hub")


def test_table_aligns_columns():
    assert _output.table(["name", "size"], [["a", "10"], ["longer", "9"]], right=[1]) == (
        "name    size\na         10\nlonger     9"
    )


def test_json_is_one_document(capsys):
    _output.print_json({"ä": 1})
    assert json.loads(capsys.readouterr().out) == {"ä": 1}
