"""hub.apply as a job: whole or not at all, going on after an end of any kind, rows at fault, set-ups at fault."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import cases

import tf1hub as hub
from tf1hub.applying.apply import _JobRun
from tf1hub.errors import ArgumentError, ExportError, InputError, ResolveError

pa = pytest.importorskip("pyarrow")
from applying.sources import IDS, ROWS, TEXTS, apply, read, table, write  # noqa: E402

TEXT = cases.load("text_embedding").path
KILLS = int(os.environ.get("TF1HUB_TEST_KILLS", "2"))
_PROGRAM = """
import sys, time
import tf1hub as hub
from tf1hub.predict.loaded_signature import LoadedSignature
run = LoadedSignature.run
def slowly(self, values):
    time.sleep(0.02)
    return run(self, values)
LoadedSignature.run = slowly
hub.apply(sys.argv[1], sys.argv[2], sys.argv[3], columns="text", engine="numpy", batch_size=25, part_rows=25, threads=eval(sys.argv[4]),
          progress=lambda progress: print(progress.done, flush=True))
"""


def files_of(path: Path) -> dict[str, bytes]:
    """The content of a file, or of all of a directory."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(each.relative_to(path)): each.read_bytes() for each in sorted(path.rglob("*")) if each.is_file()
    }


@pytest.mark.parametrize(("name", "threads"), [("out", 2), ("out.parquet", None)])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, name: str, threads: int | None
) -> None:
    source = write("parquet", tmp_path)
    whole, target = tmp_path / "whole" / name, tmp_path / "killed" / name
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(to: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _PROGRAM, TEXT, str(source), str(to), str(threads)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(to: Path) -> None:
        with start(to) as process:
            process.communicate(timeout=120)
        assert process.returncode == 0

    finish(whole)
    chance = random.Random(0)
    for _ in range(KILLS):
        with start(target) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 4)):
                assert process.stdout.readline()
            time.sleep(chance.uniform(0, 0.04))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    finish(target)
    assert files_of(target) == files_of(whole)
    assert read(target).column("id").to_pylist() == IDS
    assert [each.name for each in target.parent.iterdir()] == [name]


def test_an_interrupted_run_says_what_was_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write("parquet", tmp_path)
    apply(TEXT, source, tmp_path / "whole", columns="text", part_rows=128)

    def stop(progress: hub.Progress) -> None:
        if (progress.done or 0) > 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(TEXT, source, tmp_path / "out", columns="text", part_rows=128, progress=stop)
    assert sorted(files_of(tmp_path / "out")) == [
        "_tf1hub_apply.json",
        *(f"part-0000{part}.parquet" for part in range(3)),
    ]
    done = apply(TEXT, source, tmp_path / "out", columns="text", part_rows=128)
    assert (done.rows, done.resumed) == (ROWS, 384)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    # Whoever asks again for what is done gets it at once.
    monkeypatch.setattr(_JobRun, "compute", None)
    assert apply(TEXT, source, tmp_path / "out", columns="text", part_rows=128).resumed == ROWS


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_a_second_run_of_a_job_says_that_another_one_writes(tmp_path: Path, name: str) -> None:
    source, target = write("parquet", tmp_path), tmp_path / name
    said: list[str] = []

    def again(progress: hub.Progress) -> None:
        if (progress.done or 0) > 200 and not said:
            with pytest.raises(ExportError) as caught:
                apply(TEXT, source, target, columns="text", part_rows=128)
            said.append(str(caught.value))

    done = apply(TEXT, source, target, columns="text", part_rows=128, progress=again)
    where = target if name == "out" else tmp_path / f".{name}.tf1hub-apply"
    assert said == [
        f"Cannot write to {where}: another run writes there now. Wait for its end, or end it, and call again: it goes on where "
        "that one stopped."
    ]
    assert (done.rows, done.resumed) == (ROWS, 0)
    assert read(target).column("id").to_pylist() == IDS


