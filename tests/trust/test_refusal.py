"""Refusing: what it says, at every door in the same words; and all the ways to allow."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

tf = pytest.importorskip("tensorflow")

import tf1hub as hub  # noqa: E402
from tests.trust.corpus import add_signature, harmful, variant  # noqa: E402
from tests.trust.graphs import STRING, Graph, write_module  # noqa: E402
from tests.trust.harm import Kit  # noqa: E402
from tf1hub.cli import _exit  # noqa: E402
from tf1hub.cli.main import main  # noqa: E402
from tf1hub.errors import ArgumentError, HandleError, TrustError, UnknownNameError  # noqa: E402
from tf1hub.handles.manifest import content_digest, of_directory  # noqa: E402

BY_NAME = {case.name: case for case in harmful()}
TEXTS = ["a", "bcd"]


@pytest.fixture
def secret(tmp_path: Path) -> str:
    (tmp_path / "secret").write_text("secret")
    return str(tmp_path / "secret")


@pytest.fixture
def path(tmp_path: Path, secret: str) -> str:
    """A module that reads a file of its maker's choice before it answers."""
    return BY_NAME["read"].write(tmp_path, Kit(secret, str(tmp_path), 9))


def run(handle: object, **options: object) -> list[list[float]]:
    with hub.eval_function_for_module(handle, **options) as function:
        return function(TEXTS).tolist()


ANSWER = [[1.0], [3.0]]


def message(path: str, secret: str) -> str:
    return f"""The signature 'default' of variant {{}} of {path} does what no module may do unless its user allows it, and was not built:
  - reads files: ReadFile 'ReadFile_2': '{secret}'
If you trust the module, allow it, in Python
    spec = tf1hub.load_module_spec('{path}', trust={{'reads files'}})
(every function that takes a handle takes the spec, and most take trust= themselves); for the tf1hub command
    --trust 'reads files'
or, for all modules of a process, in its environment
    TF1HUB_TRUST='reads files'"""


def test_every_door_says_the_same(path: str, secret: str, tmp_path: Path):
    said = []
    for door in (
        lambda: run(path),
        lambda: hub.load(path)(TEXTS),
        lambda: hub.KerasLayer(path)(tf.constant(TEXTS)),
        lambda: hub.Predictor(path),
        lambda: hub.convert(path, tmp_path / "converted"),
        lambda: hub.compare([path], (["a", "bb"] * 5, ["x", "y"] * 5), keep_features=False),
    ):
        with pytest.raises(TrustError) as caught:
            door()
        said.append(str(caught.value))
    assert set(said) == {message(path, secret)}
    assert isinstance(caught.value, PermissionError)
    assert not (tmp_path / "converted").exists()


def test_to_jax_says_the_same(path: str, secret: str):
    pytest.importorskip("jax")
    with pytest.raises(TrustError) as caught:
        hub.to_jax(path)
    assert str(caught.value) == message(path, secret)


def test_lines_of_the_message_work(path: str, secret: str, monkeypatch: pytest.MonkeyPatch, capsys):
    lines = message(path, secret).splitlines()
    names: dict[str, object] = {"tf1hub": hub}
    exec(lines[3].strip(), names)
    assert run(names["spec"]) == ANSWER
    assert hub.load(names["spec"])(TEXTS).numpy().tolist() == ANSWER
    option, _, words = lines[5].strip().partition(" ")
    assert main(["check", path, option, words.strip("'")]) in (_exit.OK, _exit.FOUND_FAULT)
    assert "fails" not in capsys.readouterr().out
    variable, _, value = lines[7].strip().partition("=")
    monkeypatch.setenv(variable, value.strip("'"))
    assert run(path) == ANSWER


def test_every_door_takes_trust(path: str, tmp_path: Path):
    words = {"reads files"}
    assert run(path, trust=words) == ANSWER
    assert hub.load(path, trust=words)(TEXTS).numpy().tolist() == ANSWER
    assert hub.KerasLayer(path, trust=words)(tf.constant(TEXTS)).numpy().tolist() == ANSWER
    assert hub.Predictor(path, trust=words, engine="tensorflow")(TEXTS)["default"].tolist() == ANSWER
    hub.convert(path, tmp_path / "converted", trust=words)
    with tf.Graph().as_default():
        hub.Module(path, trust=words)(TEXTS)
    assert hub.check(path, trust=True).count("error") == 0


