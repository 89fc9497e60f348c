"""`tf1hub scan`: many modules in one report, for people, for programs and for code scanning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trust.corpus import Case, harmful, harmless, variant
from tests.trust.graphs import write_module
from tests.trust.harm import DEEDS, Kit
from tf1hub.cli import _exit
from tf1hub.cli.main import main
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.trust.abilities import ABILITIES
from tf1hub.trust.sarif import rule_id

KIT = Kit("/secret/file", "/out", 9)
BY_NAME: dict[str, Case] = {case.name: case for case in (*harmful(), *harmless())}


def test_table_has_the_worst_first_and_a_line_for_the_harmless(tmp_path: Path, capsys):
    for name in ("nothing", "read", "python", "write"):
        BY_NAME[name].write(tmp_path, KIT)
    assert main(["scan", str(tmp_path)]) == _exit.FOUND_FAULT
    printed = capsys.readouterr().out
    assert (
        printed
        == f"""{tmp_path}/python: refused unless it is allowed: runs Python
variant  part                 can          by
{{}}       signature 'default'  runs Python  PyFunc 'PyFunc_1': 'pyfunc_0'

{tmp_path}/write: refused unless it is allowed: writes files
variant  part                 can           by
{{}}       signature 'default'  writes files  WriteFile 'WriteFile_3': '/out/written'

{tmp_path}/read: refused unless it is allowed: reads files
variant  part                 can          by
{{}}       signature 'default'  reads files  ReadFile 'ReadFile_2': '/secret/file'