def test_a_run_that_writes_nothing_leaves_no_directory(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").write_bytes(b"mine")
    for _ in range(2):
        with pytest.raises(ExportError, match="something is there already"):
            apply(TEXT, write("parquet", tmp_path), tmp_path / "out.parquet", columns="text")
    assert not list(tmp_path.glob(".out*"))


def test_a_measured_size_holds_for_the_whole_job(tmp_path: Path) -> None:
    source = write("parquet", tmp_path)

    def stop(progress: hub.Progress) -> None:
        if (progress.done or 0) > 400:
            raise KeyboardInterrupt

    given = {"columns": "text", "part_rows": 128, "batch_size": "auto"}
    with pytest.raises(KeyboardInterrupt):
        apply(TEXT, source, tmp_path / "out", progress=stop, **given)
    state = tmp_path / "out" / "_tf1hub_apply.json"
    document = json.loads(state.read_text())
    assert document["batch_size"] >= 1
    document["batch_size"] = 3
    state.write_text(json.dumps(document))
    assert apply(TEXT, source, tmp_path / "out", **given).batch_size == 3


def test_other_jobs_and_other_files_stay_as_they_are(tmp_path: Path) -> None:
    source = write("parquet", tmp_path)
    apply(TEXT, source, tmp_path / "out", columns="text")
    with pytest.raises(ExportError) as caught:
        apply(TEXT, source, tmp_path / "out", columns="text", batch_size=32)
    assert str(caught.value) == (
        f"Cannot write to {tmp_path}/out: parts of another job are there, which differs in: predictor. Choose a new path, or "
        "remove what is there."
    )
    os.utime(source, ns=(1, 1))
    with pytest.raises(ExportError, match="which differs in: source"):
        apply(TEXT, source, tmp_path / "out", columns="text")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(ExportError, match=r"something else is there already \(mine\)"):
        apply(TEXT, source, tmp_path / "full", columns="text")
    (tmp_path / "mine.parquet").write_bytes(b"mine")
    with pytest.raises(ExportError, match="something is there already"):
        apply(TEXT, source, tmp_path / "mine.parquet", columns="text")
    assert (tmp_path / "mine.parquet").read_bytes() == b"mine"


BAD = {7: None, 500: None, 999: None}


def bad_source(folder: Path) -> Path:
    from pyarrow import parquet

    texts = [BAD.get(row, text) for row, text in enumerate(TEXTS)]
    parquet.write_table(table().set_column(1, "text", pa.array(texts)), folder / "bad.parquet")
    return folder / "bad.parquet"


def test_faulty_rows_as_a_column(tmp_path: Path) -> None:
    apply(TEXT, write("parquet", tmp_path), tmp_path / "good", columns="text", keep=["id"])
    done = apply(TEXT, bad_source(tmp_path), tmp_path / "bad", columns="text", keep=["id"])
    good, bad = read(tmp_path / "good").to_pylist(), read(tmp_path / "bad").to_pylist()
    assert done.errors == 3
    for row in range(ROWS):
        if row in BAD:
            assert np.isnan(bad[row]["default"]).all()
            assert bad[row]["error"].endswith("is string [?]; it was given [None].")
            assert bad[row]["id"] == IDS[row]
        else:
            assert bad[row] == good[row]


@pytest.mark.parametrize("name", ["out", "out.parquet", "out.npy"])
def test_faulty_rows_in_a_file(tmp_path: Path, name: str) -> None:
    given: Any = {"columns": "text", "on_error": "file", "part_rows": 256}
    apply(TEXT, write("parquet", tmp_path), tmp_path / "good.npy", **given)
    done = apply(
        TEXT, bad_source(tmp_path), tmp_path / name, keep=[] if name == "out.npy" else ["id"], **given
    )
    assert (done.rows, done.errors) == (ROWS, 3)
    files = (
        sorted((tmp_path / name).glob("_errors*")) if name == "out" else [tmp_path / f"{name}.errors.jsonl"]
    )
    told = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [each["row"] for each in told] == [*BAD]
    assert all(each["error"].endswith("it was given [None].") for each in told)
    wanted = np.load(tmp_path / "good.npy")
    rows = [row for row in range(ROWS) if row not in BAD]
    if name == "out.npy":
        found = np.load(tmp_path / name)
        assert np.isnan(found[[*BAD]]).all()
        np.testing.assert_array_equal(found[rows], wanted[rows])
    else:
        assert [each["id"] for each in told] == [IDS[row] for row in BAD]
        written = read(tmp_path / name)
        assert written.column("id").to_pylist() == [IDS[row] for row in rows]
        np.testing.assert_array_equal(
            np.array(written.column("default").to_pylist(), np.float32), wanted[rows]
        )


def test_a_faulty_row_may_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^Row 7: The input 'default'"):
        apply(TEXT, bad_source(tmp_path), tmp_path / "out", columns="text", on_error="raise")


def test_a_source_of_faulty_rows_alone_is_a_fault_of_the_setup(tmp_path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(pa.table({"text": pa.nulls(50, pa.string())}), tmp_path / "nulls.parquet")
    with pytest.raises(
        InputError, match=r"^No row of the source can be computed\. The first one: The input 'default'"
    ):
        apply(TEXT, tmp_path / "nulls.parquet", tmp_path / "out")


def test_a_fault_of_the_setup_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ResolveError("the table of words is gone")

    predictor = hub.Predictor(TEXT, engine="numpy", batch_size=64)
    monkeypatch.setattr(predictor._signature, "compute", fail)
    with pytest.raises(ResolveError, match="the table of words is gone"):
        hub.apply(predictor, write("parquet", tmp_path), tmp_path / "out", columns="text")
    assert "part-00000.parquet" not in files_of(tmp_path / "out")


def test_progress_tells_rows_and_errors(tmp_path: Path) -> None:
    told: list[hub.Progress] = []
    apply(TEXT, bad_source(tmp_path), tmp_path / "out", columns="text", part_rows=256, progress=told.append)
    source = tmp_path / "bad.parquet"
    assert f"Applying the module to {source}: 1,000 of 1,000 rows (3 errors)" in [*map(str, told)]


def test_another_decoder_is_another_job(tmp_path: Path) -> None:
    source = write("text", tmp_path)
    half = cases.load("half_plus_two").path
    for decode in (lambda data: [float(len(data))], lambda data: [float(len(data)) + 1]):
        predictor = hub.Predictor(half, engine="numpy", decode=decode, batch_size=64)
        if (tmp_path / "out").exists():
            with pytest.raises(ExportError, match="which differs in: predictor"):
                hub.apply(predictor, source, tmp_path / "out")
        else:
            assert hub.apply(predictor, source, tmp_path / "out").errors == 0


def test_wrong_arguments(tmp_path: Path) -> None:
    source = write("parquet", tmp_path)
    for given, message in (
        ({"on_error": "skip"}, "on_error= is 'column', 'file' or 'raise'; it was given 'skip'."),
        ({"part_rows": 0}, "part_rows= is a number of at least 1; it was given 0."),
        ({"target": "x.npy", "keep": ["id"]}, "A .npy file holds no columns, and keep= has 'id'. Write to .parquet, or give keep=[]."),
        ({"target": "x.npy", "on_error": "column"},
         "A .npy file has no column for errors. Give on_error='file' or 'raise', or write to .parquet."),
        ({"outputs": {"id": "default"}},
         "A column of the source is called as an output is: 'id'. Leave it out (keep=), or call the output otherwise: "
         "outputs={'embedding': 'id'}."),
        ({"outputs": {"error": "default"}},
         "The column of errors is called 'error', and so is another one. Leave that out (keep=), call the output otherwise "
         "(outputs={'NAME': 'error'}), or have errors in a file: on_error='file'."),
    ):  # fmt: skip
        target = tmp_path / given.pop("target", "out")
        with pytest.raises(ArgumentError) as caught:
            apply(TEXT, source, target, columns="text", **given)
        assert str(caught.value) == message
    with pytest.raises(ArgumentError) as caught:
        apply(TEXT, tmp_path, tmp_path / "out", columns="text")
    assert str(caught.value) == (
        f"The target {tmp_path}/out lies within the source {tmp_path}, of which it would become a part. Choose a place outside."
    )
    predictor = hub.Predictor(TEXT, engine="numpy")
    with pytest.raises(ArgumentError) as caught:
        hub.apply(predictor, source, tmp_path / "out", columns="text", engine="jax")
    assert str(caught.value) == (
        "A Predictor says itself what it was made with; engine= cannot be given beside it."
    )
