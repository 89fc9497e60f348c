"""`tf1hub show`: a module as tables."""

from __future__ import annotations

import json
import shutil

import pytest
from golden import cases

from tf1hub.cli import show
from tf1hub.cli.main import main
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.spec.inspection import inspect

IMAGE = cases.load("image").path


def test_signatures_are_a_table_with_types_and_shapes(capsys):
    assert main(["show", IMAGE]) == 0
    text = capsys.readouterr().out
    assert (
        "signatures of {} and {'train'}\n"
        "signature                    name                  type     shape\n"
        "default               in     default               float32  [?, 16, 16, 3]\n"
        "                      out    default               float32  [?, 16]\n"
        "image_classification  in     images                float32  [?, 16, 16, 3]\n"
        "                      out    default               float32  [?, 5]\n"
        "                      meets  image_classification\n"
    ) in text
    assert "variables   12 with 1,549 parameters (6.2 kB), 1,501 of them trainable" in text
    assert "made by     TensorFlow 1.15.5 (graph producer 134)" in text
    assert "default_image_size: {height: 16, width: 16}" in text
    assert "AssignSubVariableOp   0          4" in text


def test_partitioned_and_ref_variables_are_marked(capsys):
    main(["show", cases.load("text_embedding_partitioned").path])
    assert "embeddings  float32  [11, 7]        77  308 B  trainable, 3 parts" in capsys.readouterr().out
    main(["show", cases.load("image_ref_variables").path])
    assert "float32  [5]                   5    20 B  trainable, ref" in capsys.readouterr().out


def test_files_of_the_publisher_say_what_they_are_for(capsys, tmp_path):
    module = shutil.copytree(cases.load("half_plus_two").path, tmp_path / "m")
    (module / "LICENSE").write_bytes(b"free")
    (module / "notes.txt").write_bytes(bytes(2000))
    main(["show", str(module)])
    assert (
        "files beside the module, which it does not read\n"
        "name         size  what for\n"
        "LICENSE       4 B  the terms of use\n"
        "notes.txt  2.0 kB\n"
    ) in capsys.readouterr().out


def test_ops_of_packages_say_what_to_import(capsys, tmp_path):
    path = tmp_path / "m"
    shutil.copytree(cases.load("half_plus_two").path, path)
    definition = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    definition.meta_graphs[0].graph_def.node.add(name="custom", op="TokenizerFromLogits")
    (path / "saved_model.pb").write_bytes(definition.SerializeToString())
    main(["show", str(path)])
    assert (
        "ops of packages\n"
        "op                   package          import\n"
        "TokenizerFromLogits  tensorflow-text  tensorflow_text\n"
    ) in capsys.readouterr().out


def test_long_tables_are_cut_unless_all_is_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(show, "ROWS", 3)
    main(["show", IMAGE])
    text = capsys.readouterr().out
    assert "... and 9 more rows; --all shows them" in text
    assert "logits/dense/kernel" not in text
    main(["show", IMAGE, "--all"])
    assert "logits/dense/kernel" in capsys.readouterr().out


def test_json_is_what_inspect_gives(capsys):
    assert main(["show", IMAGE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(inspect(IMAGE).to_dict()))


def test_no_escape_codes_where_there_is_no_terminal(capsys):
    main(["show", IMAGE])
    assert "\x1b" not in capsys.readouterr().out


def test_headings_are_bold_on_a_terminal_unless_no_color(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    main(["show", IMAGE])
    assert "\x1b[1mvariables\x1b[0m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["show", IMAGE])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("name", cases.NAMES)
def test_every_golden_module_is_shown(name, capsys):
    assert main(["show", cases.load(name).path, "--all"]) == 0
    assert "signatures of {}" in capsys.readouterr().out


def test_what_is_no_module_ends_with_its_own_code(tmp_path, capsys):
    assert main(["show", str(tmp_path)]) == 6
    assert "is not a TF1 Hub module" in capsys.readouterr().err


def test_tensors_inside_of_the_graphs_are_listed_by_a_pattern(capsys):
    assert main(["show", IMAGE, "--tensors", "*/Relu"]) == 0
    table = (
        "tensors of {} and {'train'}\n"
        "name           op    type     shape          of the signatures\n"
        "block0/Relu:0  Relu  float32  [?, 8, 8, 8]   default, image_classification, image_feature_vector\n"
        "block1/Relu:0  Relu  float32  [?, 4, 4, 16]  default, image_classification, image_feature_vector\n"
    )
    assert capsys.readouterr().out == table
    assert main(["show", IMAGE, "--tensors", "block0/Relu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [tensor["variant"] for tensor in document["tensors"]] == [[], ["train"]]
    assert document["tensors"][0] == {
        "variant": [],
        "name": "block0/Relu:0",
        "op": "Relu",
        "dtype": "float32",
        "shape": [None, 8, 8, 8],
        "signatures": ["default", "image_classification", "image_feature_vector"],
    }
    assert main(["show", IMAGE, "--tensors", "relu"]) == 0
    assert capsys.readouterr().out == f"No tensor of {IMAGE} has a name like 'relu'.\n"


def test_variants_with_other_tensors_have_tables_of_their_own_which_are_cut(monkeypatch, capsys):
    monkeypatch.setattr(show, "ROWS", 3)
    assert main(["show", IMAGE, "--tensors", "*"]) == 0
    text = capsys.readouterr().out
    assert "tensors of {}\n" in text
    assert "tensors of {'train'}\n" in text
    assert text.count("more rows; --all shows them") == 2