def test_program_under_run_follows_the_same_rule(path: str, tmp_path: Path):
    """`--trust` holds for the program, and for what the program starts."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "import tensorflow_hub as hub\n"
        "print(os.environ.get('TF1HUB_TRUST'))\n"
        "print(hub.load(sys.argv[1])(['a', 'bcd']).numpy().tolist())\n"
    )

    def outcome(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tf1hub", "run", *options, str(program), path],
            capture_output=True,
            text=True,
            check=False,
        )

    refused = outcome()
    assert (refused.returncode, refused.stdout) == (1, "None\n")
    assert "TrustError: The signature 'default' of variant {}" in refused.stderr
    allowed = outcome("--trust", "reads files")
    assert (allowed.returncode, allowed.stdout) == (0, f"reads files\n{ANSWER}\n"), allowed.stderr


def test_another_word_is_not_enough(path: str):
    with pytest.raises(TrustError, match="reads files"):
        run(path, trust={"writes files"})


def test_harmless_signature_of_a_harmful_module_works(tmp_path: Path, secret: str):
    made = variant(lambda g, kit: None, Kit(secret, "", 9))  # noqa: ARG005
    content = Graph(made.graph_def)("ReadFile", Graph(made.graph_def).text(secret))
    add_signature(made, "steals", {"text": ("text:0", STRING, [-1])}, {"default": (content, STRING, [])})
    path = write_module(tmp_path / "module", made)
    loaded = hub.load(path)
    assert loaded(TEXTS).numpy().tolist() == ANSWER
    with pytest.raises(TrustError, match="The signature 'steals' of"):
        loaded(TEXTS, signature="steals")
    assert sorted(loaded.signatures) == ["default", "steals"]
    with pytest.raises(TrustError):
        _ = loaded.signatures["steals"]
    with pytest.raises(TrustError):
        loaded.with_outputs({"default": "default"}, signature="steals")(TEXTS, signature="steals")
    assert run(path) == ANSWER
    report = hub.check(path)
    (found,) = [finding for finding in report.findings if finding.id == "reaches-out"]
    assert found.message == (f"The signature 'steals' reads files (ReadFile '{content.node}': '{secret}').")
    runs = {run.signature: run for run in report.runs}
    assert runs["steals"].not_run == f"not run: reads files: ReadFile '{content.node}': '{secret}'"
    assert runs["default"].not_run == ""
    assert len(runs["default"].inputs) > 0


def test_what_a_process_made_is_trusted_there_and_nowhere_else(secret: str, tmp_path: Path):
    def module_fn():
        hub.add_signature(outputs=tf.strings.length(tf.io.read_file(secret)))

    spec = hub.create_module_spec(module_fn)
    assert hub.load(spec)().numpy() == 6
    assert hub.load(pickle.loads(pickle.dumps(spec)))().numpy() == 6
    assert hub.load(spec.with_outputs({"default": "default"}))().numpy() == 6
    spec.export(tmp_path / "exported")
    with pytest.raises(TrustError):
        hub.load(tmp_path / "exported")()
    other = pickle.dumps(spec).replace(*(text.encode() for text in _marks(spec)))
    with pytest.raises(TrustError):
        hub.load(pickle.loads(other))()


def _marks(spec: hub.ModuleSpec) -> tuple[str, str]:
    (mark,) = spec.trusted
    return mark, mark[:-1] + ("0" if mark[-1] != "0" else "1")


def test_trust_travels_with_the_spec_and_its_pickle(path: str):
    spec = hub.load_module_spec(path, trust={"reads files"})
    assert run(pickle.loads(pickle.dumps(spec))) == ANSWER
    loaded = pickle.loads(pickle.dumps(hub.load(spec)))
    assert loaded(TEXTS).numpy().tolist() == ANSWER


@pytest.mark.parametrize("value", ["1", "yes", "reads files", "writes files, reads files"])
def test_environment(value: str, path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF1HUB_TRUST", value)
    assert run(path) == ANSWER


@pytest.mark.parametrize("value", ["", "0", "no", "writes files"])
def test_environment_that_does_not_allow(value: str, path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF1HUB_TRUST", value)
    with pytest.raises(TrustError):
        run(path)


def test_word_that_there_is_not(path: str, monkeypatch: pytest.MonkeyPatch):
    words = (
        "runs native code, runs Python, writes files, uses the network, reads files, lists directories, stops the "
        "process, runs an unknown op"
    )
    with pytest.raises(UnknownNameError) as caught:
        run(path, trust={"read files"})
    assert str(caught.value) == f"trust= names what there is no word for: 'read files'. There are: {words}."
    with pytest.raises(ArgumentError) as wrong:
        run(path, trust="reads files")
    assert str(wrong.value) == (
        "trust= takes a set of what a module may do, such as trust={'reads files'}, or True for everything; it was given "
        "'reads files'."
    )
    monkeypatch.setenv("TF1HUB_TRUST", "read files")
    with pytest.raises(HandleError) as variable:
        run(path)
    assert str(variable.value) == (
        f"TF1HUB_TRUST names what there is no word for: 'read files'. There are: {words}."
    )


@pytest.mark.parametrize("of", ["path", "above", "digest"])
@pytest.mark.parametrize("allowed", ['["reads files"]', "true"])
def test_configuration(of: str, allowed: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key = {"path": path, "above": str(tmp_path), "digest": content_digest(of_directory(path))}[of]
    config = tmp_path / "config.toml"
    config.write_text(f'[trust]\n"{key}" = {allowed}\n')
    monkeypatch.setenv("TF1HUB_CONFIG", str(config))
    assert run(path) == ANSWER


def test_configuration_for_others(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = tmp_path / "config.toml"
    config.write_text(f'[trust]\n"{path[:-1]}" = true\n"sha256:00" = true\n"https://tfhub.dev/" = true\n')
    monkeypatch.setenv("TF1HUB_CONFIG", str(config))
    # What lies beside a module is only then a record of the cache when it is in the cache.
    Path(f"{path}.manifest.json").write_text(
        '{"version": 1, "handle": "https://tfhub.dev/google/x/1", "files": [], "digest": "sha256:00"}'
    )
    with pytest.raises(TrustError):
        run(path)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    assert run(path) == ANSWER


def test_signature_of_a_caller_s_files_works(secret: str, tmp_path: Path):
    def module_fn():
        paths = tf.compat.v1.placeholder(tf.string, [None])
        hub.add_signature(inputs=paths, outputs=tf.map_fn(tf.io.read_file, paths))

    hub.create_module_spec(module_fn).export(tmp_path / "reader")
    assert hub.load(tmp_path / "reader")([secret, secret]).numpy().tolist() == [b"secret"] * 2
    assert run_texts(tmp_path / "reader", [secret]) == [b"secret"]


def run_texts(path: Path, texts: list[str]) -> list[bytes]:
    with hub.eval_function_for_module(path) as function:
        return function(texts).tolist()