{tmp_path}/nothing: nothing is refused
"""
    )


def test_all_shows_what_is_not_refused(tmp_path: Path, capsys):
    path = BY_NAME["file_of_the_caller"].write(tmp_path, KIT)
    assert main(["scan", path, "--all"]) == _exit.OK
    assert "reads files  ReadFile 'ReadFile_5': what the caller gives as 'text'" in capsys.readouterr().out


def test_quiet_tells_by_the_exit_code(tmp_path: Path, capsys):
    assert main(["scan", "-q", BY_NAME["nothing"].write(tmp_path, KIT)]) == _exit.OK
    assert main(["scan", "-q", BY_NAME["write"].write(tmp_path, KIT)]) == _exit.FOUND_FAULT
    assert main(["scan", "-q", str(tmp_path / "absent")]) == _exit.TROUBLE
    assert capsys.readouterr().out == ""


def test_directory_without_modules(tmp_path: Path, capsys):
    assert main(["scan", str(tmp_path)]) == _exit.TROUBLE
    assert capsys.readouterr().err == (
        f"tf1hub scan: There is no module, SavedModel or graph (.pb) in {tmp_path}.\n"
    )


def test_json(tmp_path: Path, capsys):
    path = BY_NAME["write"].write(tmp_path, KIT)
    assert main(["scan", path, "--json"]) == _exit.FOUND_FAULT
    (module,) = json.loads(capsys.readouterr().out)["modules"]
    assert (module["module"], module["ok"], module["needs"]) == (path, False, ["writes files"])
    (deed,) = [deed for part in module["parts"] if part["refused"] for deed in part["deeds"]]
    assert deed == {
        "can": "writes files",
        "op": "WriteFile",
        "node": "WriteFile_3",
        "where": "",
        "target": "/out/written",
        "origin": "constant",
        "why": "Writes a file, and makes the directories that lead to it.",
        "refused": True,
    }


@pytest.mark.parametrize("kind", ["saved_model", "saved_model.pb", "meta_graph.pb", "graph.pb"])
def test_what_is_no_module_is_scanned_too(kind: str, tmp_path: Path, capsys):
    meta_graph = variant(DEEDS[0].build, KIT)
    path = tmp_path / kind
    if kind == "saved_model":
        write_module(path, meta_graph, is_module=False)
    elif kind == "saved_model.pb":
        path.write_bytes(
            SavedModel(saved_model_schema_version=1, meta_graphs=[meta_graph]).SerializeToString()
        )
    else:
        message = meta_graph if kind == "meta_graph.pb" else meta_graph.graph_def
        path.write_bytes(message.SerializeToString())
    assert main(["scan", str(path)]) == _exit.FOUND_FAULT
    printed = capsys.readouterr().out
    assert f"{path}: refused unless it is allowed: reads files" in printed
    assert "'/secret/file'" in printed


def test_file_that_is_no_graph(tmp_path: Path, capsys):
    path = tmp_path / "x.pb"
    path.write_bytes(b"\xff" * 9)
    assert main(["scan", str(path)]) == _exit.TROUBLE
    assert capsys.readouterr().err == (
        f"tf1hub scan: {path} is no graph: its 9 bytes are neither a SavedModel nor a MetaGraphDef nor a GraphDef.\n"
    )


# What SARIF 2.1.0 says of the objects that are written here (sections 3.13 to 3.49): the properties that an object may
# have, with their types; those with a ! it must have. Other properties its schema forbids.
SCHEMA = {
    "log": {"!version": "2.1.0", "$schema": str, "!runs": ["run"]},
    "run": {"!tool": "tool", "results": ["result"]},
    "tool": {"!driver": "component"},
    "component": {"!name": str, "version": str, "rules": ["rule"]},
    "rule": {"!id": str, "name": str, "shortDescription": "text", "defaultConfiguration": "configuration"},
    "text": {"!text": str},
    "configuration": {"level": ("none", "note", "warning", "error")},
    "result": {
        "ruleId": str,
        "ruleIndex": int,
        "level": ("none", "note", "warning", "error"),
        "!message": "text",
        "locations": ["location"],
    },
    "location": {"physicalLocation": "physical", "logicalLocations": ["logical"]},
    "physical": {"!artifactLocation": "artifact", "region": "region"},
    "region": {"!startLine": int},
    "artifact": {"uri": str},
    "logical": {"name": str, "fullyQualifiedName": str},
}


def _check(value, kind) -> None:
    if isinstance(kind, list):
        assert isinstance(value, list)
        for item in value:
            _check(item, kind[0])
    elif isinstance(kind, type):
        assert type(value) is kind
    elif isinstance(kind, tuple):
        assert value in kind
    elif kind in SCHEMA:
        properties = {name.removeprefix("!"): inner for name, inner in SCHEMA[kind].items()}
        assert value.keys() <= properties.keys()
        assert {name[1:] for name in SCHEMA[kind] if name[0] == "!"} <= value.keys()
        for name, inner in value.items():
            _check(inner, properties[name])
    else:
        assert value == kind


def test_sarif_is_what_the_standard_says(tmp_path: Path, capsys):
    for name in ("nothing", "file_of_the_caller", "read", "saver", "unreached_harm"):
        BY_NAME[name].write(tmp_path / "a b", KIT)
    assert main(["scan", str(tmp_path), "--sarif"]) == _exit.FOUND_FAULT
    log = json.loads(capsys.readouterr().out)
    _check(log, "log")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule_id(can) for can in ABILITIES]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]
    }
    assert f"file://{tmp_path}/a%20b/read/saved_model.pb" in uris
    levels = {(result["ruleId"], result["level"]) for result in run["results"]}
    assert levels == {("reads-files", "error"), ("reads-files", "note"), ("writes-files", "warning")}
    message = next(result["message"]["text"] for result in run["results"] if result["level"] == "error")
    assert message == (
        "The signature 'default' of {} reads files: ReadFile 'ReadFile_2': '/secret/file'. Reads a whole file."
    )


def test_show_has_a_section_of_what_is_refused(tmp_path: Path, capsys):
    assert main(["show", BY_NAME["read"].write(tmp_path, KIT)]) == _exit.OK
    assert "refused unless it is allowed: reads files\nvariant  part" in capsys.readouterr().out
    assert main(["show", BY_NAME["nothing"].write(tmp_path, KIT)]) == _exit.OK
    assert "refused" not in capsys.readouterr().out
