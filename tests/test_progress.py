"""`progress=` means the same at every door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import building
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import ArgumentError, HandleError
from tf1hub.progress import shown, transfer, waiting

tf1 = tf.compat.v1
TEXTS = (["a", "bb", "ccc", "dddd", "eeeee", "ffffff"], ["odd", "even"] * 3)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for texts, with a variable."""

    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        scale = tf1.get_variable("scale", initializer=2.0)
        hub.add_signature(
            inputs=texts, outputs=scale * tf.cast(tf.strings.length(texts) % 2, tf.float32)[:, None]
        )

    return building.export(hub.create_module_spec(module_fn), tmp_path_factory.mktemp("text") / "module")


Door = Callable[[str, Path, Any], Any]


def embedded(_: str, path: Path, progress: Any) -> Any:
    source = path / "vectors.txt"
    source.write_text("cat 1 2\ndog 3 4\n")
    return hub.publish.text_embedding(source, path / "embedded", progress=progress)


def fetched(door: Callable[..., Any]) -> Door:
    def fetch(module: str, path: Path, progress: Any) -> Any:
        import tarfile

        archive = path / "module.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(module, ".")
        return door(archive, cache_dir=path / "cache", progress=progress)

    return fetch


DOORS: dict[str, Door] = {
    "Variables.verify": lambda module, _, progress: hub.read_variables(module).verify(progress=progress),
    "check": lambda module, _, progress: hub.check(module, run=False, progress=progress),
    "compare": lambda module, _, progress: hub.compare(
        [module], TEXTS, keep_features=False, progress=progress
    ),
    "convert": lambda module, path, progress: hub.convert(module, path / "converted", progress=progress),
    "diff": lambda module, _, progress: hub.diff(module, module, progress=progress),
    "download": fetched(hub.download),
    "resolve": fetched(hub.resolve),
    "text_embedding": embedded,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_function_is_told_progress(
    door: str, module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[hub.Progress] = []
    DOORS[door](module, tmp_path, told.append)
    assert told
    assert all(type(each) is hub.Progress and each.what and each.what in str(each) for each in told)
    assert all(each.done <= each.total for each in told if each.done is not None and each.total is not None)
    assert "tf1hub:" not in capsys.readouterr().err


@pytest.mark.parametrize("door", DOORS)
def test_anything_else_is_refused_in_the_same_words(door: str, module: str, tmp_path: Path) -> None:
    for given in ("fancy", 3):
        with pytest.raises(ArgumentError) as caught:
            DOORS[door](module, tmp_path, given)
        assert str(caught.value) == (
            f"progress= is one of 'auto', 'bar', 'lines', 'none', or a function that is told a tf1hub.Progress, not "
            f"{given!r}."
        )


@pytest.mark.parametrize("door", DOORS)
def test_the_environment_is_the_default(
    door: str,
    module: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Where there is no terminal, what would be a bar is lines from the first moment.
    monkeypatch.setenv("TF1HUB_PROGRESS", "bar")
    DOORS[door](module, tmp_path, None)
    assert capsys.readouterr().err.startswith("tf1hub: ")


@pytest.mark.parametrize("progress", [None, "auto", "lines", "none"])
@pytest.mark.parametrize("door", [door for door in DOORS if door != "convert"])
def test_what_is_short_prints_nothing(
    door: str, progress: Any, module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DOORS[door](module, tmp_path, progress)
    assert "tf1hub:" not in capsys.readouterr().err


@pytest.mark.parametrize("door", DOORS)
def test_what_is_interrupted_leaves_nothing_half_done(door: str, module: str, tmp_path: Path) -> None:
    def interrupted(_: hub.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DOORS[door](module, tmp_path, interrupted)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith("saved_model.pb")]
    told: list[hub.Progress] = []
    DOORS[door](module, tmp_path, told.append)  # and it can be done again
    assert told


def test_work_inside_of_work_is_told_to_the_same_function(module: str, tmp_path: Path) -> None:
    told: list[hub.Progress] = []

    def check(archive: Path, **options: Any) -> Any:
        del options["cache_dir"]
        return hub.check(archive, run=False, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
        fetched(check)(module, tmp_path, told.append)
    assert f"Downloading {tmp_path / 'module.tar.gz'}" in [each.what for each in told]
    assert [each.what for each in told][-2:] == ["values of the variables", "the forms"]


def test_progress_is_a_line() -> None:
    assert str(hub.Progress("the graph")) == "the graph"
    assert str(hub.Progress("m", 5_000_000, 100_000_000, "bytes")) == "m: 5.0 MB of 100.0 MB (5 %)"
    assert str(hub.Progress("m", 5_000_000, unit="bytes")) == "m: 5.0 MB"
    assert str(hub.Progress("m", 1200, 3400, "examples")) == "m: 1,200 of 3,400 examples"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its only element."""
    now = [0.0]
    monkeypatch.setattr("tf1hub.progress.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("word", ["auto", "lines"])
def test_a_long_download_is_a_line_now_and_then(
    word: str, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with shown(word), transfer("Downloading m") as report:
        for second in range(60):
            clock[0] = float(second)
            report(second * 1_000_000, 100_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "tf1hub: Downloading m: 5.0 MB of 100.0 MB (5 %), 1.0 MB/s, 95 s left"
    assert len(lines) == 5
    assert lines[-1] == "tf1hub: Downloading m: done, 59.0 MB in 59 s"


def test_other_long_work_is_lines_where_they_are_asked_for(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    for word in ("auto", "lines", "none"):
        with shown(word) as say:
            for second in range(30):
                clock[0] += 1.0
                say("computing", second, 30, "examples")
    assert capsys.readouterr().err.splitlines() == [
        "tf1hub: computing: 4 of 30 examples",
        "tf1hub: computing: 19 of 30 examples",
    ]


def test_waiting_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell = waiting("Waited {} s.")
    for word in ("auto", "none"):
        with shown(word):
            tell(1.0)
            tell(3.0 if word == "auto" else 30.0)
    assert capsys.readouterr().err == "tf1hub: Waited 3 s.\n"


def test_on_a_terminal_there_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with shown(None) as say, transfer("Downloading https://host/m") as report:
        report(500, 1000)
        say("checking")
    seen = capsys.readouterr().err
    assert "https://host/m" in seen
    assert "checking" in seen


def test_a_word_of_the_environment_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF1HUB_PROGRESS", "fancy")
    with pytest.raises(HandleError) as caught:
        hub.diff(cases.load("half_plus_two").path, cases.load("half_plus_two").path)
    assert str(caught.value) == "TF1HUB_PROGRESS='fancy' is not one of auto, bar, lines, none."


def test_where_nothing_is_shown_nothing_is_imported_for_it() -> None:
    program = (
        "import sys, tf1hub as hub; hub.resolve(sys.argv[1]); hub.read_variables(sys.argv[1]).verify();"
        "print('rich' in sys.modules)"
    )
    path = cases.load("half_plus_two").path
    command = [sys.executable, "-c", program, str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_rows_have_a_rate_and_what_an_earlier_run_did_is_not_counted(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with shown("lines") as say:
        say("Applying", 1000, 4000, "rows")
        clock[0] += 10
        say("Applying", 2000, 4000, "rows (3 errors)")
    assert (
        capsys.readouterr().err == "tf1hub: Applying: 2,000 of 4,000 rows (3 errors), 100 rows/s, 20 s left\n"
    )
