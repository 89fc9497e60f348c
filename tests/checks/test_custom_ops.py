"""Modules with ops that TensorFlow itself does not have, met in the places that meet ops."""

from __future__ import annotations

import importlib
import pathlib
import sys
import tarfile
from collections.abc import Iterator

import fresh_process
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.checks.op_support import op_support
from tf1hub.cli.main import main
from tf1hub.errors import MissingDependencyError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.graphdef.op_packages import import_packages, package_of, where_from
from tf1hub.handles import settings
from tf1hub.spec.module_spec import ModuleSpec

OP, PACKAGE = "MadeUpOp", "brings_made_up_op"

# What loading a library of compiled ops does for Python: from then on TensorFlow's registry knows the op.
_PACKAGE = f"""
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.framework import op_def_registry

op_def_registry._cache["{OP}"] = op_def_pb2.OpDef(name="{OP}")
"""

_BY_ENVIRONMENT = """
import sys
import tf1hub as hub
hub.load
from tf1hub._tensorflow import op_def
print(op_def(sys.argv[1]).name)
"""

_REAL = pathlib.Path(__file__).resolve().parents[3] / "shared" / "real" / "zh_segmentation"


@pytest.fixture
def package(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / f"{PACKAGE}.py").write_text(_PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield PACKAGE
    importlib.import_module("tensorflow.python.framework.op_def_registry")._cache.pop(OP, None)
    sys.modules.pop(PACKAGE, None)


@pytest.fixture
def module(tmp_path: pathlib.Path) -> str:
    spec = with_op(OP)
    spec.export(str(tmp_path / "module"), checkpoint_path=spec.checkpoint)
    return str(tmp_path / "module")


def test_without_the_package_every_door_names_the_op(module: str) -> None:
    with (
        tf.Graph().as_default(),
        pytest.raises(UnsupportedGraphError, match=rf"1 of the ops in .*: {OP}\. They come"),
    ):
        hub.Module(module)
    findings = {finding.id: finding.message for finding in hub.check(module).findings}
    assert findings["op-missing"] == f"No supported TensorFlow has the op {OP!r}."
    assert OP in findings["does-not-load"]


def test_an_op_that_is_loaded_is_not_missing(module: str, package: str) -> None:
    report = hub.check(module, run=False, imports=[package])
    assert [(finding.id, finding.message) for finding in report.findings] == [
        ("op-of-a-package", f"{OP}: no TensorFlow has it, and a package that is loaded here does.")
    ]
    assert (report.ok, set(report.tensorflow.values())) == (True, {"yes"})


@pytest.mark.parametrize("verb", ["check", "convert", "compare", "run"])
def test_verbs_that_run_modules_import_what_they_are_told(
    verb: str, module: str, package: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "task.csv").write_text("text,label\na,0\n")
    (tmp_path / "program.py").write_text("print('ran')\n")
    rest = {
        "check": [module, "--no-run"],
        "convert": [module, str(tmp_path / "module")],  # which is taken
        "compare": [module, "--task", str(tmp_path / "task.csv")],  # which is too small
        "run": [str(tmp_path / "program.py")],
    }[verb]
    main([verb, "--import", package, *rest])
    capsys.readouterr()
    assert package in sys.modules
    assert main([verb, "--import", "no_such_package", *rest]) == (2 if verb == "check" else 7)
    assert capsys.readouterr().err == (
        f"tf1hub {verb}: no_such_package, which --import names, cannot be imported: No module named 'no_such_package'. "
        "To install it: pip install no_such_package\n"
    )


def test_the_environment_names_packages(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF1HUB_IMPORTS", package)
    assert fresh_process.printed(_BY_ENVIRONMENT, OP).split() == [OP]


def test_a_real_module_is_checked_and_converted_with_its_package(tmp_path: pathlib.Path) -> None:
    archives = sorted(_REAL.glob("*.tar*"))
    if not archives:
        pytest.skip("the real module is not there")
    pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    module = next(path.parent for path in tmp_path.rglob("saved_model.pb"))
    report = hub.check(module, imports=["tensorflow_text"])
    found = {finding.id: finding for finding in report.findings}
    assert "TokenizerFromLogits" in found["op-of-a-package"].message
    assert not {"op-missing", "does-not-load"} & found.keys()


def with_op(op: str) -> ModuleSpec:
    spec = hub.load_module_spec(cases.load("half_plus_two").path)
    definition = SavedModel()
    definition.CopyFrom(spec.saved_model)
    definition.meta_graphs[0].graph_def.node.add(name="custom", op=op)
    return ModuleSpec(definition, "module", spec.checkpoint)


def test_what_a_package_itself_raises_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_another_version.py").write_text(
        "raise RuntimeError('undefined symbol: _ZN10tensorflow')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingDependencyError, match="cannot be imported: undefined symbol: _ZN10tensorflow"):
        import_packages(["of_another_version"], "imports=")


def test_the_package_of_a_known_op_is_named() -> None:
    _, findings = op_support(with_op("TokenizerFromLogits"))
    assert [(finding.id, finding.remedy) for finding in findings] == [
        (
            "op-missing",
            "TokenizerFromLogits comes from the package tensorflow-text. Install it (pip install tensorflow-text), and "
            "write before the module is used: import tensorflow_text; for the command: --import tensorflow_text, or "
            "TF1HUB_IMPORTS=tensorflow_text in the environment.",
        )
    ]
    _, findings = op_support(with_op("TokenizerFromLogits"), {"TokenizerFromLogits"}.__contains__)
    (finding,) = findings
    assert finding.remedy == "Say in the documentation that users import tensorflow_text first."


def test_ops_are_told_apart_by_name_and_by_prefix() -> None:
    packages = {
        "SentencepieceOp": "tensorflow-text",
        "TFText>NgramsStringJoin": "tensorflow-text",
        "Addons>GatherTree": "tensorflow-addons",
        "SentencepieceEncodeSparse": "tf-sentencepiece",
        "IO>DecodeWebP": "tensorflow-io",
        "SimpleMLInferenceOp": "tensorflow-decision-forests",
        "EntropyDecodeIndex": "tensorflow-compression",
        "DecodeProtoSparseV4": "struct2tensor",
    }
    assert {op: found.package for op in packages if (found := package_of(op))} == packages
    assert where_from(["MatMul"]) == ""
    assert "(its last version is for TensorFlow 2.2, so nothing newer runs them)" in where_from(
        ["SentencepieceDecode"]
    )


def test_a_package_that_cannot_be_imported_says_how_it_is_installed() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        hub.check(cases.load("half_plus_two").path, run=False, imports=["tensorflow_addons"])
    assert str(caught.value) == (
        "tensorflow_addons, which imports= names, cannot be imported: No module named 'tensorflow_addons'. "
        "To install it: pip install tensorflow-addons"
    )


def test_the_configuration_file_may_name_packages(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.toml").write_text('imports = ["tensorflow_text"]\n')
    environ = {"TF1HUB_CONFIG": str(tmp_path / "config.toml")}
    assert settings.imports(environ) == ["tensorflow_text"]
    assert settings.imports({**environ, "TF1HUB_IMPORTS": "one.two,three"}) == ["one.two", "three"]
    assert settings.imports({**environ, "TF1HUB_IMPORTS": ""}) == []
